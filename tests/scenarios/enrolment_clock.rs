//! A device whose clock was never set (RFC 8995 section 2.6.1): what is certain is judged, and the person is told what is not.

use resolvet::enrolment::{Step, in_words};
use resolvet_proto::judgement::{Clock, Purpose, Severity};

use crate::enrolment_desk::{Device, lab};
use crate::enrolment_iot::Thing;

/// The purposes of accepted certificates whose judgement warns of the clock.
fn warned(story: &[Step]) -> Vec<Purpose> {
    let warned = story.iter().filter_map(|step| match step {
        Step::Judged {
            purpose, judgement, ..
        } if judgement.is_accepted() => {
            let mut warnings = judgement.warnings();
            let clock = warnings
                .find(|(_, finding)| finding.code == "clock-not-trusted")?
                .1;
            assert_eq!(clock.severity, Severity::Warning);
            Some(purpose.clone())
        }
        _ => None,
    });
    warned.collect()
}

#[tokio::test]
async fn a_laptop_without_a_clock_enrols_and_is_told() {
    for clock in [Clock::LowerBound, Clock::Unsynchronized] {
        let lab = lab();
        let mut device = Device::new(&lab);
        device.enroller = device.enroller.with_clock(clock);
        device.bootstrap().await.unwrap();
        let purposes = [Purpose::EstServer, Purpose::ConveyedEndEntity];
        assert_eq!(warned(&device.shown), purposes);
        let words: Vec<_> = device.shown.iter().filter_map(in_words).collect();
        let said = "\n  warning: `clock-not-trusted`, ";
        assert!(words.iter().any(|line| line.contains(said)), "{words:?}");
    }
}

#[tokio::test]
async fn a_thing_without_a_clock_joins_and_is_told() {
    let mut thing = Thing::new();
    thing.enroller = thing.enroller.with_clock(Clock::LowerBound);
    let (_, story) = thing.join_and_tell().await.unwrap();
    let purposes = [
        Purpose::Registrar,
        Purpose::EstServer,
        Purpose::ConveyedEndEntity,
    ];
    assert_eq!(warned(&story), purposes);
    let words: Vec<_> = story.iter().filter_map(in_words).collect();
    let waived = "\n  warning: without a clock neither the voucher's end";
    assert!(words.iter().any(|line| line.contains(waived)), "{words:?}");
}

#[tokio::test]
async fn a_clock_that_is_set_warns_of_nothing() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.bootstrap().await.unwrap();
    assert_eq!(warned(&device.shown), []);
    let words: Vec<_> = device.shown.iter().filter_map(in_words).collect();
    assert!(!words.join("\n").contains("warning"), "{words:?}");
}
