//! Certificate revocation lists (RFC 5280 section 5), read without copying.

use crate::{
    certificate::{Certificate, Extension, extensions, oid},
    der::{self, Malformed, Reader, Result, tag},
    general_name::GeneralName,
    profile::Role,
};

const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
const DELTA_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];

/// All reasons of `ReasonFlags` (section 4.2.1.13): bits 1 to 8.
pub(crate) const ALL_REASONS: u16 = 0x7f80;
/// `removeFromCRL`, which only a delta CRL has.
const REMOVE_FROM_CRL: u8 = 8;

/// A CRL.
#[derive(Debug)]
pub(crate) struct Crl<'a> {
    pub(crate) signed: &'a [u8],
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// `Name` with tag and length.
    pub(crate) issuer: &'a [u8],
    pub(crate) this_update: u64,
    pub(crate) next_update: u64,
    revoked: &'a [u8],
    number: &'a [u8],
    base_number: Option<&'a [u8]>,
    scope: Scope<'a>,
    scope_value: &'a [u8],
}

/// What a CRL is about: its issuing distribution point (section 5.2.5).
#[derive(Debug, Default)]
struct Scope<'a> {
    names: Option<Reader<'a>>,
    users_only: bool,
    authorities_only: bool,
    reasons: Option<u16>,
}

/// What a CRL says about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Absent,
    Revoked,
    /// A delta CRL takes the certificate off its base.
    Removed,
}

impl<'a> Crl<'a> {
    /// Reads a CRL and refuses what must not be used to determine a certificate's status: version 1, no number, no next
    /// update, critical extensions that are not processed (section 5.2), indirect CRLs and attribute certificates' CRLs.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = der::only(der, tag::SEQUENCE)?;
        let tbs = outer.expect(tag::SEQUENCE)?;
        let signature_algorithm = outer.expect(tag::SEQUENCE)?.content;
        let signature = der::octets_of_bits(outer.expect(tag::BIT_STRING)?.content)?;
        outer.end()?;
        let mut fields = Reader::new(tbs.content);
        if der::small(fields.expect(tag::INTEGER)?.content)? != 1 {
            return Err(Malformed);
        }
        if fields.expect(tag::SEQUENCE)?.content != signature_algorithm {
            return Err(Malformed);
        }
        let issuer = fields.expect(tag::SEQUENCE)?.whole;
        let this_update = der::time(&fields.value()?)?;
        let next_update = der::time(&fields.value()?)?;
        let revoked = fields
            .optional(tag::SEQUENCE)?
            .map_or(&[][..], |list| list.content);
        let extensions = extensions(fields.expect(tag::explicit(0))?.content)?;
        fields.end()?;
        let find = |oid: &[u8]| extensions.iter().find(|extension| extension.oid == oid);
        let integer = |extension: &Extension<'a>| {
            let mut value = Reader::new(extension.value);
            let number = value.expect(tag::INTEGER)?.content;
            value.end()?;
            Ok::<_, Malformed>(number)
        };
        let number = find(CRL_NUMBER).ok_or(Malformed)?;
        let unprocessed = |extension: &&Extension<'_>| {
            extension.critical
                && extension.oid != DELTA_INDICATOR
                && extension.oid != ISSUING_DISTRIBUTION_POINT
        };
        if extensions.iter().any(|extension| unprocessed(&extension)) {
            return Err(Malformed);
        }
        let point = find(ISSUING_DISTRIBUTION_POINT);
        Ok(Self {
            signed: tbs.whole,
            signature_algorithm,
            signature,
            issuer,
            this_update,
            next_update,
            revoked,
            number: integer(number)?,
            base_number: find(DELTA_INDICATOR).map(integer).transpose()?,
            scope: point
                .map(|extension| scope(extension.value))
                .transpose()?
                .unwrap_or_default(),
            scope_value: point.map_or(&[], |extension| extension.value),
        })
    }

    pub(crate) const fn is_delta(&self) -> bool {
        self.base_number.is_some()
    }

    /// Whether this is a delta of that complete CRL (section 6.3.3 (c)): same issuer and scope, begun at or before it.
    pub(crate) fn is_delta_of(&self, base: &Self) -> bool {
        self.base_number
            .is_some_and(|number| !greater(number, base.number))
            && !greater(base.number, self.number)
            && self.issuer == base.issuer
            && self.scope_value == base.scope_value
    }

    /// The reasons for which this CRL would list the certificate; 0 when it is not about it (section 6.3.3 (b)).
    pub(crate) fn reasons_for(&self, certificate: &Certificate<'_>, role: Role) -> Result<u16> {
        let Scope {
            names,
            users_only,
            authorities_only,
            reasons,
        } = &self.scope;
        let is_authority = role != Role::EndEntity || certificate.basic_constraints()?.ca;
        if (*users_only && is_authority) || (*authorities_only && !is_authority) {
            return Ok(0);
        }
        let own = reasons.unwrap_or(ALL_REASONS);
        let Some(extension) = certificate.extension(oid::CRL_DISTRIBUTION_POINTS) else {
            // What has no distribution points is taken to have one: the issuer's name (section 6.3.3).
            let is_ours = match names {
                None => true,
                Some(names) => names_issuer(*names, certificate.issuer)?,
            };
            return Ok(if is_ours { own } else { 0 });
        };
        let mut covered = 0;
        let mut points = der::only(extension.value, tag::SEQUENCE)?;
        while !points.is_empty() {
            let mut point = points.nested(tag::SEQUENCE)?;
            let name = point.optional(tag::explicit(0))?;
            let point_reasons = point
                .optional(tag::implicit(1))?
                .map(|bits| der::named_bits(bits.content))
                .transpose()?;
            let indirect = point.optional(tag::explicit(2))?.is_some();
            point.end()?;
            let matches = match (names, name) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(names), Some(name)) => shares_name(*names, name.content, certificate.issuer)?,
            };
            if matches && !indirect {
                covered |= own & point_reasons.unwrap_or(ALL_REASONS) & ALL_REASONS;
            }
        }
        Ok(if names.is_none() && covered == 0 {
            own & ALL_REASONS
        } else {
            covered
        })
    }

    /// What the list says about this serial number. An entry with a critical extension that is not processed spoils the
    /// CRL for everybody (section 5.3).
    pub(crate) fn entry(&self, serial: &[u8]) -> Result<Entry> {
        let mut list = Reader::new(self.revoked);
        let mut found = Entry::Absent;
        while !list.is_empty() {
            let mut fields = list.nested(tag::SEQUENCE)?;
            let number = fields.expect(tag::INTEGER)?.content;
            der::time(&fields.value()?)?;
            let mut reason = 0;
            if !fields.is_empty() {
                let whole = fields.expect(tag::SEQUENCE)?.whole;
                for extension in extensions(whole)? {
                    if extension.oid == REASON_CODE {
                        let mut value = Reader::new(extension.value);
                        reason = value
                            .expect(tag::ENUMERATED)?
                            .content
                            .first()
                            .copied()
                            .unwrap_or(0);
                    } else if extension.critical && extension.oid != INVALIDITY_DATE {
                        return Err(Malformed);
                    }
                }
            }
            fields.end()?;
            if number == serial {
                found = if reason == REMOVE_FROM_CRL {
                    Entry::Removed
                } else {
                    Entry::Revoked
                };
            }
        }
        Ok(found)
    }
}

/// Who lists the certificate in indirect CRLs, as it says itself (`cRLIssuer`, section 4.2.1.13): each a `Name` with tag and
/// length.
pub(crate) fn indirect_issuers<'a>(certificate: &Certificate<'a>) -> Result<Vec<&'a [u8]>> {
    let mut issuers = Vec::new();
    let Some(extension) = certificate.extension(oid::CRL_DISTRIBUTION_POINTS) else {
        return Ok(issuers);
    };
    let mut points = der::only(extension.value, tag::SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.nested(tag::SEQUENCE)?;
        point.optional(tag::explicit(0))?;
        point.optional(tag::implicit(1))?;
        if let Some(names) = point.optional(tag::explicit(2))? {
            let mut names = Reader::new(names.content);
            while !names.is_empty() {
                if let GeneralName::Directory(name) = GeneralName::read(&mut names)? {
                    issuers.push(name);
                }
            }
        }
        point.end()?;
    }
    Ok(issuers)
}

/// The issuer that a CRL names, `Name` with tag and length, whatever else is wrong with it.
pub(crate) fn issuer(der: &[u8]) -> Option<&[u8]> {
    let mut fields = der::only(der, tag::SEQUENCE)
        .ok()?
        .nested(tag::SEQUENCE)
        .ok()?;
    fields.optional(tag::INTEGER).ok()?;
    fields.expect(tag::SEQUENCE).ok()?;
    fields.expect(tag::SEQUENCE).ok().map(|issuer| issuer.whole)
}

fn scope(value: &[u8]) -> Result<Scope<'_>> {
    let mut fields = der::only(value, tag::SEQUENCE)?;
    let point = fields.optional(tag::explicit(0))?;
    let mut flag = |number| match fields.optional(tag::implicit(number)) {
        Ok(None) => Ok(false),
        Ok(Some(value)) => der::boolean(value.content),
        Err(error) => Err(error),
    };
    let users_only = flag(1)?;
    let authorities_only = flag(2)?;
    let reasons = fields
        .optional(tag::implicit(3))?
        .map(|bits| der::named_bits(bits.content))
        .transpose()?;
    let mut flag = |number| match fields.optional(tag::implicit(number)) {
        Ok(None) => Ok(false),
        Ok(Some(value)) => der::boolean(value.content),
        Err(error) => Err(error),
    };
    let indirect = flag(4)?;
    let attributes_only = flag(5)?;
    fields.end()?;
    if indirect || attributes_only || (users_only && authorities_only) {
        return Err(Malformed);
    }
    Ok(Scope {
        names: point.map(|point| Reader::new(point.content)),
        users_only,
        authorities_only,
        reasons,
    })
}

/// Whether two `DistributionPointName`s have a name in common. One that is relative to the CRL's issuer counts with the
/// issuer's name before it.
fn shares_name(mut ours: Reader<'_>, theirs: &[u8], issuer: &[u8]) -> Result<bool> {
    let ours = ours.value()?;
    let theirs = Reader::new(theirs).value()?;
    match (ours.tag, theirs.tag) {
        (0xa0, 0xa0) => {
            let mut a = Reader::new(ours.content);
            while !a.is_empty() {
                let name = GeneralName::read(&mut a)?;
                let mut b = Reader::new(theirs.content);
                while !b.is_empty() {
                    if same(&name, &GeneralName::read(&mut b)?) {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        }
        (0xa1, 0xa1) => Ok(ours.content == theirs.content),
        (0xa0, 0xa1) => relative_matches(ours.content, theirs.content, issuer),
        (0xa1, 0xa0) => relative_matches(theirs.content, ours.content, issuer),
        _ => Err(Malformed),
    }
}

/// Whether one of the full names of a `DistributionPointName` is the issuer's.
fn names_issuer(mut point: Reader<'_>, issuer: &[u8]) -> Result<bool> {
    let point = point.value()?;
    if point.tag != tag::explicit(0) {
        return Ok(false);
    }
    let mut names = Reader::new(point.content);
    while !names.is_empty() {
        if same(
            &GeneralName::read(&mut names)?,
            &GeneralName::Directory(issuer),
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn same(a: &GeneralName<'_>, b: &GeneralName<'_>) -> bool {
    match (a, b) {
        (GeneralName::Directory(a), GeneralName::Directory(b)) => crate::name::matches(a, b),
        _ => a == b,
    }
}

/// Whether one of the full names is the issuer's name with the relative part behind it.
fn relative_matches(full: &[u8], relative: &[u8], issuer: &[u8]) -> Result<bool> {
    let prefix = der::only(issuer, tag::SEQUENCE)?;
    let mut wanted: Vec<u8> = Vec::new();
    let mut rest = prefix;
    while !rest.is_empty() {
        wanted.extend_from_slice(rest.value()?.whole);
    }
    let mut names = Reader::new(full);
    while !names.is_empty() {
        if let GeneralName::Directory(name) = GeneralName::read(&mut names)? {
            let mut content = der::only(name, tag::SEQUENCE)?;
            let mut head: Vec<u8> = Vec::new();
            let mut last: &[u8] = &[];
            while !content.is_empty() {
                let rdn = content.expect(tag::SET)?;
                if content.is_empty() {
                    last = rdn.content;
                } else {
                    head.extend_from_slice(rdn.whole);
                }
            }
            if head == wanted && last == relative {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a non-negative INTEGER's content is greater than another's.
fn greater(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) > (b.len(), b)
}
