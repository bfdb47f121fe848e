//! What counts as a judgement, and what follows from a refusal.

use super::*;
use crate::judgement::UsageProfile;

#[test]
fn the_whole_way() {
    let mut play = Play::standard();
    let connect = play.connect();
    assert_eq!(connect.server.address.to_string(), "2001:db8:8:4::2");
    assert_eq!(connect.request.server.as_ref(), Some(&connect.server));
    assert!(
        connect.request.presented.certificates.is_empty(),
        "the context is frozen without credentials"
    );
    let (attempt, request) = assessing(&play.connected(&connect, accept));
    assert_eq!(request.presented, presented());
    assert_eq!(play.session.state(), State::Assessing);
    let vetted = serving(&play.assessed(attempt, accept(Stage::Privacy, &request, 1)));
    assert_eq!(vetted.server(), &connect.server);
    assert_eq!(vetted.expires(), play.now.after_seconds(3_600));
    assert_eq!(vetted.bound(), LifetimeBound::Discovery);
    assert!(vetted.is_authenticated());
    assert_eq!(play.session.state(), State::Serving);
}

#[test]
fn a_transcript_replays_to_the_same_actions() {
    let mut play = Play::standard();
    let vetted = play.serve();
    play.pass(10);
    let request = selecting(&play.event(Event::Swapped { generation: 2 }));
    let rejudge = rejudging(&play.select(&request, &[0, 1, 2, 3]));
    play.rejudged(&rejudge, reject);
    assert!(vetted.expires() > play.now);

    let json = serde_json::to_string(&play.transcript).unwrap();
    let transcript: Transcript = serde_json::from_str(&json).unwrap();
    assert_eq!(transcript, play.transcript);
    let (session, actions) = transcript.replay().unwrap();
    assert_eq!(actions, play.actions);
    assert_eq!(session.story(), play.session.story());
    assert!(serde_json::to_string(session.story()).is_ok());
    assert!(serde_json::to_string(&actions).is_ok());
}

#[test]
fn a_refused_server_is_followed_by_the_next() {
    let mut play = Play::standard();
    let first = play.connect();
    let actions = play.connected(&first, reject);
    assert_eq!(
        withdrawing(&actions),
        (first.attempt, WithdrawReason::ValidationRefused)
    );
    let second = connecting(&actions);
    assert_eq!(second.server.address.to_string(), "192.0.2.1");
    let third = connecting(&play.failed(&second, ConnectionFailureKind::Refused));
    assert_eq!(third.server.transport, Transport::Dtls);
    let (attempt, request) = assessing(&play.connected(&third, accept));
    let actions = play.assessed(attempt, reject(Stage::Privacy, &request, 1));
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::PrivacyRefused)
    );
    let fourth = connecting(&actions);
    let failure = failing(&play.failed(&fourth, ConnectionFailureKind::TimedOut));
    assert_eq!(
        failure.kind,
        FailureKind::ValidationRefused,
        "the most telling of the four"
    );
    assert_eq!(
        failure.message,
        "dot server 2001:db8:8:4::2 port 853 (`a.example.net`): the name does not match (p: name-mismatch)"
    );
}

#[test]
fn the_order_of_failures() {
    use FailureKind::*;
    let kinds = [
        Unanswered,
        NothingDiscovered,
        Downgrade,
        ConnectionFailed,
        PrivacyRefused,
        SelectionRefused,
        ValidationRefused,
        PolicyFault,
    ];
    assert!(kinds.is_sorted());
}

#[test]
fn a_fault_refuses_and_is_told_before_all_else() {
    let mut play = Play::standard();
    let connect = play.connect();
    let request = connect.request.presenting(presented());
    let faulted = judgement(
        Stage::Validation,
        &request,
        1,
        Outcome::Faulted,
        None,
        vec![],
    );
    let attempt = connect.attempt;
    let event = Event::Connected {
        attempt,
        presented: presented(),
        judgement: faulted,
    };
    let actions = play.event(event);
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::PolicyFault)
    );
    let mut connect = connecting(&actions);
    while let Some(Action::Connect { .. }) = play.connected(&connect, reject).last() {
        connect = connecting(&play.actions[..=last_connect(&play.actions)]);
    }
    assert_eq!(failing(&play.actions).kind, FailureKind::PolicyFault);
}

fn last_connect(actions: &[Action]) -> usize {
    actions
        .iter()
        .rposition(|action| matches!(action, Action::Connect { .. }))
        .unwrap()
}

#[test]
fn nobody_with_authority_is_a_refusal_under_strict() {
    let mut play = Play::standard();
    let connect = play.connect();
    let request = connect.request.presenting(presented());
    let outcome = Outcome::NoAuthority;
    let judgement = judgement(
        Stage::Validation,
        &request,
        1,
        outcome,
        None,
        vec![Verdict::new(Decision::Abstain)],
    );
    let attempt = connect.attempt;
    let actions = play.event(Event::Connected {
        attempt,
        presented: presented(),
        judgement,
    });
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::ValidationRefused)
    );
}

#[test]
fn a_judgement_of_another_request_counts_for_nothing() {
    let mut play = Play::standard();
    let connect = play.connect();
    let attempt = connect.attempt;
    // The context as it was issued, without what the peer presented.
    let judgement = accept(Stage::Validation, &connect.request, 1);
    let actions = play.event(Event::Connected {
        attempt,
        presented: presented(),
        judgement,
    });
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::ForeignJudgement)
    );

    // The right request at another stage.
    let connect = connecting(&actions);
    let (attempt, request) = assessing(&play.connected(&connect, accept));
    let actions = play.assessed(attempt, accept(Stage::Validation, &request, 1));
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::ForeignJudgement)
    );

    // A selection of another request.
    let mut play = Play::standard();
    let request = play.discover();
    let other = Request {
        now: 0,
        ..(*request).clone()
    };
    assert_eq!(
        failing(&play.select(&other, &[0])).kind,
        FailureKind::PolicyFault
    );
}

#[test]
fn a_judgement_of_an_older_generation_is_made_again() {
    let mut play = Play::standard();
    let connect = play.connect();
    assert!(play.event(Event::Swapped { generation: 2 }).is_empty());
    let rejudge = rejudging(&play.connected(&connect, accept));
    assert_eq!((rejudge.generation, rejudge.serving), (2, false));
    assert_eq!(rejudge.request.presented, presented());
    let vetted = serving(&play.rejudged(&rejudge, accept));
    assert_eq!(vetted.generation(), 2);
}

#[test]
fn a_selection_of_an_older_generation_is_made_again_but_not_for_ever() {
    let mut play = Play::standard();
    let mut request = play.discover();
    for generation in 2..=limits::REPETITIONS as u64 + 1 {
        let stale = Judgement {
            generation: generation - 1,
            ..empty_selection(&request)
        };
        play.event(Event::Swapped { generation });
        request = selecting(&play.event(Event::Selected { judgement: stale }));
    }
    play.event(Event::Swapped { generation: 100 });
    let judgement = Judgement {
        generation: 99,
        ..empty_selection(&request)
    };
    assert_eq!(
        failing(&play.event(Event::Selected { judgement })).kind,
        FailureKind::PolicyFault
    );
}

fn empty_selection(request: &Request) -> Judgement<Ranking> {
    judgement(
        Stage::Selection,
        request,
        1,
        Outcome::Accepted,
        None,
        vec![],
    )
}

#[test]
fn without_selectors_discovery_orders() {
    let mut play = Play::standard();
    let request = play.discover();
    let actions = play.event(Event::Selected {
        judgement: empty_selection(&request),
    });
    assert_eq!(connecting(&actions).server, request.candidates[0].server());
}

#[test]
fn selectors_reorder_and_forbid() {
    let mut play = Play::standard();
    let request = play.discover();
    let connect = connecting(&play.select(&request, &[3, 1, 1, 99]));
    assert_eq!(connect.server, request.candidates[3].server());
    let connect = connecting(&play.failed(&connect, ConnectionFailureKind::Refused));
    assert_eq!(connect.server, request.candidates[1].server());
    let failure = failing(&play.failed(&connect, ConnectionFailureKind::Refused));
    assert_eq!(failure.kind, FailureKind::ConnectionFailed);

    let mut play = Play::standard();
    let request = play.discover();
    assert_eq!(
        failing(&play.select(&request, &[])).kind,
        FailureKind::SelectionRefused
    );
}

#[test]
fn a_refusal_inside_the_handshake_is_a_refusal() {
    let mut play = Play::standard();
    let connect = play.connect();
    let attempt = connect.attempt;
    let request = connect.request.presenting(presented());
    let kind = ConnectionFailureKind::Refusal;
    let event = Event::ConnectionFailed {
        attempt,
        reason: ConnectionFailure {
            kind,
            detail: "refused".into(),
        },
        presented: Some(presented()),
        judgement: Some(reject(Stage::Validation, &request, 1)),
    };
    let mut next = connecting(&play.event(event));
    for _ in 0..2 {
        next = connecting(&play.failed(&next, ConnectionFailureKind::Unreachable));
    }
    let failure = failing(&play.failed(&next, ConnectionFailureKind::Unreachable));
    assert_eq!(failure.kind, FailureKind::ValidationRefused);
}

#[test]
fn a_key_that_is_not_proved_is_no_authentication() {
    let mut play = Play::standard();
    let mut next = play.connect();
    for _ in 0..3 {
        next = connecting(&play.failed(&next, ConnectionFailureKind::ProofOfPossession));
    }
    let failure = failing(&play.failed(&next, ConnectionFailureKind::Refused));
    assert_eq!(failure.kind, FailureKind::ValidationRefused);
}

#[test]
fn attempts_are_bounded() {
    let mut play = Play::new(Config {
        attempts: 2,
        ..Config::new("example.net", 1)
    });
    play.zone = |owner, rtype| match (owner, rtype) {
        ("a.example.net.", 1) => (1..=8).map(|n| RData::A(A::new(192, 0, 2, n))).collect(),
        _ => figure_2(owner, rtype),
    };
    let first = play.connect();
    let second = connecting(&play.failed(&first, ConnectionFailureKind::Refused));
    let failure = failing(&play.failed(&second, ConnectionFailureKind::Refused));
    assert_eq!(failure.kind, FailureKind::ConnectionFailed);
    let passed_over = |entry: &&Entry| matches!(&entry.step, Step::PassedOver { reason, .. } if reason.starts_with("2 servers"));
    assert_eq!(play.session.story().iter().filter(passed_over).count(), 7);
}

#[test]
fn a_transport_that_the_build_lacks_is_passed_over() {
    let mut play = Play::new(Config {
        transports: vec![Transport::Dtls],
        ..Config::new("example.net", 1)
    });
    let connect = play.connect();
    assert_eq!(connect.server.transport, Transport::Dtls);
    let reasons = play
        .session
        .story()
        .iter()
        .filter_map(|entry| match &entry.step {
            Step::PassedOver { reason, .. } => Some(reason.as_str()),
            _ => None,
        });
    let reasons: Vec<_> = reasons.collect();
    assert_eq!(
        reasons,
        ["transport `dot` is not supported by this build"; 2]
    );
}

#[test]
fn doh_is_judged_under_strict_whatever_the_profile() {
    let usage_profile = UsageProfile::Opportunistic;
    let transports = vec![Transport::Dot, Transport::Doh];
    let mut play = Play::new(Config {
        usage_profile,
        transports,
        ..Config::new("example.net", 1)
    });
    play.zone = |owner, rtype| match (owner, rtype) {
        ("example.net.", NAPTR) => vec![
            naptr(1, "A", "dprive:DNS.TLS", "a.example.net."),
            naptr(2, "a", "DPRIVE:dnshttps", "a.example.net."),
        ],
        ("_dns.example.net.", SVCB) => vec![svcb(1, "a.example.net.", &offering(&["h2"]))],
        _ => figure_2(owner, rtype),
    };
    let mut connect = play.connect();
    assert_eq!(connect.request.usage_profile, UsageProfile::Opportunistic);
    for _ in 0..2 {
        connect = connecting(&play.failed(&connect, ConnectionFailureKind::Refused));
    }
    assert_eq!(
        (connect.server.transport.clone(), connect.server.port),
        (Transport::Doh, 443)
    );
    assert_eq!(connect.request.usage_profile, UsageProfile::Strict);
    assert_eq!(connect.server.path.as_deref(), Some("/dns-query{?dns}"));
}

#[test]
fn what_comes_too_late_is_closed() {
    let mut play = Play::standard();
    let first = play.connect();
    play.failed(&first, ConnectionFailureKind::TimedOut);
    let actions = play.connected(&first, accept);
    assert_eq!(
        withdrawing(&actions),
        (first.attempt, WithdrawReason::ConnectionLost)
    );
    assert_eq!(actions.len(), 1);
}

#[test]
fn credentials_larger_than_what_is_judged_are_refused() {
    let mut play = Play::standard();
    let connect = play.connect();
    let attempt = connect.attempt;
    let certificates = vec![Der::from(b"x".as_slice()); 17];
    let presented = Presented {
        certificates,
        ocsp_response: None,
    };
    let request = connect.request.presenting(presented.clone());
    let judgement = accept(Stage::Validation, &request, 1);
    let actions = play.event(Event::Connected {
        attempt,
        presented,
        judgement,
    });
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::ValidationRefused)
    );
}
