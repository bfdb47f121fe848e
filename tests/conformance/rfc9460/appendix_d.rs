//! Test vectors.

use resolvet_proto::discovery::svcb::{self, Params, Svcb, SvcbError};

const VECTORS: &str = include_str!("../../vectors/rfc9460/test-vectors.md");

/// The data of each vector, from its generic form (RFC 3597 section 5).
fn vectors() -> Vec<Vec<u8>> {
    let blocks = VECTORS.split("\\# ").skip(1);
    let block = |text: &str| {
        let (length, rest) = text.split_once(' ').unwrap();
        let lines = rest.lines().skip(1).take_while(|line| line.trim() != ")");
        let words = lines.flat_map(|line| line.split(';').next().unwrap().split_whitespace());
        let octets: Vec<u8> = words
            .map(|word| u8::from_str_radix(word, 16).unwrap())
            .collect();
        assert_eq!(octets.len(), length.parse::<usize>().unwrap());
        octets
    };
    blocks.map(block).collect()
}

#[test]
fn what_is_well_formed() {
    let read: Vec<String> = vectors()
        .iter()
        .map(|rdata| {
            let svcb = Svcb::parse(rdata).unwrap();
            let params = svcb::presentation(&svcb.params);
            assert_eq!(
                Params::parse(&svcb.params.encode().unwrap()).unwrap(),
                svcb.params
            );
            format!("{} {} {params}", svcb.priority, svcb.target)
                .trim_end()
                .to_owned()
        })
        .collect();
    assert_eq!(
        read,
        [
            "0 foo.example.com.",
            "1 .",
            "16 foo.example.com. port=53",
            "1 foo.example.com. key667=hello",
            "1 foo.example.com. key667=hello\\xd2qoo",
            "1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1",
            "1 example.com. ipv6hint=2001:db8:122:344::c000:221",
            "16 foo.example.org. mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1",
            "16 foo.example.org. alpn=f\\\\oo,bar,h2",
        ]
    );
}

/// The cases that the appendix has in presentation form alone, on the wire.
#[test]
fn what_must_fail() {
    let param = |key: u16, value: &[u8]| {
        let length = u16::try_from(value.len()).unwrap();
        [&key.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    };
    let order = |octets: Vec<u8>| {
        assert!(matches!(
            Params::parse(&octets),
            Err(SvcbError::Order { .. })
        ))
    };
    let value = |octets: Vec<u8>| {
        assert!(matches!(
            Params::parse(&octets),
            Err(SvcbError::Value { .. })
        ))
    };
    order([param(123, b"abc"), param(123, b"def")].concat());
    for key in [0, 1, 3, 4, 6] {
        value(param(key, b""));
    }
    value(param(2, b"abc"));
    value(param(0, &[0, 0]));
    value([param(0, &[0, 123, 0, 123]), param(123, b"abc")].concat());
    // A mandatory key that is missing makes the record unusable, and not its neighbours.
    let missing = Params::parse(&param(0, &[0, 123])).unwrap();
    assert_eq!(
        missing.offers(),
        Err(svcb::Unusable::MissingKey { key: 123 })
    );
}

#[test]
fn no_part_of_a_vector_is_one() {
    for rdata in vectors() {
        let whole = Svcb::parse(&rdata).unwrap();
        for length in 0..rdata.len() {
            // What ends between two parameters is well-formed, with fewer of them.
            if let Ok(part) = Svcb::parse(&rdata[..length]) {
                assert!(part.params.keys().count() < whole.params.keys().count());
            }
        }
    }
}
