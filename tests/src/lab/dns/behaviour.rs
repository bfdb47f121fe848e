//! What a server does with a query: the right thing, or one of the wrong ones that a hostile network would do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};

use super::journal::Transport;

/// Records for a question, made when it is asked.
pub type Synthesis = Arc<dyn Fn(&Query) -> Vec<Record> + Send + Sync>;

/// What to do with a query.
#[derive(Clone)]
#[non_exhaustive]
pub enum Behaviour {
    /// The zone's own answer.
    Normal,
    /// No answer at all.
    Silent,
    /// The zone's own answer, later.
    Delayed(Duration),
    /// This response code and nothing else; NXDOMAIN carries the SOA.
    Code(ResponseCode),
    /// Over UDP an empty answer with TC set, over a stream the whole one.
    TruncatedOverUdp,
    /// TC set over every transport, so that asking again never helps.
    TruncatedAlways,
    /// Only this many octets of the message.
    Cut(usize),
    /// The header counts this many answers, whatever follows.
    LyingCount(u16),
    /// RDLENGTH of the first answer reaches beyond the message.
    LyingRdLength,
    /// Over a stream, the length before the message says this; over UDP the message is as it should be.
    LyingFrame(u16),
    /// The first octet of the question's name is a compression pointer to itself.
    PointerLoop,
    /// The identifier of another query.
    WrongId,
    /// First an answer with a wrong identifier that claims NXDOMAIN, then the right one: an off-path attacker's race.
    SpoofFirst,
    /// The question section asks for another name.
    WrongQuestion,
    /// The question section is missing.
    NoQuestion,
    /// QR says that this is a query.
    NotAResponse,
    /// The answers belong to a name that was not asked for.
    OtherOwner,
    /// The question's name in lower case, whatever the query's was.
    LowerCase,
    /// The zone's answer, which says that it was validated (AD).
    Authentic,
    /// The zone's answer with this TTL.
    Ttl(u32),
    /// These octets, whatever was asked.
    Raw(Vec<u8>),
    /// These records as the answer.
    Synthesise(Synthesis),
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delayed(by) => write!(f, "Delayed({by:?})"),
            Self::Code(code) => write!(f, "Code({code})"),
            Self::Cut(octets) => write!(f, "Cut({octets})"),
            Self::LyingCount(count) => write!(f, "LyingCount({count})"),
            Self::LyingFrame(length) => write!(f, "LyingFrame({length})"),
            Self::Ttl(ttl) => write!(f, "Ttl({ttl})"),
            Self::Raw(octets) => write!(f, "Raw({} octets)", octets.len()),
            Self::Synthesise(_) => f.write_str("Synthesise"),
            Self::Authentic => f.write_str("Authentic"),
            Self::Normal => f.write_str("Normal"),
            Self::Silent => f.write_str("Silent"),
            Self::TruncatedOverUdp => f.write_str("TruncatedOverUdp"),
            Self::TruncatedAlways => f.write_str("TruncatedAlways"),
            Self::LyingRdLength => f.write_str("LyingRdLength"),
            Self::PointerLoop => f.write_str("PointerLoop"),
            Self::WrongId => f.write_str("WrongId"),
            Self::SpoofFirst => f.write_str("SpoofFirst"),
            Self::WrongQuestion => f.write_str("WrongQuestion"),
            Self::NoQuestion => f.write_str("NoQuestion"),
            Self::NotAResponse => f.write_str("NotAResponse"),
            Self::OtherOwner => f.write_str("OtherOwner"),
            Self::LowerCase => f.write_str("LowerCase"),
        }
    }
}

/// Which queries a behaviour is for.
#[derive(Clone, Debug, Default)]
pub struct When {
    name: Option<Name>,
    below: Option<Name>,
    record_type: Option<RecordType>,
    transport: Option<Transport>,
}

impl When {
    /// Every query.
    #[must_use]
    pub fn always() -> Self {
        Self::default()
    }

    /// Queries for this name.
    #[must_use]
    pub fn name(name: Name) -> Self {
        Self {
            name: Some(name),
            ..Self::default()
        }
    }

    /// Queries for this name and all below it.
    #[must_use]
    pub fn below(name: Name) -> Self {
        Self {
            below: Some(name),
            ..Self::default()
        }
    }

    /// Of these, only those for a type.
    #[must_use]
    pub fn of_type(mut self, record_type: RecordType) -> Self {
        self.record_type = Some(record_type);
        self
    }

    /// Of these, only those that came so.
    #[must_use]
    pub fn over(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Whether a query is meant.
    pub(crate) fn matches(&self, query: &Query, transport: Transport) -> bool {
        self.name.as_ref().is_none_or(|name| name == query.name())
            && self
                .below
                .as_ref()
                .is_none_or(|name| name.zone_of(query.name()))
            && self
                .record_type
                .is_none_or(|record_type| record_type == query.query_type())
            && self.transport.is_none_or(|over| over == transport)
    }
}
