//! The same journey over each transport: whoever is vetted over it answers, and answers many at once.

use hickory_proto::rr::RecordType;
use resolvet_proto::doh::Method;
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::dns::{Behaviour, Transport as Seen, When};
use resolvet_tests::lab::doh::HttpFault;
use resolvet_tests::lab::dtls::{Lossy, Way};
use resolvet_tests::lab::quic::{QuicFault, QuicOptions};
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{ASKED, Journey, Outcome};

/// Every transport, and how the lab's journal calls it.
pub(crate) const EACH: [(Transport, Seen); 5] = [
    (Transport::Dot, Seen::Tls),
    (Transport::Doh, Seen::Https),
    (Transport::Doh3, Seen::Http3),
    (Transport::Doq, Seen::Quic),
    (Transport::Dtls, Seen::Dtls),
];

/// A lab whose servers speak everything.
pub(crate) fn lab() -> Lab {
    Lab::start(Options::new().also(EACH.map(|(transport, _)| transport))).unwrap()
}

/// A vetted server over one transport.
pub(crate) async fn vetted(lab: &Lab, transport: Transport) -> Outcome {
    let outcome = Journey::new(lab).over([transport.clone()]).attach().await;
    assert_eq!(outcome.failure, None, "{transport}");
    outcome
}

#[tokio::test]
async fn a_vetted_server_answers_over_it() {
    for (transport, seen) in EACH {
        let lab = lab();
        let outcome = vetted(&lab, transport.clone()).await;
        let answer = outcome.ask().await.unwrap();
        assert_eq!(answer.server.transport, transport);
        assert_eq!(answer.message.answers.len(), 1, "{transport}");
        assert!(answer.connection.round_trips >= 1, "{transport}");
        let queries = lab.site().servers()[0].dot.journal().queries();
        assert_eq!(queries.len(), 1, "{transport}: {queries:?}");
        assert_eq!(queries[0].transport, seen);
        assert!(queries[0].padding.is_some(), "{transport}");
        assert_eq!(queries[0].octets % 128, 0, "{transport}");
    }
}

#[tokio::test]
async fn many_queries_are_under_way_at_once() {
    for (transport, _) in EACH {
        let lab = lab();
        let outcome = vetted(&lab, transport.clone()).await;
        let asked = (0..200).map(|number| {
            let attachment = outcome.attachment.clone();
            tokio::spawn(async move {
                let name = format!("n{number}.example.net");
                let answer = attachment.query(&name, RecordType::A).await;
                (name, answer)
            })
        });
        for asked in asked.collect::<Vec<_>>() {
            let (name, answer) = asked.await.unwrap();
            let message = answer
                .unwrap_or_else(|error| panic!("{transport}: {error}"))
                .message;
            assert_eq!(message.queries[0].name().to_string(), format!("{name}."));
        }
    }
}

#[tokio::test]
async fn answers_that_do_not_answer_are_not_given() {
    let behaviours = [
        Behaviour::WrongId,
        Behaviour::WrongQuestion,
        Behaviour::NoQuestion,
        Behaviour::NotAResponse,
        Behaviour::Silent,
        Behaviour::Cut(11),
        Behaviour::Raw(vec![0xff; 600]),
    ];
    let each = EACH.iter().flat_map(|(transport, _)| {
        let behaviours = behaviours.clone().into_iter();
        behaviours.map(|behaviour| tokio::spawn(unanswered(transport.clone(), behaviour)))
    });
    for each in each.collect::<Vec<_>>() {
        each.await.unwrap();
    }
}

/// An answer of this kind is an error, and the next one is given.
async fn unanswered(transport: Transport, behaviour: Behaviour) {
    let lab = lab();
    let outcome = vetted(&lab, transport.clone()).await;
    let responder = lab.site().servers()[0].dot.responder();
    responder.behave(When::always(), behaviour.clone());
    let answer = outcome.ask().await;
    assert!(answer.is_err(), "{transport}, {behaviour:?}: {answer:?}");
    responder.behave_well();
    outcome
        .ask()
        .await
        .unwrap_or_else(|error| panic!("{transport} after {behaviour:?}: {error}"));
}

#[tokio::test]
async fn both_methods_of_doh_are_as_rfc_8484_has_them() {
    for method in [Method::Post, Method::Get] {
        let lab = lab();
        let outcome = Journey::new(&lab)
            .over([Transport::Doh])
            .doh(method)
            .attach()
            .await;
        outcome.ask().await.unwrap();
        let doh = lab.site().servers()[0].doh();
        let asked = doh.asked().remove(0);
        let header = |name: &str| {
            let field = asked.headers.iter().find(|(field, _)| field == name);
            field.map(|(_, value)| value.as_str())
        };
        assert_eq!(asked.authority, format!("example.net:{}", doh.port()));
        assert_eq!(header("accept"), Some("application/dns-message"));
        assert_eq!(header("cookie"), None);
        assert_eq!(asked.query[..2], [0, 0], "the identifier is 0");
        match method {
            Method::Post => {
                assert_eq!(
                    (asked.method.as_str(), asked.target.as_str()),
                    ("POST", "/dns-query")
                );
                assert_eq!(header("content-type"), Some("application/dns-message"));
            }
            Method::Get => {
                assert_eq!(asked.method, "GET");
                let encoded = asked.target.strip_prefix("/dns-query?dns=").unwrap();
                assert!(!encoded.contains(['=', '+', '/']), "{encoded}");
                assert_eq!(header("content-type"), None);
            }
        }
    }
}

#[tokio::test]
async fn faults_of_a_web_server_are_clear_errors() {
    let fault = |status, fields: &[(&'static str, &str)]| {
        let fields = fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        HttpFault::Status(status, fields.collect())
    };
    for (fault, expected) in [
        (fault(502, &[]), "status 502, expected one from 200 to 299"),
        (fault(404, &[]), "status 404"),
        (
            fault(429, &[("retry-after", "7")]),
            "status 429: the server wants no query for 7 s",
        ),
        (
            fault(302, &[("location", "https://elsewhere.example/dns-query")]),
            "status 302 leads to `https://elsewhere.example/dns-query`, which is not followed",
        ),
        (HttpFault::MediaType("text/html"), "media type `text/html`"),
        (
            HttpFault::Oversize(70_000),
            "body of more than 65535 octets",
        ),
        (HttpFault::Oversize(0), "body of 0 octets is no DNS message"),
        (
            HttpFault::Garbage(vec![0xff; 40]),
            "body of 40 octets is no DNS message",
        ),
        (HttpFault::Identifier, "the answer is to another query"),
        (HttpFault::Half, "HTTP exchange failed"),
        (HttpFault::Silent, "no answer within"),
    ] {
        for transport in [Transport::Doh, Transport::Doh3] {
            let lab = lab();
            let outcome = vetted(&lab, transport.clone()).await;
            let server = &lab.site().servers()[0];
            server.doh().fail(fault.clone());
            server.quic().fail_over_http(fault.clone());
            let error = outcome.ask().await.unwrap_err().to_string();
            assert!(error.contains(expected), "{transport}, {fault:?}: {error}");
        }
    }
}

#[tokio::test]
async fn faults_of_streams_of_doq_are_clear_errors() {
    let query = resolvet::message::query(ASKED, RecordType::A).unwrap();
    let framed = |message: &[u8], length: usize| {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        [&length, message].concat()
    };
    let answer = [&[0, 0, 0x80], &query[3..]].concat();
    let with_identifier = [&[0, 7, 0x80], &query[3..]].concat();
    // RFC 9250 section 5.5.2: edns-tcp-keepalive, the last option of the padded query made into one.
    let mut keepalive = answer.clone();
    let padding = keepalive
        .windows(2)
        .rposition(|code| code == [0, 12])
        .unwrap();
    keepalive[padding + 1] = 11;
    for (octets, expected) in [
        (vec![], "a stream ended within a message"),
        (vec![0], "a stream ended within a message"),
        (vec![1, 0, 0, 0], "a stream ended within a message"),
        (
            framed(&answer, answer.len() + 1),
            "a stream ended within a message",
        ),
        (
            framed(&answer, answer.len() - 1),
            "more than one message on a stream",
        ),
        (vec![0xff; 70_000], "more than one message on a stream"),
        (
            framed(&with_identifier, answer.len()),
            "a message with an identifier",
        ),
        (
            framed(&keepalive, answer.len()),
            "a message with edns-tcp-keepalive",
        ),
    ] {
        let lab = lab();
        let outcome = vetted(&lab, Transport::Doq).await;
        let quic = lab.site().servers()[0].quic();
        quic.fail(QuicFault::Stream(octets.clone()));
        let error = outcome.ask().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{} octets: {error}", octets.len());
        quic.fail(QuicFault::None);
        outcome.ask().await.unwrap();
        // DOQ_PROTOCOL_ERROR (RFC 9250 section 4.3).
        assert_eq!(quic.codes().first(), Some(&2), "{expected}");
    }
}

#[tokio::test]
async fn a_stream_of_doq_that_the_server_gives_up_is_one_query_s_affair() {
    let lab = lab();
    let outcome = vetted(&lab, Transport::Doq).await;
    let quic = lab.site().servers()[0].quic();
    // DOQ_EXCESSIVE_LOAD.
    quic.fail(QuicFault::Reset(4));
    let error = outcome.ask().await.unwrap_err().to_string();
    assert!(
        error.contains("ended the query's stream with code 0x4"),
        "{error}"
    );
    quic.fail(QuicFault::None);
    outcome.ask().await.unwrap();
    assert_eq!(quic.codes(), Vec::<u64>::new(), "the same connection");
    quic.fail(QuicFault::Twice);
    let error = outcome.ask().await.unwrap_err().to_string();
    assert!(
        error.contains("more than one message on a stream"),
        "{error}"
    );
    quic.fail(QuicFault::Closes(1));
    let error = outcome.ask().await.unwrap_err().to_string();
    assert!(error.contains("connection closed"), "{error}");
}

#[tokio::test]
async fn a_query_of_doq_that_is_given_up_is_cancelled() {
    for fault in [QuicFault::Silent, QuicFault::NoFin] {
        let lab = lab();
        let outcome = vetted(&lab, Transport::Doq).await;
        let quic = lab.site().servers()[0].quic();
        quic.fail(fault.clone());
        let error = outcome.ask().await.unwrap_err().to_string();
        assert!(error.contains("no answer within"), "{fault:?}: {error}");
        quic.fail(QuicFault::None);
        outcome.ask().await.unwrap();
        // DOQ_REQUEST_CANCELLED (RFC 9250 section 4.3.1).
        assert_eq!(quic.codes(), [3], "{fault:?}");
    }
}

#[tokio::test]
async fn another_version_of_quic_is_a_clear_error_and_a_retry_is_none() {
    let attach = async |options: QuicOptions| {
        let options = Options::new().also([Transport::Doq]).quic(options);
        let lab = Lab::start(options).unwrap();
        let outcome = Journey::new(&lab).over([Transport::Doq]).attach().await;
        (outcome.failure.clone(), outcome.connection_failures())
    };
    let (failure, failures) = attach(QuicOptions {
        versions: vec![0x6b33_43cf],
        retry: false,
    })
    .await;
    assert!(failure.is_some());
    let expected = "doesn't implement any supported version";
    assert!(failures[0].contains(expected), "{failures:?}");
    let (failure, _) = attach(QuicOptions {
        versions: Vec::new(),
        retry: true,
    })
    .await;
    assert_eq!(failure, None);
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_left_alone() {
    let lab = lab();
    let outcome = vetted(&lab, Transport::Doh).await;
    let doh = lab.site().servers()[0].doh();
    let fields = vec![("retry-after", "30".to_owned())];
    doh.fail(HttpFault::Status(503, fields));
    outcome.ask().await.unwrap_err();
    doh.fail(HttpFault::None);
    let error = outcome.ask().await.unwrap_err().to_string();
    assert!(
        error.contains("the server wants no query for another"),
        "{error}"
    );
    assert_eq!(doh.asked().len(), 1, "nothing was sent");
}

#[tokio::test]
async fn time_in_caches_shortens_times_to_live() {
    let lab = lab();
    let outcome = vetted(&lab, Transport::Doh).await;
    lab.site().servers()[0].doh().fail(HttpFault::Age("100"));
    let answer = outcome.ask().await.unwrap();
    assert_eq!(answer.message.answers[0].ttl, 200);
}

#[tokio::test]
async fn a_web_server_without_http_2_is_not_asked() {
    let lab = lab();
    let server = &lab.site().servers()[0];
    server.doh().without_http2(&server.identity).unwrap();
    let outcome = Journey::new(&lab).over([Transport::Doh]).attach().await;
    let failures = outcome.connection_failures();
    assert!(!failures.is_empty());
    assert!(
        failures
            .iter()
            .all(|failure| failure.contains("expected `h2`")),
        "{failures:?}"
    );
}

/// RFC 8094 section 5: what does not fit is cut, and asked again over an encrypted stream, never in clear text.
#[tokio::test]
async fn an_answer_that_was_cut_comes_over_tls() {
    let lab = lab();
    let responder = lab.site().servers()[0].dot.responder();
    responder.behave(When::always(), Behaviour::TruncatedOverUdp);
    let outcome = Journey::new(&lab)
        .over([Transport::Dtls, Transport::Dot])
        .attach_over(Transport::Dtls)
        .await;
    let answer = outcome.ask().await.unwrap();
    assert_eq!(answer.server.transport, Transport::Dot);
    assert_eq!(answer.message.answers.len(), 1);
    let seen: Vec<_> = responder
        .journal()
        .queries()
        .iter()
        .map(|query| query.transport)
        .collect();
    assert_eq!(seen, [Seen::Dtls, Seen::Tls]);
    let asked = resolvet_tests::lab::dns::absolute(ASKED).unwrap();
    assert!(!lab.dns().journal().asked_for(&asked));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_an_error_where_there_is_no_stream() {
    let lab = lab();
    let outcome = vetted(&lab, Transport::Dtls).await;
    let responder = lab.site().servers()[0].dot.responder();
    responder.behave(When::always(), Behaviour::TruncatedOverUdp);
    let error = outcome.ask().await.unwrap_err().to_string();
    assert!(error.contains("the answer was cut"), "{error}");
    responder.behave_well();
    outcome.ask().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_an_association_is_shaken_hands_with_again() {
    let lab = lab();
    let outcome = vetted(&lab, Transport::Dtls).await;
    outcome.ask().await.unwrap();
    lab.site().servers()[0].dtls().close();
    outcome.ask().await.unwrap_err();
    outcome.ask().await.unwrap();
    let story = outcome.attachment.story().await.unwrap();
    let validations = story
        .iter()
        .filter(|entry| matches!(entry.step, resolvet_proto::session::Step::Validation { .. }));
    assert_eq!(validations.count(), 2, "the second handshake is judged too");
}

/// Each datagram of the handshake, lost once, costs a second at most.
#[tokio::test]
async fn lost_datagrams_of_dtls_are_sent_again() {
    let lost = [
        (Way::There, 0),
        (Way::There, 1),
        (Way::There, 2),
        (Way::There, 3),
        (Way::Back, 0),
        (Way::Back, 1),
        (Way::Back, 2),
        (Way::Back, 3),
    ];
    let each = lost.map(|datagram| {
        tokio::spawn(async move {
            let lab = lab();
            let dtls = lab.site().servers()[0].dtls().addresses()[0];
            let lossy = Lossy::start(dtls, [datagram]).unwrap();
            lab.lead(Transport::Dtls, lossy.address().port()).unwrap();
            let outcome = Journey::new(&lab).over([Transport::Dtls]).attach().await;
            assert_eq!(
                outcome.failure,
                None,
                "{datagram:?}: {:#?}",
                told(&lossy.passed())
            );
            outcome
                .ask()
                .await
                .unwrap_or_else(|error| panic!("{datagram:?}: {error}"));
            for (way, passed) in lossy.passed() {
                assert!(
                    resolvet_proto::dtls::Gate::default().admits(&passed),
                    "{way:?}: no datagram but DTLS"
                );
                assert!(passed.len() <= 1_280 - 48 || way == Way::Back);
            }
        })
    });
    let mut failed = Vec::new();
    for each in each {
        failed.extend(each.await.err().map(|error| error.to_string()));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The records of datagrams, for a person: content type, epoch and sequence number, and of a handshake message its type and
/// number.
fn told(passed: &[(Way, Vec<u8>)]) -> Vec<String> {
    let told = |(way, datagram): &(Way, Vec<u8>)| {
        let mut rest = datagram.as_slice();
        let mut told = format!("{way:?}");
        while rest.len() > 13 {
            let length = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
            told += &format!(" {}@{}.{}", rest[0], rest[4], rest[10]);
            if rest[0] == 22 && rest[4] == 0 {
                told += &format!(" (message {} of type {})", rest[18], rest[13]);
            } else if rest[0] == 21 && rest[4] == 0 {
                told += &format!(" (alert {} {})", rest[13], rest[14]);
            }
            rest = rest.get(13 + length..).unwrap_or_default();
        }
        told
    };
    passed.iter().map(told).collect()
}
