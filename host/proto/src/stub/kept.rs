//! An answer as it came, and for how long it may be given again.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{
    query::{self, Asked},
    reply::{ExtendedError, reply, with_records},
    wire::{Malformed, Message, SOA, Section},
};

/// Response codes.
const NOERROR: u16 = 0;
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
/// Bits of the flags.
const QR: u16 = 0x8000;
const TC: u16 = 0x0200;
const AD: u16 = 0x0020;
/// The type that asks for all.
const ANY: u16 = 255;
/// The option of an Extended DNS Error.
const EDE: u16 = 15;
/// Extended DNS Errors of an answer that are passed on.
const ERRORS: usize = 4;
/// Seconds that a failure of a server is remembered (RFC 2308 section 7.1: at most 300).
const SERVER_FAILURE: u32 = 5;
/// Seconds that a failure of ours is remembered: the least that RFC 9520 section 3.2 allows.
const OWN_FAILURE: u32 = 1;

/// Bounds on how long answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Seconds for an answer with records.
    pub positive: u32,
    /// Seconds for one without.
    pub negative: u32,
}

/// What is kept for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    content: Content,
    /// When it came, milliseconds since the system started.
    born: u64,
    /// Seconds.
    lifetime: u32,
    /// Under which servers' word it came.
    word: Word,
}

/// What answers rest on: an attachment, and how many of its servers were refused after they had been vetted. What a refused
/// server said is not believed any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Word {
    /// Names the attachment.
    pub attachment: u64,
    /// How many of its servers were refused.
    pub refusals: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Answer(Answer),
    Failure(ExtendedError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// Octets from the end of the question on, the OPT record left out.
    records: Box<[u8]>,
    counts: [u16; 3],
    /// Where each time to live stands in `records`, and what it was.
    ttls: Box<[(u16, u32)]>,
    code: u16,
    authentic: bool,
    errors: Box<[ExtendedError]>,
}

impl Kept {
    /// An answer to this question, which came at this moment (milliseconds of a clock that never goes back) under this word.
    ///
    /// # Errors
    /// It is no whole answer to it.
    pub fn answer(
        octets: &[u8],
        asked: &Asked<'_>,
        (born, word): (u64, Word),
        bounds: Bounds,
    ) -> Result<Self, Malformed> {
        let message = Message::read(octets)?;
        let flags = message.flags();
        let theirs = query::lower(message.question());
        if flags & QR == 0 || flags & TC != 0 || theirs != query::lower(asked.question) {
            return Err(Malformed);
        }
        let opt = message.opt()?;
        let high = opt.map_or(0, |opt| u16::from(opt.ttl.to_be_bytes()[0]));
        let code = (high << 4) | (flags & 0xF);
        let errors = opt.map_or_else(Vec::new, |opt| errors(&message.options(opt)));
        // What follows an OPT record is optional, and leaving it out moves nothing that a pointer could point at.
        let end = opt.map(|opt| opt.place.start);
        let last = message.records.last().map(|record| record.place.data.end);
        let begin = message.records_at();
        let end = end.or(last).unwrap_or(begin);
        let records = octets.get(begin..end).ok_or(Malformed)?;
        let mut counts = [0_u16; 3];
        let mut ttls = Vec::new();
        let (mut positive, mut negative, mut answers) = (bounds.positive, None, false);
        for record in message.records.iter().filter(|r| r.place.data.end <= end) {
            // RFC 2181 section 8: a value with the highest bit counts as zero.
            let sent = if record.ttl >> 31 == 0 { record.ttl } else { 0 };
            let mut ttl = sent.min(bounds.positive);
            match record.section {
                Section::Answer => {
                    positive = positive.min(ttl);
                    answers |= record.place.rtype == asked.rtype || asked.rtype == ANY;
                    counts[0] = counts[0].saturating_add(1);
                }
                Section::Authority => {
                    if record.place.rtype == SOA {
                        let data = message.data(record);
                        let minimum = data.last_chunk().map_or(0, |m| u32::from_be_bytes(*m));
                        ttl = ttl.min(minimum).min(bounds.negative);
                        negative = Some(negative.map_or(ttl, |before: u32| before.min(ttl)));
                    }
                    counts[1] = counts[1].saturating_add(1);
                }
                Section::Additional => counts[2] = counts[2].saturating_add(1),
            }
            let at = record.place.ttl.start.checked_sub(begin).ok_or(Malformed)?;
            ttls.push((u16::try_from(at).map_err(|_| Malformed)?, ttl));
        }
        let lifetime = match code {
            NOERROR if answers => positive,
            // RFC 2308 section 5: what has no SOA record is not kept.
            NOERROR | NXDOMAIN => negative.map_or(0, |negative| negative.min(positive)),
            _ => SERVER_FAILURE,
        };
        let answer = Answer {
            records: records.into(),
            counts,
            ttls: ttls.into(),
            code,
            authentic: flags & AD != 0,
            errors: errors.into(),
        };
        Ok(Self {
            content: Content::Answer(answer),
            born,
            lifetime,
            word,
        })
    }

    /// That there is no answer.
    #[must_use]
    pub const fn failure(error: ExtendedError, (born, word): (u64, Word)) -> Self {
        Self {
            content: Content::Failure(error),
            born,
            lifetime: OWN_FAILURE,
            word,
        }
    }

    /// Whether it may be given now to one who asked then: while it lives, or when it came for several who asked before.
    #[must_use]
    pub fn serves(&self, now: u64, asked: u64, word: Word) -> bool {
        let end = self.born.saturating_add(u64::from(self.lifetime) * 1_000);
        self.word == word && (now < end || self.born >= asked)
    }

    /// Octets in memory, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Answer(answer) => {
                answer.records.len()
                    + size_of_val(&*answer.ttls)
                    + answer.errors.iter().map(|e| e.text.len()).sum::<usize>()
            }
            Content::Failure(error) => error.text.len(),
        };
        content + size_of::<Self>()
    }

    /// Whether it is no answer of a server.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self.content, Content::Failure(_))
    }

    /// The reply to one who asks now.
    #[must_use]
    pub fn reply(&self, asked: &Asked<'_>, now: u64) -> Vec<u8> {
        let answer = match &self.content {
            Content::Answer(answer) => answer,
            Content::Failure(error) => {
                return reply(&asked.head(SERVFAIL), core::slice::from_ref(error));
            }
        };
        let age = u32::try_from(now.saturating_sub(self.born) / 1_000).unwrap_or(u32::MAX);
        let mut records = answer.records.to_vec();
        for &(at, ttl) in &answer.ttls {
            let left = ttl.saturating_sub(age);
            let rest = records.get_mut(usize::from(at)..);
            if let Some(place) = rest.and_then(|rest| rest.first_chunk_mut()) {
                *place = left.to_be_bytes();
            }
        }
        let authentic = answer.authentic && asked.authentic_data;
        let flags = if authentic { AD } else { 0 };
        let head = asked.head(answer.code);
        with_records(&head, flags, answer.counts, &records, &answer.errors)
    }
}

/// What the server says went wrong; a forwarder may pass it on (RFC 8914 section 3).
fn errors(options: &[(u16, &[u8])]) -> Vec<ExtendedError> {
    let of_error = options.iter().filter(|(code, _)| *code == EDE);
    let read = of_error.filter_map(|(_, data)| {
        let (code, text) = data.split_first_chunk()?;
        let text = String::from_utf8_lossy(text);
        Some(ExtendedError::new(u16::from_be_bytes(*code), &text))
    });
    read.take(ERRORS).collect()
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{Edns, Message as Hickory, MessageType, OpCode, Query, ResponseCode},
        rr::{Name, RData, Record, RecordType, rdata},
    };

    use super::{super::query::Incoming, *};

    const BOUNDS: Bounds = Bounds {
        positive: 86_400,
        negative: 3_600,
    };

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn question(name: &str, rtype: RecordType) -> Vec<u8> {
        let mut message = Hickory::new(3, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self::name(name), rtype));
        message.set_edns(Edns::new());
        message.to_vec().unwrap()
    }

    fn response(of: &str, records: &[(&str, u32)], soa: Option<(u32, u32)>) -> Hickory {
        let mut message = Hickory::new(0, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(of), RecordType::A));
        for (owner, ttl) in records {
            let data = RData::A(rdata::A::new(192, 0, 2, 1));
            message.add_answer(Record::from_rdata(name(owner), *ttl, data));
        }
        if let Some((ttl, minimum)) = soa {
            let soa = rdata::SOA::new(name("ns.a."), name("h.a."), 1, 2, 3, 4, minimum);
            message.add_authority(Record::from_rdata(
                name("example.net."),
                ttl,
                RData::SOA(soa),
            ));
        }
        message.set_edns(Edns::new());
        message
    }

    fn kept(message: &Hickory, asked: &[u8]) -> Result<Kept, Malformed> {
        let Incoming::Ask(asked) = query::read(asked) else {
            panic!()
        };
        let octets = message.to_vec().unwrap();
        Kept::answer(&octets, &asked, (10_000, Word::default()), BOUNDS)
    }

    #[test]
    fn times_to_live_count_down_and_the_question_is_the_clients_own() {
        let asked = question("WWW.example.net.", RecordType::A);
        let message = response(
            "www.example.net.",
            &[("www.example.net.", 300), ("www.example.net.", 60)],
            None,
        );
        let kept = kept(&message, &asked).unwrap();
        assert_eq!(kept.lifetime, 60);
        let Incoming::Ask(asked) = query::read(&asked) else {
            panic!()
        };
        let reply = Hickory::from_vec(&kept.reply(&asked, 50_999)).unwrap();
        assert_eq!(reply.queries[0].name().to_ascii(), "WWW.example.net.");
        let ttls: Vec<u32> = reply.answers.iter().map(|record| record.ttl).collect();
        assert_eq!(ttls, [260, 20]);
        assert!(reply.edns.is_some() && reply.metadata.recursion_available);
        assert!(kept.serves(69_999, 69_999, Word::default()));
        assert!(!kept.serves(70_000, 70_000, Word::default()));
        assert!(
            kept.serves(70_000, 9_000, Word::default()),
            "it was fetched for this one"
        );
        let other = Word {
            attachment: 0,
            refusals: 1,
        };
        assert!(
            !kept.serves(10_001, 10_001, other),
            "its server was refused"
        );
    }

    #[test]
    fn absence_is_kept_as_long_as_the_soa_record_says() {
        let asked = question("no.example.net.", RecordType::A);
        for (soa, expected) in [
            (None, 0),
            (Some((300, 60)), 60),
            (Some((30, 600)), 30),
            (Some((1 << 31, 600)), 0),
            (Some((90_000, 90_000)), BOUNDS.negative),
        ] {
            let mut message = response("no.example.net.", &[], soa);
            assert_eq!(
                kept(&message, &asked).unwrap().lifetime,
                expected,
                "{soa:?}"
            );
            message.metadata.response_code = ResponseCode::NXDomain;
            assert_eq!(
                kept(&message, &asked).unwrap().lifetime,
                expected,
                "{soa:?}"
            );
        }
        let mut failed = response("no.example.net.", &[], None);
        failed.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(kept(&failed, &asked).unwrap().lifetime, SERVER_FAILURE);
    }

    #[test]
    fn what_answers_another_question_or_is_cut_is_no_answer() {
        let asked = question("www.example.net.", RecordType::A);
        let mut message = response("other.example.net.", &[], None);
        assert_eq!(kept(&message, &asked), Err(Malformed));
        message = response("www.example.net.", &[], None);
        message.metadata.truncation = true;
        assert_eq!(kept(&message, &asked), Err(Malformed));
        message.metadata.truncation = false;
        message.metadata.message_type = MessageType::Query;
        assert_eq!(kept(&message, &asked), Err(Malformed));
    }
}
