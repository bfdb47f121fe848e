//! A refused server or a failed connection is not the end: the next candidate is tried, and the story keeps both.

use std::time::Duration;

use resolvet_proto::judgement::Outcome as Judged;
use resolvet_proto::session::FailureKind;
use resolvet_tests::lab::ca::{Fault, Leaf};
use resolvet_tests::lab::dot::DotFault;
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{Journey, nothing_leaked};

fn two(first: Leaf, second: Leaf) -> Lab {
    Lab::start(Options::new().servers("example.net", vec![first, second])).unwrap()
}

#[tokio::test]
async fn after_a_refused_certificate_the_next_server_serves() {
    for fault in [
        Fault::Expired,
        Fault::OtherKey,
        Fault::WrongIssuer,
        Fault::PrivacySells,
    ] {
        let lab = two(
            Leaf::good("example.net").with(fault),
            Leaf::good("example.net"),
        );
        let outcome = Journey::new(&lab).attach().await;
        assert_eq!(outcome.failure, None, "{fault}");
        outcome.ask().await.unwrap();
        let [bad, good] = lab.site().servers() else {
            panic!("two servers")
        };
        assert!(
            bad.dot.statistics().connections > 0,
            "{fault}: the better priority is tried first"
        );
        assert!(bad.dot.journal().is_empty(), "{fault}");
        assert_eq!(good.dot.journal().len(), 1, "{fault}");
        let attempts = outcome.attempts();
        assert!(
            attempts.first().unwrap().starts_with("a.example.net"),
            "{fault}: {attempts:?}"
        );
        assert!(
            attempts.last().unwrap().starts_with("b.example.net"),
            "{fault}: {attempts:?}"
        );
        assert_eq!(
            outcome.validations().last().unwrap().outcome,
            Judged::Accepted,
            "{fault}"
        );
    }
}

#[tokio::test]
async fn after_a_failed_connection_the_next_server_serves() {
    for fault in [
        DotFault::Closes,
        DotFault::ClosesInHandshake,
        DotFault::NoTls(b"220 mail.example.net ESMTP\r\n".to_vec()),
    ] {
        let lab = two(Leaf::good("example.net"), Leaf::good("example.net"));
        lab.site().servers()[0].dot.fail(fault.clone());
        let outcome = Journey::new(&lab).attach().await;
        assert_eq!(outcome.failure, None, "{fault:?}");
        outcome.ask().await.unwrap();
        assert!(!outcome.connection_failures().is_empty(), "{fault:?}");
        assert_eq!(lab.site().servers()[1].dot.journal().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn when_all_are_refused_the_worst_reason_is_told() {
    let lab = two(
        Leaf::good("example.net").with(Fault::PrivacySells),
        Leaf::good("example.net").with(Fault::Expired),
    );
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    assert!(!outcome.assessments().is_empty() && !outcome.validations().is_empty());
    nothing_leaked(&lab);
}

#[tokio::test]
async fn a_server_that_dies_is_followed_by_another() {
    let lab = two(Leaf::good("example.net"), Leaf::good("example.net"));
    let [first, second] = lab.site().servers() else {
        panic!("two servers")
    };
    first.dot.fail(DotFault::ClosesAfter {
        answers: 1,
        abrupt: true,
    });
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    first.dot.fail(DotFault::Closes);
    tokio::time::sleep(Duration::from_millis(100)).await;
    outcome.ask().await.unwrap();
    assert_eq!(second.dot.journal().len(), 1);
}
