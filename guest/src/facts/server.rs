//! Where the peer is and how it is spoken to (`wit/server.wit`).

use std::net::IpAddr;

use resolvet_proto::judgement::{Digest, Pin, Source, Transport};

use crate::host::server as host;

/// How it is spoken to; absent when no connection is judged.
#[must_use]
pub fn transport() -> Option<Transport> {
    host::transport().map(|word| Transport::from(word.as_str()))
}

/// Its address.
#[must_use]
pub fn address() -> Option<IpAddr> {
    host::address().and_then(|octets| super::address(&octets))
}

/// Its port.
#[must_use]
pub fn port() -> Option<u16> {
    host::port()
}

/// DoH: the path of the URI template, `/dns-query{?dns}`.
#[must_use]
pub fn path() -> Option<String> {
    host::path()
}

/// Which ways found it, the first that counts first.
#[must_use]
pub fn sources() -> Vec<Source> {
    let words = host::sources().unwrap_or_default();
    words
        .iter()
        .map(|word| Source::from(word.as_str()))
        .collect()
}

/// Digests of which a certificate of the certification path must have one; none: any path will do. `Err` names a kind that
/// this version does not know: what is pinned in an unknown way cannot be said to match.
///
/// # Errors
/// The kind, when it is not known.
pub fn pins() -> Result<Vec<Pin>, String> {
    let pin = |(kind, octets): (String, Vec<u8>)| {
        let digest = <[u8; 32]>::try_from(octets).map(Digest::from_octets);
        match (kind.as_str(), digest) {
            ("spki-sha256", Ok(digest)) => Ok(Pin::SpkiSha256(digest)),
            ("tbs-sha256", Ok(digest)) => Ok(Pin::TbsSha256(digest)),
            _ => Err(kind),
        }
    };
    host::pins()
        .unwrap_or_default()
        .into_iter()
        .map(pin)
        .collect()
}

/// The data of the server's RESINFO record (RFC 9606): claims that nobody verified.
#[must_use]
pub fn resolver_info() -> Option<Vec<u8>> {
    host::resolver_info()
}

/// What that data says: each key in lower case with its value, if it has one.
#[must_use]
pub fn resolver_info_keys() -> Option<Vec<(String, Option<String>)>> {
    host::resolver_info_keys()
}

/// Where the server says that a privacy statement is that somebody signed, when the host looked there.
#[must_use]
pub fn privacy_token_url() -> Option<String> {
    host::privacy_token_url()
}

/// What was found there ([`crate::privacy_token`] reads it): nothing of it is verified.
#[must_use]
pub fn privacy_token() -> Option<Vec<u8>> {
    host::privacy_token()
}

/// Why nothing was found there.
#[must_use]
pub fn privacy_token_problem() -> Option<String> {
    host::privacy_token_problem()
}
