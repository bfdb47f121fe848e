//! Percent-encoding (RFC 3986 section 2.1).

use std::fmt;

/// Writes everything but unreserved characters as octets.
pub(crate) fn encode(to: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    for &octet in octets {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            to.write_char(char::from(octet))?;
        } else {
            write!(to, "%{octet:02X}")?;
        }
    }
    Ok(())
}
