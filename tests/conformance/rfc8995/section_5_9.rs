//! The pledge's whole way: voucher, pin, certificates, a certificate of its own, status; and where it ends instead.

use std::cell::{Cell, RefCell};

use resolvet_proto::{
    enrolment::{
        AnchorSource, ServerAuthentication,
        brski::{PinError, VoucherError, parse_status},
        est::{
            BodyError, CertificationRequest, CmsError, HttpReply, HttpRequest, Operation,
            ReplyError, certs_only, decode, encode,
        },
        journey::{
            Action, AnchorChoice, Event, Journey as _, JourneyError, Pledge, PledgeConfig, Profile,
            ProfileError, State, Step,
        },
    },
    judgement::{AnchorDatabase, Clock, Der, NetworkIdentity, Purpose},
};

use super::{
    ALGORITHMS,
    driver::{Driver, endpoint, steps},
    manufacturer::{Manufacturer, SERIAL, Wanted},
};
use crate::forge::{Certificate, dns, srv};

const REGISTRAR: &str = "registrar.example.net";

pub(crate) fn config(m: &Manufacturer) -> PledgeConfig {
    let anchors = AnchorChoice::Explicit;
    PledgeConfig {
        profile: Profile::new(anchors, NetworkIdentity::Named),
        endpoint: Some(endpoint(REGISTRAR)),
        device: m.device(),
        device_chain: vec![],
        device_key: "device".into(),
        manufacturer: vec![m.anchor()],
        nonceless: false,
        base64: false,
        pending: None,
        subject: None,
        algorithms: ALGORITHMS,
    }
}

fn pkcs7(certificates: &[Der]) -> HttpReply {
    let body = encode(&certs_only(certificates, &[]).unwrap());
    HttpReply::new(
        200,
        &[("content-type", "application/pkcs7-mime")],
        body.into_bytes(),
    )
}

fn voucher_reply(cms: Vec<u8>) -> HttpReply {
    HttpReply::new(
        200,
        &[("content-type", "application/voucher-cms+json")],
        cms,
    )
}

/// A registrar without fault.
pub(crate) fn answer(m: &Manufacturer, wanted: &Wanted, request: &HttpRequest) -> HttpReply {
    let authority = m.authority();
    match request.path.rsplit('/').next().unwrap() {
        "requestvoucher" => voucher_reply(m.voucher(&request.body, wanted)),
        "voucher_status" | "enrollstatus" => HttpReply::new(200, &[], vec![]),
        "cacerts" => pkcs7(&[m.root(), authority]),
        "csrattrs" => HttpReply::new(404, &[], vec![]),
        "eecerts" => {
            let names = [dns("example.net"), srv("_domain-s.example.net")];
            pkcs7(&[m.domain.server_named(&names).sign(&m.domain.authority)])
        }
        "simpleenroll" => pkcs7(&[issue(m, request)]),
        other => panic!("`{other}` was asked"),
    }
}

fn issue(m: &Manufacturer, request: &HttpRequest) -> Der {
    let der = decode(&request.body, 65_536).unwrap();
    let request = CertificationRequest::from_der(&der).unwrap();
    let mut certificate = Certificate::bare(SERIAL, "authority", &m.device);
    certificate.key_info = request.key().to_vec();
    certificate.sign(&m.domain.authority)
}

pub(crate) fn driver<'a>(
    m: &'a Manufacturer,
    answer: impl FnMut(&HttpRequest) -> Option<HttpReply> + 'a,
) -> Driver<'a> {
    let mut driver = Driver::new().server(REGISTRAR, m.registrar(), answer);
    let pair = rcgen::KeyPair::try_from(m.device.serialize_der()).unwrap();
    driver.keys.insert("device".into(), pair);
    driver
}

/// How the pledge ends at a registrar that answers like this.
fn fails_with(
    m: &Manufacturer,
    answer: impl FnMut(&HttpRequest) -> Option<HttpReply>,
) -> JourneyError {
    let mut driver = driver(m, answer);
    let mut pledge = Pledge::new(config(m)).unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Failed,
        "{:#?}",
        pledge.story()
    );
    assert!(driver.stored.is_empty(), "nothing is stored");
    driver.failure.unwrap().error
}

fn fails_wanting(m: &Manufacturer, wanted: &Wanted) -> JourneyError {
    fails_with(m, |request| Some(answer(m, wanted, request)))
}

/// 5.9: discovery, voucher, `/cacerts`, `/csrattrs`, enrolment, status on a new connection; everything judged before it is
/// stored.
#[test]
fn the_whole_way() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
    let mut pledge = Pledge::new(PledgeConfig {
        endpoint: None,
        ..config(&m)
    })
    .unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    assert_eq!(
        driver.paths(),
        [
            "requestvoucher",
            "voucher_status",
            "cacerts",
            "eecerts",
            "csrattrs",
            "simpleenroll",
            "enrollstatus"
        ]
    );
    assert_eq!(
        driver.identities,
        [Some("device".into()), Some("key-1".into())]
    );
    let statuses = driver
        .sent
        .iter()
        .filter(|request| request.path.ends_with("status"));
    for request in statuses {
        assert_eq!(parse_status(&request.body), Ok((true, None)));
    }
    // 5.2: voucher requests are DER, not base64.
    assert_eq!(driver.sent[0].body[0], 0x30);
    let purposes: Vec<_> = driver
        .judged
        .iter()
        .map(|request| request.purpose.clone())
        .collect();
    assert_eq!(
        purposes,
        [
            Purpose::Registrar,
            Purpose::EstServer,
            Purpose::ConveyedEndEntity
        ]
    );
    let voucher = Some(ServerAuthentication::Voucher);
    assert!(
        driver
            .judged
            .iter()
            .all(|request| request.est_server_authentication == voucher)
    );
    assert_eq!(driver.judged[0].anchors.certificates(), [m.root()]);
    let [enrolment] = driver.stored.as_slice() else {
        panic!("stored once");
    };
    assert_eq!(pledge.enrolment(), Some(enrolment));
    assert_eq!(enrolment.database, AnchorDatabase::Explicit);
    assert_eq!(enrolment.anchors[0].source, AnchorSource::CaCerts);
    assert_eq!(
        enrolment.authentication_domain_name.as_deref(),
        Some("example.net")
    );
    assert_eq!(enrolment.est.reference_ids, ["registrar.example.net"]);
    assert_eq!(enrolment.est.authentication, ServerAuthentication::Voucher);
    assert!(enrolment.voucher.is_some());
    assert_eq!(enrolment.identity.as_ref().unwrap().key, "key-1");
}

/// 5.9.1: where `/cacerts` gives nothing, the pin remains the anchor.
#[test]
fn without_cacerts_the_pin_is_the_anchor() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let mut driver = driver(&m, |request| {
        Some(match request.path.as_str() {
            "/.well-known/est/cacerts" => HttpReply::new(404, &[], vec![]),
            // Without the authority's certificate the path must come with the end entity.
            "/.well-known/est/eecerts" => {
                let names = [dns("example.net"), srv("_domain-s.example.net")];
                let direct =
                    Certificate::end_entity(&names, "root", &m.domain.server, &m.domain.root);
                pkcs7(&[direct.sign(&m.domain.root)])
            }
            _ => answer(&m, &wanted, request),
        })
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    assert_eq!(driver.stored[0].anchors[0].source, AnchorSource::Voucher);
    assert_eq!(driver.stored[0].anchors[0].certificate, m.root());
}

/// 5.6: 202 means the same request again, at most 60 seconds later, for at most four days.
#[test]
fn pending() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let left = Cell::new(3);
    let mut driver = driver(&m, |request| {
        if request.path.ends_with("requestvoucher") && left.get() > 0 {
            left.set(left.get() - 1);
            return Some(HttpReply::new(202, &[("retry-after", "3600")], vec![]));
        }
        Some(answer(&m, &wanted, request))
    });
    let before = driver.now.boot;
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    assert_eq!(driver.now.boot - before, 180_000, "capped at 60 seconds");
    let requests: Vec<_> = driver
        .sent
        .iter()
        .filter(|request| request.path.ends_with("requestvoucher"))
        .collect();
    assert_eq!(requests.len(), 4);
    assert!(
        requests
            .iter()
            .all(|request| request.body == requests[0].body)
    );
}

/// 5.6: for ever is four days.
#[test]
fn pending_for_ever() {
    let m = Manufacturer::new();
    let error = fails_with(&m, |_| Some(HttpReply::new(202, &[], vec![])));
    let JourneyError::PendingTooLong { seconds, limit, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((seconds, limit), (345_600, 345_600));
}

/// 5.6: a connection that ended while a voucher was pending is opened again, to the same certificates, or it ends.
#[test]
fn a_connection_that_ended_while_pending() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let count = Cell::new(0);
    let mut driver = driver(&m, |request| {
        if request.path.ends_with("requestvoucher") {
            count.set(count.get() + 1);
            return match count.get() {
                1 => Some(HttpReply::new(202, &[], vec![])),
                2 => None,
                _ => Some(answer(&m, &wanted, request)),
            };
        }
        Some(answer(&m, &wanted, request))
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
}

/// 5.1: other certificates on a later connection.
#[test]
fn certificates_that_change() {
    let m = Manufacturer::new();
    let other = Manufacturer::new();
    let connections = Cell::new(0);
    let count = Cell::new(0);
    let mut driver = driver(&m, |_| {
        count.set(count.get() + 1);
        (count.get() == 1).then(|| HttpReply::new(202, &[], vec![]))
    });
    driver.intercept = Box::new(|action| {
        let Action::Connect { connection, .. } = action else {
            return None;
        };
        connections.set(connections.get() + 1);
        let chain = if connections.get() == 1 {
            m.registrar()
        } else {
            other.registrar()
        };
        Some(Event::Connected {
            connection: *connection,
            server: None,
            presented: resolvet_proto::judgement::Presented {
                certificates: chain,
                ocsp_response: None,
            },
            judgement: None,
            binding: None,
        })
    });
    // The interceptor hides the connection from the driver: every exchange fails but the wait before is what matters.
    let asked = Cell::new(false);
    let inner = std::mem::replace(&mut driver.intercept, Box::new(|_| None));
    let inner = RefCell::new(inner);
    driver.intercept = Box::new(move |action| match action {
        Action::Exchange { id, .. } if !asked.replace(true) => Some(Event::Replied {
            id: *id,
            reply: HttpReply::new(202, &[], vec![]),
        }),
        other => (inner.borrow_mut())(other),
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(driver.run(&mut pledge), State::Failed);
    assert_eq!(
        driver.failure.unwrap().error,
        JourneyError::CertificatesChanged {
            endpoint: endpoint(REGISTRAR)
        }
    );
}

/// 5.6.1: each fault of a voucher ends it, and the registrar is told that it did, without a word that helps an attacker.
#[test]
fn vouchers_that_are_refused() {
    let m = Manufacturer::new();
    for (wanted, is) in [
        (
            Wanted {
                expires_on: Some(crate::forge::NOW - 1),
                ..Wanted::default()
            },
            (|error| matches!(error, VoucherError::Expired { .. })) as fn(&VoucherError) -> bool,
        ),
        (
            Wanted {
                serial: Some("x"),
                ..Wanted::default()
            },
            |error| matches!(error, VoucherError::Serial { .. }),
        ),
        (
            Wanted {
                nonce: Some(Some("x")),
                ..Wanted::default()
            },
            |error| matches!(error, VoucherError::Nonce { .. }),
        ),
        (
            Wanted {
                nonce: Some(None),
                ..Wanted::default()
            },
            |error| matches!(error, VoucherError::Nonceless { .. }),
        ),
    ] {
        let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
        let mut pledge = Pledge::new(config(&m)).unwrap();
        assert_eq!(driver.run(&mut pledge), State::Failed);
        let error = driver.failure.clone().unwrap().error;
        assert!(
            matches!(&error, JourneyError::Voucher(error) if is(error)),
            "{error}"
        );
        assert_eq!(driver.paths(), ["requestvoucher", "voucher_status"]);
        let (ok, reason) = parse_status(&driver.sent[1].body).unwrap();
        assert!(!ok && !reason.unwrap().contains("nonce"));
    }
    // A MASA that is nobody's.
    let unknown = Manufacturer::new();
    let mut pledge = Pledge::new(PledgeConfig {
        manufacturer: vec![unknown.anchor()],
        ..config(&m)
    })
    .unwrap();
    let wanted = Wanted::default();
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
    assert_eq!(driver.run(&mut pledge), State::Failed);
    assert!(matches!(
        driver.failure.unwrap().error,
        JourneyError::Voucher(error) if matches!(*error, VoucherError::UnknownMasa { .. })
    ));
}

/// 5.6.2: a pin that is another domain's.
#[test]
fn another_pin() {
    let m = Manufacturer::new();
    let other = Manufacturer::new();
    let error = fails_wanting(
        &m,
        &Wanted {
            pin: Some(other.root()),
            ..Wanted::default()
        },
    );
    assert!(
        matches!(error, JourneyError::Pin(PinError::Mismatch { .. })),
        "{error}"
    );
}

/// The policies have the last word about the registrar: one without id-kp-cmcRA is none.
#[test]
fn a_registrar_that_the_policies_refuse() {
    let m = Manufacturer::new();
    let wanted = Wanted {
        pin: Some(m.root()),
        ..Wanted::default()
    };
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
    driver.intercept = Box::new(|action| match action {
        Action::Judge { id, request, .. } => {
            let mut judgement = super::driver::judge(request);
            judgement.outcome = resolvet_proto::judgement::Outcome::Rejected;
            Some(Event::Judged { id: *id, judgement })
        }
        _ => None,
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(driver.run(&mut pledge), State::Failed);
    assert!(matches!(
        driver.failure.clone().unwrap().error,
        JourneyError::Refused {
            purpose: Purpose::Registrar,
            ..
        }
    ));
    assert_eq!(driver.paths(), ["requestvoucher", "voucher_status"]);
    assert!(!parse_status(&driver.sent[1].body).unwrap().0);
}

/// 5.6: one redirect to another registrar, where the request is made anew for the one that is seen there; no more.
#[test]
fn redirects() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let to = |host: &str| {
        let uri = format!("https://{host}/.well-known/brski/requestvoucher");
        HttpReply::new(307, &[("location", &uri)], vec![])
    };
    let mut once = driver(&m, |request| Some(answer(&m, &wanted, request))).server(
        "cloud.example.net",
        Manufacturer::new().registrar(),
        |_| Some(to(REGISTRAR)),
    );
    let start = |host| PledgeConfig {
        endpoint: Some(endpoint(host)),
        ..config(&m)
    };
    let mut pledge = Pledge::new(start("cloud.example.net")).unwrap();
    assert_eq!(once.run(&mut pledge), State::Done, "{:#?}", pledge.story());
    assert_ne!(once.sent[0].body, once.sent[1].body);

    let mut twice = driver(&m, |_| Some(to("cloud.example.net"))).server(
        "cloud.example.net",
        m.registrar(),
        |_| Some(to("a.example.net")),
    );
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(twice.run(&mut pledge), State::Failed);
    assert_eq!(
        twice.failure.unwrap().error,
        JourneyError::OtherOrigin {
            from: endpoint("cloud.example.net"),
            to: endpoint("a.example.net")
        }
    );
}

/// 2.1: a registrar that fails is followed by the next one, with a nonce of its own.
#[test]
fn the_next_registrar() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request))).server(
        "a.example.net",
        m.registrar(),
        |_| Some(HttpReply::new(403, &[], vec![])),
    );
    let mut pledge = Pledge::new(PledgeConfig {
        endpoint: None,
        ..config(&m)
    })
    .unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    assert_ne!(driver.sent[0].body, driver.sent[1].body);
    assert!(
        steps(&pledge)
            .iter()
            .any(|step| matches!(step, Step::Failed(text) if text.contains("403")))
    );
}

/// Every other way in which a registrar can fail has an error of its own.
#[test]
fn other_faults() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    for status in [403, 404, 406, 415, 500] {
        assert_eq!(
            fails_with(&m, |_| Some(HttpReply::new(status, &[], vec![]))),
            JourneyError::NoVoucher {
                endpoint: endpoint(REGISTRAR),
                status
            }
        );
    }
    assert!(matches!(
        fails_with(&m, |_| None),
        JourneyError::Exchange { .. }
    ));
    let at = |path: &'static str, reply: HttpReply| {
        fails_with(&m, |request| {
            Some(if request.path.ends_with(path) {
                reply.clone()
            } else {
                answer(&m, &wanted, request)
            })
        })
    };
    assert!(matches!(
        at("eecerts", HttpReply::new(500, &[], vec![])),
        JourneyError::Reply {
            reason: ReplyError::Status { status: 500, .. },
            ..
        }
    ));
    assert!(matches!(
        at("eecerts", pkcs7(&[])),
        JourneyError::Reply {
            reason: ReplyError::Cms(CmsError::NoCertificates),
            ..
        }
    ));
    let huge = HttpReply::new(
        200,
        &[("content-type", "application/pkcs7-mime")],
        vec![b'A'; 8 << 20],
    );
    assert!(matches!(
        at("eecerts", huge),
        JourneyError::Reply {
            reason: ReplyError::Body(BodyError::TooLarge { .. }),
            ..
        }
    ));
    let mut cut = pkcs7(&[m.root()]);
    cut.body = cut.body[..400].into();
    assert!(matches!(
        at("simpleenroll", cut),
        JourneyError::Reply {
            reason: ReplyError::Body(BodyError::Length { .. }),
            ..
        }
    ));
    assert!(matches!(
        at("simpleenroll", pkcs7(&[m.root()])),
        JourneyError::Signing(_)
    ));
    assert!(matches!(
        at(
            "eecerts",
            HttpReply::new(302, &[("location", "https://evil.example.net/x")], vec![])
        ),
        JourneyError::OtherOrigin { .. }
    ));
    assert!(matches!(
        at(
            "eecerts",
            HttpReply::new(302, &[("location", "/.well-known/est/eecerts")], vec![])
        ),
        JourneyError::Redirects { .. }
    ));
    assert!(matches!(
        at(
            "simpleenroll",
            HttpReply::new(401, &[("www-authenticate", "Basic realm=x")], vec![])
        ),
        JourneyError::Unauthorized { .. }
    ));
}

/// RFC 7030 section 4.2.3: a request that stays pending is stored, sent again as it is over a connection of its own, and given
/// up at last.
#[test]
fn pending_enrolment() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let left = Cell::new(2);
    let mut patient = driver(&m, |request| {
        if request.path.ends_with("simpleenroll") && left.get() > 0 {
            left.set(left.get() - 1);
            return Some(HttpReply::new(202, &[("retry-after", "86400")], vec![]));
        }
        Some(answer(&m, &wanted, request))
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(
        patient.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    let requests: Vec<_> = patient
        .sent
        .iter()
        .filter(|r| r.path.ends_with("simpleenroll"))
        .collect();
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|request| request.body == requests[0].body)
    );
    let pending: Vec<_> = patient.stored.iter().map(|e| e.pending.clone()).collect();
    assert_eq!(pending.len(), 3);
    let kept = pending[0].as_ref().unwrap();
    assert_eq!(kept.operation, Operation::SimpleEnroll);
    assert_eq!(kept.request[..], decode(&requests[0].body, 65_536).unwrap());
    assert!(pending[2].is_none() && patient.stored[2].identity.is_some());

    let mut never = driver(&m, |request| {
        Some(if request.path.ends_with("simpleenroll") {
            HttpReply::new(202, &[("retry-after", "86400")], vec![])
        } else {
            answer(&m, &wanted, request)
        })
    });
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(never.run(&mut pledge), State::Failed);
    assert!(matches!(
        never.failure.clone().unwrap().error,
        JourneyError::PendingTooLong { limit: 604_800, .. }
    ));
    let last = never
        .sent
        .iter()
        .rev()
        .find(|request| request.path.ends_with("enrollstatus"));
    assert!(!parse_status(&last.unwrap().body).unwrap().0);
}

/// 2.6.1: a device without a clock is bootstrapped, says so, and sends no date.
#[test]
fn without_a_clock() {
    let m = Manufacturer::new();
    let wanted = Wanted::default();
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
    driver.now.unix = 86_400;
    // The policies judge by what pkix says of such a request; here they know the time, the pledge does not.
    driver.intercept = Box::new(|action| match action {
        Action::Judge { id, request, .. } => {
            assert_eq!(request.clock, Clock::Unsynchronized);
            let mut judgement = super::driver::judge(request);
            judgement.outcome = resolvet_proto::judgement::Outcome::Accepted;
            Some(Event::Judged { id: *id, judgement })
        }
        _ => None,
    });
    let mut profile = config(&m).profile;
    profile.clock = Clock::Unsynchronized;
    let mut pledge = Pledge::new(PledgeConfig {
        profile,
        ..config(&m)
    })
    .unwrap();
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    let waived = steps(&pledge).into_iter().find_map(|step| match step {
        Step::Voucher { waived, .. } => Some(waived),
        _ => None,
    });
    assert_eq!(waived.unwrap().len(), 1);
    let body = String::from_utf8_lossy(&driver.sent[0].body).into_owned();
    assert!(!body.contains("created-on"));
}

/// The draft's section 11: in a network that the user did not name, nothing begins. A key store or a store that fails ends
/// it.
#[test]
fn networks_keys_and_stores() {
    let m = Manufacturer::new();
    let profile = Profile::new(AnchorChoice::Explicit, NetworkIdentity::None);
    assert_eq!(
        Pledge::new(PledgeConfig {
            profile,
            ..config(&m)
        })
        .unwrap_err(),
        ProfileError::UntrustedNetwork
    );
    let wanted = Wanted::default();
    for store in [false, true] {
        let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
        driver.intercept = Box::new(move |action| match action {
            Action::Sign { id, .. } if !store => Some(Event::KeyFailed {
                id: *id,
                detail: "locked".into(),
            }),
            Action::Store { id, .. } => Some(Event::Stored {
                id: *id,
                problem: Some("no space left".into()),
            }),
            _ => None,
        });
        let mut pledge = Pledge::new(config(&m)).unwrap();
        assert_eq!(driver.run(&mut pledge), State::Failed);
        let error = driver.failure.unwrap().error;
        assert!(
            matches!(
                (&error, store),
                (JourneyError::Keys { .. }, false) | (JourneyError::Store { .. }, true)
            ),
            "{error}"
        );
    }
}
