//! The validity period of a certificate.

use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// notBefore and notAfter (RFC 5280 section 4.1.2.5), seconds since 1970-01-01T00:00:00Z; what lies before 1970 counts as
/// 0. `None` when the certificate cannot be read.
#[must_use]
pub fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    Some((
        seconds(validity.not_before.timestamp()),
        seconds(validity.not_after.timestamp()),
    ))
}
