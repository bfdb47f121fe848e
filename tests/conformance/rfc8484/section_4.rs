//! 4.1 and 4.2: requests and responses, with the standard's own examples.

use hickory_proto::op::Message;
use resolvet_proto::discovery::Template;
use resolvet_proto::doh::{Head, MEDIA_TYPE, Method, ReplyError};

const QUERY: &[u8] = include_bytes!("../../vectors/rfc8484/query.bin");
const QUERY_62: &[u8] = include_bytes!("../../vectors/rfc8484/query-62.bin");
const RESPONSE: &[u8] = include_bytes!("../../vectors/rfc8484/response.bin");
/// Sat, 01 Jan 2022 00:00:00 GMT.
const NOW: u64 = 1_640_995_200;

fn template() -> Template {
    "/dns-query{?dns}".parse().unwrap()
}

fn ok() -> Head<'static> {
    Head {
        status: 200,
        content_type: Some(MEDIA_TYPE),
        ..Head::default()
    }
}

/// 4.1.1, the first example.
#[test]
fn a_get_holds_the_query_in_base64url_without_padding() {
    let expected = "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
    assert_eq!(Method::Get.target(&template(), QUERY), expected);
}

/// 4.1.1, the last example: the alphabet of base64url is another than that of base64.
#[test]
fn the_alphabet_is_that_of_urls() {
    let expected = "/dns-query?dns=AAABAAABAAAAAAAAAWE-NjJjaGFyYWN0ZXJsYWJlbC1tYWtlcy1iYXNlNjR1cmwtZGlzdGluY3\
                    QtZnJvbS1zdGFuZGFyZC1iYXNlNjQHZXhhbXBsZQNjb20AAAEAAQ";
    assert_eq!(Method::Get.target(&template(), QUERY_62), expected);
}

/// 4.1: a POST is processed without any variable.
#[test]
fn a_post_has_no_variable() {
    assert_eq!(Method::Post.target(&template(), QUERY), "/dns-query");
}

/// 4.2.2.
#[test]
fn the_example_of_a_response_is_an_answer() {
    ok().check(NOW).unwrap();
    let answer = ok().answer(RESPONSE.to_vec()).unwrap();
    assert_eq!(answer, RESPONSE);
    assert_eq!(Message::from_vec(&answer).unwrap().answers[0].ttl, 3_709);
}

/// 4.2.1: a successful status has an answer, whatever the answer says; every other has none.
#[test]
fn only_a_successful_status_has_an_answer() {
    for status in [200, 203, 299] {
        assert_eq!(Head { status, ..ok() }.check(NOW), Ok(()));
    }
    for status in [100, 199, 400, 404, 415, 500, 502, 504] {
        let expected = Err(ReplyError::Status(status));
        assert_eq!(Head { status, ..ok() }.check(NOW), expected);
    }
}

/// 3: no other URI than the one that was configured or discovered.
#[test]
fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let head = Head {
            status,
            location: Some("https://elsewhere.example/dns-query"),
            ..ok()
        };
        let error = head.check(NOW).unwrap_err();
        assert!(matches!(error, ReplyError::Redirect { .. }), "{error}");
    }
}

#[test]
fn a_media_type_has_parameters_and_no_case() {
    for (presented, fits) in [
        (Some("application/dns-message"), true),
        (Some("Application/DNS-Message"), true),
        (Some("application/dns-message; charset=utf-8"), true),
        (None, false),
        (Some(""), false),
        (Some("text/html"), false),
        (Some("application/dns-json"), false),
    ] {
        let head = Head {
            content_type: presented,
            ..ok()
        };
        assert_eq!(head.check(NOW).is_ok(), fits, "{presented:?}");
    }
}

/// RFC 9110 section 10.2.3: seconds, or a date; an hour at most.
#[test]
fn a_wish_to_be_left_alone_is_heeded_for_a_while() {
    let status = 429;
    for (text, seconds) in [
        ("30", Some(30)),
        ("Sat, 01 Jan 2022 00:01:00 GMT", Some(60)),
        ("99999999999", Some(3_600)),
        ("0", None),
        ("Fri, 31 Dec 2021 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
    ] {
        let head = Head {
            status,
            retry_after: Some(text),
            ..ok()
        };
        let expected = match seconds {
            Some(seconds) => ReplyError::Wait { status, seconds },
            None => ReplyError::Status(status),
        };
        assert_eq!(head.check(NOW), Err(expected), "{text}");
    }
}

/// 6: the body is a DNS message, whole and nothing else.
#[test]
fn what_is_no_message_is_no_answer() {
    for length in 0..RESPONSE.len() {
        let cut = RESPONSE[..length].to_vec();
        assert_eq!(ok().answer(cut), Err(ReplyError::NoMessage(length)));
    }
    assert!(ok().answer([RESPONSE, &[0]].concat()).is_err());
}
