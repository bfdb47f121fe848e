//! The published messages, walked through at the time at which they were valid, as a pledge, a registrar and a MASA do.

use resolvet_proto::{
    enrolment::brski::{
        Assertion, Expected, IDevId, PinMatch, Signed, VoucherError, VoucherRequest, Waived,
        check_pin, check_voucher, examine_pledge_request, examine_registrar_request, masa_endpoint,
    },
    enrolment::est::decode,
    judgement::{Clock, Der},
};

use super::ALGORITHMS;

/// 2021-05-03T00:00:00Z.
const TIME: u64 = 1_620_000_000;
const PLEDGE: &[u8] = include_bytes!("../../vectors/rfc8995/vr_00-D0-E5-F2-00-02.cms.der");
const REGISTRAR: &[u8] =
    include_bytes!("../../vectors/rfc8995/parboiled_vr_00-D0-E5-F2-00-02.cms.der");
const VOUCHER: &[u8] = include_bytes!("../../vectors/rfc8995/voucher_00-D0-E5-F2-00-02.cms.der");
const NONCE: &str = "-_XE9zK9q8Ll1qylMtLKeg";

fn pem(text: &str) -> Der {
    decode(text.as_bytes(), 65_536).unwrap().into()
}

fn idevid() -> IDevId {
    IDevId::new(&pem(include_str!(
        "../../vectors/rfc8995/idevid_00-D0-E5-F2-00-02.pem"
    )))
    .unwrap()
}

fn registrar() -> Der {
    pem(include_str!("../../vectors/rfc8995/jrc_prime256v1.pem"))
}

fn owner() -> Der {
    pem(include_str!("../../vectors/rfc8995/ownerca_secp384r1.pem"))
}

fn vendor() -> Der {
    pem(include_str!("../../vectors/rfc8995/vendor.pem"))
}

fn masa() -> Der {
    pem(include_str!("../../vectors/rfc8995/masa.pem"))
}

fn expected<'a>(device: &'a IDevId, anchors: &'a [Der]) -> Expected<'a> {
    Expected {
        device,
        nonce: NONCE,
        nonceless: false,
        now: TIME,
        clock: &Clock::Synchronized,
        anchors,
    }
}

/// C.1: the device's certificate names its MASA.
#[test]
fn the_device_names_its_masa() {
    let device = idevid();
    assert_eq!(device.serial_number(), "00-D0-E5-F2-00-02");
    assert_eq!(
        masa_endpoint(device.certificate()).unwrap().to_string(),
        "https://highway-test.example.com:9443"
    );
    assert_eq!(device.issuer(), None);
}

/// C.2.1: the registrar's view of the pledge's request.
#[test]
fn the_pledge_request_verifies() {
    let examined = examine_pledge_request(PLEDGE, &registrar(), ALGORITHMS).unwrap();
    let request = &examined.request;
    assert_eq!(request.assertion, Some(Assertion::Proximity));
    assert_eq!(request.serial_number, "00-D0-E5-F2-00-02");
    assert_eq!(request.nonce.as_deref(), Some(NONCE));
    assert_eq!(request.created_on, Some(1_618_350_203));
    assert_eq!(request.proximity_registrar_cert, Some(registrar()));
    assert_eq!(request.prior_signed_voucher_request, None);
    assert_eq!(examined.device.serial_number(), idevid().serial_number());
    // Another registrar sees that it was not meant.
    assert!(examine_pledge_request(PLEDGE, &owner(), ALGORITHMS).is_err());
}

/// C.2.2: the MASA's view of the registrar's request, which holds the pledge's octet for octet.
#[test]
fn the_registrar_request_verifies() {
    let examined = examine_registrar_request(REGISTRAR, ALGORITHMS).unwrap();
    assert_eq!(examined.signer, registrar());
    assert_eq!(examined.device.serial_number(), "00-D0-E5-F2-00-02");
    let prior = examined.request.prior_signed_voucher_request.unwrap();
    assert_eq!(&prior[..], PLEDGE);
    let inner = VoucherRequest::from_json(Signed::from_der(&prior).unwrap().content()).unwrap();
    assert_eq!(inner.nonce, examined.request.nonce);
}

/// C.2.3: the pledge accepts the voucher, by the manufacturer's authority and by the MASA's own certificate as the anchor.
#[test]
fn the_voucher_is_accepted() {
    let device = idevid();
    for anchors in [vec![vendor()], vec![masa()]] {
        let accepted = check_voucher(VOUCHER, &expected(&device, &anchors), ALGORITHMS).unwrap();
        assert_eq!(accepted.voucher.assertion, Assertion::Logged);
        assert_eq!(accepted.voucher.nonce.as_deref(), Some(NONCE));
        assert_eq!(accepted.voucher.created_on, Some(1_618_350_204));
        assert_eq!(accepted.voucher.pinned_domain_cert, registrar());
        assert_eq!(accepted.signer, masa());
        assert_eq!(accepted.waived, []);
    }
    // The same in base64, as some registrars send it.
    let text = include_bytes!("../../vectors/rfc8995/voucher_00-D0-E5-F2-00-02.b64");
    assert_eq!(decode(text, 65_536).unwrap(), VOUCHER);
}

/// The pin is the registrar's own certificate; its owner's certificate, as a pin, is an anchor.
#[test]
fn the_registrar_answers_to_the_pin() {
    let chain = [registrar(), owner()];
    assert_eq!(
        check_pin(&registrar(), &chain, TIME, ALGORITHMS),
        Ok(PinMatch::EndEntity)
    );
    assert_eq!(
        check_pin(&owner(), &chain, TIME, ALGORITHMS),
        Ok(PinMatch::Anchor)
    );
    assert!(check_pin(&vendor(), &chain, TIME, ALGORITHMS).is_err());
}

/// What holds at that time does not at another, and not for another device, nonce or manufacturer.
#[test]
fn nothing_else_is_accepted() {
    let device = idevid();
    let anchors = [vendor()];
    let check = |expected: Expected<'_>| check_voucher(VOUCHER, &expected, ALGORITHMS).unwrap_err();
    let right = expected(&device, &anchors);
    assert!(matches!(
        check(Expected {
            nonce: "-_XE9zK9q8Ll1qylMtLKeh",
            ..right
        }),
        VoucherError::Nonce { .. }
    ));
    assert!(matches!(
        check(Expected {
            anchors: &[owner()],
            ..right
        }),
        VoucherError::UnknownMasa { .. }
    ));
    // 2026: the signer's certificate has ended.
    assert!(matches!(
        check(Expected {
            now: 1_782_691_200,
            ..right
        }),
        VoucherError::UnknownMasa { .. }
    ));
    // 1970, and the device knows it: what it checks is the voucher's own date.
    let accepted = check_voucher(
        VOUCHER,
        &Expected {
            now: 0,
            clock: &Clock::Unsynchronized,
            ..right
        },
        ALGORITHMS,
    );
    assert_eq!(accepted.unwrap().waived, [Waived::Clock]);
    assert!(matches!(
        check(Expected { now: 0, ..right }),
        VoucherError::UnknownMasa { .. }
    ));
}

/// No octet of the signed messages can be changed unseen, but for what the signature does not cover.
#[test]
fn what_was_changed_is_seen() {
    let device = idevid();
    let anchors = [vendor()];
    let expected = expected(&device, &anchors);
    // The content, within the signed attributes' digest.
    let at = |text: &[u8]| {
        let found = VOUCHER
            .windows(text.len())
            .position(|window| window == text);
        found.unwrap()
    };
    for (text, replacement) in [(b"logged", b"verify"), (b"D0-E5-", b"D1-E5-")] {
        let mut changed = VOUCHER.to_vec();
        let start = at(text);
        changed[start..start + text.len()].copy_from_slice(replacement);
        assert!(matches!(
            check_voucher(&changed, &expected, ALGORITHMS),
            Err(VoucherError::Signature(_))
        ));
    }
    // The signature itself: its last octet.
    let mut changed = VOUCHER.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let error = check_voucher(&changed, &expected, ALGORITHMS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the signature is not by the key of `CN=highway-test.example.com MASA` (RFC 5652 5.6)"
    );
}
