//! A server that stays silent holds nobody up: the next is attempted beside it, and the silent one is given up.

use std::{
    io::Read as _,
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    time::Duration,
};

use resolvet_proto::{
    discovery::ConfiguredServer,
    judgement::Transport,
    session::{AtOnce, FailureKind, Step, WithdrawReason},
};
use resolvet_tests::lab::{Lab, Options, ca::Leaf, dot::DotFault};

use crate::journey::{Journey, Outcome, nothing_leaked};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn two() -> Lab {
    let servers = vec![Leaf::good("example.net"), Leaf::good("example.net")];
    Lab::start(Options::new().servers("example.net", servers)).unwrap()
}

fn lab() -> Lab {
    Lab::start(Options::new().servers("example.net", vec![Leaf::good("example.net")])).unwrap()
}

/// A server that was written down and is nothing but a port.
fn silent(transport: Transport, port: u16) -> ConfiguredServer {
    ConfiguredServer {
        transport,
        name: None,
        addresses: vec![LOCALHOST],
        port: Some(port),
        path: None,
        pins: vec![],
    }
}

fn withdrawals(outcome: &Outcome) -> Vec<WithdrawReason> {
    let reasons = outcome.story.iter().filter_map(|entry| match entry.step {
        Step::Withdrawn { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

#[tokio::test]
async fn a_silent_server_is_overtaken() {
    let lab = two();
    let [first, second] = lab.site().servers() else {
        panic!("two servers")
    };
    first.dot.fail(DotFault::Silent);
    let journey = Journey::new(&lab).config(|config| config.attempt_delay = 50);
    let outcome = journey.attach().await;
    assert_eq!(outcome.failure, None);
    outcome.ask().await.unwrap();
    assert_eq!(second.dot.journal().len(), 1);
    assert_eq!(
        outcome.connection_failures(),
        [""; 0],
        "nobody waited until it had failed"
    );
    let both = [WithdrawReason::Overtaken; 2];
    assert_eq!(withdrawals(&outcome), both, "each of its addresses");
    assert!(first.dot.statistics().connections > 0);
    assert!(first.dot.journal().is_empty());
    nothing_leaked_but_the_answer(&lab);
}

fn nothing_leaked_but_the_answer(lab: &Lab) {
    let asked = resolvet_tests::lab::dns::absolute(crate::journey::ASKED).unwrap();
    assert!(!lab.dns().journal().asked_for(&asked));
}

/// A handshake of DTLS is repeated for 12 s here. The port is open, so nothing says that nobody answers.
#[tokio::test]
async fn a_black_hole_for_datagrams_costs_a_delay() {
    let lab = lab();
    let hole = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    hole.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let port = hole.local_addr().unwrap().port();
    let outcome = Journey::new(&lab)
        .over([Transport::Dtls, Transport::Dot])
        .config(move |config| {
            config.configured = vec![silent(Transport::Dtls, port)];
            config.attempt_delay = 50;
        })
        .attach_over(Transport::Dtls)
        .await;
    assert_eq!(outcome.failure, None);
    assert_eq!(
        outcome.ask().await.unwrap().server.transport,
        Transport::Dot
    );
    let failures = outcome.connection_failures();
    assert!(
        !failures.concat().contains(&format!(":{port} ")),
        "nobody waited until it had failed: {failures:?}"
    );
    assert_eq!(withdrawals(&outcome), [WithdrawReason::Overtaken]);
    let octets = hole.recv(&mut [0; 2_048]).unwrap();
    assert!(octets > 0, "it was attempted, and first");
}

/// What is given up is closed: the peer reads the end of the stream while the winner serves.
#[tokio::test]
async fn the_connection_of_an_attempt_that_is_given_up_is_closed() {
    let lab = lab();
    let hole = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = hole.local_addr().unwrap().port();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = hole.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut hello = Vec::new();
        stream.read_to_end(&mut hello).map(|_| hello)
    });
    let outcome = Journey::new(&lab)
        .config(move |config| {
            config.configured = vec![silent(Transport::Dot, port)];
            config.attempt_delay = 50;
        })
        .attach()
        .await;
    outcome.ask().await.unwrap();
    let reasons = withdrawals(&outcome);
    // Whichever of the two discovery put in front.
    assert!(
        reasons
            .iter()
            .all(|reason| *reason == WithdrawReason::Overtaken)
    );
    if !reasons.is_empty() {
        let hello = tokio::task::spawn_blocking(move || peer.join().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(hello.first(), Some(&22), "a handshake, and nothing else");
    }
}

/// Where one server is attempted after the other, a silent one is waited for.
#[tokio::test]
async fn one_after_the_other_where_it_is_configured() {
    let lab = two();
    let [first, second] = lab.site().servers() else {
        panic!("two servers")
    };
    first.dot.fail(DotFault::Silent);
    let journey = Journey::new(&lab).config(|config| {
        config.attempt_delay = 50;
        config.at_once = AtOnce::One;
    });
    let outcome = journey.attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(second.dot.journal().len(), 1);
    let failures = outcome.connection_failures();
    assert_eq!(failures.len(), 2, "each of its addresses: {failures:?}");
    assert_eq!(withdrawals(&outcome), []);
}

#[tokio::test]
async fn when_all_are_silent_the_session_ends() {
    let lab = two();
    for server in lab.site().servers() {
        server.dot.fail(DotFault::Silent);
    }
    let journey = Journey::new(&lab).config(|config| config.attempt_delay = 50);
    let outcome = journey.attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ConnectionFailed));
    assert_eq!(outcome.connection_failures().len(), 4);
    nothing_leaked(&lab);
}
