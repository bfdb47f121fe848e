//! Reading a response message: only what answers the question, and nothing on trust.

use alloc::{format, vec::Vec};

use hickory_proto::{
    rr::Name,
    serialize::binary::{BinDecodable as _, BinDecoder},
};
use thiserror::Error;

use super::{
    DiscoveryNote, NoteCode,
    limits::{ALIASES, ANSWER_RECORDS, AUTHORITY_RECORDS},
    name::DomainName,
    record::{CNAME, Data, Kind, Record, SOA, read_data},
};
use crate::judgement::Dnssec;

/// The class IN.
const IN: u16 = 1;
/// Octets of a message's header.
const HEADER: usize = 12;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The name.
    pub name: DomainName,
    /// The type.
    pub kind: Kind,
}

/// What a message says about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether there is something.
    pub outcome: Outcome,
    /// The aliases that led from the question's name to the records' owner.
    pub aliases: Vec<Record>,
    /// The records of the type asked for, all of one owner, in the order in which they came.
    pub records: Vec<Record>,
    /// Whether the server spoke with authority (RFC 1035 section 4.1.1).
    pub authoritative: bool,
    /// For how many seconds a negative answer holds (RFC 2308 section 5), if the message says.
    pub negative_ttl: Option<u32>,
    /// What was ignored.
    pub notes: Vec<DiscoveryNote>,
}

/// Whether there is something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There are records.
    Found,
    /// The name exists and has none of this type.
    NoRecords,
    /// The name does not exist.
    NoSuchName,
}

/// A message that answers nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// More octets than a message can have.
    #[error("message of {octets} octets, at most 65535 are possible (RFC 1035 section 4.2.2)")]
    TooLong {
        /// How many came.
        octets: usize,
    },
    /// The message ends early, or a length or a name in it is wrong.
    #[error("message is malformed in its {place} (RFC 1035 section 4.1)")]
    Malformed {
        /// Where.
        place: &'static str,
    },
    /// A query, or another operation than a query's.
    #[error("message is no response to a query (RFC 1035 section 4.1.1)")]
    NoResponse,
    /// It answers another question.
    #[error("response answers another question than `{asked}` {kind} (RFC 5452 section 9.1)")]
    OtherQuestion {
        /// The name that was asked for.
        asked: DomainName,
        /// The type that was asked for.
        kind: &'static str,
    },
    /// The message was cut off, and the driver did not get it whole over TCP.
    #[error("response is truncated (RFC 2181 section 9)")]
    Truncated,
    /// The server could not or would not answer.
    #[error("server answered with response code {code} ({word}) (RFC 1035 section 4.1.1)")]
    ResponseCode {
        /// The code.
        code: u8,
        /// Its name.
        word: &'static str,
    },
    /// More records than any set has.
    #[error("response announces {came} answer records, at most {ANSWER_RECORDS} are read")]
    TooManyRecords {
        /// How many.
        came: u16,
    },
}

impl AnswerError {
    /// Whether a repetition could bring another answer.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::ResponseCode { code: 2, .. })
    }
}

impl Answer {
    /// Reads a response message.
    ///
    /// The ID is the driver's to match. Records of other classes, of other names and of other types are ignored, and so is
    /// the whole additional section: addresses are always asked for.
    ///
    /// # Errors
    /// Says why the message answers nothing.
    pub fn parse(message: &[u8], question: &Question) -> Result<Self, AnswerError> {
        if message.len() > usize::from(u16::MAX) {
            return Err(AnswerError::TooLong {
                octets: message.len(),
            });
        }
        let mut decoder = BinDecoder::new(message);
        let header = Header::read(&mut decoder)?;
        header.check()?;
        if header.questions != 1 || !asks(&mut decoder, question)? {
            let kind = question.kind.as_str();
            return Err(AnswerError::OtherQuestion {
                asked: question.name.clone(),
                kind,
            });
        }
        let mut notes = Vec::new();
        let mut records = Vec::new();
        let mut rejected = false;
        for _ in 0..header.answers {
            let raw = RawRecord::read(&mut decoder, "answer section")?;
            if raw.class != IN || (raw.rtype != question.kind.number() && raw.rtype != CNAME) {
                continue;
            }
            let owner = DomainName::of(&raw.owner);
            match raw.data(message) {
                Some((data, rdata)) => {
                    records.push(Record {
                        owner,
                        rtype: raw.rtype,
                        ttl: raw.ttl,
                        data,
                        rdata,
                        dnssec: Dnssec::Indeterminate,
                    });
                }
                // RFC 9460 section 2.2: one malformed record makes the whole set unusable.
                None if raw.rtype == Kind::Svcb.number() => rejected = true,
                None => notes.push(DiscoveryNote::new(
                    NoteCode::MalformedRecord,
                    owner.as_str(),
                    format!(
                        "the data of a record of type {} is malformed, the record is ignored",
                        raw.rtype
                    ),
                    "RFC 1035 3.3",
                )),
            }
        }
        if rejected {
            records.retain(|record| record.rtype != Kind::Svcb.number());
            notes.push(DiscoveryNote::new(
                NoteCode::MalformedRecord,
                question.name.as_str(),
                "the data of an SVCB record is malformed, so the whole set is refused",
                "RFC 9460 2.2",
            ));
        }
        let mut answer = follow(question, records, notes);
        answer.authoritative = header.authoritative;
        if header.code == NO_SUCH_NAME && answer.outcome != Outcome::Found {
            answer.outcome = Outcome::NoSuchName;
        }
        if answer.outcome != Outcome::Found {
            answer.negative_ttl = negative_ttl(&mut decoder, header.authorities);
        }
        Ok(answer)
    }
}

/// The response code NXDOMAIN.
const NO_SUCH_NAME: u8 = 3;

/// The header's fields that matter.
struct Header {
    response: bool,
    authoritative: bool,
    operation: u8,
    truncated: bool,
    code: u8,
    questions: u16,
    answers: u16,
    authorities: u16,
}

impl Header {
    fn read(decoder: &mut BinDecoder<'_>) -> Result<Self, AnswerError> {
        let octets: [u8; HEADER] = decoder
            .read_slice(HEADER)
            .ok()
            .and_then(|octets| octets.unverified().try_into().ok())
            .ok_or(AnswerError::Malformed { place: "header" })?;
        let [_, _, high, low, q1, q2, an1, an2, ns1, ns2, _, _] = octets;
        Ok(Self {
            response: high & 0x80 != 0,
            authoritative: high & 0x04 != 0,
            operation: (high >> 3) & 0x0f,
            truncated: high & 0x02 != 0,
            code: low & 0x0f,
            questions: u16::from_be_bytes([q1, q2]),
            answers: u16::from_be_bytes([an1, an2]),
            authorities: u16::from_be_bytes([ns1, ns2]),
        })
    }

    fn check(&self) -> Result<(), AnswerError> {
        if !self.response || self.operation != 0 {
            return Err(AnswerError::NoResponse);
        }
        if self.code != 0 && self.code != NO_SUCH_NAME {
            let word = match self.code {
                1 => "FORMERR",
                2 => "SERVFAIL",
                4 => "NOTIMP",
                5 => "REFUSED",
                _ => "no meaning here",
            };
            return Err(AnswerError::ResponseCode {
                code: self.code,
                word,
            });
        }
        if self.truncated {
            return Err(AnswerError::Truncated);
        }
        if self.answers > ANSWER_RECORDS {
            return Err(AnswerError::TooManyRecords { came: self.answers });
        }
        Ok(())
    }
}

/// Whether the next question is the one that was asked, whatever its case.
fn asks(decoder: &mut BinDecoder<'_>, question: &Question) -> Result<bool, AnswerError> {
    let mut read = || -> Option<(Name, u16, u16)> {
        let name = Name::read(decoder).ok()?;
        Some((
            name,
            decoder.read_u16().ok()?.unverified(),
            decoder.read_u16().ok()?.unverified(),
        ))
    };
    let (name, kind, class) = read().ok_or(AnswerError::Malformed {
        place: "question section",
    })?;
    Ok(DomainName::of(&name) == question.name && kind == question.kind.number() && class == IN)
}

/// A record whose data was not looked at.
struct RawRecord {
    owner: Name,
    rtype: u16,
    class: u16,
    ttl: u32,
    start: u16,
    length: u16,
}

impl RawRecord {
    fn read(decoder: &mut BinDecoder<'_>, place: &'static str) -> Result<Self, AnswerError> {
        Self::try_read(decoder).ok_or(AnswerError::Malformed { place })
    }

    fn try_read(decoder: &mut BinDecoder<'_>) -> Option<Self> {
        let owner = Name::read(decoder).ok()?;
        let rtype = decoder.read_u16().ok()?.unverified();
        let class = decoder.read_u16().ok()?.unverified();
        let ttl = decoder.read_u32().ok()?.unverified();
        let length = decoder.read_u16().ok()?.unverified();
        let start = u16::try_from(decoder.index()).ok()?;
        decoder.read_slice(usize::from(length)).ok()?;
        let ttl = if ttl > u32::MAX >> 1 { 0 } else { ttl };
        Some(Self {
            owner,
            rtype,
            class,
            ttl,
            start,
            length,
        })
    }

    /// What its data says, and the data without compression.
    fn data(&self, message: &[u8]) -> Option<(Data, Vec<u8>)> {
        // The data lies before this end, so nothing behind it is read.
        let end = usize::from(self.start).checked_add(usize::from(self.length))?;
        let mut decoder = BinDecoder::new(message.get(..end)?).clone(self.start);
        read_data(&mut decoder, self.rtype, usize::from(self.length))
    }
}

/// From the question's name along aliases to records of the type asked for; everything else is ignored.
fn follow(question: &Question, records: Vec<Record>, mut notes: Vec<DiscoveryNote>) -> Answer {
    let came = records.len();
    let mut rest = records;
    let mut aliases: Vec<Record> = Vec::new();
    let mut name = question.name.clone();
    let mut found = Vec::new();
    loop {
        let (here, elsewhere): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|record| record.owner == name && record.rtype != CNAME);
        rest = elsewhere;
        if !here.is_empty() {
            found = here;
            break;
        }
        let Some(place) = rest.iter().position(|record| record.owner == name) else {
            break;
        };
        let alias = rest.remove(place);
        let Data::Alias(target) = &alias.data else {
            break;
        };
        if aliases.len() >= ALIASES {
            let message = format!("more than {ALIASES} aliases in a row, the chain is given up");
            let owner = question.name.as_str();
            notes.push(DiscoveryNote::new(
                NoteCode::AliasChain,
                owner,
                message,
                "RFC 1034 3.6.2",
            ));
            break;
        }
        name = target.clone();
        aliases.push(alias);
    }
    let used = found.len().saturating_add(aliases.len());
    if came > used {
        let message = format!(
            "{} records that do not answer the question are ignored",
            came - used
        );
        let owner = question.name.as_str();
        notes.push(DiscoveryNote::new(
            NoteCode::OtherName,
            owner,
            message,
            "RFC 2181 5.4.1",
        ));
    }
    let outcome = if found.is_empty() {
        Outcome::NoRecords
    } else {
        Outcome::Found
    };
    Answer {
        outcome,
        aliases,
        records: found,
        authoritative: false,
        negative_ttl: None,
        notes,
    }
}

/// The lesser of the SOA record's own time to live and its last field (RFC 2308 section 5). An authority section that
/// cannot be read says nothing.
fn negative_ttl(decoder: &mut BinDecoder<'_>, authorities: u16) -> Option<u32> {
    for _ in 0..authorities.min(AUTHORITY_RECORDS) {
        let raw = RawRecord::try_read(decoder)?;
        let data = decoder.slice_from(usize::from(raw.start)).ok()?;
        if raw.class == IN && raw.rtype == SOA {
            let minimum = data
                .last_chunk::<4>()
                .map(|octets| u32::from_be_bytes(*octets))?;
            return Some(raw.ttl.min(minimum));
        }
    }
    None
}
