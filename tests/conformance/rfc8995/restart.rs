//! 5.6: a device that loses power while its voucher is pending goes on with the request that it signed.

use std::cell::Cell;

use resolvet_proto::enrolment::{
    PendingVoucher,
    est::{HttpReply, HttpRequest},
    journey::{Event, Journey as _, Pledge, PledgeConfig, State},
};

use super::{
    driver::{Driver, endpoint},
    manufacturer::{Manufacturer, Wanted},
    section_5_9::{answer, config, driver},
};

/// A registrar that has to look at it so many times.
fn slow(m: &Manufacturer, times: u32) -> impl FnMut(&HttpRequest) -> Option<HttpReply> + '_ {
    let left = Cell::new(times);
    move |request| {
        if request.path.ends_with("requestvoucher") && left.get() > 0 {
            left.set(left.get() - 1);
            return Some(HttpReply::new(202, &[("retry-after", "30")], vec![]));
        }
        Some(answer(m, &Wanted::default(), request))
    }
}

/// Runs a device until its request is pending; then there is no power any more.
fn interrupted(m: &Manufacturer, driver: &mut Driver<'_>) -> PendingVoucher {
    let mut pledge = Pledge::new(config(m)).unwrap();
    driver.run_until(&mut pledge, Event::Start, &|driver| {
        driver.remembered.is_some()
    });
    // The clock that counts since the start begins anew.
    driver.now.boot = 5_000;
    driver.now.unix += 600;
    driver.remembered.clone().unwrap()
}

fn resumed(m: &Manufacturer, pending: PendingVoucher) -> Pledge {
    Pledge::new(PledgeConfig {
        pending: Some(pending),
        ..config(m)
    })
    .unwrap()
}

/// The bodies of the voucher requests, each once.
fn requests<'a>(driver: &'a Driver<'_>) -> Vec<&'a [u8]> {
    let asked = driver
        .sent
        .iter()
        .filter(|request| request.path.ends_with("requestvoucher"));
    let mut bodies: Vec<&[u8]> = asked.map(|request| &*request.body).collect();
    bodies.dedup();
    bodies
}

#[test]
fn the_same_request_goes_on() {
    let m = Manufacturer::new();
    let mut driver = driver(&m, slow(&m, 3));
    let pending = interrupted(&m, &mut driver);
    let mut pledge = resumed(&m, pending);
    assert_eq!(
        driver.run(&mut pledge),
        State::Done,
        "{:#?}",
        pledge.story()
    );
    assert_eq!(requests(&driver).len(), 1);
    assert_eq!(driver.remembered, None);
    assert!(pledge.enrolment().is_some());
}

/// A registrar with another certificate is not the one that the request names; the device begins anew.
#[test]
fn at_another_registrar_it_begins_anew() {
    let m = Manufacturer::new();
    let mut driver = driver(&m, slow(&m, 1));
    let mut pending = interrupted(&m, &mut driver);
    pending.registrar = vec![m.anchor()];
    let mut pledge = resumed(&m, pending.clone());
    assert_eq!(driver.run(&mut pledge), State::Done);
    assert_eq!(requests(&driver).len(), 2);

    pending.endpoint = endpoint("elsewhere.example.net");
    driver.sent.clear();
    let mut pledge = resumed(&m, pending);
    assert_eq!(driver.run(&mut pledge), State::Done);
    assert_eq!(requests(&driver).len(), 1, "it was not sent at all");
}

/// Both runs together wait four days, no matter what the clock that counts since the start says.
#[test]
fn for_ever_is_four_days_over_restarts() {
    let m = Manufacturer::new();
    let mut driver = driver(&m, slow(&m, 2));
    let mut pending = interrupted(&m, &mut driver);
    pending.since -= 4 * 86_400;
    let mut pledge = resumed(&m, pending);
    assert_eq!(driver.run(&mut pledge), State::Done);
    // The old one once more, then one that is made anew.
    assert_eq!(requests(&driver).len(), 2);
}
