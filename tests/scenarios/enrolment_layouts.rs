//! Bodies on the wire (RFC 8951 section 3.1): whatever a server writes is read, and what it cannot read is written otherwise.

use resolvet_tests::lab::est::{EstOptions, Layout, Reads};
use resolvet_tests::lab::masa::MasaOptions;

use crate::enrolment_desk::{Device, lab};
use crate::enrolment_iot::Thing;

#[tokio::test]
async fn every_layout_of_answers_is_read() {
    let lab = lab();
    for layout in Layout::EVERY {
        lab.est().write_as(layout);
        let bootstrap = Device::new(&lab).bootstrap().await;
        assert!(bootstrap.is_ok(), "{layout:?}: {}", bootstrap.unwrap_err());
    }
}

/// One that reads no long line answers 400 and gets the same request folded, once; one that reads nothing else is not sent
/// anything else.
#[tokio::test]
async fn a_request_that_is_not_read_is_sent_again_folded() {
    for (reads, statuses) in [
        (Reads::Any, vec![200]),
        (Reads::Unfolded, vec![200]),
        (Reads::Folded64, vec![400, 200]),
    ] {
        let options = EstOptions {
            reads,
            ..EstOptions::new("example.net")
        };
        let thing = Thing::at(options, MasaOptions::default());
        thing.join().await.unwrap();
        let journal = thing.lab.registrar().journal();
        let enrol = journal
            .iter()
            .filter(|entry| entry.path.ends_with("/simpleenroll"));
        let came: Vec<u16> = enrol.map(|entry| entry.status).collect();
        assert_eq!(came, statuses, "{reads:?}");
    }
}
