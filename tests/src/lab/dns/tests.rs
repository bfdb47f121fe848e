//! Each behaviour does what it says: a hostile test against a server that behaves well would prove nothing.

use std::time::Instant;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use super::hostile;
use super::{Behaviour, Dns, Endpoint, Transport, When, Zone, absolute};
use crate::lab::ask;

fn start() -> Dns {
    let endpoint = Endpoint {
        host: "a".into(),
        addresses: vec!["127.0.0.1".parse().unwrap()],
        port: 8853,
    };
    Dns::start(vec![Zone::figure_2("example.net", &[endpoint]).unwrap()]).unwrap()
}

fn udp(dns: &Dns, name: &str, record_type: RecordType) -> Message {
    let query = ask::query(0x1234, name, record_type).unwrap();
    Message::from_vec(&ask::udp(dns.address(), &query).unwrap()).unwrap()
}

fn tcp(dns: &Dns, name: &str, record_type: RecordType) -> Message {
    let query = ask::query(0x1234, name, record_type).unwrap();
    Message::from_vec(&ask::tcp(dns.address(), &query).unwrap()).unwrap()
}

fn raw(dns: &Dns, name: &str) -> Vec<u8> {
    ask::udp(
        dns.address(),
        &ask::query(0x1234, name, RecordType::A).unwrap(),
    )
    .unwrap()
}

fn behave(behaviour: Behaviour) -> Dns {
    let dns = start();
    dns.behave(When::always(), behaviour);
    dns
}

#[test]
fn figure_2_leads_from_the_domain_to_an_address() {
    let dns = start();
    let first = udp(&dns, "example.net", RecordType::NAPTR);
    assert_eq!(first.answers.len(), 2);
    let RData::NAPTR(naptr) = &first.answers[0].data else {
        panic!("{first}")
    };
    assert_eq!(
        (naptr.order, &*naptr.flags, &*naptr.services),
        (100, &b""[..], &b"DPRIVE:dns.tls"[..])
    );
    let second = tcp(&dns, &naptr.replacement.to_string(), RecordType::NAPTR);
    let RData::NAPTR(naptr) = &second.answers[0].data else {
        panic!("{second}")
    };
    assert_eq!(&*naptr.flags, b"S");
    let third = udp(&dns, &naptr.replacement.to_string(), RecordType::SRV);
    let RData::SRV(srv) = &third.answers[0].data else {
        panic!("{third}")
    };
    assert_eq!(srv.port, 8853);
    let fourth = udp(&dns, &srv.target.to_string(), RecordType::A);
    assert_eq!(
        fourth.answers[0].data.ip_addr(),
        Some("127.0.0.1".parse().unwrap())
    );
    let transports: Vec<_> = dns
        .journal()
        .queries()
        .iter()
        .map(|seen| seen.transport)
        .collect();
    assert_eq!(
        transports,
        [
            Transport::Udp,
            Transport::Tcp,
            Transport::Udp,
            Transport::Udp
        ]
    );
    assert_eq!(
        dns.journal()
            .count(&absolute("a.example.net").unwrap(), RecordType::A),
        1
    );
    assert_eq!(
        dns.journal()
            .count(&absolute("a.example.net").unwrap(), RecordType::AAAA),
        0
    );
}

#[test]
fn what_does_not_exist_is_denied_with_the_soa() {
    let dns = start();
    let missing = udp(&dns, "nowhere.example.net", RecordType::A);
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(missing.authorities[0].record_type(), RecordType::SOA);
    let other_type = udp(&dns, "www.example.net", RecordType::MX);
    assert_eq!(other_type.metadata.response_code, ResponseCode::NoError);
    assert!(other_type.answers.is_empty());
    let empty_non_terminal = udp(&dns, "_tcp.example.net", RecordType::A);
    assert_eq!(
        empty_non_terminal.metadata.response_code,
        ResponseCode::NoError
    );
    let outside = udp(&dns, "www.example.edu", RecordType::A);
    assert_eq!(outside.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn an_alias_is_followed() {
    let answer = udp(&start(), "alias.example.net", RecordType::A);
    let types: Vec<_> = answer
        .answers
        .iter()
        .map(hickory_proto::rr::Record::record_type)
        .collect();
    assert_eq!(types, [RecordType::CNAME, RecordType::A]);
}

#[test]
fn case_is_kept_unless_the_server_forgets_it() {
    let mixed = absolute("wWw.ExAmPlE.nEt").unwrap();
    let kept = udp(&start(), "wWw.ExAmPlE.nEt", RecordType::A);
    assert!(kept.queries[0].name().eq_case(&mixed));
    assert!(kept.answers[0].name.eq_case(&mixed));
    let lost = udp(
        &behave(Behaviour::LowerCase),
        "wWw.ExAmPlE.nEt",
        RecordType::A,
    );
    assert!(!lost.queries[0].name().eq_case(&mixed));
}

#[test]
fn truncation_is_mended_by_tcp_or_never() {
    let dns = behave(Behaviour::TruncatedOverUdp);
    let cut = udp(&dns, "www.example.net", RecordType::A);
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    assert_eq!(tcp(&dns, "www.example.net", RecordType::A).answers.len(), 1);
    let dns = behave(Behaviour::TruncatedAlways);
    assert!(
        tcp(&dns, "www.example.net", RecordType::A)
            .metadata
            .truncation
    );
}

#[test]
fn an_answer_too_large_for_a_datagram_is_truncated() {
    let dns = behave(hostile::crowd_of_addresses(10_000));
    assert!(
        udp(&dns, "www.example.net", RecordType::A)
            .metadata
            .truncation
    );
    let crowd = tcp(&dns, "www.example.net", RecordType::A);
    assert!(
        crowd.answers.len() > 2_000,
        "{} answers",
        crowd.answers.len()
    );
}

#[test]
fn answers_lie_as_they_are_told_to() {
    let asked = absolute("www.example.net").unwrap();
    let answer = udp(
        &behave(Behaviour::WrongId),
        "www.example.net",
        RecordType::A,
    );
    assert_ne!(answer.metadata.id, 0x1234);
    let answer = udp(
        &behave(Behaviour::WrongQuestion),
        "www.example.net",
        RecordType::A,
    );
    assert_ne!(*answer.queries[0].name(), asked);
    let answer = udp(
        &behave(Behaviour::OtherOwner),
        "www.example.net",
        RecordType::A,
    );
    assert_ne!(answer.answers[0].name, asked);
    assert_eq!(*answer.queries[0].name(), asked);
    assert!(
        udp(
            &behave(Behaviour::NoQuestion),
            "www.example.net",
            RecordType::A
        )
        .queries
        .is_empty()
    );
    let answer = udp(&behave(Behaviour::Ttl(0)), "www.example.net", RecordType::A);
    assert_eq!(answer.answers[0].ttl, 0);
    let answer = udp(
        &behave(Behaviour::Code(ResponseCode::ServFail)),
        "www.example.net",
        RecordType::A,
    );
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    let answer = udp(
        &behave(Behaviour::SpoofFirst),
        "www.example.net",
        RecordType::A,
    );
    assert_ne!(answer.metadata.id, 0x1234);
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn octets_lie_as_they_are_told_to() {
    assert_eq!(
        raw(&behave(Behaviour::Cut(15)), "www.example.net").len(),
        15
    );
    assert_eq!(
        raw(&behave(Behaviour::Raw(vec![1, 2, 3])), "www.example.net"),
        [1, 2, 3]
    );
    let octets = raw(&behave(Behaviour::LyingCount(9_999)), "www.example.net");
    assert_eq!(octets[6..8], 9_999_u16.to_be_bytes());
    let octets = raw(&behave(Behaviour::LyingRdLength), "www.example.net");
    // Header 12, question 17 + 4, owner 2, type, class and TTL 8.
    assert_eq!(octets[43..45], [0xff, 0xff]);
    assert_eq!(
        octets[35..37],
        1_u16.to_be_bytes(),
        "the octets before are the type A"
    );
    let octets = raw(&behave(Behaviour::PointerLoop), "www.example.net");
    assert_eq!(octets[12..14], [0xc0, 0x0c]);
    let dns = behave(Behaviour::LyingFrame(60_000));
    let query = ask::query(1, "www.example.net", RecordType::A).unwrap();
    assert_eq!(
        ask::tcp(dns.address(), &query).unwrap_err().to_string(),
        "the answer ended early"
    );
}

#[test]
fn silence_and_delay() {
    let dns = behave(Behaviour::Silent);
    let query = ask::query(1, "www.example.net", RecordType::A).unwrap();
    assert!(ask::udp(dns.address(), &query).is_err());
    assert_eq!(
        dns.journal().len(),
        1,
        "a query without an answer is counted"
    );
    let late = std::time::Duration::from_millis(300);
    let dns = behave(Behaviour::Delayed(late));
    let asked = Instant::now();
    ask::udp(dns.address(), &query).unwrap();
    assert!(asked.elapsed() >= late);
}

#[test]
fn the_newest_rule_that_matches_counts() {
    let dns = behave(Behaviour::Code(ResponseCode::Refused));
    let www = absolute("www.example.net").unwrap();
    dns.behave(
        When::name(www).of_type(RecordType::A).over(Transport::Tcp),
        Behaviour::Normal,
    );
    let refused = |answer: Message| answer.metadata.response_code == ResponseCode::Refused;
    assert!(refused(udp(&dns, "www.example.net", RecordType::A)));
    assert!(refused(tcp(&dns, "www.example.net", RecordType::AAAA)));
    assert!(!refused(tcp(&dns, "www.example.net", RecordType::A)));
    dns.responder().behave_well();
    assert!(!refused(udp(&dns, "www.example.net", RecordType::A)));
}

#[test]
fn fan_out_never_meets_a_name_twice() {
    let dns = behave(hostile::endless_fan_out(3));
    let mut names = std::collections::BTreeSet::new();
    let mut open = vec!["example.net.".to_owned()];
    for _ in 0..40 {
        let name = open.remove(0);
        for record in udp(&dns, &name, RecordType::NAPTR).answers {
            let RData::NAPTR(naptr) = record.data else {
                panic!("{name}")
            };
            assert!(
                names.insert(naptr.replacement.clone()),
                "{} again",
                naptr.replacement
            );
            open.push(naptr.replacement.to_string());
        }
    }
    assert_eq!(names.len(), 120);
}

#[test]
fn ten_thousand_records_are_ten_thousand() {
    let dns = behave(hostile::ten_thousand_naptr());
    let first = tcp(&dns, "example.net", RecordType::NAPTR);
    let records: usize = first
        .answers
        .iter()
        .map(|record| {
            let RData::NAPTR(naptr) = &record.data else {
                panic!("{record}")
            };
            tcp(&dns, &naptr.replacement.to_string(), RecordType::NAPTR)
                .answers
                .len()
        })
        .sum();
    assert_eq!(records, 10_000);
}

#[test]
fn circles_close() {
    let zone = hostile::naptr_circle("example.net", 3).unwrap();
    let dns = Dns::start(vec![zone]).unwrap();
    let mut name = "n0.example.net.".to_owned();
    for _ in 0..3 {
        let answer = udp(&dns, &name, RecordType::NAPTR);
        let RData::NAPTR(naptr) = &answer.answers[0].data else {
            panic!("{answer}")
        };
        name = naptr.replacement.to_string();
    }
    assert_eq!(name, "n0.example.net.");
}

#[test]
fn the_longest_name_is_as_long_as_a_name_can_be() {
    for origin in [
        "example.net",
        "n",
        "example.example",
        &"abcdefghi.".repeat(19),
    ] {
        let name = hostile::longest_name(origin).unwrap();
        let mut octets = Vec::new();
        let mut encoder = hickory_proto::serialize::binary::BinEncoder::new(&mut octets);
        hickory_proto::serialize::binary::BinEncodable::emit(&name, &mut encoder).unwrap();
        assert_eq!(octets.len(), hostile::LONGEST_NAME, "below `{origin}`");
    }
}

#[test]
fn a_stopped_server_is_gone() {
    let dns = start();
    let address = dns.address();
    drop(dns);
    assert!(std::net::TcpListener::bind(address).is_ok());
    assert!(std::net::UdpSocket::bind(address).is_ok());
}
