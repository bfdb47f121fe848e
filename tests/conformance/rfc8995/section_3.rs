//! Voucher requests.

use resolvet_proto::enrolment::brski::{
    Assertion, ContentKind, ExaminationError, SignatureError, Signed, ToSign, VoucherRequest,
    VoucherRequestError, examine_pledge_request, examine_registrar_request, pledge_request,
};

use super::{
    ALGORITHMS,
    manufacturer::{Manufacturer, SERIAL, sign},
};
use crate::forge::NOW;

/// 3.3: the published examples are read; times are UTC.
#[test]
fn the_published_examples_are_read() {
    let read = |text: &[u8]| VoucherRequest::from_json(text).unwrap();
    let pledge = read(include_bytes!("../../vectors/rfc8995/section-3.3-3.1.json"));
    assert_eq!(pledge.assertion, Some(Assertion::Proximity));
    assert_eq!(pledge.serial_number, SERIAL);
    assert_eq!(pledge.created_on, Some(1_483_228_800));
    assert!(pledge.proximity_registrar_cert.is_some());
    let registrar = read(include_bytes!("../../vectors/rfc8995/section-3.3-5.1.json"));
    assert_eq!(registrar.nonce, pledge.nonce);
    assert!(registrar.prior_signed_voucher_request.is_some() && registrar.idevid_issuer.is_some());
}

fn request(m: &Manufacturer) -> VoucherRequest {
    pledge_request(&m.device(), &m.registrar()[0], &[7; 16], Some(NOW)).unwrap()
}

fn signed(m: &Manufacturer, request: &VoucherRequest) -> Vec<u8> {
    let chain = [m.device().certificate().clone()];
    let content = request.to_json().unwrap();
    let to_sign = ToSign::new(&content, ContentKind::JsonVoucher, &chain, Some(NOW)).unwrap();
    sign(to_sign, &m.device)
}

/// 3.3: what a pledge sends, and that a registrar accepts it; the JSON has the standard's names.
#[test]
fn a_pledge_request() {
    let m = Manufacturer::new();
    let request = request(&m);
    let json: serde_json::Value = serde_json::from_slice(&request.to_json().unwrap()).unwrap();
    let inner = &json["ietf-voucher-request:voucher"];
    assert_eq!(inner["assertion"], "proximity");
    assert_eq!(inner["created-on"], "2026-06-29T00:00:00Z");
    assert_eq!(inner["serial-number"], SERIAL);
    assert_eq!(inner["nonce"], "BwcHBwcHBwcHBwcHBwcHBw==");
    assert!(inner.get("prior-signed-voucher-request").is_none());
    let examined =
        examine_pledge_request(&signed(&m, &request), &m.registrar()[0], ALGORITHMS).unwrap();
    assert_eq!(examined.request, request);
    for octets in [0, 7, 33] {
        assert_eq!(
            pledge_request(&m.device(), &m.registrar()[0], &vec![1; octets], None),
            Err(VoucherRequestError::Nonce { octets })
        );
    }
}

/// 5.5: what a registrar and a MASA refuse.
#[test]
fn requests_that_are_refused() {
    let m = Manufacturer::new();
    let examine = |request: &VoucherRequest| {
        examine_pledge_request(&signed(&m, request), &m.registrar()[0], ALGORITHMS).unwrap_err()
    };
    let mut other = request(&m);
    other.serial_number = "JADA123456780".into();
    assert!(matches!(examine(&other), ExaminationError::Serial { .. }));
    let mut elsewhere = request(&m);
    elsewhere.proximity_registrar_cert = Some(m.root());
    assert_eq!(examine(&elsewhere), ExaminationError::Proximity);
    let alone = signed(&m, &request(&m));
    assert_eq!(
        examine_registrar_request(&alone, ALGORITHMS).unwrap_err(),
        ExaminationError::NoPrior
    );
}

/// RFC 5652 section 5.3: signed attributes are required when the content is not id-data; RFC 8366 section 5.4 knows no
/// other content.
#[test]
fn signed_attributes() {
    let m = Manufacturer::new();
    let mut cms = signed(&m, &request(&m));
    // The tag of the signed attributes, an implicit [0] after the digest algorithm, becomes one that the structure has
    // not: no attributes can be left out unseen.
    let digest = [
        0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 0xa0,
    ];
    let at = cms
        .windows(digest.len())
        .rposition(|window| window == digest)
        .unwrap();
    cms[at + digest.len() - 1] = 0xa2;
    assert!(Signed::from_der(&cms).is_err());
    let data = sign(
        ToSign::new(
            b"{}",
            ContentKind::Data,
            &[m.device().certificate().clone()],
            None,
        )
        .unwrap(),
        &m.device,
    );
    assert!(
        Signed::from_der(&data)
            .unwrap()
            .verify(&[], ALGORITHMS)
            .is_ok()
    );
    assert!(matches!(
        Signed::from_der(&vec![0x30; 300_000]),
        Err(SignatureError::TooLarge { .. })
    ));
}

/// A signature by another key than the certificate's is refused, and a message without its signer's certificate.
#[test]
fn foreign_signatures() {
    let m = Manufacturer::new();
    let chain = [m.device().certificate().clone()];
    let to_sign = ToSign::new(b"{}", ContentKind::Data, &chain, None).unwrap();
    let forged = Signed::from_der(&sign(to_sign, &m.vendor)).unwrap();
    assert!(matches!(
        forged.verify(&[], ALGORITHMS),
        Err(SignatureError::Signature { .. })
    ));
    assert_eq!(
        forged.verify(&[], &[]).unwrap_err().to_string(),
        "signature algorithm `1.2.840.10045.4.3.2` with digest `2.16.840.1.101.3.4.2.1` is not acceptable (RFC 9325 4.5)"
    );
}
