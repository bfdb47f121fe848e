//! TLSA records as evidence (RFC 6698, RFC 7671): which keys and authorities the owner of the domain vouches for.
//!
//! Only records that were validated by DNSSEC count, below the authentication domain name (RFC 8310 section 8.2) and for the
//! server's port. One association that matches is enough: DANE-EE(3) authenticates by the key or certificate alone, DANE-TA(2)
//! by a path to a presented authority and the name, PKIX-EE(1) and PKIX-TA(0) narrow the path that is demanded anyway.

use resolvet_guest::{
    Evidence, context,
    crypto::{self, DigestAlgorithm},
    records, server,
    words::{Dnssec, Transport},
};

use crate::{
    certificate::Certificate,
    facts::Facts,
    report::{Report, whole},
    settings::{Dane, Settings},
};

/// The numbers of the types CNAME and TLSA.
const CNAME: u16 = 5;
const TLSA: u16 = 52;
/// Aliases that are followed.
const ALIASES: usize = 8;
/// Associations that are looked at. A rollover has two or three.
const ASSOCIATIONS: usize = 32;

/// Certificate usages (RFC 7218 section 2.1).
pub(crate) mod usage {
    pub(crate) const PKIX_TA: u8 = 0;
    pub(crate) const PKIX_EE: u8 = 1;
    pub(crate) const DANE_TA: u8 = 2;
    pub(crate) const DANE_EE: u8 = 3;
}
/// Selectors: the whole certificate, or its SubjectPublicKeyInfo.
const CERTIFICATE: u8 = 0;
const KEY: u8 = 1;
/// Matching types: the octets themselves, or a digest of them.
const FULL: u8 = 0;
const SHA_256: u8 = 1;
const SHA_512: u8 = 2;

/// One certificate association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Association {
    pub(crate) usage: u8,
    selector: u8,
    matching: u8,
    data: Vec<u8>,
    /// The record's position.
    record: u32,
}

impl Association {
    fn read(rdata: &[u8], record: u32) -> Option<Self> {
        let (&[usage, selector, matching], data) = rdata.split_first_chunk::<3>()?;
        let fits = match matching {
            FULL => !data.is_empty(),
            SHA_256 => data.len() == 32,
            SHA_512 => data.len() == 64,
            _ => false,
        };
        let is_usable = fits && usage <= usage::DANE_EE && selector <= KEY;
        is_usable.then(|| Self {
            usage,
            selector,
            matching,
            data: data.to_vec(),
            record,
        })
    }

    pub(crate) fn evidence(&self) -> Option<Evidence> {
        Some(Evidence::DnsRecord(self.record))
    }
}

/// What the domain vouches for.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    /// Those that can be used.
    usable: Vec<Association>,
    /// TLSA records for this server, usable or not, validated or not.
    seen: usize,
}

impl Associations {
    /// Those of the server that is judged. Where they should stand may be an alias (RFC 6698 appendix A.2.1), each step of
    /// which must be as secure as they are (section 4.1).
    pub(crate) fn of_server() -> Self {
        let mut found = Self::default();
        let Some(owner) = owner() else {
            return found;
        };
        let records: Vec<_> = (0_u32..).zip(records::all()).collect();
        let mut end = (owner, true);
        for _ in 0..ALIASES {
            let alias = records
                .iter()
                .find(|(_, record)| record.rtype == CNAME && record.owner == end.0);
            let Some((index, record)) = alias else {
                break;
            };
            let is_secure = end.1 && records::dnssec(*index) == Dnssec::Secure;
            end = (name(&record.rdata).unwrap_or_default(), is_secure);
        }
        let (owner, is_secure) = end;
        for (index, record) in records {
            if record.rtype != TLSA || record.owner != owner {
                continue;
            }
            found.seen += 1;
            if is_secure
                && records::dnssec(index) == Dnssec::Secure
                && found.usable.len() < ASSOCIATIONS
                && let Some(association) = Association::read(&record.rdata, index)
            {
                found.usable.push(association);
            }
        }
        found.use_strongest();
        found
    }

    /// RFC 7671 section 9: of several digests for one usage and selector only the strongest counts.
    fn use_strongest(&mut self) {
        let strong: Vec<(u8, u8)> = self
            .usable
            .iter()
            .filter(|association| association.matching == SHA_512)
            .map(|association| (association.usage, association.selector))
            .collect();
        self.usable.retain(|association| {
            association.matching != SHA_256
                || !strong.contains(&(association.usage, association.selector))
        });
    }

    /// Those of this usage.
    fn of(&self, usage: u8) -> impl Iterator<Item = &Association> {
        let of_usage = move |association: &&Association| association.usage == usage;
        self.usable.iter().filter(of_usage)
    }
}

/// `_port._protocol.domain.` of the server that is judged (RFC 6698 section 3).
fn owner() -> Option<String> {
    let carrier = match server::transport()? {
        Transport::Dot | Transport::Doh => "tcp",
        _ => "udp",
    };
    let domain = context::authentication_domain_name()?;
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    Some(format!("_{}._{carrier}.{domain}.", server::port()?))
}

/// A name in the form that owners have: absolute, in lower case, other octets than of host names escaped.
fn name(mut rdata: &[u8]) -> Option<String> {
    let mut text = String::new();
    loop {
        let (&length, rest) = rdata.split_first()?;
        if length == 0 {
            return (rest.is_empty() && !text.is_empty()).then_some(text);
        }
        let (label, rest) = rest.split_at_checked(length.into())?;
        for octet in label.to_ascii_lowercase() {
            match octet {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(octet)),
                b'!'..=b'~' => text.extend(['\\', char::from(octet)]),
                _ => text += &format!("\\{octet:03}"),
            }
        }
        text.push('.');
        rdata = rest;
    }
}

/// A certificate's octets as associations have them, each made once.
struct Octets<'c, 'a> {
    certificate: &'c Certificate<'a>,
    digests: Vec<((u8, u8), Vec<u8>)>,
}

impl<'c, 'a> Octets<'c, 'a> {
    const fn of(certificate: &'c Certificate<'a>) -> Self {
        Self {
            certificate,
            digests: Vec::new(),
        }
    }

    fn matches(&mut self, association: &Association) -> bool {
        let octets = match association.selector {
            CERTIFICATE => self.certificate.der,
            _ => self.certificate.key_info,
        };
        let algorithm = match association.matching {
            FULL => return octets == association.data,
            SHA_256 => DigestAlgorithm::Sha256,
            _ => DigestAlgorithm::Sha512,
        };
        let key = (association.selector, association.matching);
        if !self.digests.iter().any(|(known, _)| *known == key) {
            let Ok(digest) = crypto::digest(algorithm, octets) else {
                return false;
            };
            self.digests.push((key, digest.as_slice().to_vec()));
        }
        let mut digests = self.digests.iter();
        digests.any(|(known, digest)| *known == key && *digest == association.data)
    }
}

/// What follows from the records.
pub(crate) enum Judged {
    /// They say nothing: everything goes on without them.
    Nothing,
    /// The end entity is authenticated, or refused, without anything else.
    Settled,
    /// A path must lead to the presented authorities at these positions, or else to a trust anchor, kept by what is said
    /// below.
    Authorities(Vec<usize>),
    /// The path to a trust anchor counts, kept by [`narrow`].
    Path,
}

/// Judges the end entity by the associations.
pub(crate) fn judge(
    associations: &Associations,
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) -> Judged {
    let Some(end_entity) = facts.presented.first() else {
        return Judged::Nothing;
    };
    if associations.usable.is_empty() {
        let required = settings.dane == Dane::Require;
        if required || associations.seen > 0 {
            let message = match associations.seen {
                0 => "the domain has no TLSA record for this server",
                _ => "no TLSA record for this server is usable and validated by DNSSEC",
            };
            report.judge(
                required,
                "dane-missing",
                message.into(),
                "RFC 7671 2",
                whole(end_entity),
            );
        }
        return match required {
            true => Judged::Settled,
            false => Judged::Nothing,
        };
    }
    let mut octets = Octets::of(end_entity);
    let own = associations.of(usage::DANE_EE);
    if let Some(association) = own.into_iter().find(|own| octets.matches(own)) {
        let message = "the domain vouches for the server's own key or certificate: its name, dates and issuer do not count".into();
        report.note(
            "dane-ee-matched",
            message,
            "RFC 7671 5.1",
            association.evidence(),
        );
        return Judged::Settled;
    }
    let authorities: Vec<usize> = facts
        .presented
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, certificate)| {
            let mut octets = Octets::of(certificate);
            associations
                .of(usage::DANE_TA)
                .any(|association| octets.matches(association))
        })
        .map(|(position, _)| position)
        .collect();
    if !authorities.is_empty() {
        return Judged::Authorities(authorities);
    }
    if narrows(associations) {
        return Judged::Path;
    }
    let message = format!(
        "none of the {} certificates that were presented is what the domain's TLSA records vouch for",
        facts.presented.len()
    );
    report.refuse("dane-mismatch", message, "RFC 7671 5", whole(end_entity));
    Judged::Settled
}

/// Whether a path to a trust anchor could be kept by the associations.
pub(crate) fn narrows(associations: &Associations) -> bool {
    let narrowing = |association: &Association| association.usage <= usage::PKIX_EE;
    associations.usable.iter().any(narrowing)
}

/// The path to a trust anchor must have what the domain vouches for (RFC 6698 section 2.1.1, usages 0 and 1).
pub(crate) fn narrow(associations: &Associations, path: &[&Certificate<'_>], report: &mut Report) {
    let Some((end_entity, authorities)) = path.split_first() else {
        return;
    };
    let mut octets = Octets::of(end_entity);
    let mut own = associations.of(usage::PKIX_EE);
    let is_own = own.any(|association| octets.matches(association));
    let is_authority = || {
        authorities.iter().any(|certificate| {
            let mut octets = Octets::of(certificate);
            let mut wanted = associations.of(usage::PKIX_TA);
            wanted.any(|association| octets.matches(association))
        })
    };
    if !is_own && !is_authority() {
        let message =
            "nothing of the certification path is what the domain's TLSA records vouch for".into();
        report.refuse(
            "dane-mismatch",
            message,
            "RFC 6698 2.1.1",
            whole(end_entity),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(usage: u8, selector: u8, matching: u8, octets: usize) -> Option<Association> {
        let rdata = [&[usage, selector, matching][..], &vec![7; octets]].concat();
        Association::read(&rdata, 0)
    }

    #[test]
    fn what_is_not_known_or_has_another_length_is_not_usable() {
        for usage in 0..=3 {
            for selector in 0..=1 {
                for (matching, octets) in [(0, 1), (0, 900), (1, 32), (2, 64)] {
                    assert!(read(usage, selector, matching, octets).is_some());
                }
            }
        }
        for (usage, selector, matching, octets) in [
            (4, 1, 1, 32),
            (255, 1, 1, 32),
            (3, 2, 1, 32),
            (3, 1, 3, 48),
            (3, 1, 1, 31),
            (3, 1, 1, 33),
            (3, 1, 2, 32),
            (3, 1, 0, 0),
        ] {
            assert_eq!(read(usage, selector, matching, octets), None);
        }
        for rdata in [&[][..], &[3], &[3, 1], &[3, 1, 1]] {
            assert_eq!(Association::read(rdata, 0), None);
        }
    }

    #[test]
    fn a_name_is_read_in_the_form_of_owners() {
        let text = |rdata: &[u8]| name(rdata);
        assert_eq!(text(b"\x04_853\x01A\0").as_deref(), Some("_853.a."));
        assert_eq!(text(b"\x03a.\\\x01 \0").as_deref(), Some("a\\.\\\\.\\032."));
        for malformed in [&b""[..], b"\0", b"\x01a", b"\x02a\0", b"\x01a\0\0"] {
            assert_eq!(text(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn the_strongest_digest_counts_for_each_usage_and_selector() {
        let mut found = Associations {
            usable: [
                (3, 1, 1, 32),
                (3, 1, 2, 64),
                (3, 0, 1, 32),
                (2, 1, 1, 32),
                (3, 1, 0, 9),
            ]
            .into_iter()
            .filter_map(|(usage, selector, matching, octets)| {
                read(usage, selector, matching, octets)
            })
            .collect(),
            seen: 5,
        };
        found.use_strongest();
        let left: Vec<_> = found
            .usable
            .iter()
            .map(|left| (left.usage, left.selector, left.matching))
            .collect();
        assert_eq!(left, [(3, 1, 2), (3, 0, 1), (2, 1, 1), (3, 1, 0)]);
    }
}
