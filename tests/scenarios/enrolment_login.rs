//! HTTP Basic and Digest: for a server that is authorized, and for nobody else (RFC 7030 section 3.2.3).

use resolvet::enrolment::{Password, Step, User};
use resolvet_proto::enrolment::est::Subject;
use resolvet_tests::lab::est::{EstOptions, PASSWORD, USER};
use resolvet_tests::lab::registrar::RegistrarFault;
use resolvet_tests::lab::{Lab, Options};

use crate::enrolment_desk::Device;
use crate::enrolment_iot::Thing;

fn login(password: &str) -> User {
    let password = Password::new(password.as_bytes().to_vec().into()).unwrap();
    User::new(USER, password).unwrap()
}

/// A laptop that enrolled, and wants a certificate of its own at its next renewal.
async fn laptop(digest: bool, password: &str) -> (Lab, Device) {
    let options = EstOptions {
        digest,
        ..EstOptions::new("example.net")
    };
    let lab = Lab::start(Options::new().est(options)).unwrap();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    device.enroller = device
        .enroller
        .with_subject(Subject::Text("CN=laptop".into()))
        .with_login(login(password));
    (lab, device)
}

#[tokio::test]
async fn a_known_server_is_told_who_asks_for_a_certificate() {
    for (digest, scheme) in [(false, "basic"), (true, "digest")] {
        let (lab, mut device) = laptop(digest, PASSWORD).await;
        let enrolment = device.renew().await.unwrap();
        let identity = enrolment.identity.as_ref().unwrap();
        assert_eq!(*identity.certificate, **lab.est().issued().first().unwrap());
        let journal = lab.est().journal();
        let last = journal.last().unwrap();
        assert!(last.path.ends_with("/simpleenroll"), "{last:?}");
        assert_eq!((last.scheme, last.user.as_deref()), (scheme, Some(USER)));
    }
}

#[tokio::test]
async fn a_wrong_password_is_offered_once() {
    let (lab, mut device) = laptop(false, "wrong").await;
    let before = device.store.load(&device.network).unwrap();
    device.renew().await.unwrap_err();
    let journal = lab.est().journal();
    let enrols = journal
        .iter()
        .rev()
        .take_while(|entry| entry.path.ends_with("/simpleenroll"));
    assert_eq!(enrols.count(), 2, "without, and with a password");
    assert_eq!(device.store.load(&device.network).unwrap(), before);
    assert!(lab.est().issued().is_empty());
}

/// Nobody believes the certificate yet: a registrar that asks for a password gets none, and a server that could be anybody is
/// spoken to by the PAKE alone, whatever else it offers.
#[tokio::test]
async fn on_a_provisional_connection_nothing_is_answered() {
    let mut thing = Thing::new();
    thing.enroller = thing.enroller.with_login(login(PASSWORD));
    thing.lab.registrar().fail(RegistrarFault::AsksForAPassword);
    thing.join().await.unwrap_err();
    assert_eq!(thing.lab.registrar().requests().len(), 1);
    assert_eq!(thing.lab.registrar().authorizations(), Vec::<String>::new());

    let options = EstOptions {
        digest: true,
        ..EstOptions::new("example.net")
    };
    let lab = Lab::start(Options::new().est(options)).unwrap();
    let mut device = Device::new(&lab);
    device.enroller = device.enroller.with_login(login(PASSWORD));
    device.bootstrap().await.unwrap();
    let schemes: Vec<_> = lab
        .est()
        .journal()
        .iter()
        .map(|entry| entry.scheme)
        .collect();
    assert!(
        schemes
            .iter()
            .all(|scheme| !["basic", "digest"].contains(scheme)),
        "{schemes:?}"
    );
}

/// Right after the password enrolled it, a laptop gets a certificate of its own: by the same password, proved as before, over
/// a connection that the policies accepted; or by a login.
#[tokio::test]
async fn a_laptop_gets_its_certificate_at_once() {
    for (with_login, scheme) in [(false, "opaque"), (true, "basic")] {
        let lab = Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap();
        let mut device = Device::new(&lab);
        device.enroller = device
            .enroller
            .with_subject(Subject::parse("CN=laptop").unwrap());
        if with_login {
            device.enroller = device.enroller.with_login(login(PASSWORD));
        }
        device.bootstrap().await.unwrap();
        let place = (&device.store, &device.network);
        let mut tell = |_: &Step| {};
        let own = device
            .enroller
            .own_certificate(place, Some(login(PASSWORD)), &mut tell);
        let enrolment = own.await.unwrap();
        let identity = enrolment.identity.as_ref().unwrap();
        assert_eq!(*identity.certificate, **lab.est().issued().first().unwrap());
        let facts = resolvet_proto::certificate::facts(&identity.certificate).unwrap();
        assert_eq!(facts.subject, "CN=laptop");
        let journal = lab.est().journal();
        let last = journal.last().unwrap();
        assert!(last.path.ends_with("/simpleenroll"), "{last:?}");
        assert_eq!((last.scheme, last.user.as_deref()), (scheme, Some(USER)));
        assert_eq!(
            device.store.load(&device.network).unwrap(),
            Some(enrolment),
            "it is stored"
        );
    }
}

#[tokio::test]
async fn a_laptop_without_a_certificate_stays_enrolled() {
    let lab = Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap();
    let mut device = Device::new(&lab);
    device.enroller = device
        .enroller
        .with_subject(Subject::parse("CN=laptop").unwrap());
    let before = device.bootstrap().await.unwrap();
    let place = (&device.store, &device.network);
    let mut tell = |_: &Step| {};
    let own = device
        .enroller
        .own_certificate(place, Some(login("wrong")), &mut tell);
    let error = own.await.unwrap_err();
    assert!(error.to_string().contains("password"), "{error}");
    assert_eq!(device.store.load(&device.network).unwrap(), Some(before));
    assert!(lab.est().issued().is_empty());
}

/// A server that says where it has what is asked there (RFC 8295 section 2).
#[tokio::test]
async fn packages_are_fetched_where_the_server_has_them() {
    let lab = Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap();
    let mut device = Device::new(&lab);
    device.enroller = device.enroller.with_pal(true);
    device.bootstrap().await.unwrap();
    let journal = lab.est().journal();
    let paths: Vec<_> = journal.iter().map(|entry| entry.path.as_str()).collect();
    for path in [
        "/.well-known/est/pal",
        "/.well-known/est/lab/crls",
        "/.well-known/est/lab/eecerts",
    ] {
        assert!(paths.contains(&path), "no {path}: {paths:?}");
    }
    assert!(!paths.contains(&"/.well-known/est/crls"), "{paths:?}");
}
