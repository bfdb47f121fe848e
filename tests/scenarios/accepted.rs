//! A server without fault is vetted, and answers.

use hickory_proto::rr::RecordType;
use resolvet_proto::judgement::Outcome as Judged;
use resolvet_proto::session::Step;
use resolvet_tests::lab::ca::{Algorithm, Leaf};
use resolvet_tests::lab::dns::absolute;
use resolvet_tests::lab::dot::{DotFault, DotOptions, Versions};
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{ASKED, DOT, Journey};

#[tokio::test]
async fn a_domain_name_becomes_an_answer() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
    let answer = outcome.ask().await.unwrap();
    assert_eq!(
        answer.message.answers[0].data.ip_addr(),
        Some("192.0.2.80".parse().unwrap())
    );
    assert_eq!(answer.server.transport, DOT);
    assert!(
        lab.site().servers()[0]
            .dot
            .addresses()
            .contains(&(answer.server.address, answer.server.port).into())
    );
    assert_eq!(outcome.validations()[0].outcome, Judged::Accepted);
    assert_eq!(outcome.assessments()[0].outcome, Judged::Accepted);
    assert!(
        outcome
            .story
            .iter()
            .any(|entry| matches!(entry.step, Step::Served { .. }))
    );
}

#[tokio::test]
async fn only_the_lookups_of_discovery_leave_in_clear_text() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    let expected = [
        ("example.net", RecordType::NAPTR),
        ("_dns.example.net", RecordType::SVCB),
        ("_dprive._tcp.example.net", RecordType::PTR),
        ("_dprive._udp.example.net", RecordType::PTR),
        ("_doh._tcp.example.net", RecordType::PTR),
        ("dns1.example.net", RecordType::NAPTR),
        ("dns2.example.net", RecordType::NAPTR),
        ("_domain-s._tcp.example.net", RecordType::SRV),
        ("_domain-s._udp.example.net", RecordType::SRV),
        ("a.example.net", RecordType::A),
        ("a.example.net", RecordType::AAAA),
    ]
    .map(|(name, record_type)| (absolute(name).unwrap(), record_type));
    for query in lab.dns().journal().queries() {
        assert!(
            expected.contains(&(query.name.clone(), query.record_type)),
            "{query} in clear text"
        );
    }
    assert_eq!(
        lab.dns().journal().count(&expected[0].0, RecordType::NAPTR),
        1
    );
    let dot = &lab.site().servers()[0].dot;
    assert_eq!(dot.journal().len(), 1);
    assert_eq!(
        dot.journal()
            .count(&absolute(ASKED).unwrap(), RecordType::A),
        1
    );
}

#[tokio::test]
async fn queries_are_padded_to_blocks_of_128_octets() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    let query = &lab.site().servers()[0].dot.journal().queries()[0];
    assert!(query.padding.is_some(), "RFC 8467 section 4.1");
    assert_eq!(query.octets % 128, 0);
}

#[tokio::test]
async fn both_versions_of_tls_and_both_kinds_of_key_work() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        for algorithm in [Algorithm::EcP256, Algorithm::Rsa2048] {
            let mut leaf = Leaf::good("example.net");
            leaf.algorithm = algorithm;
            let dot = DotOptions {
                versions,
                ..DotOptions::default()
            };
            let options = Options::new()
                .servers("example.net", vec![leaf])
                .dot(dot)
                .algorithm(algorithm);
            let lab = Lab::start(options).unwrap();
            let outcome = Journey::new(&lab).attach().await;
            assert_eq!(outcome.failure, None, "{versions:?} {algorithm:?}");
            outcome.ask().await.unwrap();
        }
    }
}

#[tokio::test]
async fn queries_at_once_share_a_connection_and_may_be_answered_in_any_order() {
    let dot = DotOptions {
        reverse: 3,
        ..DotOptions::default()
    };
    let lab = Lab::start(Options::new().dot(dot)).unwrap();
    let outcome = Journey::new(&lab).attach().await;
    let names = ["www.example.net", "a.example.net", "ns.example.net"];
    let ask = |name| outcome.attachment.query(name, RecordType::A);
    let (first, second, third) = tokio::join!(ask(names[0]), ask(names[1]), ask(names[2]));
    for (answer, name) in [first, second, third].into_iter().zip(names) {
        let answer = answer.unwrap();
        assert_eq!(
            answer.message.answers[0].name,
            absolute(name).unwrap(),
            "answers found their queries"
        );
    }
    assert_eq!(lab.site().servers()[0].dot.statistics().handshakes, 1);
}

#[tokio::test]
async fn a_closed_connection_is_made_and_judged_again() {
    for abrupt in [false, true] {
        let lab = Lab::start(Options::new()).unwrap();
        let dot = &lab.site().servers()[0].dot;
        dot.fail(DotFault::ClosesAfter { answers: 1, abrupt });
        let outcome = Journey::new(&lab).attach().await;
        outcome.ask().await.unwrap();
        // The end of the connection has to arrive before it can be noticed.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        outcome.ask().await.unwrap();
        assert_eq!(dot.statistics().handshakes, 2, "abrupt: {abrupt}");
        let outcome = outcome.attachment.story().await.unwrap();
        let judged = outcome
            .iter()
            .filter(|entry| matches!(entry.step, Step::Validation { .. }))
            .count();
        assert_eq!(judged, 2, "every connection is judged");
    }
}

#[tokio::test]
async fn a_second_domain_of_the_same_network_has_its_own_server() {
    let lab = Lab::start(Options::new().site("example.net").site("example.com")).unwrap();
    let second = &lab.sites()[1].servers()[0];
    let conveyed = resolvet_proto::judgement::Conveyed::Certificates {
        certificates: vec![second.identity.conveyed().as_ref().into()],
    };
    let outcome = Journey::new(&lab)
        .domain("example.com")
        .conveyed(conveyed)
        .attach()
        .await;
    assert_eq!(outcome.failure, None);
    outcome.ask().await.unwrap();
    assert_eq!(second.dot.journal().len(), 1);
    assert!(lab.sites()[0].servers()[0].dot.journal().is_empty());
}
