//! 3.1: where a server does not answer, another is tried, and this one is left alone for a while.

use resolvet_proto::{
    discovery::ConfiguredServer,
    judgement::{Judgement, Outcome, Ranking, Stage, Transport},
    session::{
        Action, Config, ConnectionFailure, ConnectionFailureKind, Event, Session, Step, Timestamp,
        limits::DTLS_AVOIDED,
    },
};

const START: Timestamp = Timestamp {
    unix: 1_800_000_000,
    boot: 0,
};

fn config() -> Config {
    let server = |transport, last| ConfiguredServer {
        transport,
        name: None,
        addresses: vec![[192, 0, 2, last].into()],
        port: None,
        path: None,
        pins: Vec::new(),
    };
    Config {
        methods: Vec::new(),
        transports: vec![Transport::Dtls, Transport::Dot],
        configured: vec![server(Transport::Dtls, 1), server(Transport::Dot, 2)],
        ..Config::new("example.net", 7)
    }
}

/// Begins, and gives the transports that are attempted when each attempt fails in this way.
fn attempted(
    config: Config,
    kind: ConnectionFailureKind,
    now: Timestamp,
) -> (Session, Vec<Transport>) {
    let mut session = Session::new(config).unwrap();
    let mut transports = Vec::new();
    let mut events = vec![Event::Start];
    while let Some(event) = events.pop() {
        session.handle(event, now);
        while let Some(action) = session.next_action() {
            match action {
                Action::Select { request } => events.push(Event::Selected {
                    judgement: Judgement::<Ranking> {
                        stage: Stage::Selection,
                        request: request.digest(),
                        generation: 0,
                        outcome: Outcome::Accepted,
                        lifetime: None,
                        evaluations: Vec::new(),
                    },
                }),
                Action::Connect {
                    attempt, server, ..
                } => {
                    transports.push(server.transport);
                    let reason = ConnectionFailure {
                        kind,
                        detail: "told so".into(),
                    };
                    events.push(Event::ConnectionFailed {
                        attempt,
                        reason,
                        presented: None,
                        judgement: None,
                    });
                }
                _ => {}
            }
        }
    }
    (session, transports)
}

#[test]
fn a_server_that_did_not_answer_is_left_alone_for_15_minutes() {
    let both = [Transport::Dtls, Transport::Dot];
    for kind in [
        ConnectionFailureKind::TimedOut,
        ConnectionFailureKind::Refused,
    ] {
        let (first, transports) = attempted(config(), kind, START);
        assert_eq!(transports, both);
        // The next session knows it, too.
        let known = || Config {
            avoided: first.avoided().to_vec(),
            ..config()
        };
        let almost = START.after_seconds(DTLS_AVOIDED - 1);
        let (session, transports) = attempted(known(), kind, almost);
        assert_eq!(transports, [Transport::Dot]);
        let passed = |step: &Step| matches!(step, Step::PassedOver { reason, .. } if reason.contains("RFC 8094 3.1"));
        assert!(session.story().iter().any(|entry| passed(&entry.step)));
        let later = START.after_seconds(DTLS_AVOIDED);
        assert_eq!(attempted(known(), kind, later).1, both);
    }
    assert_eq!(DTLS_AVOIDED, 15 * 60);
}

/// One that answered and was refused speaks it.
#[test]
fn a_server_that_was_refused_is_no_server_that_did_not_answer() {
    let (session, _) = attempted(config(), ConnectionFailureKind::ProofOfPossession, START);
    assert_eq!(session.avoided(), []);
}
