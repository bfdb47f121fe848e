//! 5.1: what HTTP's caches kept is older than it says.

use hickory_proto::op::Message;
use resolvet_proto::doh::Head;

const RESPONSE: &[u8] = include_bytes!("../../vectors/rfc8484/response.bin");

#[test]
fn age_is_taken_off_the_times_to_live() {
    for (age, ttl) in [
        (None, 3_709),
        (Some("0"), 3_709),
        (Some("250"), 3_459),
        (Some("3709"), 0),
        (Some("99999999999999999999"), 0),
        // What is no number is no Age (RFC 9111 section 5.1).
        (Some("-1"), 3_709),
        (Some("old"), 3_709),
        (Some(""), 3_709),
    ] {
        let head = Head {
            age,
            ..Head::default()
        };
        let answer = head.answer(RESPONSE.to_vec()).unwrap();
        let message = Message::from_vec(&answer).unwrap();
        assert_eq!(message.answers[0].ttl, ttl, "{age:?}");
    }
}
