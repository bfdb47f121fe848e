//! The authority changes its root's key (RFC 7030 section 4.1.3, RFC 4210 section 4.4), and a device follows.

use resolvet_proto::judgement::Der;
use resolvet_tests::lab::Lab;
use resolvet_tests::lab::ca::{Identity, Leaf, Rollover};
use resolvet_tests::lab::est::EstOptions;

use crate::enrolment_desk::{Device, journey, lab};

/// The network's servers get certificates of the new authority; `lead` is what theirs leads to the old root by, if anything.
fn move_on(lab: &Lab, rollover: &Rollover, lead: bool) -> Identity {
    let with = |identity: Identity| match lead {
        true => identity.with_authority(&rollover.new_with_old),
        false => identity,
    };
    let est = EstOptions::new("example.net").leaf();
    let est = with(rollover.new.issue(&est).unwrap());
    lab.est().present(&est).unwrap();
    let dns = rollover.new.issue(&Leaf::good("example.net")).unwrap();
    lab.site().servers()[0].dot.present(&dns).unwrap();
    lab.est().convey(vec![dns.conveyed().clone()]);
    lab.est()
        .publish_crls(rollover.new.crls(&[]).unwrap().into());
    dns
}

/// While a root changes its key, `/cacerts` has both, and `/crls` the lists of both keys.
fn publish(lab: &Lab, rollover: &Rollover) {
    let (old, new) = (lab.authority(), &rollover.new);
    let lists = [old.crls(&[]).unwrap(), new.crls(&[]).unwrap()];
    lab.est().publish_crls(lists.concat());
    lab.est().publish_authorities(vec![
        new.root().clone(),
        old.root().clone(),
        rollover.old_with_new.clone(),
        rollover.new_with_old.clone(),
        new.intermediate().clone(),
        old.intermediate().clone(),
    ]);
}

fn anchors(enrolment: &resolvet::enrolment::Enrolment) -> Vec<Der> {
    let anchors = enrolment.anchors.iter();
    anchors.map(|anchor| anchor.certificate.clone()).collect()
}

/// A device that asks while both roots stand in `/cacerts` has both, and is ready when the servers change.
#[tokio::test]
async fn a_device_that_asks_in_time_has_both_roots() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    let rollover = lab.authority().roll_over().unwrap();
    publish(&lab, &rollover);
    let renewed = device.renew().await.unwrap();
    let both = [rollover.new.root(), lab.authority().root()];
    let found = anchors(&renewed);
    // A SET has no order.
    assert!(
        found.len() == 2
            && both
                .iter()
                .all(|root| found.contains(&Der::from(root.as_ref())))
    );
    // What leads from one to the other is kept, and is no anchor.
    for link in [&rollover.old_with_new, &rollover.new_with_old] {
        let link = Der::from(link.as_ref());
        assert!(renewed.intermediates.contains(&link));
    }
    move_on(&lab, &rollover, false);
    let after = device.renew().await.unwrap();
    let outcome = journey(&lab, &after).attach().await;
    assert_eq!(outcome.failure, None);
}

/// One that comes back later knows the old root alone: the new key, certified by the old one, leads it on.
#[tokio::test]
async fn a_device_that_comes_late_is_led_from_the_old_root_to_the_new_one() {
    let lab = lab();
    let mut device = Device::new(&lab);
    // The old key's lists settle nothing about what the new key signed: who keeps them must come in time.
    device.enroller = device.enroller.with_crls(false);
    device.bootstrap().await.unwrap();
    let rollover = lab.authority().roll_over().unwrap();
    let new = &rollover.new;
    lab.est()
        .publish_authorities(vec![new.root().clone(), new.intermediate().clone()]);
    move_on(&lab, &rollover, true);
    let renewed = device.renew().await.unwrap();
    assert_eq!(anchors(&renewed), [Der::from(new.root().as_ref())]);
    let outcome = journey(&lab, &renewed).attach().await;
    assert_eq!(outcome.failure, None);
}

/// Without that certificate nothing leads from one to the other, and nothing of the new one is believed.
#[tokio::test]
async fn a_new_root_that_the_old_one_does_not_certify_is_a_stranger() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    let rollover = lab.authority().roll_over().unwrap();
    publish(&lab, &rollover);
    move_on(&lab, &rollover, false);
    device.renew().await.unwrap_err();
}
