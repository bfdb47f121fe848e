//! Names in a search list, compressed within it.

use resolvet_proto::discovery::{
    limits::DOMAINS,
    search_list::{SearchListError, parse},
};

fn texts(option: &[u8]) -> Vec<String> {
    let found = parse(option).unwrap().into_iter();
    found.map(|domain| domain.to_string()).collect()
}

/// Two names that share their end, as the RFC's section 2 has them.
#[test]
fn names_are_compressed_within_the_option() {
    let option = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
    assert_eq!(texts(option), ["eng.apple.com.", "marketing.apple.com."]);
    assert_eq!(texts(b""), [""; 0]);
    assert_eq!(texts(b"\x03CoM\0\xc0\x00"), ["com."]);
}

#[test]
fn what_nobody_can_ask_about_is_left_out() {
    assert_eq!(texts(b"\0\x03a b\0\x03net\0"), ["net."]);
    let many: Vec<u8> = (b'a'..=b'z').flat_map(|letter| [1, letter, 0]).collect();
    assert_eq!(parse(&many).unwrap().len(), DOMAINS);
}

#[test]
fn malformed_options_are_refused() {
    for option in [
        b"\x03com".as_slice(),
        b"\xc0\x00",
        b"\x01a\xc0\x00",
        b"\xc0\x02\x01a\0",
        b"\x01a\xc0",
        b"\x40a\0",
        b"\x05net\0",
    ] {
        assert_eq!(
            parse(option),
            Err(SearchListError::Malformed),
            "{option:x?}"
        );
    }
    let long = [0; 511];
    assert_eq!(parse(&long), Err(SearchListError::TooLong { octets: 511 }));
}
