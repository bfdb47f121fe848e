//! Certificates, CRLs and OCSP responses with any fault, written octet by octet and really signed.
//!
//! Libraries that make certificates refuse to make most of what a validator must refuse.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SigningKey as _};
use resolvet_proto::judgement::Der;

/// 2026-06-29, the time at which everything is judged unless a test says otherwise.
pub(crate) const NOW: u64 = 1_782_691_200;

/// `id-ce` and a number.
pub(crate) const fn id_ce(number: u8) -> [u8; 3] {
    [0x55, 0x1d, number]
}

pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub(crate) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub(crate) const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
pub(crate) const CMC_RA: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 28];
pub(crate) const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 37, 0];
const DNS_SRV: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 7];
/// `ecdsa-with-SHA256`, an `AlgorithmIdentifier`.
pub(crate) const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// `ecdsa-with-SHA1`.
pub(crate) const ECDSA_SHA1: &[u8] = &[0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];

/// Tag, length, content.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        length @ 0..0x80 => der.push(length as u8),
        length @ 0x80..0x100 => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend_from_slice(content);
    der
}

/// A SEQUENCE of values.
pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A `Name` with one common name; the empty one for an empty text.
pub(crate) fn name(common: &str) -> Vec<u8> {
    if common.is_empty() {
        return seq(&[]);
    }
    let attribute = seq(&[&tlv(6, &[0x55, 4, 3]), &tlv(0x0c, common.as_bytes())]);
    seq(&[&tlv(0x31, &attribute)])
}

/// A GeneralizedTime.
pub(crate) fn time(seconds: u64) -> Vec<u8> {
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (era * 400 + year_of_era, month + 3)
    } else {
        (era * 400 + year_of_era + 1, month - 9)
    };
    let rest = seconds % 86_400;
    let text = format!(
        "{year:04}{month:02}{day:02}{:02}{:02}{:02}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    );
    tlv(0x18, text.as_bytes())
}

/// General names.
pub(crate) fn dns(name: &str) -> Vec<u8> {
    tlv(0x82, name.as_bytes())
}

pub(crate) fn ip(octets: &[u8]) -> Vec<u8> {
    tlv(0x87, octets)
}

pub(crate) fn srv(name: &str) -> Vec<u8> {
    tlv(
        0xa0,
        &[tlv(6, DNS_SRV), tlv(0xa0, &tlv(0x16, name.as_bytes()))].concat(),
    )
}

pub(crate) fn directory(common: &str) -> Vec<u8> {
    tlv(0xa4, &name(common))
}

/// A key pair (ECDSA, P-256).
pub(crate) fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A certificate to be signed. Every part may be changed before.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) version: u8,
    pub(crate) serial: Vec<u8>,
    pub(crate) inner_algorithm: Vec<u8>,
    pub(crate) outer_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: (u64, u64),
    pub(crate) subject: Vec<u8>,
    pub(crate) key_info: Vec<u8>,
    pub(crate) extensions: Vec<(Vec<u8>, bool, Vec<u8>)>,
}

impl Certificate {
    /// Nothing but a subject and a key, valid from a year before [`NOW`] to a year after.
    pub(crate) fn bare(subject: &str, issuer: &str, key: &KeyPair) -> Self {
        Self {
            version: 2,
            serial: vec![0x11],
            inner_algorithm: ECDSA_SHA256.to_vec(),
            outer_algorithm: ECDSA_SHA256.to_vec(),
            issuer: name(issuer),
            validity: (NOW - 31_536_000, NOW + 31_536_000),
            subject: name(subject),
            key_info: key.subject_public_key_info(),
            extensions: Vec::new(),
        }
    }

    /// An authority as RFC 5280 wants it.
    pub(crate) fn authority(
        subject: &str,
        issuer: &str,
        key: &KeyPair,
        issuer_key: &KeyPair,
    ) -> Self {
        Self::bare(subject, issuer, key)
            .basic_constraints(true, None)
            .key_usage(&[0b0000_0110])
            .subject_key_identifier(key)
            .authority_key_identifier(issuer_key)
    }

    /// An end entity as RFC 5280 wants it.
    pub(crate) fn end_entity(
        names: &[Vec<u8>],
        issuer: &str,
        key: &KeyPair,
        issuer_key: &KeyPair,
    ) -> Self {
        Self::bare("end entity", issuer, key)
            .basic_constraints(false, None)
            .key_usage(&[0b1000_0000])
            .extended_key_usage(&[SERVER_AUTH])
            .subject_key_identifier(key)
            .authority_key_identifier(issuer_key)
            .alt_names(names)
    }

    /// Adds or replaces an extension.
    pub(crate) fn extension(mut self, oid: &[u8], critical: bool, value: Vec<u8>) -> Self {
        self.extensions.retain(|(known, ..)| known != oid);
        self.extensions.push((oid.to_vec(), critical, value));
        self
    }

    /// Takes an extension away.
    pub(crate) fn without(mut self, oid: &[u8]) -> Self {
        self.extensions.retain(|(known, ..)| known != oid);
        self
    }

    pub(crate) fn basic_constraints(self, ca: bool, path_length: Option<u8>) -> Self {
        let ca = if ca { tlv(1, &[0xff]) } else { Vec::new() };
        let path_length = path_length.map_or_else(Vec::new, |length| tlv(2, &[length]));
        self.extension(&id_ce(19), true, seq(&[&ca, &path_length]))
    }

    /// One octet of named bits.
    pub(crate) fn key_usage(self, bits: &[u8]) -> Self {
        let unused = bits
            .first()
            .map_or(0, |bits| bits.trailing_zeros().min(7) as u8);
        self.extension(&id_ce(15), true, tlv(3, &[&[unused], bits].concat()))
    }

    pub(crate) fn extended_key_usage(self, purposes: &[&[u8]]) -> Self {
        let purposes: Vec<u8> = purposes
            .iter()
            .flat_map(|purpose| tlv(6, purpose))
            .collect();
        self.extension(&id_ce(37), false, tlv(0x30, &purposes))
    }

    pub(crate) fn alt_names(self, names: &[Vec<u8>]) -> Self {
        self.extension(&id_ce(17), false, tlv(0x30, &names.concat()))
    }

    pub(crate) fn subject_key_identifier(self, key: &KeyPair) -> Self {
        self.extension(&id_ce(14), false, tlv(4, &identifier(key)))
    }

    pub(crate) fn authority_key_identifier(self, key: &KeyPair) -> Self {
        self.extension(&id_ce(35), false, seq(&[&tlv(0x80, &identifier(key))]))
    }

    /// Subtrees of general names.
    pub(crate) fn name_constraints(self, permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Self {
        let list = |tag, bases: &[Vec<u8>]| {
            let subtrees: Vec<u8> = bases.iter().flat_map(|base| tlv(0x30, base)).collect();
            if bases.is_empty() {
                Vec::new()
            } else {
                tlv(tag, &subtrees)
            }
        };
        self.extension(
            &id_ce(30),
            true,
            seq(&[&list(0xa0, permitted), &list(0xa1, excluded)]),
        )
    }

    /// Signs it.
    pub(crate) fn sign(&self, signer: &KeyPair) -> Der {
        let extensions: Vec<u8> = self
            .extensions
            .iter()
            .flat_map(|(oid, critical, value)| {
                let critical = if *critical {
                    tlv(1, &[0xff])
                } else {
                    Vec::new()
                };
                seq(&[&tlv(6, oid), &critical, &tlv(4, value)])
            })
            .collect();
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa3, &tlv(0x30, &extensions))
        };
        let version = if self.version == 0 {
            Vec::new()
        } else {
            tlv(0xa0, &tlv(2, &[self.version]))
        };
        let tbs = seq(&[
            &version,
            &tlv(2, &self.serial),
            &self.inner_algorithm,
            &self.issuer,
            &seq(&[&time(self.validity.0), &time(self.validity.1)]),
            &self.subject,
            &self.key_info,
            &extensions,
        ]);
        signed(&tbs, &self.outer_algorithm, signer).into()
    }
}

/// A key identifier: anything that is another for another key.
fn identifier(key: &KeyPair) -> Vec<u8> {
    key.public_key_raw()
        .iter()
        .copied()
        .skip(1)
        .take(20)
        .collect()
}

fn signed(tbs: &[u8], algorithm: &[u8], signer: &KeyPair) -> Vec<u8> {
    let signature = signer.sign(tbs).unwrap();
    seq(&[
        tbs,
        algorithm,
        &tlv(3, &[&[0], signature.as_slice()].concat()),
    ])
}

/// A CRL that lists these serial numbers.
pub(crate) fn crl(issuer: &str, revoked: &[&[u8]], next_update: u64, signer: &KeyPair) -> Der {
    crl_with(issuer, revoked, next_update, signer, &[])
}

/// A critical extension, DER.
pub(crate) fn critical(oid: &[u8], value: &[u8]) -> Vec<u8> {
    seq(&[&tlv(6, oid), &tlv(1, &[0xff]), &tlv(4, value)])
}

/// As [`crl`], with this extension beside the usual ones.
pub(crate) fn crl_with(
    issuer: &str,
    revoked: &[&[u8]],
    next_update: u64,
    signer: &KeyPair,
    extension: &[u8],
) -> Der {
    let entries: Vec<u8> = revoked
        .iter()
        .flat_map(|serial| seq(&[&tlv(2, serial), &time(NOW - 7_200)]))
        .collect();
    let entries = if revoked.is_empty() {
        Vec::new()
    } else {
        tlv(0x30, &entries)
    };
    let number = seq(&[&tlv(6, &id_ce(20)), &tlv(4, &tlv(2, &[1]))]);
    let authority = seq(&[
        &tlv(6, &id_ce(35)),
        &tlv(4, &seq(&[&tlv(0x80, &identifier(signer))])),
    ]);
    let tbs = seq(&[
        &tlv(2, &[1]),
        ECDSA_SHA256,
        &name(issuer),
        &time(NOW - 3_600),
        &time(next_update),
        &entries,
        &tlv(0xa0, &seq(&[&authority, &number, extension])),
    ]);
    signed(&tbs, ECDSA_SHA256, signer).into()
}

/// What an OCSP response says of a certificate.
#[derive(Clone, Copy)]
pub(crate) enum OcspStatus {
    Good,
    Revoked,
}

/// An OCSP response about the certificate with this serial number of this issuer, signed by `signer` in the name of
/// `responder`; `delegate` is put into it. It was made an hour ago and counts for another one.
pub(crate) fn ocsp(
    status: OcspStatus,
    serial: &[u8],
    issuer: (&str, &KeyPair),
    responder: (&str, &KeyPair),
    delegate: Option<&Der>,
) -> Der {
    let times = (NOW - 3_600, Some(NOW + 3_600));
    ocsp_of(status, serial, issuer, responder, delegate, times)
}

/// As [`ocsp`], of these times: when it was made, and the next update where it says one.
pub(crate) fn ocsp_of(
    status: OcspStatus,
    serial: &[u8],
    (issuer, issuer_key): (&str, &KeyPair),
    (responder, signer): (&str, &KeyPair),
    delegate: Option<&Der>,
    (made, next_update): (u64, Option<u64>),
) -> Der {
    let sha256 = seq(&[&tlv(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1])]);
    let hash = |data: &[u8]| tlv(4, resolvet_proto::judgement::Digest::of(data).as_octets());
    let id = seq(&[
        &sha256,
        &hash(&name(issuer)),
        &hash(issuer_key.public_key_raw()),
        &tlv(2, serial),
    ]);
    let status = match status {
        OcspStatus::Good => tlv(0x80, &[]),
        OcspStatus::Revoked => tlv(0xa1, &time(NOW - 7_200)),
    };
    let single = seq(&[
        &id,
        &status,
        &time(made),
        &next_update.map_or_else(Vec::new, |end| tlv(0xa0, &time(end))),
    ]);
    let data = seq(&[&tlv(0xa1, &name(responder)), &time(made), &seq(&[&single])]);
    let signature = signer.sign(&data).unwrap();
    let certificates = delegate.map_or_else(Vec::new, |delegate| tlv(0xa0, &seq(&[delegate])));
    let basic = seq(&[
        &data,
        ECDSA_SHA256,
        &tlv(3, &[&[0], signature.as_slice()].concat()),
        &certificates,
    ]);
    let bytes = seq(&[&tlv(6, &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1]), &tlv(4, &basic)]);
    seq(&[&tlv(0x0a, &[0]), &tlv(0xa0, &bytes)]).into()
}
