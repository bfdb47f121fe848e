//! The option in router advertisements.

use resolvet_proto::discovery::{
    dnr::{Carrier, Designation, DnrError, read, write_router_advertisement},
    svcb::Params,
};

use super::section_3::{designation, option};

fn refused(data: Vec<u8>) -> DnrError {
    let (designations, mut errors) = read(&option(Carrier::RouterAdvertisement, data));
    assert_eq!((designations.len(), errors.len()), (0, 1));
    errors.remove(0)
}

#[test]
fn the_option_is_padded_and_has_a_lifetime() {
    for lifetime in [0, 1_800, u32::MAX] {
        for service in [true, false] {
            let whole = designation(&["2001:db8::1"], Params::new().with_alpn(&["dot", "doq"]));
            let designation = Designation {
                lifetime: Some(lifetime),
                service: whole.service.filter(|_| service),
                ..designation(&[], Params::new())
            };
            let octets = write_router_advertisement(&designation).unwrap();
            assert_eq!((octets[0], usize::from(octets[1]) * 8), (144, octets.len()));
            let (read, errors) = read(&option(Carrier::RouterAdvertisement, octets));
            assert_eq!(
                (read.as_slice(), errors.as_slice()),
                (&[designation][..], &[][..])
            );
        }
    }
}

#[test]
fn what_is_malformed() {
    let good = write_router_advertisement(&designation(
        &["2001:db8::1"],
        Params::new().with_alpn(&["dot"]),
    ))
    .unwrap();
    for length in 0..good.len() {
        assert!(
            matches!(refused(good[..length].to_vec()), DnrError::Length { .. }),
            "{length}"
        );
    }
    let changed = |at: usize, to: u8| {
        let mut octets = good.clone();
        octets[at] = to;
        octets
    };
    assert_eq!(refused(changed(0, 25)), DnrError::Type { came: 25 });
    assert!(matches!(refused(changed(1, 0)), DnrError::Length { .. }));
    assert_eq!(refused(changed(good.len() - 1, 1)), DnrError::Padding);
    let mut longer = [&good[..], &[0; 8]].concat();
    longer[1] += 1;
    assert!(matches!(
        refused(longer),
        DnrError::Length {
            place: "padding",
            ..
        }
    ));
}
