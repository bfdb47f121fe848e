//! Vouchers: what a pledge checks. Each fault has an error of its own.

use resolvet_proto::{
    enrolment::brski::{
        Accepted, Assertion, ContentKind, Expected, PinError, PinMatch, SignatureError, Signed,
        ToSign, Voucher, VoucherError, VoucherFormError, Waived, check_pin, check_voucher,
        pledge_request,
    },
    judgement::{Clock, Der},
};

use super::{
    ALGORITHMS,
    manufacturer::{Manufacturer, SERIAL, Wanted, serial_name, serial_name_of, sign},
};
use crate::forge::{Certificate, NOW, key};

const NONCE: &str = "BwcHBwcHBwcHBwcHBwcHBw==";

fn request(m: &Manufacturer) -> Vec<u8> {
    let request = pledge_request(&m.device(), &m.registrar()[0], &[7; 16], Some(NOW)).unwrap();
    let chain = [m.device().certificate().clone()];
    let content = request.to_json().unwrap();
    let to_sign = ToSign::new(&content, ContentKind::JsonVoucher, &chain, Some(NOW)).unwrap();
    sign(to_sign, &m.device)
}

fn check_at(
    m: &Manufacturer,
    voucher: &[u8],
    now: u64,
    clock: &Clock,
    nonceless: bool,
) -> Result<Accepted, VoucherError> {
    let expected = Expected {
        device: &m.device(),
        nonce: NONCE,
        nonceless,
        now,
        clock,
        anchors: &[m.anchor()],
    };
    check_voucher(voucher, &expected, ALGORITHMS)
}

fn check(m: &Manufacturer, wanted: &Wanted) -> Result<Accepted, VoucherError> {
    let voucher = m.voucher(&request(m), wanted);
    check_at(m, &voucher, NOW, &Clock::Synchronized, false)
}

/// A voucher as it should be, of both content types.
#[test]
fn a_voucher_is_accepted() {
    let m = Manufacturer::new();
    for kind in [ContentKind::JsonVoucher, ContentKind::Data] {
        let accepted = check(
            &m,
            &Wanted {
                kind,
                ..Wanted::default()
            },
        )
        .unwrap();
        assert_eq!(accepted.voucher.pinned_domain_cert, m.root());
        assert_eq!(accepted.waived, []);
        assert_eq!(accepted.signer, m.masa_certificate());
    }
    for assertion in [Assertion::Verified, Assertion::Proximity] {
        assert!(
            check(
                &m,
                &Wanted {
                    assertion,
                    ..Wanted::default()
                }
            )
            .is_ok()
        );
    }
}

/// 5.6.1: serial number.
#[test]
fn another_serial_number() {
    let m = Manufacturer::new();
    let error = check(
        &m,
        &Wanted {
            serial: Some("JADA123456780"),
            ..Wanted::default()
        },
    );
    assert_eq!(
        error,
        Err(VoucherError::Serial {
            expected: SERIAL.into(),
            presented: "JADA123456780".into()
        })
    );
}

/// 5.6.1: nonce. It is compared as text: base64url of the same octets is another one.
#[test]
fn another_nonce() {
    let m = Manufacturer::new();
    for nonce in ["CAgICAgICAgICAgICAgICA==", "BwcHBwcHBwcHBwcHBwcHBw"] {
        let error = check(
            &m,
            &Wanted {
                nonce: Some(Some(nonce)),
                ..Wanted::default()
            },
        );
        assert_eq!(
            error,
            Err(VoucherError::Nonce {
                expected: NONCE.into(),
                presented: nonce.into()
            })
        );
    }
}

/// 7.2: without a nonce only where that is allowed.
#[test]
fn without_a_nonce() {
    let m = Manufacturer::new();
    let wanted = Wanted {
        nonce: Some(None),
        expires_on: Some(NOW + 60),
        ..Wanted::default()
    };
    assert!(matches!(
        check(&m, &wanted),
        Err(VoucherError::Nonceless { .. })
    ));
    let voucher = m.voucher(&request(&m), &wanted);
    let accepted = check_at(&m, &voucher, NOW, &Clock::Synchronized, true).unwrap();
    assert_eq!(accepted.waived, [Waived::Nonceless]);
    // Without a clock it might be an old one.
    assert_eq!(
        check_at(&m, &voucher, 0, &Clock::Unsynchronized, true),
        Err(VoucherError::NoClock)
    );
}

/// RFC 8366 section 5.3: expires-on and created-on.
#[test]
fn times() {
    let m = Manufacturer::new();
    let wanted = Wanted {
        expires_on: Some(NOW - 1),
        ..Wanted::default()
    };
    assert_eq!(
        check(&m, &wanted),
        Err(VoucherError::Expired {
            expires_on: NOW - 1,
            now: NOW
        })
    );
    let voucher = m.voucher(&request(&m), &wanted);
    // A lower bound of the time proves as much.
    assert!(matches!(
        check_at(&m, &voucher, NOW, &Clock::LowerBound, false),
        Err(VoucherError::Expired { .. })
    ));
    // RFC 8995 section 2.6.1: a device without a clock accepts a voucher with its nonce, and says so.
    let accepted = check_at(&m, &voucher, 0, &Clock::Unsynchronized, false).unwrap();
    assert_eq!(accepted.waived, [Waived::Clock]);
    assert_eq!(accepted.not_before, Some(NOW));
    assert!(matches!(
        check(
            &m,
            &Wanted {
                created_on: NOW + 301,
                ..Wanted::default()
            }
        ),
        Err(VoucherError::FromTheFuture { .. })
    ));
    assert!(
        check(
            &m,
            &Wanted {
                created_on: NOW + 300,
                ..Wanted::default()
            }
        )
        .is_ok()
    );
}

/// RFC 8366 section 5.3: an assertion that is not known does not count.
#[test]
fn another_assertion() {
    let m = Manufacturer::new();
    let assertion = Assertion::from("rumoured");
    assert_eq!(
        check(
            &m,
            &Wanted {
                assertion,
                ..Wanted::default()
            }
        ),
        Err(VoucherError::Assertion {
            presented: "rumoured".into()
        })
    );
}

/// RFC 8366 section 5.3: idevid-issuer, in each of the forms that are met.
#[test]
fn the_issuer_of_the_device() {
    let m = Manufacturer::new();
    let value = m.device().issuer().unwrap().to_vec();
    let key_id = value[4..].to_vec();
    let wrapped = [&[4, key_id.len() as u8][..], &key_id].concat();
    for issuer in [value, key_id, wrapped] {
        let wanted = Wanted {
            idevid_issuer: Some(issuer.into()),
            ..Wanted::default()
        };
        assert!(check(&m, &wanted).is_ok());
    }
    let wanted = Wanted {
        idevid_issuer: Some([1, 2, 3].as_slice().into()),
        ..Wanted::default()
    };
    assert_eq!(check(&m, &wanted), Err(VoucherError::IdevidIssuer));
}

/// 5.6.1: a MASA of nobody, and one whose certificate has ended.
#[test]
fn an_unknown_masa() {
    let m = Manufacturer::new();
    let anchor = Manufacturer::new().anchor();
    let voucher = m.voucher(&request(&m), &Wanted::default());
    let expected = Expected {
        device: &m.device(),
        nonce: NONCE,
        nonceless: false,
        now: NOW,
        clock: &Clock::Synchronized,
        anchors: &[anchor],
    };
    assert!(matches!(
        check_voucher(&voucher, &expected, ALGORITHMS),
        Err(VoucherError::UnknownMasa { .. })
    ));
    // One whose certificate has ended.
    let m = Manufacturer::new();
    let mut ended = Certificate::bare("masa", "vendor", &m.masa);
    ended.validity = (NOW - 100, NOW - 1);
    let content = br#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x","pinned-domain-cert":""}}"#;
    let to_sign = ToSign::new(
        content,
        ContentKind::Data,
        &[ended.sign(&m.vendor)],
        Some(NOW),
    )
    .unwrap();
    assert!(matches!(
        check_at(
            &m,
            &sign(to_sign, &m.masa),
            NOW,
            &Clock::Synchronized,
            false
        ),
        Err(VoucherError::UnknownMasa { .. })
    ));
}

/// 2.3.1: each device's certificate has a serial number in its subject. One authority certifies devices and MASA here, and a
/// device is no MASA for that, unless its certificate is an anchor.
#[test]
fn a_device_is_no_masa() {
    let m = Manufacturer::new();
    let voucher = m.voucher(&request(&m), &Wanted::default());
    let content = Signed::from_der(&voucher).unwrap().content().to_vec();
    let sibling = key();
    let certificate = Certificate {
        subject: serial_name("JADA000000000"),
        ..Certificate::bare("", "vendor", &sibling).basic_constraints(false, None)
    }
    .sign(&m.vendor);
    let chain = [certificate.clone()];
    let to_sign = ToSign::new(&content, ContentKind::JsonVoucher, &chain, Some(NOW)).unwrap();
    let voucher = sign(to_sign, &sibling);
    assert_eq!(
        check_at(&m, &voucher, NOW, &Clock::Synchronized, false),
        Err(VoucherError::SignedByDevice {
            serial_number: "JADA000000000".into()
        })
    );
    let expected = Expected {
        device: &m.device(),
        nonce: NONCE,
        nonceless: false,
        now: NOW,
        clock: &Clock::Synchronized,
        anchors: &[certificate],
    };
    assert!(check_voucher(&voucher, &expected, ALGORITHMS).is_ok());
    // A serial number of a type that it may not have is one all the same.
    let certificate = Certificate {
        subject: serial_name_of(0x1e, &[0, b'J']),
        ..Certificate::bare("", "vendor", &sibling).basic_constraints(false, None)
    }
    .sign(&m.vendor);
    let chain = [certificate];
    let to_sign = ToSign::new(&content, ContentKind::JsonVoucher, &chain, Some(NOW)).unwrap();
    assert!(matches!(
        check_at(
            &m,
            &sign(to_sign, &sibling),
            NOW,
            &Clock::Synchronized,
            false
        ),
        Err(VoucherError::SignedByDevice { .. })
    ));
}

/// 5.6.2: the pin is the only anchor: the same key, or a path.
#[test]
fn pins() {
    let m = Manufacturer::new();
    let chain = m.registrar();
    let check = |pin: &Der| check_pin(pin, &chain, NOW, ALGORITHMS);
    assert_eq!(check(&chain[0]), Ok(PinMatch::EndEntity));
    assert_eq!(check(&chain[1]), Ok(PinMatch::Anchor));
    assert_eq!(check(&m.root()), Ok(PinMatch::Anchor));
    // Another certificate of the registrar's key counts as the key does.
    let renewed = m.domain.server_named(&[]).sign(&m.domain.authority);
    assert_eq!(check(&renewed), Ok(PinMatch::EndEntity));
    let other = Manufacturer::new();
    assert!(matches!(
        check(&other.root()),
        Err(PinError::Mismatch { .. })
    ));
    assert_eq!(
        check(&[0x30, 0].as_slice().into()),
        Err(PinError::Malformed)
    );
    assert_eq!(
        check_pin(&m.root(), &[], NOW, ALGORITHMS),
        Err(PinError::NoCertificate)
    );
    // Without the intermediate there is no path.
    assert!(matches!(
        check_pin(&m.root(), &chain[..1], NOW, ALGORITHMS),
        Err(PinError::Mismatch { .. })
    ));
}

/// RFC 8366 section 5.3: what is not known is ignored; what must be there and is not has its own error.
#[test]
fn content() {
    let read = |text: &str| Voucher::from_json(text.as_bytes());
    let voucher = read(
        r#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x","pinned-domain-cert":"AAAA",
            "last-renewal-date":"2017-10-07T19:31:42Z","est-domain":{"a":[1]},"manufacturer-proprietary":7}}"#,
    )
    .unwrap();
    assert_eq!(&voucher.pinned_domain_cert[..], [0, 0, 0]);
    let published = include_str!("../../vectors/rfc8995/section-5.6-13.1.json");
    assert_eq!(read(published).unwrap().created_on, None);
    assert_eq!(
        read(r#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x"}}"#),
        Err(VoucherFormError::NoPin)
    );
    for text in [
        "",
        "{}",
        "[]",
        r#"{"ietf-voucher:voucher":{"serial-number":"x","pinned-domain-cert":"AAAA"}}"#,
        r#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x","pinned-domain-cert":"*"}}"#,
        r#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x","serial-number":"y","pinned-domain-cert":"AAAA"}}"#,
        r#"{"ietf-voucher:voucher":{"assertion":"logged","serial-number":"x","pinned-domain-cert":"AAAA","expires-on":"tomorrow"}}"#,
    ] {
        assert!(
            matches!(read(text), Err(VoucherFormError::Json { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        Voucher::from_json(&vec![b' '; 200_000]),
        Err(VoucherFormError::TooLarge { .. })
    ));
}

/// A voucher without the signer's certificate is one only of a MASA that the device knows itself.
#[test]
fn certificates_of_the_message() {
    let m = Manufacturer::new();
    let error = check_at(&m, &[0x30, 0], NOW, &Clock::Synchronized, false);
    assert!(matches!(
        error,
        Err(VoucherError::Signature(SignatureError::Cms(_)))
    ));
}
