//! The untrusted resolver does its worst: the work stays bounded, the end is told, and nothing is sent.

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use resolvet_proto::discovery::limits;
use resolvet_proto::judgement::Conveyed;
use resolvet_proto::session::FailureKind;
use resolvet_proto::session::limits::RETRY_WAITS;
use resolvet_tests::lab::dns::{Behaviour, Transport, When, Zone, absolute, hostile};
use resolvet_tests::lab::{Lab, Options};
use tokio::time::timeout;

use crate::journey::{Journey, Outcome, nothing_leaked};

/// Longest time that any of these may take: waits after failed lookups included, far from for ever.
const LONG: Duration = Duration::from_secs(30);

/// Queries of one discovery at most: each lookup is tried again after each wait, over UDP and then over TCP.
const QUERIES: usize = limits::LOOKUPS * (RETRY_WAITS.len() + 1) * 2;

/// A lab whose resolver gives other zones than the true one.
fn lab(zone: Zone) -> Lab {
    let lab = Lab::start(Options::new()).unwrap();
    lab.dns().responder().set_zone(zone);
    lab
}

/// A lab whose resolver misbehaves.
fn misbehaving(behaviour: Behaviour) -> Lab {
    let lab = Lab::start(Options::new()).unwrap();
    lab.dns().behave(When::always(), behaviour);
    lab
}

/// Goes to the lab, which must lead nowhere, with bounded work.
async fn nowhere(lab: &Lab) -> Outcome {
    let journey = Journey::new(lab).conveyed(Conveyed::NotEnrolled);
    let outcome = timeout(LONG, journey.attach()).await.unwrap();
    assert!(
        outcome.lookups() <= limits::LOOKUPS * (RETRY_WAITS.len() + 1),
        "{} lookups",
        outcome.lookups()
    );
    assert!(outcome.failure.is_some(), "it led to a server");
    nothing_leaked(lab);
    outcome
}

/// Goes to the lab, which must lead nowhere, and expects a note.
async fn noted(lab: &Lab, note: &str) {
    let outcome = nowhere(lab).await;
    assert_eq!(
        outcome.kind(),
        Some(FailureKind::NothingDiscovered),
        "{:?}",
        outcome.failure
    );
    let notes = outcome.notes();
    assert!(
        notes.iter().any(|code| code == note),
        "expected `{note}`, came {notes:?}"
    );
}

#[tokio::test]
async fn a_record_that_leads_to_itself_is_a_loop() {
    noted(
        &lab(hostile::naptr_to_itself("example.net").unwrap()),
        "loop",
    )
    .await;
}

#[tokio::test]
async fn a_circle_is_a_loop() {
    noted(
        &lab(hostile::naptr_circle("example.net", 3).unwrap()),
        "loop",
    )
    .await;
}

#[tokio::test]
async fn a_chain_without_end_is_too_deep() {
    noted(
        &lab(hostile::naptr_circle("example.net", 1_000).unwrap()),
        "too-deep",
    )
    .await;
}

#[tokio::test]
async fn endless_fan_out_is_bounded() {
    let lab = misbehaving(hostile::endless_fan_out(50));
    let outcome = nowhere(&lab).await;
    let notes = outcome.notes();
    assert!(notes.iter().any(|code| code == "fan-out"), "{notes:?}");
    assert!(
        lab.dns().journal().len() <= QUERIES,
        "{} queries",
        lab.dns().journal().len()
    );
}

#[tokio::test]
async fn ten_thousand_records_are_not_followed() {
    let lab = misbehaving(hostile::ten_thousand_naptr());
    nowhere(&lab).await;
    assert!(
        lab.dns().journal().len() <= QUERIES,
        "{} queries",
        lab.dns().journal().len()
    );
}

#[tokio::test]
async fn a_crowd_of_addresses_is_cut() {
    let lab = Lab::start(Options::new()).unwrap();
    lab.dns().behave(
        When::always().of_type(RecordType::A),
        hostile::crowd_of_addresses(2_000),
    );
    lab.dns().behave(
        When::always().of_type(RecordType::AAAA),
        Behaviour::Code(ResponseCode::NXDomain),
    );
    let outcome = Journey::new(&lab)
        .conveyed(Conveyed::NotEnrolled)
        .attach()
        .await;
    assert!(outcome.failure.is_some());
    assert!(
        outcome.attempts().len() <= limits::ADDRESSES,
        "{:?}",
        outcome.attempts()
    );
    nothing_leaked(&lab);
}

#[tokio::test]
async fn a_target_of_the_root_says_that_there_is_no_service() {
    let mut zone = Zone::figure_2("example.net", &[]).unwrap();
    zone.srv("_domain-s._tcp", 0, 0, 853, ".").unwrap();
    noted(&lab(zone), "service-not-available").await;
}

#[tokio::test]
async fn a_target_that_is_an_alias_is_told() {
    let lab = Lab::start(Options::new()).unwrap();
    let port = lab.site().servers()[0].dot.port();
    let mut zone = Zone::figure_2("example.net", &[]).unwrap();
    zone.srv("_domain-s._tcp", 0, 0, port, "alias-of-a")
        .unwrap();
    zone.cname("alias-of-a", "a").unwrap();
    zone.address("a", "127.0.0.1".parse().unwrap()).unwrap();
    lab.dns().responder().set_zone(zone);
    let outcome = Journey::new(&lab).attach().await;
    assert!(
        outcome.notes().iter().any(|code| code == "target-is-alias"),
        "{:?}",
        outcome.notes()
    );
}

#[tokio::test]
async fn names_of_255_octets_are_looked_up_like_others() {
    let mut zone = Zone::new("example.net").unwrap();
    let longest = hostile::longest_name("example.net").unwrap().to_string();
    zone.naptr("@", 100, 10, "", "DPRIVE:dns.tls", &longest)
        .unwrap();
    let lab = lab(zone);
    nowhere(&lab).await;
    assert!(lab.dns().journal().asked_for(&absolute(&longest).unwrap()));
}

#[tokio::test]
async fn messages_that_lie_are_failed_lookups() {
    let mut journeys = tokio::task::JoinSet::new();
    for behaviour in [
        Behaviour::Cut(11),
        Behaviour::Cut(30),
        Behaviour::LyingCount(u16::MAX),
        Behaviour::LyingRdLength,
        Behaviour::PointerLoop,
        Behaviour::Raw(vec![0xff; 600]),
        Behaviour::WrongId,
        Behaviour::WrongQuestion,
        Behaviour::NoQuestion,
        Behaviour::NotAResponse,
        Behaviour::Silent,
    ] {
        // Each waits before it asks again, so they wait together.
        journeys.spawn(async move {
            let notes = nowhere(&misbehaving(behaviour.clone())).await.notes();
            assert!(
                notes.iter().any(|code| code == "lookup-failed"),
                "{behaviour:?}: {notes:?}"
            );
        });
    }
    journeys.join_all().await;
}

#[tokio::test]
async fn errors_of_the_resolver_are_told() {
    for (code, note) in [
        (ResponseCode::ServFail, "lookup-failed"),
        (ResponseCode::Refused, "lookup-failed"),
        (ResponseCode::NXDomain, "name-does-not-exist"),
    ] {
        noted(&misbehaving(Behaviour::Code(code)), note).await;
    }
}

#[tokio::test]
async fn answers_for_other_names_are_ignored() {
    noted(&misbehaving(Behaviour::OtherOwner), "other-name").await;
}

#[tokio::test]
async fn truncation_without_end_fails_and_with_tcp_works() {
    let lab = misbehaving(Behaviour::TruncatedAlways);
    nowhere(&lab).await;
    let lab = misbehaving(Behaviour::TruncatedOverUdp);
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
    assert!(
        lab.dns()
            .journal()
            .queries()
            .iter()
            .any(|query| query.transport == Transport::Tcp)
    );
}

#[tokio::test]
async fn a_stream_whose_length_lies_is_a_failed_lookup() {
    let lab = misbehaving(Behaviour::LyingFrame(60_000));
    lab.dns().behave(
        When::always().over(Transport::Udp),
        Behaviour::TruncatedOverUdp,
    );
    let outcome = nowhere(&lab).await;
    assert!(
        outcome.notes().iter().any(|code| code == "lookup-failed"),
        "{:?}",
        outcome.notes()
    );
}

#[tokio::test]
async fn a_spoofed_answer_before_the_right_one_is_passed_over() {
    let lab = misbehaving(Behaviour::SpoofFirst);
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None, "the right answer came too");
}

#[tokio::test]
async fn a_resolver_that_forgets_the_case_is_asked_over_tcp() {
    let lab = misbehaving(Behaviour::LowerCase);
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
    assert!(
        lab.dns()
            .journal()
            .queries()
            .iter()
            .any(|query| query.transport == Transport::Tcp)
    );
}

#[tokio::test]
async fn a_time_to_live_of_0_does_not_make_a_storm() {
    let lab = misbehaving(Behaviour::Ttl(0));
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
    let queries = lab.dns().journal().len();
    for _ in 0..5 {
        outcome.ask().await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(
        lab.dns().journal().len(),
        queries,
        "discovery is not repeated for each query"
    );
}

#[tokio::test]
async fn late_answers_are_waited_for() {
    let lab = misbehaving(Behaviour::Delayed(Duration::from_millis(150)));
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
}
