//! A person's device, from provisional TLS to a stored enrolment (the draft's section 4), and where it ends instead.

use std::sync::Arc;

use resolvet_proto::{
    enrolment::{
        AnchorSource, ServerAuthentication,
        est::{
            BodyError, CmsError, EndEntityError, HttpReply, HttpRequest, ReplyError, certs_only,
            encode,
        },
        journey::{
            Action, AnchorChoice, AuthenticationRefusal, Byod, ByodConfig, Choice, Event,
            Journey as _, JourneyError, Profile, ProfileError, State, Trust,
        },
    },
    judgement::{AnchorDatabase, AnchorSet, Der, NetworkIdentity, Purpose},
};

use crate::{
    forge::{Certificate, NOW, crl, dns, srv},
    rfc8995::driver::{Driver, endpoint},
    world::World,
};

pub(super) const EST: &str = "est.example.net";

/// A network with an EST server and a DNS server.
pub(super) struct Network {
    pub(super) w: World,
    pub(super) root: Der,
    pub(super) authority: Der,
    pub(super) est: Vec<Der>,
    pub(super) dns: Der,
}

impl Network {
    pub(super) fn new() -> Self {
        let w = World::new();
        let authority = w.authority().sign(&w.root);
        let est = w
            .server_named(&[dns(EST), dns("*.example.net")])
            .sign(&w.authority);
        let names = [dns("example.net"), srv("_domain-s.example.net")];
        Self {
            root: w.root().sign(&w.root),
            dns: w.server_named(&names).sign(&w.authority),
            est: vec![est, authority.clone()],
            authority,
            w,
        }
    }

    pub(super) fn answer(&self, request: &HttpRequest) -> HttpReply {
        match request.path.rsplit('/').next().unwrap() {
            "cacerts" => pkcs7(&[self.root.clone(), self.authority.clone()]),
            "eecerts" => pkcs7(&[self.est[0].clone(), self.dns.clone()]),
            "crls" => {
                let lists = [crl("root", &[], NOW + 60, &self.w.root)];
                let body = encode(&certs_only(&[], &lists).unwrap());
                HttpReply::new(
                    200,
                    &[("content-type", "application/pkcs7-mime")],
                    body.into_bytes(),
                )
            }
            other => panic!("`{other}` was asked"),
        }
    }
}

pub(super) fn pkcs7(certificates: &[Der]) -> HttpReply {
    let body = encode(&certs_only(certificates, &[]).unwrap());
    HttpReply::new(
        200,
        &[("content-type", "application/pkcs7-mime")],
        body.into_bytes(),
    )
}

pub(super) fn config(anchors: AnchorChoice) -> ByodConfig {
    ByodConfig {
        profile: Profile::new(anchors, NetworkIdentity::Named),
        endpoint: Some(endpoint(EST)),
        in_handshake: false,
    }
}

/// Proves the password for whatever certificate was seen.
pub(super) fn proves(action: &Action) -> Option<Event> {
    match action {
        Action::Authenticate {
            connection,
            certificate,
        } => Some(Event::Authenticated {
            connection: *connection,
            method: ServerAuthentication::HttpMutual,
            certificate: certificate.clone(),
        }),
        _ => None,
    }
}

fn fails_with(
    network: &Network,
    config: ByodConfig,
    answer: impl FnMut(&HttpRequest) -> Option<HttpReply>,
) -> JourneyError {
    let mut driver = Driver::new().server(EST, network.est.clone(), answer);
    driver.intercept = Box::new(proves);
    let mut byod = Byod::new(config).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed, "{:#?}", byod.story());
    assert!(driver.stored.is_empty() && byod.enrolment().is_none());
    driver.failure.unwrap().error
}

/// Explicit anchors by an authenticated `/cacerts`; everything judged for its purpose before anything is stored.
#[test]
fn the_whole_way() {
    let n = Network::new();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    let provisional = std::cell::Cell::new(0);
    driver.intercept = Box::new(|action| {
        if let Action::Connect {
            trust, identity, ..
        } = action
        {
            assert_eq!((trust, identity), (&Trust::Provisional, &None));
            provisional.set(provisional.get() + 1);
        }
        proves(action)
    });
    let mut start = config(AnchorChoice::Explicit);
    start.endpoint = None;
    start.profile.crls = true;
    let mut byod = Byod::new(start).unwrap();
    assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
    assert_eq!(driver.paths(), ["cacerts", "crls", "eecerts"]);
    let purposes: Vec<_> = driver.judged.iter().map(|r| r.purpose.clone()).collect();
    assert_eq!(purposes, [Purpose::EstServer, Purpose::ConveyedEndEntity]);
    assert_eq!(
        driver.judged[1].authentication_domain_name.as_deref(),
        Some("example.net")
    );
    assert_eq!(driver.judged[1].crls.len(), 1);
    let mutual = Some(ServerAuthentication::HttpMutual);
    assert!(
        driver
            .judged
            .iter()
            .all(|request| request.est_server_authentication == mutual)
    );
    let enrolment = byod.enrolment().unwrap();
    assert_eq!(driver.stored, [enrolment.clone()]);
    // The wildcard is no name to know a server by.
    assert_eq!(enrolment.est.reference_ids, [EST]);
    assert_eq!(
        enrolment.est.authentication,
        ServerAuthentication::HttpMutual
    );
    assert_eq!(enrolment.end_entities, [n.dns.clone()]);
    assert_eq!(enrolment.anchors[0].source, AnchorSource::CaCerts);
    assert_eq!(enrolment.database, AnchorDatabase::Explicit);
    assert_eq!(provisional.get(), 1);
    drop(driver);
}

/// The draft as written: Implicit anchors, and `/cacerts` is not asked; with both databases, what `/cacerts` does not give
/// the system has.
#[test]
fn implicit_anchors() {
    let n = Network::new();
    let system = Arc::new(AnchorSet::new(
        AnchorDatabase::Implicit,
        vec![n.root.clone()],
    ));
    // Without `/cacerts` nothing else helps the path.
    let names = [dns("example.net"), srv("_domain-s.example.net")];
    let direct = Certificate::end_entity(&names, "root", &n.w.server, &n.w.root).sign(&n.w.root);
    for (anchors, paths) in [
        (AnchorChoice::Implicit(Arc::clone(&system)), vec!["eecerts"]),
        (AnchorChoice::Either(system), vec!["cacerts", "eecerts"]),
    ] {
        let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
            Some(if request.path.ends_with("eecerts") {
                pkcs7(&[direct.clone()])
            } else {
                HttpReply::new(404, &[], vec![])
            })
        });
        driver.intercept = Box::new(proves);
        let mut byod = Byod::new(config(anchors)).unwrap();
        assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
        assert_eq!(driver.paths(), paths);
        let enrolment = byod.enrolment().unwrap();
        assert_eq!(enrolment.database, AnchorDatabase::Implicit);
        assert!(enrolment.anchors.is_empty());
    }
    let empty = AnchorChoice::Implicit(Arc::default());
    assert_eq!(
        fails_with(&n, config(empty), |request| Some(n.answer(request))),
        JourneyError::NoAnchors
    );
}

/// A wrong password ends it before a byte is asked; what was proved for another certificate is a man in the middle.
#[test]
fn the_password() {
    let n = Network::new();
    for refusal in [
        AuthenticationRefusal::Password,
        AuthenticationRefusal::Binding,
        AuthenticationRefusal::Protocol,
    ] {
        let mut driver = Driver::new().server(EST, n.est.clone(), |_| panic!("nothing is asked"));
        driver.intercept = Box::new(move |action| match action {
            Action::Authenticate { connection, .. } => Some(Event::AuthenticationFailed {
                connection: *connection,
                refusal,
                detail: "refused".into(),
            }),
            _ => None,
        });
        let mut byod = Byod::new(config(AnchorChoice::Explicit)).unwrap();
        assert_eq!(driver.run(&mut byod), State::Failed);
        let failure = driver.failure.unwrap();
        assert!(
            matches!(failure.error, JourneyError::Authentication { refusal: told, .. } if told == refusal)
        );
        assert!(failure.choices.contains(&Choice::EnrolAnew));
    }
    let mut driver = Driver::new().server(EST, n.est.clone(), |_| panic!("nothing is asked"));
    driver.intercept = Box::new(|action| match action {
        Action::Authenticate { connection, .. } => Some(Event::Authenticated {
            connection: *connection,
            method: ServerAuthentication::HttpMutual,
            certificate: n.dns.clone(),
        }),
        _ => None,
    });
    let mut byod = Byod::new(config(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    assert_eq!(
        driver.failure.unwrap().error,
        JourneyError::OtherCertificate {
            endpoint: endpoint(EST)
        }
    );
}

/// Anybody may announce a server: one that does not know the password does not end the search.
#[test]
fn an_impostor_is_passed_over() {
    let n = Network::new();
    let impostor = Network::new();
    let mut driver = Driver::new()
        .server("a.example.net", impostor.est.clone(), |_| {
            panic!("nothing is asked")
        })
        .server(EST, n.est.clone(), |request| Some(n.answer(request)));
    driver.intercept = Box::new(|action| match action {
        Action::Authenticate {
            connection,
            certificate,
        } if *certificate == impostor.est[0] => Some(Event::AuthenticationFailed {
            connection: *connection,
            refusal: AuthenticationRefusal::Password,
            detail: "no proof".into(),
        }),
        other => proves(other),
    });
    let mut start = config(AnchorChoice::Explicit);
    start.endpoint = None;
    let mut byod = Byod::new(start).unwrap();
    assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
    assert_eq!(byod.enrolment().unwrap().est.endpoint, endpoint(EST));
}

/// RFC 8295 section 3.2: end-entity certificates that do not validate to an authorized anchor are rejected; nothing is
/// stored.
#[test]
fn an_end_entity_without_an_anchor_is_rejected() {
    let n = Network::new();
    let other = Network::new();
    let error = fails_with(&n, config(AnchorChoice::Explicit), |request| {
        Some(if request.path.ends_with("eecerts") {
            pkcs7(&[other.dns.clone()])
        } else {
            n.answer(request)
        })
    });
    assert!(
        matches!(
            error,
            JourneyError::Refused {
                purpose: Purpose::ConveyedEndEntity,
                ..
            }
        ),
        "{error}"
    );
    // Beside a good one it is left out.
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
        Some(if request.path.ends_with("eecerts") {
            pkcs7(&[other.dns.clone(), n.dns.clone()])
        } else {
            n.answer(request)
        })
    });
    driver.intercept = Box::new(proves);
    let mut byod = Byod::new(config(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
    assert_eq!(byod.enrolment().unwrap().end_entities, [n.dns.clone()]);
}

/// The EST server's own certificate is judged too: the password does not make it valid.
#[test]
fn an_est_server_that_the_policies_refuse() {
    let mut n = Network::new();
    let mut ended = n.w.server_named(&[dns(EST)]);
    ended.validity = (NOW - 100, NOW - 1);
    n.est[0] = ended.sign(&n.w.authority);
    let error = fails_with(&n, config(AnchorChoice::Explicit), |request| {
        Some(n.answer(request))
    });
    assert!(
        matches!(
            error,
            JourneyError::Refused {
                purpose: Purpose::EstServer,
                ..
            }
        ),
        "{error}"
    );
    n.est[0] =
        n.w.server_named(&[dns("*.example.net")])
            .sign(&n.w.authority);
    assert_eq!(
        fails_with(&n, config(AnchorChoice::Explicit), |request| Some(
            n.answer(request)
        )),
        JourneyError::NoReferenceId {
            endpoint: endpoint(EST)
        }
    );
}

/// Each way in which what is conveyed is of no use has its own error.
#[test]
fn faults() {
    let n = Network::new();
    let at = |path: &'static str, reply: HttpReply| {
        fails_with(&n, config(AnchorChoice::Explicit), |request| {
            Some(if request.path.ends_with(path) {
                reply.clone()
            } else {
                n.answer(request)
            })
        })
    };
    let two =
        n.w.server_named(&[dns("b.net"), srv("_domain-s.b.net")])
            .sign(&n.w.authority);
    assert!(matches!(
        at("eecerts", pkcs7(&[n.dns.clone(), two])),
        JourneyError::EndEntity(EndEntityError::AmbiguousSrvId { .. })
    ));
    for reply in [pkcs7(&[n.est[0].clone()]), HttpReply::new(404, &[], vec![])] {
        assert!(matches!(
            at("eecerts", reply),
            JourneyError::EndEntity(EndEntityError::NoSrvId { .. })
        ));
    }
    assert!(matches!(
        at("cacerts", HttpReply::new(500, &[], vec![])),
        JourneyError::Reply {
            reason: ReplyError::Status { status: 500, .. },
            ..
        }
    ));
    assert!(matches!(
        at("cacerts", HttpReply::new(202, &[], vec![])),
        JourneyError::Reply {
            reason: ReplyError::Pending { .. },
            ..
        }
    ));
    assert_eq!(
        at("cacerts", pkcs7(&[n.authority.clone()])),
        JourneyError::NoAnchors
    );
    assert!(matches!(
        at("cacerts", pkcs7(&[])),
        JourneyError::Reply {
            reason: ReplyError::Cms(CmsError::NoCertificates),
            ..
        }
    ));
    let huge = HttpReply::new(
        200,
        &[("content-type", "application/pkcs7-mime")],
        vec![b'A'; 10 << 20],
    );
    assert!(matches!(
        at("eecerts", huge),
        JourneyError::Reply {
            reason: ReplyError::Body(BodyError::TooLarge { .. }),
            ..
        }
    ));
    assert!(matches!(
        at(
            "eecerts",
            HttpReply::new(302, &[("location", "https://evil.example.net/")], vec![])
        ),
        JourneyError::OtherOrigin { .. }
    ));
}

/// An enrolment that conveys no certificate is one only where the profile says that anchors suffice.
#[test]
fn anchors_alone() {
    let n = Network::new();
    let mut start = config(AnchorChoice::Explicit);
    start.profile.anchors_suffice = true;
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| {
        Some(if request.path.ends_with("eecerts") {
            HttpReply::new(204, &[], vec![])
        } else {
            n.answer(request)
        })
    });
    driver.intercept = Box::new(proves);
    let mut byod = Byod::new(start).unwrap();
    assert_eq!(driver.run(&mut byod), State::Done, "{:#?}", byod.story());
    let enrolment = byod.enrolment().unwrap();
    assert!(enrolment.conveyed().anchors_suffice() && enrolment.end_entities.is_empty());
}

/// A judgement of another request counts for nothing, and in a network that the user did not name nothing begins.
#[test]
fn judgements_and_networks() {
    let n = Network::new();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    driver.intercept = Box::new(|action| match action {
        Action::Judge { id, request, .. } => {
            let mut other = (**request).clone();
            other.now -= 1;
            Some(Event::Judged {
                id: *id,
                judgement: crate::rfc8995::driver::judge(&other),
            })
        }
        other => proves(other),
    });
    let mut byod = Byod::new(config(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    assert_eq!(
        driver.failure.unwrap().error,
        JourneyError::ForeignJudgement {
            purpose: Purpose::EstServer
        }
    );
    let mut start = config(AnchorChoice::Explicit);
    start.profile.network_identity = NetworkIdentity::None;
    assert_eq!(
        Byod::new(start).unwrap_err(),
        ProfileError::UntrustedNetwork
    );
}

/// A driver that lost its work does not hang a journey.
#[test]
fn every_wait_ends() {
    let n = Network::new();
    let mut driver = Driver::new().server(EST, n.est.clone(), |request| Some(n.answer(request)));
    // Nobody answers `Authenticate`.
    let mut byod = Byod::new(config(AnchorChoice::Explicit)).unwrap();
    assert_eq!(driver.run(&mut byod), State::Failed);
    assert_eq!(
        driver.failure.unwrap().error,
        JourneyError::Overdue {
            step: "proving the password",
            seconds: 300
        }
    );
}
