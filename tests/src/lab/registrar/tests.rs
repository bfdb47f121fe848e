//! Registrar and MASA as a plain pledge sees them.

use std::time::{SystemTime, UNIX_EPOCH};

use resolvet_proto::enrolment::brski::{
    ContentKind, Expected, IDevId, PinError, PinMatch, REQUEST_VOUCHER, VOUCHER_CMS,
    VOUCHER_STATUS, VoucherError, check_pin, check_voucher, pledge_request, status,
};
use resolvet_proto::judgement::{Clock, Der};

use super::RegistrarFault;
use crate::lab::ca::Identity;
use crate::lab::est::EstOptions;
use crate::lab::https::{Client, Response};
use crate::lab::masa::{MasaFault, MasaOptions, Pin, algorithms, sign};
use crate::lab::{Lab, Options};

const SERIAL: &str = "00-D0-E5-F2-00-07";

fn lab(masa: MasaOptions) -> Lab {
    Lab::start(Options::new().brski(EstOptions::new("example.net"), masa)).unwrap()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A device on its provisional connection.
struct Pledge {
    identity: Identity,
    device: IDevId,
    connection: Client,
    nonce: String,
    request: Vec<u8>,
}

impl Pledge {
    fn new(lab: &Lab) -> Self {
        let identity = lab.masa().device(SERIAL).unwrap();
        let device = IDevId::new(identity.end_entity()).unwrap();
        let connection = connect(lab, Some(&identity));
        let registrar: Der = connection.server_certificates()[0].as_slice().into();
        let request = pledge_request(&device, &registrar, &[7; 16], Some(now())).unwrap();
        let json = request.to_json().unwrap();
        Self {
            nonce: request.nonce.unwrap(),
            request: sign(&json, ContentKind::JsonVoucher, &identity, false).unwrap(),
            identity,
            device,
            connection,
        }
    }

    fn ask(&mut self) -> Response {
        let headers = [("content-type", VOUCHER_CMS)];
        self.connection
            .exchange("POST", REQUEST_VOUCHER, &headers, &self.request)
            .unwrap()
    }

    fn check(&self, lab: &Lab, voucher: &[u8]) -> Result<Der, VoucherError> {
        let expected = Expected {
            device: &self.device,
            nonce: &self.nonce,
            nonceless: false,
            now: now(),
            clock: &Clock::Synchronized,
            anchors: &[lab.masa().anchor().as_ref().into()],
        };
        let accepted = check_voucher(voucher, &expected, algorithms())?;
        Ok(accepted.voucher.pinned_domain_cert)
    }

    fn pin(&self, pin: &Der) -> Result<PinMatch, PinError> {
        let presented = self.connection.server_certificates();
        let presented: Vec<Der> = presented.iter().map(|der| der.as_slice().into()).collect();
        check_pin(pin, &presented, now(), algorithms())
    }
}

fn connect(lab: &Lab, identity: Option<&Identity>) -> Client {
    let server = lab.registrar().addresses()[0];
    Client::connect(server, "localhost", None, identity).unwrap()
}

#[test]
fn a_pledge_gets_a_voucher_and_enrols() {
    for (content, pin, expected) in [
        (ContentKind::JsonVoucher, Pin::Authority, PinMatch::Anchor),
        (ContentKind::Data, Pin::Registrar, PinMatch::EndEntity),
    ] {
        let lab = lab(MasaOptions { content, pin });
        let mut pledge = Pledge::new(&lab);
        let response = pledge.ask();
        assert_eq!(response.status, 200, "{:?}", lab.registrar().refusals());
        assert_eq!(response.header("content-type"), Some(VOUCHER_CMS));
        let pin = pledge.check(&lab, &response.body).unwrap();
        assert_eq!(pledge.pin(&pin), Ok(expected));
        let told = status(true, None);
        let headers = [("content-type", "application/json")];
        let response = pledge
            .connection
            .exchange("POST", VOUCHER_STATUS, &headers, &told)
            .unwrap();
        assert_eq!(response.status, 200);
        assert!(lab.registrar().told()[0].ok);
        let path = "/.well-known/est/cacerts";
        let response = pledge.connection.exchange("GET", path, &[], b"").unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(lab.registrar().journal()[0].scheme, "certificate");
    }
}

#[test]
fn bad_vouchers_are_bad_in_one_way_each() {
    let lab = lab(MasaOptions::default());
    let refused = |fault| {
        lab.masa().fail(fault);
        let mut pledge = Pledge::new(&lab);
        let response = pledge.ask();
        assert_eq!(response.status, 200, "{fault:?}");
        pledge.check(&lab, &response.body).unwrap_err()
    };
    let error = refused(MasaFault::Expired);
    assert!(matches!(error, VoucherError::Expired { .. }), "{error}");
    let error = refused(MasaFault::OtherSerial);
    assert!(matches!(error, VoucherError::Serial { .. }), "{error}");
    let error = refused(MasaFault::OtherNonce);
    assert!(matches!(error, VoucherError::Nonce { .. }), "{error}");
    let error = refused(MasaFault::Nonceless);
    assert!(matches!(error, VoucherError::Nonceless { .. }), "{error}");
    let error = refused(MasaFault::UnknownSigner);
    assert!(matches!(error, VoucherError::UnknownMasa { .. }), "{error}");
    let error = refused(MasaFault::BadSignature);
    assert!(matches!(error, VoucherError::Signature(_)), "{error}");
}

#[test]
fn another_pin_does_not_lead_to_the_registrar() {
    let lab = lab(MasaOptions::default());
    lab.masa().fail(MasaFault::OtherPin);
    let mut pledge = Pledge::new(&lab);
    let response = pledge.ask();
    let pin = pledge.check(&lab, &response.body).unwrap();
    let error = pledge.pin(&pin).unwrap_err();
    assert!(matches!(error, PinError::Mismatch { .. }), "{error}");
}

#[test]
fn pending_ends_and_a_changed_certificate_is_another_registrar() {
    let lab = lab(MasaOptions::default());
    lab.registrar().fail(RegistrarFault::Pending {
        retry_after: "1".to_owned(),
        times: 2,
    });
    let mut pledge = Pledge::new(&lab);
    let statuses = [(); 3].map(|()| pledge.ask().status);
    assert_eq!(statuses, [202, 202, 200]);

    lab.registrar().fail(RegistrarFault::ChangesCertificate);
    let mut pledge = Pledge::new(&lab);
    let before = pledge.connection.server_certificates();
    assert_eq!(pledge.ask().status, 202);
    pledge.connection = connect(&lab, Some(&pledge.identity));
    assert_ne!(pledge.connection.server_certificates(), before);
    assert_eq!(pledge.ask().status, 403);
    let refusals = lab.registrar().refusals();
    assert!(refusals[0].contains("another registrar"), "{refusals:?}");
}

#[test]
fn who_is_no_device_of_the_manufacturer_gets_nothing() {
    let lab = lab(MasaOptions::default());
    let mut anonymous = connect(&lab, None);
    let headers = [("content-type", VOUCHER_CMS)];
    let response = anonymous
        .exchange("POST", REQUEST_VOUCHER, &headers, b"")
        .unwrap();
    assert_eq!(response.status, 403);
    assert!(lab.masa().issued().is_empty());
}
