//! A factory-fresh device, its manufacturer's voucher, and what becomes of bad ones (RFC 8995, the draft's section 5).

use std::time::Duration;

use resolvet::Recursive;
use resolvet::enrolment::{
    Device, DeviceKey, EnrolError, EnrolErrorKind, Enroller, Enrolment, NetworkName, Step, Store,
};
use resolvet_proto::certificate;
use resolvet_proto::enrolment::brski::{
    ContentKind, ENROL_STATUS, PinError, VOUCHER_STATUS, VoucherError,
};
use resolvet_proto::enrolment::est::{Endpoint, Operation};
use resolvet_proto::enrolment::journey::JourneyError;
use resolvet_proto::enrolment::{AnchorSource, ServerAuthentication};
use resolvet_proto::judgement::{AnchorDatabase, Der, Purpose, UsageProfile};
use resolvet_tests::lab::est::{EstFault, EstOptions};
use resolvet_tests::lab::masa::{MasaFault, MasaOptions, Pin};
use resolvet_tests::lab::registrar::RegistrarFault;
use resolvet_tests::lab::{BrskiDescription, Lab, Options};
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::enrolment_desk::{certificates, journey};
use crate::journey::{DOT, defaults, policies};

/// A device in a lab with a registrar.
pub(crate) struct Thing {
    pub(crate) lab: Lab,
    pub(crate) enroller: Enroller,
    pub(crate) store: Store,
    pub(crate) network: NetworkName,
    description: BrskiDescription,
    device: Device,
    folder: TempDir,
}

impl Thing {
    pub(crate) fn new() -> Self {
        Self::with(MasaOptions::default())
    }

    fn with(masa: MasaOptions) -> Self {
        Self::at(EstOptions::new("example.net"), masa)
    }

    pub(crate) fn at(registrar: EstOptions, masa: MasaOptions) -> Self {
        let options = Options::new().brski(registrar, masa);
        let lab = Lab::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let description = lab.write_files(folder.path()).unwrap().brski.unwrap();
        let recursive = Recursive::new(lab.resolver(), Duration::from_secs(3));
        let policies = policies(&UsageProfile::Strict, defaults());
        let device = Device {
            chain: resolvet::anchors::certificates(&description.device).unwrap(),
            key: DeviceKey::read(&description.key).unwrap(),
            manufacturer: vec![Der::from(lab.masa().anchor().as_ref())],
        };
        Self {
            enroller: Enroller::new(policies, recursive),
            store: Store::open(&folder.path().join("enrolments")).unwrap(),
            network: "plant".parse().unwrap(),
            description,
            device,
            folder,
            lab,
        }
    }

    pub(crate) async fn join(&self) -> Result<Enrolment, EnrolError> {
        Ok(self.join_and_tell().await?.0)
    }

    pub(crate) async fn join_and_tell(&self) -> Result<(Enrolment, Vec<Step>), EnrolError> {
        let registrar: Endpoint = self.description.registrar.clone().try_into().unwrap();
        self.join_told(Some(registrar), None).await
    }

    /// At this registrar, or at one that is found.
    pub(crate) async fn join_at(
        &self,
        registrar: Option<Endpoint>,
        domain: Option<&str>,
    ) -> Result<Enrolment, EnrolError> {
        Ok(self.join_told(registrar, domain).await?.0)
    }

    async fn join_told(
        &self,
        registrar: Option<Endpoint>,
        domain: Option<&str>,
    ) -> Result<(Enrolment, Vec<Step>), EnrolError> {
        let place = (&self.store, &self.network);
        let mut story = Vec::new();
        let mut tell = |step: &Step| story.push(step.clone());
        let joining = self
            .enroller
            .join(registrar, &self.device, domain, place, &mut tell);
        let enrolled = joining.await?;
        Ok((enrolled.enrolment, story))
    }

    /// The private scalar of the key that the manufacturer gave: 32 octets.
    pub(crate) fn device_key(&self) -> Vec<u8> {
        let pem = std::fs::read(&self.description.key).unwrap();
        let pem = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
        let der = pem.secret_pkcs8_der();
        // ECPrivateKey (RFC 5915 section 3): version 1, then an octet string of 32 octets.
        let before = [0x02, 0x01, 0x01, 0x04, 0x20];
        let begins = der.windows(5).position(|window| window == before).unwrap() + 5;
        der[begins..begins + 32].to_vec()
    }

    /// What a program that begins anew has: nothing but what is on the disk.
    pub(crate) fn restart(&mut self) {
        self.store = Store::open(self.store.folder()).unwrap();
    }

    /// The error of a join, after which nothing is stored.
    async fn refused(&self) -> EnrolError {
        let error = self.join().await.unwrap_err();
        assert_eq!(self.store.load(&self.network).unwrap(), None);
        assert!(self.lab.registrar().issued().is_empty());
        error
    }

    /// Of which journey's kind it is.
    async fn failed(&self) -> JourneyError {
        match self.refused().await {
            EnrolError::Journey(failure) => failure.error,
            other => panic!("{other:?}"),
        }
    }

    /// Why a voucher was not accepted; the registrar was told that it was not.
    async fn voucher_error(&self, fault: MasaFault) -> VoucherError {
        self.lab.masa().fail(fault);
        let JourneyError::Voucher(error) = self.failed().await else {
            panic!("another error than the voucher's")
        };
        let told = self.lab.registrar().told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].path.as_str(), told[0].ok), (VOUCHER_STATUS, false));
        *error
    }
}

#[tokio::test]
async fn a_voucher_becomes_an_answer() {
    let thing = Thing::new();
    let enrolment = thing.join().await.unwrap();
    let lab = &thing.lab;
    assert_eq!(
        enrolment.authentication_domain_name.as_deref(),
        Some("example.net")
    );
    assert_eq!(enrolment.database, AnchorDatabase::Explicit);
    assert_eq!(enrolment.anchors[0].source, AnchorSource::CaCerts);
    assert_eq!(enrolment.est.authentication, ServerAuthentication::Voucher);
    let conveyed = certificates(&enrolment);
    assert_eq!(*conveyed[0], *lab.site().servers()[0].identity.end_entity());
    assert_eq!(enrolment.voucher.as_deref(), Some(&*lab.masa().issued()[0]));
    assert_eq!(
        thing.store.load(&thing.network).unwrap().as_ref(),
        Some(&enrolment)
    );

    // A certificate of its own, for a key that the manufacturer never had.
    let identity = enrolment.identity.as_ref().unwrap();
    assert_eq!(
        *identity.certificate,
        **lab.registrar().issued().first().unwrap()
    );
    let own = certificate::facts(&identity.certificate).unwrap();
    let idevid = certificate::facts(&thing.device.chain[0]).unwrap();
    assert_ne!(own.spki, idevid.spki);

    // Both reports: the voucher's, and the enrolment's over a new connection with the new certificate.
    let told = lab.registrar().told();
    let paths: Vec<_> = told
        .iter()
        .map(|told| (told.path.as_str(), told.ok))
        .collect();
    assert_eq!(paths, [(VOUCHER_STATUS, true), (ENROL_STATUS, true)]);
    assert_eq!(told[0].client.as_deref(), Some(&*thing.device.chain[0]));
    assert_eq!(told[1].client.as_deref(), Some(&*identity.certificate));
    assert_ne!(told[0].connection, told[1].connection);

    let outcome = journey(lab, &enrolment).attach().await;
    assert_eq!(outcome.failure, None);
    let answer = outcome.ask().await.unwrap();
    assert_eq!(answer.server.transport, DOT);
}

#[tokio::test]
async fn vouchers_of_both_content_types_and_both_pins_are_accepted() {
    for content in [ContentKind::JsonVoucher, ContentKind::Data] {
        for pin in [Pin::Authority, Pin::Registrar] {
            let thing = Thing::with(MasaOptions { content, pin });
            let joined = thing.join().await;
            assert!(
                joined.is_ok(),
                "{content:?} {pin:?}: {}",
                joined.unwrap_err()
            );
        }
    }
}

#[tokio::test]
async fn an_expired_voucher_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::Expired).await;
    assert!(matches!(error, VoucherError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn a_voucher_for_another_device_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::OtherSerial).await;
    let VoucherError::Serial {
        expected,
        presented,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (expected.as_str(), presented.as_str()),
        ("00-D0-E5-F2-00-02", "00-00-00-00-00-00")
    );
}

#[tokio::test]
async fn a_voucher_with_another_nonce_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::OtherNonce).await;
    assert!(matches!(error, VoucherError::Nonce { .. }), "{error}");
}

#[tokio::test]
async fn a_voucher_without_a_nonce_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::Nonceless).await;
    assert!(matches!(error, VoucherError::Nonceless { .. }), "{error}");
}

#[tokio::test]
async fn a_voucher_by_an_unknown_masa_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::UnknownSigner).await;
    assert!(matches!(error, VoucherError::UnknownMasa { .. }), "{error}");
}

#[tokio::test]
async fn a_voucher_with_a_wrong_signature_is_refused() {
    let error = Thing::new().voucher_error(MasaFault::BadSignature).await;
    assert!(matches!(error, VoucherError::Signature(_)), "{error}");
}

#[tokio::test]
async fn an_old_voucher_is_refused() {
    let thing = Thing::new();
    thing.join().await.unwrap();
    thing.store.remove(&thing.network).unwrap();
    thing.lab.registrar().fail(RegistrarFault::Replays);
    let error = thing.join().await.unwrap_err();
    let EnrolError::Journey(failure) = error else {
        panic!("{error:?}")
    };
    let JourneyError::Voucher(error) = failure.error else {
        panic!("{:?}", failure.error)
    };
    assert!(matches!(*error, VoucherError::Nonce { .. }), "{error}");
}

#[tokio::test]
async fn a_pin_of_somebody_else_is_refused() {
    let thing = Thing::new();
    thing.lab.masa().fail(MasaFault::OtherPin);
    let error = thing.refused().await;
    assert_eq!(error.kind(), EnrolErrorKind::NotAuthenticated);
    let EnrolError::Journey(failure) = error else {
        panic!("{error:?}")
    };
    assert!(
        matches!(failure.error, JourneyError::Pin(PinError::Mismatch { .. })),
        "{:?}",
        failure.error
    );
    let told = thing.lab.registrar().told();
    assert!(told.iter().all(|told| !told.ok), "{told:?}");
}

#[tokio::test]
async fn a_registrar_that_changes_its_certificate_is_refused() {
    let thing = Thing::new();
    thing
        .lab
        .registrar()
        .fail(RegistrarFault::ChangesCertificate);
    let error = thing.failed().await;
    assert!(
        matches!(error, JourneyError::CertificatesChanged { .. }),
        "{error}"
    );
    assert_eq!(thing.lab.registrar().requests().len(), 1);
}

#[tokio::test]
async fn the_same_request_is_sent_again_while_it_is_pending() {
    let thing = Thing::new();
    thing.lab.registrar().fail(RegistrarFault::Pending {
        retry_after: "1".to_owned(),
        times: 2,
    });
    thing.join().await.unwrap();
    let requests = thing.lab.registrar().requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[tokio::test]
async fn a_registrar_or_a_masa_that_refuses_is_told_as_such() {
    let thing = Thing::new();
    thing.lab.registrar().fail(RegistrarFault::Status(404));
    let error = thing.failed().await;
    assert!(
        matches!(error, JourneyError::NoVoucher { status: 404, .. }),
        "{error}"
    );
    thing.lab.registrar().fail(RegistrarFault::None);
    thing.lab.masa().fail(MasaFault::Status(403));
    let error = thing.failed().await;
    assert!(
        matches!(error, JourneyError::NoVoucher { status: 403, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_end_entity_without_an_anchor_is_refused() {
    let thing = Thing::new();
    thing
        .lab
        .registrar()
        .fail_at(Operation::EeCerts, EstFault::NotAnchored);
    let error = thing.failed().await;
    let JourneyError::Refused { purpose, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(purpose, Purpose::ConveyedEndEntity);
}

#[tokio::test]
async fn keys_stay_in_the_store_and_are_this_user_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let thing = Thing::new();
    let enrolment = thing.join().await.unwrap();
    let handle = &enrolment.identity.as_ref().unwrap().key;
    let entries = std::fs::read_dir(thing.folder.path().join("enrolments")).unwrap();
    let mut found = false;
    for entry in entries {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
        found |= entry
            .file_name()
            .to_string_lossy()
            .contains(handle.as_str());
    }
    assert!(found, "no file is named after `{handle}`");
}

/// A registrar that asks for challengePassword gets the exporter of the connection (RFC 7030 section 3.5, RFC 9266), and
/// refuses any other.
#[tokio::test]
async fn a_request_is_bound_to_its_connection_when_asked_for() {
    let mut registrar = EstOptions::new("example.net");
    let challenge_password = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7];
    registrar.csr_attributes = Some([&[0x30, 11], challenge_password.as_slice()].concat());
    registrar.demands_binding = true;
    let thing = Thing::at(registrar, MasaOptions::default());
    thing.join().await.unwrap();
    assert_eq!(thing.lab.registrar().issued().len(), 1);
}

/// RFC 8995 section 6 has vouchers in binary; a registrar that sends base64 all the same is understood.
#[tokio::test]
async fn a_voucher_in_base64_is_read() {
    let thing = Thing::new();
    thing.lab.registrar().fail(RegistrarFault::Base64);
    thing.join().await.unwrap();
}
