//! The facts of the request that the rules share.

use resolvet_guest::{
    anchors,
    context::{self, ReferenceIdentifier},
    presented, revocation,
    words::{AnchorDatabase, Clock, Purpose},
};

use crate::{
    certificate::{Certificate, Place},
    dane::Associations,
    name,
    settings::{Settings, UnsynchronizedClock, Use},
};

/// Facts of one request.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) purpose: Purpose,
    /// Time, seconds since 1970.
    pub(crate) now: u64,
    /// How the time binds.
    pub(crate) time: Time,
    /// How revocation is checked.
    pub(crate) revocation: Revocation,
    pub(crate) database: AnchorDatabase,
    pub(crate) reference_identifiers: Vec<ReferenceIdentifier>,
    /// The presented certificates that could be read, the end entity's first.
    pub(crate) presented: &'a [Certificate<'a>],
    /// What the domain vouches for by DNSSEC.
    pub(crate) associations: Associations,
    /// CRLs, DER.
    pub(crate) crls: &'a [Vec<u8>],
    /// The stapled OCSP response, DER.
    pub(crate) ocsp_response: Option<&'a [u8]>,
}

/// How the time of the request binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// It is the time.
    Known,
    /// It is not before that.
    LowerBound,
    /// Nothing is known.
    Unknown,
}

impl Time {
    /// RFC 8995 section 2.6.1: a pledge without a clock cannot check validity periods when it meets a registrar, and
    /// goes on. Everywhere else a clock that nobody set is taken at its word unless a setting says otherwise.
    pub(crate) fn of(clock: &Clock, purpose: &Purpose, settings: &Settings) -> Self {
        match clock {
            Clock::Synchronized => Self::Known,
            Clock::LowerBound => Self::LowerBound,
            _ if *purpose == Purpose::Registrar => Self::Unknown,
            _ => match settings.unsynchronized_clock {
                UnsynchronizedClock::Reject => Self::Known,
                UnsynchronizedClock::IgnoreValidity => Self::Unknown,
            },
        }
    }
}

/// How revocation is checked: by the settings, or for a registrar as its voucher says (RFC 8366 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// What the voucher demands or forbids.
    pub(crate) checks: Option<bool>,
    pub(crate) crls: Use,
    pub(crate) stapled: Use,
}

impl Revocation {
    pub(crate) fn of(purpose: &Purpose, settings: &Settings) -> Self {
        let checks = (*purpose == Purpose::Registrar)
            .then(revocation::domain_cert_revocation_checks)
            .flatten();
        let (crls, stapled) = match (checks, settings.stapled_ocsp) {
            (None, stapled) => (settings.revocation, stapled),
            (Some(false), _) => (Use::Ignore, Use::Ignore),
            // A stapled response is one of the ways in which the demand is met.
            (Some(true), Use::Ignore) => (Use::Require, Use::Available),
            (Some(true), stapled) => (Use::Require, stapled),
        };
        Self {
            checks,
            crls,
            stapled,
        }
    }

    /// Who wants a status to be known, for a message.
    pub(crate) const fn demanded_by(self) -> &'static str {
        match self.checks {
            Some(_) => "the voucher's `domain-cert-revocation-checks`",
            None => "setting `revocation`",
        }
    }
}

impl Facts<'_> {
    /// Whether something that begins at this time has not begun.
    pub(crate) fn validity_counts_from(&self, begin: u64) -> bool {
        self.time == Time::Known && self.now < begin
    }

    /// Whether something that ends at this time has ended.
    pub(crate) fn validity_counts_to(&self, end: u64) -> bool {
        self.time != Time::Unknown && self.now > end
    }

    /// A time to give to webpki, which knows no clock but the right one: now, moved into every presented certificate's
    /// validity where the time does not bind.
    pub(crate) fn effective_time(&self) -> u64 {
        let begin = self
            .presented
            .iter()
            .map(|certificate| certificate.not_before)
            .max()
            .unwrap_or(0);
        let end = self
            .presented
            .iter()
            .map(|certificate| certificate.not_after)
            .min()
            .unwrap_or(u64::MAX);
        match self.time {
            Time::Known => self.now,
            Time::LowerBound => self.now.max(begin),
            Time::Unknown => self.now.max(begin).min(end),
        }
    }
}

/// The presented certificates, DER.
pub(crate) fn presented_certificates() -> Vec<Vec<u8>> {
    (0..presented::count())
        .map_while(presented::certificate)
        .collect()
}

/// The CRLs, DER.
pub(crate) fn crls(revocation: &Revocation) -> Vec<Vec<u8>> {
    if revocation.crls == Use::Ignore {
        return Vec::new();
    }
    (0..revocation::count())
        .map_while(revocation::crl)
        .collect()
}

/// Most explicit anchors that are compared one by one. A network has a few.
const COMPARED: u32 = 64;

/// The anchors whose subject is the issuer of a presented certificate, with their positions. A system has many anchors,
/// so they are asked for by name, octet for octet; a few are read when none was found, since the same name may be written
/// otherwise (RFC 5280 section 7.1).
pub(crate) fn anchor_certificates(presented: &[Certificate<'_>]) -> Vec<(u32, Vec<u8>)> {
    let mut found: Vec<(u32, Vec<u8>)> = Vec::new();
    for (position, certificate) in presented.iter().enumerate() {
        let before = presented.get(..position).unwrap_or_default();
        if before
            .iter()
            .any(|other| other.issuer == certificate.issuer)
        {
            continue;
        }
        for index in anchors::for_subject(certificate.issuer) {
            if !found.iter().any(|(known, _)| *known == index)
                && let Some(der) = anchors::certificate(index)
            {
                found.push((index, der));
            }
        }
    }
    let count = anchors::count();
    if found.is_empty() && anchors::database() == AnchorDatabase::Explicit && count <= COMPARED {
        let is_wanted = |der: &[u8]| {
            Certificate::read(der, Place::Elsewhere).is_ok_and(|anchor| {
                let issued = |c: &Certificate<'_>| name::matches(anchor.subject, c.issuer);
                presented.iter().any(issued)
            })
        };
        let all = (0..count).filter_map(|index| Some((index, anchors::certificate(index)?)));
        found.extend(all.filter(|(_, der)| is_wanted(der)));
    }
    found
}

/// What the peer must answer to.
pub(crate) fn reference_identifiers() -> Vec<ReferenceIdentifier> {
    context::reference_identifiers()
}
