//! A vetted server does its worst: queries fail with a clear error, and the client lives on.

use std::time::Duration;

use resolvet_tests::lab::dns::{Behaviour, When};
use resolvet_tests::lab::dot::DotFault;
use resolvet_tests::lab::{Lab, Options};
use tokio::time::timeout;

use crate::journey::{Journey, Outcome};

/// Longer than the limit for one query in these journeys, shorter than for ever.
const LONG: Duration = Duration::from_secs(10);

async fn vetted(lab: &Lab) -> Outcome {
    let outcome = Journey::new(lab).attach().await;
    assert_eq!(outcome.failure, None);
    outcome
}

#[tokio::test]
async fn answers_that_do_not_answer_are_not_given() {
    for behaviour in [
        Behaviour::WrongId,
        Behaviour::WrongQuestion,
        Behaviour::NoQuestion,
        Behaviour::NotAResponse,
        Behaviour::Silent,
        Behaviour::Cut(11),
        Behaviour::Raw(vec![0xff; 600]),
        Behaviour::PointerLoop,
    ] {
        let lab = Lab::start(Options::new()).unwrap();
        let outcome = vetted(&lab).await;
        let dot = &lab.site().servers()[0].dot;
        dot.responder().behave(When::always(), behaviour.clone());
        let answer = timeout(LONG, outcome.ask()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{behaviour:?} does not end"));
        assert!(answer.is_err(), "{behaviour:?}: {answer:?}");
        dot.responder().behave_well();
        outcome
            .ask()
            .await
            .unwrap_or_else(|error| panic!("after {behaviour:?}: {error}"));
    }
}

#[tokio::test]
async fn frames_that_lie_are_errors() {
    for octets in [
        vec![0xff, 0xff, 0x00],
        vec![0x00, 0x00],
        vec![0x00, 0x01, 0xff],
        [0xff, 0xff]
            .into_iter()
            .chain(std::iter::repeat_n(0, 65_535))
            .collect(),
    ] {
        let lab = Lab::start(Options::new()).unwrap();
        let dot = &lab.site().servers()[0].dot;
        dot.fail(DotFault::Stream(octets.clone()));
        let outcome = vetted(&lab).await;
        let answer = timeout(LONG, outcome.ask()).await.unwrap();
        assert!(answer.is_err(), "{} octets", octets.len());
    }
}

/// Within the length, between it and the message, within the message.
#[tokio::test]
async fn a_server_that_dies_in_mid_answer_is_connected_to_again() {
    for octets in [1, 2, 20] {
        let lab = Lab::start(Options::new()).unwrap();
        let dot = &lab.site().servers()[0].dot;
        dot.fail(DotFault::Dies(octets));
        let outcome = vetted(&lab).await;
        let error = outcome.ask().await.unwrap_err().to_string();
        assert!(error.contains("closed"), "{octets} octets: {error}");
        dot.fail(DotFault::None);
        outcome.ask().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_counts_once() {
    let lab = Lab::start(Options::new()).unwrap();
    let dot = &lab.site().servers()[0].dot;
    dot.fail(DotFault::Twice);
    let outcome = vetted(&lab).await;
    for name in ["a.example.net", "www.example.net", "a.example.net"] {
        let asked = outcome
            .attachment
            .query(name, hickory_proto::rr::RecordType::A);
        let message = asked.await.unwrap().message;
        let of = message.answers[0].name.to_string().to_lowercase();
        assert_eq!(of, format!("{name}."));
    }
    assert_eq!(dot.statistics().handshakes, 1, "the same connection");
}

#[tokio::test]
async fn late_answers_of_one_query_do_not_answer_another() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = vetted(&lab).await;
    let responder = lab.site().servers()[0].dot.responder();
    responder.behave(
        When::always(),
        Behaviour::Delayed(Duration::from_millis(3_300)),
    );
    assert!(outcome.ask().await.is_err());
    responder.behave_well();
    let answer = outcome
        .attachment
        .query("a.example.net", hickory_proto::rr::RecordType::A)
        .await
        .unwrap();
    assert_eq!(
        answer.message.answers[0].name.to_string().to_lowercase(),
        "a.example.net."
    );
}
