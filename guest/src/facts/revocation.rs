//! What is known about revocation (`wit/revocation.wit`). Nothing here is verified.

use crate::host::revocation as host;

/// How many certificate revocation lists there are.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// The DER of one of them.
#[must_use]
pub fn crl(index: u32) -> Option<Vec<u8>> {
    host::crl(index)
}

/// What the enrolment's voucher says (RFC 8366 section 5.3): revocation must be checked in its domain, or must not be. Absent
/// where there is no voucher, or it does not say.
#[must_use]
pub fn domain_cert_revocation_checks() -> Option<bool> {
    host::domain_cert_revocation_checks()
}

/// All of them in order, each fetched when it is reached.
pub fn crls() -> impl Iterator<Item = Vec<u8>> {
    (0..count()).map_while(crl)
}
