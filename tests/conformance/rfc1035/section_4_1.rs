//! The format of messages, and what is believed of one (with RFC 5452 section 9.1, RFC 2181, RFC 2308).

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, RData, Record, RecordType,
        rdata::{A, CNAME, SOA},
    },
};
use resolvet_proto::discovery::{
    Answer, AnswerError, DomainName, Kind, NoteCode, Outcome, Question, limits,
};

use crate::zone::name;

fn question(owner: &str) -> Question {
    Question {
        name: DomainName::parse(owner).unwrap(),
        kind: Kind::A,
    }
}

fn response() -> Message {
    let mut message = Message::response(1, OpCode::Query);
    message.add_query(Query::query(name("a.example.net."), RecordType::A));
    message
}

fn a(owner: &str, last: u8) -> Record {
    Record::from_rdata(name(owner), 60, RData::A(A::new(192, 0, 2, last)))
}

fn cname(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 60, RData::CNAME(CNAME(name(target))))
}

fn parse(message: &Message) -> Result<Answer, AnswerError> {
    Answer::parse(&message.to_vec().unwrap(), &question("a.example.net"))
}

#[test]
fn the_question_must_be_the_one_that_was_asked() {
    let mut message = response();
    message.add_answer(a("a.example.net.", 1));
    let octets = message.to_vec().unwrap();
    assert!(
        Answer::parse(&octets, &question("A.EXAMPLE.net")).is_ok(),
        "whatever its case"
    );
    let error = Answer::parse(&octets, &question("b.example.net")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "response answers another question than `b.example.net.` A (RFC 5452 section 9.1)"
    );
    let other_type = Question {
        kind: Kind::Aaaa,
        ..question("a.example.net")
    };
    assert!(matches!(
        Answer::parse(&octets, &other_type),
        Err(AnswerError::OtherQuestion { .. })
    ));
    let mut twice = message.clone();
    twice.add_query(Query::query(name("a.example.net."), RecordType::A));
    assert!(matches!(
        parse(&twice),
        Err(AnswerError::OtherQuestion { .. })
    ));
    let mut chaos = response();
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert!(matches!(
        parse(&chaos),
        Err(AnswerError::OtherQuestion { .. })
    ));
}

#[test]
fn a_query_is_no_response() {
    let mut message = response();
    message.metadata.message_type = MessageType::Query;
    assert_eq!(parse(&message), Err(AnswerError::NoResponse));
    let mut message = response();
    message.metadata.op_code = OpCode::Update;
    assert_eq!(parse(&message), Err(AnswerError::NoResponse));
}

#[test]
fn a_truncated_response_is_no_answer() {
    let mut message = response();
    message.metadata.truncation = true;
    message.add_answer(a("a.example.net.", 1));
    assert_eq!(parse(&message), Err(AnswerError::Truncated));
}

#[test]
fn response_codes() {
    for (code, number, word) in [
        (ResponseCode::FormErr, 1, "FORMERR"),
        (ResponseCode::ServFail, 2, "SERVFAIL"),
        (ResponseCode::NotImp, 4, "NOTIMP"),
        (ResponseCode::Refused, 5, "REFUSED"),
    ] {
        let mut message = response();
        message.metadata.response_code = code;
        let error = parse(&message).unwrap_err();
        assert_eq!(error, AnswerError::ResponseCode { code: number, word });
        assert_eq!(error.is_transient(), number == 2, "{word}");
    }
}

#[test]
fn negative_answers_hold_for_the_lesser_of_two_times() {
    for (ttl, minimum, negative_ttl) in [(1_200, 900, 900), (300, 900, 300)] {
        let mut message = response();
        message.metadata.response_code = ResponseCode::NXDomain;
        let soa = SOA::new(
            name("ns.example.net."),
            name("host.example.net."),
            1,
            2,
            3,
            4,
            minimum,
        );
        message.add_authority(Record::from_rdata(
            name("example.net."),
            ttl,
            RData::SOA(soa),
        ));
        let answer = parse(&message).unwrap();
        assert_eq!(
            (answer.outcome, answer.negative_ttl),
            (Outcome::NoSuchName, Some(negative_ttl))
        );
    }
    let answer = parse(&response()).unwrap();
    assert_eq!(
        (answer.outcome, answer.negative_ttl),
        (Outcome::NoRecords, None)
    );
}

#[test]
fn records_of_other_names_and_classes_are_ignored() {
    let mut message = response();
    message.add_answer(a("b.example.net.", 66));
    message.add_answer(a("A.example.net.", 1));
    let mut chaos = a("a.example.net.", 67);
    chaos.dns_class = DNSClass::CH;
    message.add_answer(chaos);
    message.add_additional(a("a.example.net.", 68));
    message.add_authority(a("a.example.net.", 69));
    let answer = parse(&message).unwrap();
    let data: Vec<_> = answer
        .records
        .iter()
        .map(|record| record.rdata.as_slice())
        .collect();
    assert_eq!(data, [[192, 0, 2, 1]]);
    let codes: Vec<_> = answer.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, [NoteCode::OtherName]);
}

#[test]
fn aliases_are_followed_within_the_answer_whatever_their_order() {
    let mut message = response();
    message.add_answer(a("c.example.net.", 1));
    message.add_answer(cname("b.example.net.", "c.example.net."));
    message.add_answer(cname("a.example.net.", "b.example.net."));
    let answer = parse(&message).unwrap();
    assert_eq!(
        (answer.outcome, answer.aliases.len(), answer.records.len()),
        (Outcome::Found, 2, 1)
    );
    assert_eq!(answer.records[0].owner.as_str(), "c.example.net.");
}

#[test]
fn chains_of_aliases_are_bounded() {
    let mut message = response();
    let mut owner = "a.example.net.".to_owned();
    for n in 0..=limits::ALIASES {
        let next = format!("n{n}.example.net.");
        message.add_answer(cname(&owner, &next));
        owner = next;
    }
    message.add_answer(a(&owner, 1));
    let answer = parse(&message).unwrap();
    assert_eq!(answer.outcome, Outcome::NoRecords);
    assert!(
        answer
            .notes
            .iter()
            .any(|note| note.code == NoteCode::AliasChain)
    );

    let mut circle = response();
    circle.add_answer(cname("a.example.net.", "b.example.net."));
    circle.add_answer(cname("b.example.net.", "a.example.net."));
    assert_eq!(parse(&circle).unwrap().outcome, Outcome::NoRecords);
}

#[test]
fn a_message_may_end_anywhere() {
    let mut message = response();
    message.add_answer(cname("a.example.net.", "b.example.net."));
    message.add_answer(a("b.example.net.", 1));
    let octets = message.to_vec().unwrap();
    for end in 0..octets.len() {
        let error = Answer::parse(&octets[..end], &question("a.example.net")).unwrap_err();
        assert!(
            matches!(error, AnswerError::Malformed { .. }),
            "{end} octets: {error}"
        );
    }
}

#[test]
fn lengths_may_lie() {
    let mut message = response();
    message.add_answer(a("a.example.net.", 1));
    let honest = message.to_vec().unwrap();
    let length = honest.len() - 5;
    assert_eq!(
        honest[length - 1..=length],
        [0, 4],
        "the length of the address"
    );
    // Longer than the message.
    let mut octets = honest.clone();
    octets[length] = 200;
    assert!(matches!(
        Answer::parse(&octets, &question("a.example.net")),
        Err(AnswerError::Malformed {
            place: "answer section"
        })
    ));
    // Shorter than an address: the record is malformed, and what follows is no record.
    let mut octets = honest.clone();
    octets[length] = 3;
    let answer = Answer::parse(&octets, &question("a.example.net")).unwrap();
    assert_eq!(answer.outcome, Outcome::NoRecords);
    assert_eq!(answer.notes[0].code, NoteCode::MalformedRecord);
    // More records than there are.
    let mut octets = honest.clone();
    octets[7] = 2;
    assert!(matches!(
        Answer::parse(&octets, &question("a.example.net")),
        Err(AnswerError::Malformed {
            place: "answer section"
        })
    ));
    // Ten thousand records announced: not even looked at.
    let mut octets = honest;
    octets[6..8].copy_from_slice(&10_000_u16.to_be_bytes());
    let error = Answer::parse(&octets, &question("a.example.net")).unwrap_err();
    assert_eq!(error, AnswerError::TooManyRecords { came: 10_000 });
    assert_eq!(
        error.to_string(),
        "response announces 10000 answer records, at most 256 are read"
    );
}

#[test]
fn a_name_that_points_to_itself_is_malformed() {
    let mut octets = response().to_vec().unwrap();
    // The owner of an answer record at octet 31 is a pointer to octet 31.
    let place = octets.len();
    octets[7] = 1;
    octets.extend_from_slice(&[0xc0, place as u8]);
    octets.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    assert!(matches!(
        Answer::parse(&octets, &question("a.example.net")),
        Err(AnswerError::Malformed {
            place: "answer section"
        })
    ));
}

#[test]
fn a_message_has_at_most_65535_octets() {
    let error = Answer::parse(&vec![0; 65_536], &question("a.example.net")).unwrap_err();
    assert_eq!(error, AnswerError::TooLong { octets: 65_536 });
    assert!(Answer::parse(&vec![0; 65_535], &question("a.example.net")).is_err());
}

#[test]
fn a_time_to_live_beyond_31_bits_is_zero() {
    for (ttl, expected) in [(0x7fff_ffff, 0x7fff_ffff), (0x8000_0000, 0), (u32::MAX, 0)] {
        let mut message = response();
        message.add_answer(Record::from_rdata(
            name("a.example.net."),
            ttl,
            RData::A(A::new(192, 0, 2, 1)),
        ));
        assert_eq!(
            parse(&message).unwrap().records[0].ttl,
            expected,
            "RFC 2181 section 8"
        );
    }
}
