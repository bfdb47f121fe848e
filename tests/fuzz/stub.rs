//! What the stub reads: from clients whatever they send, from vetted servers their answers.

use resolvet_proto::stub::{Asked, Bounds, Incoming, Kept, Word, read};

/// The longest that is kept, seconds.
const BOUNDS: Bounds = Bounds {
    positive: 3_600,
    negative: 600,
};
/// The question that answers are for: `www.example`, A.
const QUESTION: &[u8] = b"\x03www\x07example\0\0\x01\0\x01";

/// A query of that question whose flags and EDNS options are the input's.
fn query(input: &[u8]) -> Vec<u8> {
    let (flags, options) = input.split_at(input.len().min(1));
    let flags = flags.first().copied().unwrap_or_default();
    let additional = u8::from(!options.is_empty());
    let head = [7, 7, 1, flags, 0, 1, 0, 0, 0, 0, 0, additional];
    let mut message = [&head, QUESTION].concat();
    if !options.is_empty() {
        let length = u16::try_from(options.len()).unwrap_or(u16::MAX);
        message.extend([0, 0, 41, 4, 208, 0, 0, 128, 0]);
        message.extend(length.to_be_bytes());
        message.extend(options);
    }
    message
}

/// A response to it whose counts and records are the input's.
fn response(input: &[u8]) -> Vec<u8> {
    let (counts, records) = input.split_at(input.len().min(4));
    let mut head = [0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    for (count, place) in counts.iter().zip([3, 7, 9, 11]) {
        head[place] |= count & 0x0f;
    }
    [&head, QUESTION, records].concat()
}

/// Whatever a client sends is ignored, answered at once, or asked; what goes out then is a query for the same.
#[test]
fn queries() {
    bolero::check!().for_each(|input: &[u8]| {
        for octets in [input.to_vec(), query(input)] {
            match read(&octets) {
                Incoming::Ignore => {}
                Incoming::Reply(reply) => {
                    assert!(reply.len() >= 12 && reply[2] & 0x80 != 0);
                    assert_eq!(reply[..2], octets[..2]);
                }
                Incoming::Ask(asked) => {
                    assert_eq!(asked.id.to_be_bytes(), octets[..2]);
                    let sent = asked.upstream();
                    let Incoming::Ask(ours) = read(&sent) else {
                        panic!("what goes out is no query: {asked:?}")
                    };
                    assert_eq!(ours.key(), asked.key());
                }
            }
        }
    });
}

/// What a server answers is kept within the bounds, and given on as an answer to the question that was asked.
#[test]
fn answers() {
    let question = query(&[]);
    let Incoming::Ask(asked) = read(&question) else {
        panic!("it is a query")
    };
    bolero::check!().for_each(|input: &[u8]| {
        for octets in [input.to_vec(), response(input)] {
            kept(&octets, &asked);
        }
    });
}

fn kept(octets: &[u8], asked: &Asked<'_>) {
    let word = Word::default();
    let Ok(kept) = Kept::answer(octets, asked, (1_000, word), BOUNDS) else {
        return;
    };
    assert!(!kept.serves(1_000 + u64::from(BOUNDS.positive) * 1_000, 1_001, word));
    let refused = Word {
        refusals: 1,
        ..word
    };
    assert!(!kept.serves(1_000, 0, refused), "its server was refused");
    for now in [1_000, 5_000, u64::MAX] {
        let reply = kept.reply(asked, now);
        assert_eq!(reply[..2], asked.id.to_be_bytes());
        assert!(reply[2] & 0x80 != 0);
        assert_eq!(reply[12..12 + QUESTION.len()], *QUESTION);
        // What is given on is read again as it was.
        let again = Kept::answer(&reply, asked, (1_000, word), BOUNDS).unwrap();
        assert_eq!(again.reply(asked, 1_000), reply);
    }
}
