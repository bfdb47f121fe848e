//! From a query to the octets of its answer: what the servers for clear text and for TLS have in common.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, Record, RecordType};

use super::behaviour::{Behaviour, When};
use super::journal::{Journal, Seen, Transport, lock};
use super::zone::{Found, Zone};

/// Octets of a datagram without EDNS (RFC 1035 section 4.2.1).
const PLAIN_DATAGRAM: u16 = 512;
/// Answers over TLS are padded to a multiple of this, when the query was padded (RFC 8467 section 4.1).
const PADDED_BLOCK: usize = 468;
/// Code of the padding option (RFC 7830 section 3).
const PADDING: u16 = 12;
/// Octets of an option's code and length.
const OPTION_HEADER: usize = 4;
/// Where the header counts the answers.
const ANCOUNT: std::ops::Range<usize> = 6..8;
/// Octets of the header.
const HEADER: usize = 12;

/// What to send for a query.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// Messages in the order in which they leave; none when the server stays silent.
    pub(crate) messages: Vec<Vec<u8>>,
    /// What the length before each message says over a stream, when it is not the truth.
    pub(crate) frame: Option<u16>,
    /// How long to wait before.
    delay: Duration,
}

impl Reply {
    /// Waits as long as it should. A timer rounds to a millisecond, so there is none where nothing is to be waited for.
    pub(crate) async fn wait(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// The messages with the length before each (RFC 1035 section 4.2.2).
    pub(crate) fn framed(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for message in &self.messages {
            let length = self
                .frame
                .unwrap_or_else(|| u16::try_from(message.len()).unwrap_or(u16::MAX));
            stream.extend(length.to_be_bytes());
            stream.extend(message);
        }
        stream
    }
}

/// Zones, the rules of behaviour, and the journal of one server.
#[derive(Debug)]
pub struct Responder {
    zones: Mutex<Vec<Zone>>,
    rules: Mutex<Vec<(When, Behaviour)>>,
    journal: Journal,
}

impl Responder {
    /// A server's knowledge. For names outside of these zones it answers NXDOMAIN.
    #[must_use]
    pub fn new(zones: Vec<Zone>) -> Self {
        Self {
            zones: Mutex::new(zones),
            rules: Mutex::default(),
            journal: Journal::default(),
        }
    }

    /// Behaves so from now on; of several rules that match a query, the newest counts.
    pub fn behave(&self, when: When, behaviour: Behaviour) {
        lock(&self.rules).push((when, behaviour));
    }

    /// Behaves well again.
    pub fn behave_well(&self) {
        lock(&self.rules).clear();
    }

    /// Adds a zone, or takes the place of the one with the same origin.
    pub fn set_zone(&self, zone: Zone) {
        let mut zones = lock(&self.zones);
        zones.retain(|other| other.origin() != zone.origin());
        zones.push(zone);
    }

    /// Changes the zone with this origin, if there is one.
    ///
    /// # Errors
    /// What `change` says.
    pub fn change_zone(
        &self,
        origin: &Name,
        change: impl FnOnce(&mut Zone) -> Result<()>,
    ) -> Result<()> {
        match lock(&self.zones)
            .iter_mut()
            .find(|zone| zone.origin() == origin)
        {
            Some(zone) => change(zone),
            None => Ok(()),
        }
    }

    /// What was asked.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What to send for these octets; nothing for what is no query.
    pub(crate) fn reply(&self, octets: &[u8], transport: Transport) -> Reply {
        let Ok(request) = Message::from_vec(octets) else {
            return Reply::default();
        };
        let (MessageType::Query, [query]) =
            (request.metadata.message_type, request.queries.as_slice())
        else {
            return Reply::default();
        };
        let padding = padding(&request);
        self.journal.record(Seen {
            name: query.name().clone(),
            record_type: query.query_type(),
            transport,
            octets: octets.len(),
            padding,
        });
        let behaviour = lock(&self.rules)
            .iter()
            .rev()
            .find(|(when, _)| when.matches(query, transport))
            .map_or(Behaviour::Normal, |(_, behaviour)| behaviour.clone());
        self.act(&behaviour, &request, query, transport)
            .unwrap_or_default()
    }

    /// The answer that the behaviour makes of the zone's own one.
    fn act(
        &self,
        behaviour: &Behaviour,
        request: &Message,
        query: &Query,
        transport: Transport,
    ) -> Result<Reply> {
        let mut answer = self.answer(request, query);
        let mut reply = Reply::default();
        match behaviour {
            Behaviour::Silent => return Ok(reply),
            Behaviour::Raw(octets) => {
                reply.messages.push(octets.clone());
                return Ok(reply);
            }
            Behaviour::Delayed(by) => reply.delay = *by,
            Behaviour::LyingFrame(length) => reply.frame = Some(*length),
            Behaviour::Code(code) => self.refuse(&mut answer, query, *code),
            Behaviour::TruncatedOverUdp if transport.is_datagram() => empty_truncated(&mut answer),
            Behaviour::TruncatedAlways => empty_truncated(&mut answer),
            Behaviour::Authentic => answer.metadata.authentic_data = true,
            Behaviour::WrongId => answer.metadata.id ^= 0x5555,
            Behaviour::SpoofFirst => {
                let mut spoofed = answer.clone();
                spoofed.metadata.id ^= 0x0101;
                self.refuse(&mut spoofed, query, ResponseCode::NXDomain);
                reply.messages.push(spoofed.to_vec()?);
            }
            Behaviour::WrongQuestion => {
                answer.queries = vec![Query::query(
                    query.name().prepend_label("other")?,
                    query.query_type(),
                )];
            }
            Behaviour::NoQuestion => answer.queries.clear(),
            Behaviour::NotAResponse => answer.metadata.message_type = MessageType::Query,
            Behaviour::OtherOwner => {
                let other = query.name().prepend_label("other")?;
                answer
                    .answers
                    .iter_mut()
                    .for_each(|record| record.name = other.clone());
            }
            Behaviour::LowerCase => {
                let name = query.name().to_lowercase();
                answer.queries = vec![Query::query(name, query.query_type())];
            }
            Behaviour::Ttl(ttl) => answer
                .answers
                .iter_mut()
                .for_each(|record| record.ttl = *ttl),
            Behaviour::Synthesise(synthesis) => {
                answer.metadata.response_code = ResponseCode::NoError;
                answer.authorities.clear();
                answer.answers = synthesis(query);
            }
            Behaviour::Normal
            | Behaviour::TruncatedOverUdp
            | Behaviour::Cut(_)
            | Behaviour::LyingCount(_)
            | Behaviour::LyingRdLength
            | Behaviour::PointerLoop => {}
        }
        let mut octets = encode(answer, request, transport)?;
        deface(behaviour, &mut octets, query)?;
        reply.messages.push(octets);
        Ok(reply)
    }

    /// The zone's own answer.
    fn answer(&self, request: &Message, query: &Query) -> Message {
        let mut answer = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = request.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.queries = vec![query.clone()];
        // Of itself a resolver speaks with authority (RFC 9606 section 3).
        answer.metadata.authoritative = query.query_type() == RecordType::from(261);
        match self.find(query.name(), query.query_type()) {
            Some(Found::Records(records)) => answer.answers = records,
            Some(Found::NoData(soa)) => answer.authorities = vec![*soa],
            Some(Found::NxDomain(soa)) => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                answer.authorities = vec![*soa];
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        // The owner as it was asked for, as real servers do by compression: 0x20 survives in the answer too.
        for record in &mut answer.answers {
            if record.name == *query.name() {
                record.name = query.name().clone();
            }
        }
        answer
    }

    /// What the closest zone has.
    fn find(&self, name: &Name, record_type: RecordType) -> Option<Found> {
        let zones = lock(&self.zones);
        let closest = zones.iter().filter(|zone| zone.origin().zone_of(name));
        closest
            .max_by_key(|zone| zone.origin().num_labels())
            .map(|zone| zone.find(name, record_type))
    }

    /// Makes a refusal of an answer; NXDOMAIN comes with the SOA, so that it can be cached (RFC 2308).
    fn refuse(&self, answer: &mut Message, query: &Query, code: ResponseCode) {
        answer.metadata.response_code = code;
        answer.answers.clear();
        answer.authorities = match (code, self.find(query.name(), RecordType::SOA)) {
            (ResponseCode::NXDomain, Some(Found::NoData(soa) | Found::NxDomain(soa))) => vec![*soa],
            (ResponseCode::NXDomain, Some(Found::Records(records))) => records,
            _ => Vec::<Record>::new(),
        };
    }
}

/// Takes everything but the question away and says that there would be more.
fn empty_truncated(answer: &mut Message) {
    answer.metadata.truncation = true;
    answer.answers.clear();
    answer.authorities.clear();
}

/// The message's octets, cut to what the client can take, padded when the query was.
fn encode(mut answer: Message, request: &Message, transport: Transport) -> Result<Vec<u8>> {
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        answer.edns = Some(edns);
    }
    let octets = answer.to_vec()?;
    let room = request.edns.as_ref().map_or(PLAIN_DATAGRAM, |edns| {
        edns.max_payload().max(PLAIN_DATAGRAM)
    });
    if transport.is_datagram() && octets.len() > usize::from(room) {
        empty_truncated(&mut answer);
        return Ok(answer.to_vec()?);
    }
    if transport.is_encrypted() && padding(request).is_some() {
        let unpadded = octets.len() + OPTION_HEADER;
        let mut padded = unpadded.next_multiple_of(PADDED_BLOCK);
        if transport.is_datagram() {
            padded = padded.min(usize::from(room).max(unpadded));
        }
        let missing = padded - unpadded;
        if let Some(edns) = &mut answer.edns {
            edns.options_mut()
                .insert(EdnsOption::Unknown(PADDING, vec![0; missing]));
        }
        return Ok(answer.to_vec()?);
    }
    Ok(octets)
}

/// Octets of the padding option of a message.
fn padding(message: &Message) -> Option<usize> {
    let option = message.edns.as_ref()?.option(EdnsCode::Padding)?;
    Some(usize::from(option.len()))
}

/// What a behaviour does to octets that no encoder would write.
fn deface(behaviour: &Behaviour, octets: &mut Vec<u8>, query: &Query) -> Result<()> {
    match behaviour {
        Behaviour::Cut(keep) => octets.truncate(*keep),
        Behaviour::LyingCount(count) => overwrite(octets, ANCOUNT.start, &count.to_be_bytes()),
        Behaviour::LyingRdLength => {
            // The question is a whole name with the root's octet, type and class; the first answer's owner is a pointer of
            // two octets, and type, class and TTL are eight.
            let question = query.name().len() + 1 + 4;
            overwrite(octets, HEADER + question + 2 + 8, &u16::MAX.to_be_bytes());
        }
        Behaviour::PointerLoop => overwrite(octets, HEADER, &[0xc0, 0x0c]),
        _ => {}
    }
    Ok(())
}

/// Writes over octets, as far as there are any.
fn overwrite(octets: &mut [u8], at: usize, with: &[u8]) {
    for (old, new) in octets.iter_mut().skip(at).zip(with) {
        *old = *new;
    }
}
