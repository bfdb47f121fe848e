//! 4.2 and 4.3: one message on a stream, behind its length, with the identifier 0.

use resolvet_proto::doq::{StreamError, answer, code, query};

const QUERY: &[u8] = include_bytes!("../../vectors/rfc8484/query.bin");
const RESPONSE: &[u8] = include_bytes!("../../vectors/rfc8484/response.bin");

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

/// 4.2 and 4.2.1.
#[test]
fn a_query_is_its_length_and_itself_with_the_identifier_0() {
    let mut with_identifier = QUERY.to_vec();
    with_identifier[..2].copy_from_slice(&[0xab, 0xcd]);
    assert_eq!(query(&with_identifier), Some(framed(QUERY)));
    assert_eq!(query(&[0]), None);
    assert_eq!(query(&[0; 65_536]), None);
}

#[test]
fn an_answer_is_its_length_and_itself() {
    assert_eq!(answer(&framed(RESPONSE)), Ok(RESPONSE));
}

/// 4.3.3: FIN before the whole message, more than one message, an identifier.
#[test]
fn what_breaks_the_protocol_is_told() {
    let whole = framed(RESPONSE);
    for length in 0..whole.len() {
        assert_eq!(
            answer(&whole[..length]),
            Err(StreamError::Short),
            "{length}"
        );
    }
    assert_eq!(answer(&framed(&[])), Err(StreamError::Short));
    assert_eq!(answer(&[&whole[..], &[0]].concat()), Err(StreamError::Long));
    assert_eq!(answer(&whole.repeat(2)), Err(StreamError::Long));
    let mut other = whole;
    other[3] = 1;
    assert_eq!(answer(&other), Err(StreamError::Identifier));
}

/// 4.3.
#[test]
fn the_codes_are_the_standard_s() {
    let codes = [
        code::NO_ERROR,
        code::PROTOCOL_ERROR,
        code::REQUEST_CANCELLED,
    ];
    assert_eq!(codes, [0, 2, 3]);
}
