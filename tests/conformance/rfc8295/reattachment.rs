//! A network that is known (the draft's section 9).

use std::cell::{Cell, RefCell};

use resolvet_proto::{
    enrolment::{
        Anchor, AnchorSource, Enrolment, EstServer, LocalIdentity, Pending, ServerAuthentication,
        est::{CertificationRequest, HttpReply, HttpRequest, Operation, decode},
        journey::{
            Action, AnchorChoice, Choice, Event, Journey as _, JourneyError, Profile, ProfileError,
            Reattachment, ReattachmentConfig, State, Step, Trust,
        },
    },
    judgement::{AnchorDatabase, NetworkIdentity, Purpose, ReferenceId},
    session::FailureKind,
};

use super::byod::{EST, Network, pkcs7};
use crate::{
    forge::{Certificate, NOW, dns, key, srv},
    rfc8995::driver::{Driver, endpoint, steps},
};

fn stored(n: &Network) -> Enrolment {
    let est = EstServer {
        endpoint: endpoint(EST),
        label: None,
        reference_ids: vec![EST.into()],
        authentication: ServerAuthentication::HttpMutual,
        certificate: n.est[0].clone(),
    };
    let mut enrolment = Enrolment::new(est, AnchorDatabase::Explicit, NOW - 86_400);
    enrolment.anchors = vec![Anchor {
        certificate: n.root.clone(),
        source: AnchorSource::CaCerts,
    }];
    enrolment.intermediates = vec![n.authority.clone()];
    enrolment.end_entities = vec![n.dns.clone()];
    enrolment.authentication_domain_name = Some("example.net".into());
    enrolment
}

fn journey(enrolment: Enrolment) -> Reattachment {
    Reattachment::new(ReattachmentConfig {
        profile: Profile::new(AnchorChoice::Explicit, NetworkIdentity::Named),
        enrolment,
        device: None,
        subject: None,
    })
    .unwrap()
}

/// A session that fails so often in this way, then serves; it notes the names that were asked for.
fn sessions<'a>(
    failures: u32,
    kind: FailureKind,
    asked: &'a RefCell<Vec<String>>,
) -> impl FnMut(&Action) -> Option<Event> + 'a {
    let left = Cell::new(failures);
    move |action| match action {
        Action::Authenticate { .. } => panic!("no PAKE in a network that is known"),
        Action::Discover {
            id,
            authentication_domain_name,
            ..
        } => {
            asked.borrow_mut().push(authentication_domain_name.clone());
            if left.get() == 0 {
                return Some(Event::Served { id: *id });
            }
            left.set(left.get() - 1);
            Some(Event::NotServed {
                id: *id,
                kind,
                message: "no server".into(),
            })
        }
        Action::Connect { trust, .. } => {
            assert!(matches!(trust, Trust::Judged { .. }), "never provisional");
            None
        }
        _ => None,
    }
}

/// Where what is stored fits, nothing else is asked.
#[test]
fn what_fits_is_used() {
    let n = Network::new();
    let asked = RefCell::default();
    let mut driver = Driver::new().server(EST, n.est.clone(), |_| panic!("nothing is asked"));
    driver.intercept = Box::new(sessions(0, FailureKind::ValidationRefused, &asked));
    let mut journey = journey(stored(&n));
    assert_eq!(driver.run(&mut journey), State::Done);
    assert_eq!(*asked.borrow(), ["example.net"]);
}

/// A certificate that is not valid, and a discovery that failed, lead to the EST server; certificate and ADN are replaced,
/// and it is discovered once more.
#[test]
fn what_changed_is_replaced() {
    let n = Network::new();
    let names = [dns("new.example.net"), srv("_domain-s.new.example.net")];
    let new = n.w.server_named(&names).sign(&n.w.authority);
    for kind in [
        FailureKind::ValidationRefused,
        FailureKind::NothingDiscovered,
        FailureKind::ConnectionFailed,
        FailureKind::Downgrade,
    ] {
        let asked = RefCell::default();
        let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
            Some(if request.path.ends_with("eecerts") {
                pkcs7(&[new.clone()])
            } else {
                n.answer(request)
            })
        });
        driver.intercept = Box::new(sessions(1, kind, &asked));
        let mut journey = journey(stored(&n));
        assert_eq!(
            driver.run(&mut journey),
            State::Done,
            "{:#?}",
            journey.story()
        );
        assert_eq!(*asked.borrow(), ["example.net", "new.example.net"]);
        assert_eq!(journey.enrolment().end_entities, [new.clone()]);
        assert_eq!(driver.stored, [journey.enrolment().clone()]);
        assert_eq!(driver.judged[0].purpose, Purpose::EstServer);
        assert_eq!(
            driver.judged[0].reference_ids,
            [ReferenceId::DnsId(EST.into())]
        );
        let stored = Some(ServerAuthentication::ReferenceIdentifier);
        assert!(
            driver
                .judged
                .iter()
                .all(|request| request.est_server_authentication == stored)
        );
        let steps = steps(&journey);
        let downgrade = steps.iter().any(|step| matches!(step, Step::Downgrade));
        assert_eq!(downgrade, kind == FailureKind::Downgrade);
    }
}

/// Where the EST server confirms what is known, and where it does not help, it is a hard failure that names the choices.
#[test]
fn a_hard_failure_names_the_choices() {
    let n = Network::new();
    let names = [dns("new.example.net"), srv("_domain-s.new.example.net")];
    let new = n.w.server_named(&names).sign(&n.w.authority);
    for changed in [false, true] {
        let asked = RefCell::default();
        let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
            let conveyed = if changed { &new } else { &n.dns };
            Some(if request.path.ends_with("eecerts") {
                pkcs7(&[conveyed.clone()])
            } else {
                n.answer(request)
            })
        });
        driver.intercept = Box::new(sessions(9, FailureKind::NothingDiscovered, &asked));
        let mut journey = journey(stored(&n));
        assert_eq!(driver.run(&mut journey), State::Failed);
        let failure = driver.failure.unwrap();
        assert!(
            matches!(failure.error, JourneyError::NoDnsServer { .. }),
            "{}",
            failure.error
        );
        assert_eq!(
            failure.choices,
            [Choice::AnotherNetwork, Choice::TrustThisNetwork]
        );
        assert_eq!(asked.borrow().len(), 1 + usize::from(changed));
    }
    // What the user's own policies want, no EST server can change.
    let asked = RefCell::default();
    let mut driver = Driver::new().server(EST, n.est.clone(), |_| panic!("nothing is asked"));
    driver.intercept = Box::new(sessions(9, FailureKind::PrivacyRefused, &asked));
    assert_eq!(driver.run(&mut journey(stored(&n))), State::Failed);
}

/// The EST server is known by its stored name and validated as a whole: another one is refused, whatever it offers.
#[test]
fn another_est_server_is_refused() {
    let n = Network::new();
    let other =
        n.w.server_named(&[dns("other.example.net")])
            .sign(&n.w.authority);
    let impostor = Network::new();
    for chain in [vec![other, n.authority.clone()], impostor.est.clone()] {
        let asked = RefCell::default();
        let mut driver = Driver::new().server(EST, chain, |_| panic!("nothing is asked"));
        driver.intercept = Box::new(sessions(9, FailureKind::ValidationRefused, &asked));
        assert_eq!(driver.run(&mut journey(stored(&n))), State::Failed);
        assert!(matches!(
            driver.failure.unwrap().error,
            JourneyError::Connection { .. }
        ));
        assert!(driver.stored.is_empty());
    }
    let mut nameless = stored(&n);
    nameless.est.reference_ids.clear();
    let config = ReattachmentConfig {
        profile: Profile::new(AnchorChoice::Explicit, NetworkIdentity::Named),
        enrolment: nameless,
        device: None,
        subject: None,
    };
    assert_eq!(
        Reattachment::new(config).unwrap_err(),
        ProfileError::NoReferenceId
    );
}

fn issue(n: &Network, request: &HttpRequest) -> HttpReply {
    let der = decode(&request.body, 65_536).unwrap();
    let request = CertificationRequest::from_der(&der).unwrap();
    let mut certificate = Certificate::bare("laptop", "authority", &n.w.server);
    certificate.key_info = request.key().to_vec();
    pkcs7(&[certificate.sign(&n.w.authority)])
}

/// A renewal begins at the EST server: with the device's own certificate, which is renewed when two thirds of it are over.
#[test]
fn renewal() {
    let n = Network::new();
    let own = key();
    let mut old = Certificate::bare("laptop", "authority", &own);
    old.validity = (NOW - 80, NOW + 20);
    let mut enrolment = stored(&n);
    enrolment.identity = Some(LocalIdentity {
        certificate: old.sign(&n.w.authority),
        chain: vec![],
        key: "own".into(),
    });
    assert!(enrolment.renew_at().unwrap() <= NOW);
    let asked = RefCell::default();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
        Some(match request.path.rsplit('/').next().unwrap() {
            "csrattrs" => HttpReply::new(204, &[], vec![]),
            "simplereenroll" => issue(&n, request),
            _ => n.answer(request),
        })
    });
    driver.intercept = Box::new(sessions(0, FailureKind::ValidationRefused, &asked));
    let mut journey = journey(enrolment);
    assert_eq!(
        driver.begin(&mut journey, Event::Renew),
        State::Done,
        "{:#?}",
        journey.story()
    );
    assert_eq!(
        driver.paths(),
        ["cacerts", "eecerts", "csrattrs", "simplereenroll"]
    );
    assert_eq!(driver.identities, [Some("own".into())]);
    assert_eq!(journey.enrolment().identity.as_ref().unwrap().key, "key-0");
    assert_eq!(journey.enrolment().renewed, NOW);
}

/// RFC 7030 section 4.2.3: what was pending before a restart goes on: the same request, when its time has come.
#[test]
fn a_pending_request_is_resumed() {
    let n = Network::new();
    let request = include_bytes!("../../vectors/rfc9148/A_2_enroll_reenroll-0.der");
    let mut enrolment = stored(&n);
    enrolment.pending = Some(Pending {
        operation: Operation::SimpleEnroll,
        request: request.as_slice().into(),
        key: "kept".into(),
        since: NOW - 3_600,
        not_before: NOW - 1,
    });
    for issued in [true, false] {
        let asked = RefCell::default();
        let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
            Some(match request.path.rsplit('/').next().unwrap() {
                "simpleenroll" if issued => issue(&n, request),
                "simpleenroll" => HttpReply::new(202, &[("retry-after", "60")], vec![]),
                _ => n.answer(request),
            })
        });
        driver.intercept = Box::new(sessions(0, FailureKind::ValidationRefused, &asked));
        let mut journey = journey(enrolment.clone());
        assert_eq!(
            driver.begin(&mut journey, Event::Renew),
            State::Done,
            "{:#?}",
            journey.story()
        );
        let sent = driver
            .sent
            .iter()
            .find(|request| request.path.ends_with("simpleenroll"));
        assert_eq!(decode(&sent.unwrap().body, 65_536).unwrap(), request);
        let now = journey.enrolment();
        if issued {
            assert!(now.pending.is_none());
            assert_eq!(now.identity.as_ref().unwrap().key, "kept");
        } else {
            assert_eq!(now.pending.as_ref().unwrap().not_before, NOW + 60);
            assert_eq!(now.pending.as_ref().unwrap().since, NOW - 3_600);
            assert_eq!(now.renew_at(), Some(NOW + 60).min(now.renew_at()));
        }
    }
}

/// A store that fails leaves what was stored as it is.
#[test]
fn a_store_that_fails() {
    let n = Network::new();
    let asked = RefCell::default();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    let sessions = RefCell::new(sessions(0, FailureKind::ValidationRefused, &asked));
    driver.intercept = Box::new(move |action| match action {
        Action::Store { id, .. } => Some(Event::Stored {
            id: *id,
            problem: Some("no space left".into()),
        }),
        other => (sessions.borrow_mut())(other),
    });
    let before = stored(&n);
    let mut journey = journey(before.clone());
    assert_eq!(driver.begin(&mut journey, Event::Renew), State::Failed);
    assert!(matches!(
        driver.failure.unwrap().error,
        JourneyError::Store { .. }
    ));
    assert_eq!(*journey.enrolment(), before);
}
