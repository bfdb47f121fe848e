//! The DHCPv6 option.

use resolvet_proto::discovery::dnr::{Carrier, DnrError, read};

use super::section_3::option;

const NAME: &[u8] = b"\x03dns\x07example\x03net\0";

fn data(name: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    [&[0, 9][..], &length.to_be_bytes(), name, rest].concat()
}

fn refused(data: Vec<u8>) -> DnrError {
    let (designations, mut errors) = read(&option(Carrier::DhcpV6, data));
    assert_eq!((designations.len(), errors.len()), (0, 1));
    errors.remove(0)
}

#[test]
fn the_fields_in_order() {
    let service = [
        &b"\0\x10\x20\x01\x0d\xb8"[..],
        &[0; 11],
        &[1],
        b"\0\x01\0\x04\x03dot",
    ]
    .concat();
    let (designations, errors) = read(&option(Carrier::DhcpV6, data(NAME, &service)));
    assert_eq!(errors, []);
    let [designation] = designations.as_slice() else {
        panic!("one designation");
    };
    assert_eq!(
        (designation.priority, designation.name.as_str()),
        (9, "dns.example.net.")
    );
    let service = designation.service.as_ref().unwrap();
    assert_eq!(
        service.addresses,
        ["2001:db8::1".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(service.params.alpn(), [b"dot"]);
}

/// RFC 8415 section 10: one name, whole, without compression.
#[test]
fn the_name_is_one_whole_name() {
    for name in [
        &b""[..],
        b"\0",
        b"\x03dns",
        b"\xc0\x0c",
        b"\x03dns\0\x03net\0",
        b"\x03d s\0",
    ] {
        assert!(
            matches!(refused(data(name, b"")), DnrError::Name { .. }),
            "{name:?}"
        );
    }
}

#[test]
fn lengths_fit() {
    let good = data(NAME, b"");
    for length in 0..good.len() {
        assert!(
            matches!(refused(good[..length].to_vec()), DnrError::Length { .. }),
            "{length}"
        );
    }
    for rest in [
        &b"\0"[..],
        b"\0\x10",
        b"\0\x10\x20\x01",
        b"\0\x04\xc0\0\x02\x01",
    ] {
        assert!(
            matches!(refused(data(NAME, rest)), DnrError::Length { .. }),
            "{rest:?}"
        );
    }
    assert!(matches!(
        refused(data(NAME, b"\0\0\0\x01\0\x04\x03dot")),
        DnrError::NoAddress { .. }
    ));
}
