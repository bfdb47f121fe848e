//! The stub: programs of this machine are answered over vetted servers, and over nothing else.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RecordType, rdata::opt::EdnsOption},
};
use resolvet::{
    Policies,
    stub::{Evidence, Limits, Origin, Stub, Upstream},
};
use resolvet_proto::{
    judgement::{AnchorSet, Der, UsageProfile},
    session::Config,
};
use resolvet_tests::lab::{
    Lab, Options, ask,
    ca::{Fault, Leaf},
    dns::{Behaviour, When, absolute},
    dot::DotFault,
};
use serde_json::json;

use crate::journey::{ASKED, Journey, defaults, nothing_leaked, rule, set, with_settings};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    stub: Stub,
    policies: Policies,
    config: Config,
}

impl Running {
    async fn start(journey: Journey<'_>) -> Self {
        let (client, config) = journey.prepared();
        let policies = client.policies().clone();
        let upstream = Upstream::begin(client, Origin::Configured(Box::new(config.clone())));
        let listen = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().unwrap());
        let stub = Stub::bind(&listen, Limits::default(), upstream)
            .await
            .unwrap();
        Self {
            stub,
            policies,
            config,
        }
    }

    fn address(&self) -> SocketAddr {
        self.stub.addresses()[0]
    }

    async fn ask(&self) -> Message {
        udp(self.address(), ASKED).await
    }

    /// Asks until the answer has this code.
    async fn ask_until(&self, code: ResponseCode) -> Message {
        let began = Instant::now();
        loop {
            let message = self.ask().await;
            if message.metadata.response_code == code {
                return message;
            }
            assert!(began.elapsed() < PATIENCE, "{message:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn udp(server: SocketAddr, name: &str) -> Message {
    let query = ask::query(4_711, name, RecordType::A).unwrap();
    let socket = tokio::net::UdpSocket::bind((server.ip(), 0)).await.unwrap();
    socket
        .send_to(&query.to_vec().unwrap(), server)
        .await
        .unwrap();
    let mut buffer = vec![0; 4_096];
    let received = tokio::time::timeout(PATIENCE, socket.recv_from(&mut buffer));
    let (length, _) = received.await.expect("an answer").unwrap();
    let message = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(message.metadata.id, 4_711);
    message
}

async fn tcp(server: SocketAddr) -> Message {
    let query = ask::query(4_711, ASKED, RecordType::A).unwrap();
    let octets = tokio::task::spawn_blocking(move || ask::tcp(server, &query))
        .await
        .unwrap();
    Message::from_vec(&octets.unwrap()).unwrap()
}

/// The Extended DNS Error of a message: its code and text.
fn extended_error(message: &Message) -> Option<(u16, String)> {
    let edns = message.edns.as_ref()?;
    let options = edns.options().as_ref().iter();
    let mut errors = options.filter_map(|(code, option)| match option {
        EdnsOption::Unknown(_, data) if u16::from(*code) == 15 => Some(data),
        _ => None,
    });
    let data = errors.next()?;
    let text = String::from_utf8(data[2..].to_vec()).unwrap();
    Some((u16::from_be_bytes([data[0], data[1]]), text))
}

fn address_of(message: &Message) -> String {
    message.answers[0].data.ip_addr().unwrap().to_string()
}

#[tokio::test]
async fn both_families_and_protocols_are_answered_and_kept() {
    let lab = Lab::start(Options::new()).unwrap();
    let running = Running::start(Journey::new(&lab)).await;
    for &address in running.stub.addresses() {
        let message = udp(address, ASKED).await;
        assert_eq!(address_of(&message), "192.0.2.80", "{address}");
        assert_eq!(address_of(&tcp(address).await), "192.0.2.80", "{address}");
    }
    let dot = &lab.site().servers()[0].dot;
    assert_eq!(dot.journal().len(), 1, "the server was asked once");
    let query = &dot.journal().queries()[0];
    assert!(query.padding.is_some() && query.octets.is_multiple_of(128));
    let statistics = running.stub.statistics();
    assert_eq!((statistics.misses, statistics.hits), (1, 3));
    nothing_in_clear_text(&lab);
}

fn nothing_in_clear_text(lab: &Lab) {
    assert!(!lab.dns().journal().asked_for(&absolute(ASKED).unwrap()));
}

#[tokio::test]
async fn what_many_ask_at_once_is_asked_once() {
    let lab = Lab::start(Options::new()).unwrap();
    let dot = &lab.site().servers()[0].dot;
    let slow = Behaviour::Delayed(Duration::from_millis(300));
    dot.responder()
        .behave(When::name(absolute(ASKED).unwrap()), slow);
    let running = Running::start(Journey::new(&lab)).await;
    let address = running.address();
    let asking: Vec<_> = (0..32).map(|_| tokio::spawn(udp(address, ASKED))).collect();
    for asked in asking {
        assert_eq!(address_of(&asked.await.unwrap()), "192.0.2.80");
    }
    assert_eq!(dot.journal().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_gone_or_silent_is_followed_by_the_next() {
    for silent in [false, true] {
        let leaves = vec![Leaf::good("example.net"), Leaf::good("example.net")];
        let lab = Lab::start(Options::new().servers("example.net", leaves)).unwrap();
        let [first, second] = [0, 1].map(|position| &lab.site().servers()[position].dot);
        if !silent {
            let (answers, abrupt) = (1, true);
            first.fail(DotFault::ClosesAfter { answers, abrupt });
        }
        let running = Running::start(Journey::new(&lab)).await;
        let warm = udp(running.address(), "a.example.net").await;
        assert_eq!(warm.metadata.response_code, ResponseCode::NoError);
        assert_eq!(first.journal().len(), 1);
        if silent {
            first.responder().behave(When::always(), Behaviour::Silent);
        } else {
            first.fail(DotFault::Closes);
        }
        let message = running.ask_until(ResponseCode::NoError).await;
        assert_eq!(address_of(&message), "192.0.2.80", "silent: {silent}");
        assert!(second.journal().asked_for(&absolute(ASKED).unwrap()));
        nothing_in_clear_text(&lab);
    }
}

#[tokio::test]
async fn without_a_vetted_server_the_client_is_told_why() {
    let lab = Lab::start(Options::new().faulty_site("example.net", Fault::Expired)).unwrap();
    let running = Running::start(Journey::new(&lab)).await;
    let message = running.ask().await;
    assert_eq!(message.metadata.response_code, ResponseCode::ServFail);
    let (_, text) = extended_error(&message).expect("an Extended DNS Error (RFC 8914)");
    assert!(text.contains("validation-refused"), "{text}");
    assert!(text.len() <= 240);
    nothing_leaked(&lab);
}

#[tokio::test]
async fn a_stricter_policy_takes_the_kept_answers_with_the_server() {
    let lab = Lab::start(Options::new()).unwrap();
    let running = Running::start(Journey::new(&lab)).await;
    running.ask_until(ResponseCode::NoError).await;
    let mut rules = defaults();
    let strange = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    rules[0] = with_settings(rule("pkix"), json!({ "spki-pins": [strange] }));
    running.policies.swap(set(&UsageProfile::Strict, rules));
    running.ask_until(ResponseCode::ServFail).await;
    let queries = lab.site().servers()[0].dot.journal().len();
    assert_eq!(queries, 1, "nothing more was asked");
    // Back again without waiting for what the failure asked for.
    running
        .policies
        .swap(set(&UsageProfile::Strict, defaults()));
    running.ask_until(ResponseCode::NoError).await;
}

#[tokio::test]
async fn other_trust_anchors_or_a_revocation_end_what_is_in_use() {
    let lab = Lab::start(Options::new()).unwrap();
    let server = &lab.site().servers()[0];
    let running = Running::start(Journey::new(&lab)).await;
    let good = Evidence::of(&running.config);
    let none = Evidence {
        anchors: Arc::new(AnchorSet::default()),
        ..good.clone()
    };
    let revoked = lab.authority().crls(&[&server.identity]).unwrap();
    let revoked = Evidence {
        crls: revoked.into_iter().map(Der::from).collect(),
        ..good.clone()
    };
    for bad in [none, revoked] {
        running.ask_until(ResponseCode::NoError).await;
        running.stub.upstream().judge_by(bad).await.unwrap();
        running.ask_until(ResponseCode::ServFail).await;
        running
            .stub
            .upstream()
            .judge_by(good.clone())
            .await
            .unwrap();
    }
    running.ask_until(ResponseCode::NoError).await;
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_stub_ends() {
    let lab = Lab::start(Options::new()).unwrap();
    let dot = &lab.site().servers()[0].dot;
    let slow = Behaviour::Delayed(Duration::from_millis(500));
    dot.responder()
        .behave(When::name(absolute(ASKED).unwrap()), slow);
    let running = Running::start(Journey::new(&lab)).await;
    let warm = udp(running.address(), "a.example.net").await;
    assert_eq!(warm.metadata.response_code, ResponseCode::NoError);
    let address = running.address();
    let asking = tokio::spawn(async move { udp(address, ASKED).await });
    while !dot.journal().asked_for(&absolute(ASKED).unwrap()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(running.stub.stop(PATIENCE).await, "everything was answered");
    assert_eq!(address_of(&asking.await.unwrap()), "192.0.2.80");
}
