//! 5: messages fit into datagrams that pass everywhere.

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use resolvet_proto::dtls::PAYLOAD_OCTETS;
use resolvet_proto::message::{is_truncated, limit_payload};

/// A path MTU of 1,280 octets is assumed; a record, its headers and what encryption adds must fit.
#[test]
fn the_size_that_is_asked_for_fits_a_path_of_1280() {
    let around = 40 + 8 + 13 + 8 + 16;
    assert_eq!(usize::from(PAYLOAD_OCTETS) + around, 1_280);
    let mut query = resolvet::message::query("www.example.net", RecordType::A).unwrap();
    limit_payload(&mut query, PAYLOAD_OCTETS);
    let edns = Message::from_vec(&query).unwrap().edns.unwrap();
    assert_eq!(edns.max_payload(), PAYLOAD_OCTETS);
}

/// TC says that a message was cut.
#[test]
fn what_was_cut_is_known() {
    let mut message = resolvet::message::query("www.example.net", RecordType::A).unwrap();
    assert!(!is_truncated(&message));
    message[2] |= 0x02;
    assert!(is_truncated(&message));
}
