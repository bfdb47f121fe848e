//! A password that is proved inside the handshake (draft-ietf-tls-pake): anchors come over that connection, everything else over
//! one whose certificate they lead to.

use std::{cell::RefCell, sync::Arc};

use resolvet_proto::{
    enrolment::{
        ServerAuthentication,
        est::HttpReply,
        journey::{
            Action, AnchorChoice, AuthenticationRefusal, Byod, ByodConfig, Event, Journey as _,
            JourneyError, State, Trust,
        },
    },
    judgement::{AnchorDatabase, AnchorSet, Purpose, ReferenceId},
};

use super::byod::{EST, Network, config, pkcs7};
use crate::rfc8995::driver::{Driver, endpoint};

fn begin(anchors: AnchorChoice) -> ByodConfig {
    ByodConfig {
        in_handshake: true,
        ..config(anchors)
    }
}

/// Which trust a connection was opened with.
fn kind(trust: &Trust) -> &'static str {
    match trust {
        Trust::Password => "password",
        Trust::Judged { .. } => "judged",
        _ => "other",
    }
}

#[test]
fn the_whole_way() {
    let n = Network::new();
    let opened = RefCell::new(Vec::new());
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    driver.intercept = Box::new(|action| {
        if let Action::Connect { trust, .. } = action {
            opened.borrow_mut().push(kind(trust));
        }
        None
    });
    let mut byod = Byod::new(begin(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
    assert_eq!(*opened.borrow(), ["password", "judged"]);
    // What the first connection gave is asked for again over the one that the policies accepted.
    assert_eq!(driver.paths(), ["cacerts", "cacerts", "eecerts"]);
    let purposes: Vec<_> = driver.judged.iter().map(|r| r.purpose.clone()).collect();
    let est = Purpose::EstServer;
    assert_eq!(purposes, [est.clone(), est, Purpose::ConveyedEndEntity]);
    let method = ServerAuthentication::TlsPake;
    for request in &driver.judged {
        assert_eq!(request.est_server_authentication, Some(method.clone()));
    }
    // The name that the proof covered is what the certificate must have.
    assert_eq!(
        driver.judged[0].reference_ids,
        [ReferenceId::DnsId(EST.into())]
    );
    let enrolment = byod.enrolment().unwrap();
    assert_eq!(enrolment.est.authentication, method);
    assert_eq!(enrolment.est.reference_ids, [EST]);
    assert_eq!(enrolment.est.certificate, n.est[0]);
    assert_eq!(enrolment.database, AnchorDatabase::Explicit);
    assert_eq!(enrolment.end_entities, [n.dns.clone()]);
}

#[test]
fn implicit_anchors_need_no_cacerts() {
    let n = Network::new();
    let roots = vec![n.root.clone()];
    let system = Arc::new(AnchorSet::new(AnchorDatabase::Implicit, roots));
    for (anchors, paths) in [
        (AnchorChoice::Implicit(Arc::clone(&system)), vec!["eecerts"]),
        (
            AnchorChoice::Either(system),
            vec!["cacerts", "cacerts", "eecerts"],
        ),
    ] {
        let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
            Some(match request.path.ends_with("eecerts") {
                true => pkcs7(&[n.dns.clone(), n.authority.clone()]),
                false => HttpReply::new(404, &[], vec![]),
            })
        });
        let mut byod = Byod::new(begin(anchors)).unwrap();
        driver.run(&mut byod);
        assert_eq!(driver.paths(), paths, "{:#?}", byod.story());
        assert_eq!(
            driver.judged[0].anchors.database(),
            &AnchorDatabase::Implicit
        );
    }
}

/// Nothing is sent before the proof, and nothing is stored without it.
#[test]
fn a_password_that_is_not_proved_ends_it() {
    let n = Network::new();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    driver.intercept = Box::new(|action| match action {
        Action::Connect {
            connection,
            trust: Trust::Password,
            ..
        } => Some(Event::AuthenticationFailed {
            connection: *connection,
            refusal: AuthenticationRefusal::Password,
            detail: "the password is wrong".into(),
        }),
        _ => None,
    });
    let mut byod = Byod::new(begin(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    assert!(driver.sent.is_empty() && driver.stored.is_empty());
    assert!(matches!(
        driver.failure.unwrap().error,
        JourneyError::Authentication {
            refusal: AuthenticationRefusal::Password,
            ..
        }
    ));
}

/// A server that proved the password and then shows a certificate that its own anchors do not lead to.
#[test]
fn a_certificate_of_others_ends_it() {
    let (n, other) = (Network::new(), Network::new());
    let mut driver =
        Driver::new().server(EST, other.est.clone(), |request| Some(n.answer(request)));
    let mut byod = Byod::new(begin(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    assert_eq!(driver.paths(), ["cacerts"]);
    assert!(driver.stored.is_empty());
}

#[test]
fn a_server_needs_a_name() {
    let mut start = begin(AnchorChoice::Explicit);
    start.endpoint = Some(endpoint("192.0.2.1"));
    let mut driver = Driver::new();
    let mut byod = Byod::new(start).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    let error = driver.failure.unwrap().error;
    assert!(
        matches!(error, JourneyError::NoServerName { .. }),
        "{error}"
    );
}
