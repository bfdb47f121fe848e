//! Clients that support several protocols.

use resolvet_guest::native;
use resolvet_policy_preference::{Settings, select};
use resolvet_proto::{
    discovery::{DomainName, Kind, NoteCode, Question},
    judgement::{
        Digest, Evaluation, Judgement, Mode, Outcome, Ranking, Request, Role, Source, Stage,
        Transport,
    },
    session::{
        Action, AtOnce, Config, ConnectionFailure, ConnectionFailureKind, Event, Response, Session,
    },
};

use crate::zone::{NOW, Zone, lines, notes};

/// The servers that a session attempts, one after the other, in the order of `preference` without settings.
fn attempted(zone: &Zone) -> Vec<String> {
    let mut session = Session::new(Config {
        methods: vec![Source::SNaptr],
        transports: vec![Transport::Dot, Transport::Dtls],
        at_once: AtOnce::One,
        ..Config::new("example.net", 7)
    })
    .unwrap();
    let mut attempted = Vec::new();
    session.handle(Event::Start, NOW);
    while let Some(action) = session.next_action() {
        let event = match action {
            Action::Query { id, name, rtype } => {
                let kinds = [Kind::Naptr, Kind::Srv, Kind::A, Kind::Aaaa];
                let kind = kinds.into_iter().find(|kind| kind.number() == rtype);
                let question = Question {
                    name: DomainName::parse(&name).unwrap(),
                    kind: kind.unwrap(),
                };
                let response = Response::Message(zone.answer(&question).into());
                Event::Answer { id, response }
            }
            Action::Select { request } => Event::Selected {
                judgement: selected(&request),
            },
            Action::Connect {
                attempt, server, ..
            } => {
                attempted.push(format!("{} {}", server.transport, server.address));
                let reason = ConnectionFailure {
                    kind: ConnectionFailureKind::Refused,
                    detail: "nobody is there".into(),
                };
                Event::ConnectionFailed {
                    attempt,
                    reason,
                    presented: None,
                    judgement: None,
                }
            }
            _ => continue,
        };
        session.handle(event, NOW);
    }
    attempted
}

/// What the engine makes of the order of `preference`.
fn selected(request: &Request) -> Judgement<Ranking> {
    let ranking = native::evaluate(request, "{}", || select(&Settings::default()));
    let ranking = ranking.checked(request, request.candidates.len()).unwrap();
    Judgement {
        stage: Stage::Selection,
        request: request.digest(),
        generation: 0,
        outcome: Outcome::Accepted,
        lifetime: None,
        evaluations: vec![Evaluation {
            policy: "preference".into(),
            version: "1".into(),
            digest: Digest::of(b"preference"),
            mode: Mode::Enforce,
            role: Role::Authority,
            result: Ok(ranking),
            log: vec![],
            signatures: vec![],
            nanoseconds: 1,
        }],
    }
}

#[test]
fn a_protocol_that_the_first_set_does_not_name_is_never_pursued() {
    let mut zone = Zone::new()
        .naptr("example.net.", (1, 0), "", "DPRIVE:dns.tls", "isp.example.")
        .naptr(
            "isp.example.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "dtls.isp.example.",
        )
        .naptr(
            "isp.example.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "dot.isp.example.",
        )
        .a("dot.isp.example.", 1)
        .a("dtls.isp.example.", 2);
    assert_eq!(lines(&zone.discover()), ["dot 192.0.2.1 853"]);
    assert!(
        !zone
            .asked
            .iter()
            .any(|question| question.starts_with("dtls.")),
        "{:?}",
        zone.asked
    );
}

#[test]
fn a_set_for_another_protocol_alone_is_a_failure() {
    let mut zone = Zone::new()
        .naptr("example.net.", (1, 0), "", "DPRIVE:dns.tls", "isp.example.")
        .naptr(
            "isp.example.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "dtls.isp.example.",
        )
        .a("dtls.isp.example.", 2);
    let discovered = zone.discover();
    assert!(discovered.candidates.is_empty());
    assert_eq!(
        notes(&discovered, "isp.example."),
        [NoteCode::NoMatchingRecord]
    );
}

#[test]
fn one_protocol_is_pursued_completely_before_another() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls",
            "a.example.net.",
        )
        .naptr(
            "example.net.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .naptr(
            "example.net.",
            (3, 0),
            "A",
            "DPRIVE:dns.dtls",
            "c.example.net.",
        )
        .naptr(
            "example.net.",
            (4, 0),
            "A",
            "DPRIVE:dns.tls",
            "d.example.net.",
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 2)
        .a("c.example.net.", 3)
        .a("d.example.net.", 4);
    let expected = [
        "dtls 192.0.2.1 853",
        "dtls 192.0.2.3 853",
        "dot 192.0.2.2 853",
        "dot 192.0.2.4 853",
    ];
    assert_eq!(
        lines(&zone.discover()),
        expected,
        "the first set ranks the protocols"
    );
    let expected = expected.map(|line| line.trim_end_matches(" 853").to_owned());
    assert_eq!(
        attempted(&zone),
        expected,
        "and so servers are connected to"
    );
}

#[test]
fn each_protocol_is_pursued_by_itself() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "",
            "DPRIVE:dns.tls:dns.dtls",
            "next.example.net.",
        )
        .naptr(
            "next.example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.dtls:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1);
    let expected = ["dot 192.0.2.1 853", "dtls 192.0.2.1 853"];
    assert_eq!(
        lines(&zone.discover()),
        expected,
        "one visit of a name does not count for the other"
    );
}
