//! DER that rcgen does not write: a subjectAltName with SRV-IDs.

use std::net::IpAddr;

/// id-on-dnsSRV, 1.3.6.1.5.5.7.8.7 (RFC 4985 section 2), as the content of an OBJECT IDENTIFIER.
const ID_ON_DNS_SRV: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x07];

const OBJECT_IDENTIFIER: u8 = 0x06;
const IA5_STRING: u8 = 0x16;
const SEQUENCE: u8 = 0x30;
/// `otherName [0] IMPLICIT`, and inside of it `value [0] EXPLICIT`.
const CONTEXT_0: u8 = 0xa0;
/// `dNSName [2] IMPLICIT IA5String`.
const DNS_NAME: u8 = 0x82;
/// `iPAddress [7] IMPLICIT OCTET STRING`.
const IP_ADDRESS: u8 = 0x87;

/// The value of a subjectAltName extension (RFC 5280 section 4.2.1.6).
pub(super) fn subject_alt_name(
    dns_ids: &[String],
    srv_ids: &[String],
    ip_ids: &[IpAddr],
) -> Vec<u8> {
    let mut names = Vec::new();
    for name in dns_ids {
        names.extend(value(DNS_NAME, name.as_bytes()));
    }
    for name in srv_ids {
        let text = value(CONTEXT_0, &value(IA5_STRING, name.as_bytes()));
        let other = [value(OBJECT_IDENTIFIER, &ID_ON_DNS_SRV), text].concat();
        names.extend(value(CONTEXT_0, &other));
    }
    for address in ip_ids {
        match address {
            IpAddr::V4(address) => names.extend(value(IP_ADDRESS, &address.octets())),
            IpAddr::V6(address) => names.extend(value(IP_ADDRESS, &address.octets())),
        }
    }
    value(SEQUENCE, &names)
}

/// Tag, length, content.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut der = vec![tag];
    match (content.len(), u8::try_from(significant.len())) {
        (0..128, _) => der.push(significant.first().copied().unwrap_or(0)),
        (_, Ok(octets)) => {
            der.push(0x80 | octets);
            der.extend(significant);
        }
        (_, Err(_)) => {}
    }
    der.extend(content);
    der
}
