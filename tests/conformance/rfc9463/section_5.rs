//! The DHCPv4 option.

use resolvet_proto::discovery::{
    dnr::{
        Carrier, DESIGNATIONS, Designation, DnrError, WriteError, dhcp_v4_fragments,
        from_dhcp_v4_areas, read, write_dhcp_v4,
    },
    svcb::Params,
};

use super::section_3::{designation, name, option};

fn several(count: u8) -> Vec<Designation> {
    let one = |n: u8| Designation {
        priority: n.into(),
        name: name(&format!("dns{n}.a-rather-long-name.example.net")),
        ..designation(
            &[&format!("192.0.2.{n}")],
            Params::new().with_alpn(&["dot"]),
        )
    };
    (1..=count).map(one).collect()
}

/// RFC 3396: what is longer than 255 octets comes in fragments, wherever they stand.
#[test]
fn fragments_are_joined() {
    let designations = several(8);
    let data = write_dhcp_v4(&designations).unwrap();
    let fragments = dhcp_v4_fragments(&data);
    assert!(fragments.len() > 1);
    let router = [3, 4, 192, 0, 2, 1];
    let options = [&[53, 1, 5][..], &fragments[0], &[0], &router].concat();
    let file = [&fragments[1..].concat()[..], &[255, 162, 99]].concat();
    let joined = from_dhcp_v4_areas(&[&options, &file]).unwrap();
    assert_eq!(joined, data);
    assert_eq!(
        read(&option(Carrier::DhcpV4, joined)),
        (designations, vec![])
    );
    assert_eq!(from_dhcp_v4_areas(&[&router]), None);
    assert_eq!(from_dhcp_v4_areas(&[&[162, 9, 0]]), None, "it ends early");
}

#[test]
fn one_bad_designation_does_not_hide_the_others() {
    let good = write_dhcp_v4(&several(1)).unwrap();
    let bad = [0, 4, 0, 1, 1, 0];
    let (designations, errors) = read(&option(Carrier::DhcpV4, [&bad, &good[..]].concat()));
    assert_eq!(designations, several(1));
    assert!(matches!(errors.as_slice(), [DnrError::Name { .. }]));
    // When the length of one is wrong nobody knows where the next begins.
    let (designations, errors) = read(&option(
        Carrier::DhcpV4,
        [&good[..], &[0, 99, 0, 1]].concat(),
    ));
    assert_eq!(designations, several(1));
    assert!(matches!(errors.as_slice(), [DnrError::Length { .. }]));
}

#[test]
fn there_is_a_bound() {
    let data = write_dhcp_v4(&several(DESIGNATIONS as u8 + 2)).unwrap();
    let (designations, errors) = read(&option(Carrier::DhcpV4, data));
    assert_eq!(designations.len(), DESIGNATIONS);
    assert_eq!(errors, [DnrError::TooMany]);
}

#[test]
fn what_has_no_place_is_not_written() {
    let six = designation(&["2001:db8::1"], Params::new());
    assert!(matches!(
        write_dhcp_v4(&[six]),
        Err(WriteError::Family { .. })
    ));
    let none = designation(&[], Params::new());
    assert_eq!(write_dhcp_v4(&[none]), Err(WriteError::NoAddress));
    let many = designation(&["192.0.2.1"; 64], Params::new());
    assert!(matches!(
        write_dhcp_v4(&[many]),
        Err(WriteError::TooLong { octets: 256, .. })
    ));
}
