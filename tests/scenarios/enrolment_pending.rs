//! A server that has to think about it, and a device that loses power meanwhile (RFC 8995 section 5.6, RFC 7030 section 4.2.3).

use std::time::Duration;

use resolvet::enrolment::{EnrolError, Step};
use resolvet_proto::enrolment::brski::ENROL_STATUS;
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::enrolment::journey::JourneyError;
use resolvet_tests::lab::est::EstFault;
use resolvet_tests::lab::registrar::RegistrarFault;
use tokio::time::sleep;

use crate::enrolment_iot::Thing;

/// Joins until this holds; then the device has no power any more, and begins anew from what is on its disk.
async fn interrupted(thing: &mut Thing, holds: impl Fn(&Thing) -> bool) {
    {
        let joining = thing.join();
        tokio::pin!(joining);
        loop {
            tokio::select! {
                ended = &mut joining => panic!("{ended:?}"),
                () = sleep(Duration::from_millis(10)) => if holds(thing) { break },
            }
        }
    }
    thing.restart();
}

fn pending<T>(fault: impl Fn(String, u32) -> T, times: u32) -> T {
    fault("1".to_owned(), times)
}

fn at_registrar(retry_after: String, times: u32) -> RegistrarFault {
    RegistrarFault::Pending { retry_after, times }
}

fn at_est(retry_after: String, times: u32) -> EstFault {
    EstFault::Pending { retry_after, times }
}

fn voucher(thing: &Thing) -> bool {
    let kept = thing.store.pending_voucher(&thing.network);
    kept.unwrap().is_some()
}

#[tokio::test]
async fn a_voucher_request_goes_on_after_a_restart() {
    let mut thing = Thing::new();
    thing.lab.registrar().fail(pending(at_registrar, u32::MAX));
    interrupted(&mut thing, voucher).await;
    let asked = thing.lab.registrar().requests().len();
    thing.lab.registrar().fail(RegistrarFault::None);
    thing.join().await.unwrap();
    let requests = thing.lab.registrar().requests();
    assert!(requests.len() > asked);
    assert!(requests.iter().all(|request| *request == requests[0]));
    assert!(!voucher(&thing), "it is forgotten");
}

#[tokio::test]
async fn a_certification_request_goes_on_after_a_restart() {
    let mut thing = Thing::new();
    let fail = |thing: &Thing, times| {
        let fault = pending(at_est, times);
        thing
            .lab
            .registrar()
            .fail_at(Operation::SimpleEnroll, fault);
    };
    fail(&thing, u32::MAX);
    let stored = |thing: &Thing| thing.store.load(&thing.network).unwrap();
    interrupted(&mut thing, |thing| {
        stored(thing).is_some_and(|enrolment| enrolment.pending.is_some())
    })
    .await;
    let kept = stored(&thing).unwrap().pending.unwrap();
    fail(&thing, 0);
    let enrolment = thing.join().await.unwrap();
    let vouchers = thing.lab.registrar().requests();
    assert_eq!(vouchers.len(), 1, "the voucher was not asked for again");
    assert_eq!(enrolment.pending, None);
    let identity = enrolment.identity.as_ref().unwrap();
    assert_eq!(identity.key, kept.key);
    assert_eq!(thing.lab.registrar().issued().len(), 1);
    // The registrar hears of it as it would have without the restart (RFC 8995 section 5.9.4).
    let told = thing.lab.registrar().told();
    let last = told.last().unwrap();
    assert_eq!((last.path.as_str(), last.ok), (ENROL_STATUS, true));
    assert_eq!(last.client.as_deref(), Some(&*identity.certificate));
    assert_eq!(told.len(), 2, "{told:?}");
}

/// In one run, of a device with less patience: the story ends by an error of its own, which names path and limit.
#[tokio::test]
async fn a_server_that_never_decides_ends_it() {
    let mut thing = Thing::new();
    thing.enroller = thing.enroller.with_patience(Duration::from_secs(2));
    let fault = pending(at_est, u32::MAX);
    thing
        .lab
        .registrar()
        .fail_at(Operation::SimpleEnroll, fault);
    let error = thing.join().await.unwrap_err();
    let EnrolError::Journey(failure) = error else {
        panic!("{error:?}")
    };
    let JourneyError::PendingTooLong { path, limit, .. } = &failure.error else {
        panic!("{:?}", failure.error)
    };
    assert_eq!(
        (path.as_str(), *limit),
        ("/.well-known/est/simpleenroll", 2)
    );
    let said = failure.error.to_string();
    assert!(said.contains("has been pending for"), "{said}");
    let told = thing.lab.registrar().told();
    let last = told.last().unwrap();
    assert_eq!((last.path.as_str(), last.ok), (ENROL_STATUS, false));
}

/// One that never decides: what was asked for is given up after a week, and the story says why.
#[tokio::test]
async fn for_ever_is_a_week() {
    let mut thing = Thing::new();
    let fault = pending(at_est, u32::MAX);
    thing
        .lab
        .registrar()
        .fail_at(Operation::SimpleEnroll, fault);
    let stored = |thing: &Thing| thing.store.load(&thing.network).unwrap();
    interrupted(&mut thing, |thing| {
        stored(thing).is_some_and(|enrolment| enrolment.pending.is_some())
    })
    .await;
    let mut enrolment = stored(&thing).unwrap();
    if let Some(pending) = &mut enrolment.pending {
        pending.since -= 7 * 86_400;
        pending.not_before = pending.since;
    }
    thing.store.save(&thing.network, &enrolment).unwrap();
    let (enrolment, story) = thing.join_and_tell().await.unwrap();
    assert_eq!(enrolment.pending, None);
    let told = story.iter().any(|step| match step {
        Step::Without { reason, .. } => reason.contains("has been pending for"),
        _ => false,
    });
    assert!(told, "{story:?}");
    let told = thing.lab.registrar().told();
    let last = told.last().unwrap();
    assert_eq!((last.path.as_str(), last.ok), (ENROL_STATUS, false));
}
