//! Validation of what discovery is answered (RFC 4035), by the DNS library's validator.
//!
//! An answer is looked up once, with its signatures. Its sets are validated from the closest trust anchor that each owner is
//! below, so a set that is below none is indeterminate and costs nothing. The keys of an anchor's zone are looked up first
//! and believed as a whole when one that is anchored has signed them: then an anchor needs nothing of the zones above it,
//! which may know nothing about a network's own zone.
//!
//! Bounds: the lookups of one validation, its time, and by the library the signatures that are tried for each set and the
//! keys for each signature, which keeps work like that of KeyTrap (CVE-2023-50387) small.

mod anchors;
mod asking;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use hickory_net::{DnsError, NetError, dnssec::DnssecDnsHandle, xfer::DnsHandle as _};
use hickory_proto::{
    dnssec::{
        Proof, TrustAnchors, Verifier as _,
        rdata::{DNSKEY, DNSSECRData, RRSIG},
    },
    op::{DnsRequestOptions, DnsResponse, Query},
    rr::{DNSClass, LowerName, Name, RData, Record, RecordType, SerialNumber},
};
use resolvet_proto::{
    discovery::{DomainName, ValidatedSet, Validation, limits::ALIASES},
    judgement::Dnssec,
};
use tokio::time::timeout;

pub use anchors::{DnssecAnchors, DnssecAnchorsError};

use crate::{
    LookupError, Recursive, clock,
    lookup::{self, Asked},
};
use anchors::{Cover, Zone};
use asking::{Asking, Memory};

/// How long a validation may take, without the lookup that it validates.
const WITHIN: Duration = Duration::from_secs(10);
/// How deep zones are followed, from what is validated to the anchor.
const DEPTH: usize = 16;
/// Signatures of an anchored zone's keys that are tried.
const SIGNATURES: usize = 8;
/// Keys of one zone that are believed. The root has three, a rollover some more.
const KEYS: usize = 32;
/// Names that are answered on this side of any trust anchor (RFC 9462 section 8.2): nobody can sign for them.
const LOCAL: &str = "resolver.arpa.";

/// Validates.
#[derive(Debug, Clone)]
pub(crate) struct Validator {
    anchors: Arc<DnssecAnchors>,
    memory: Arc<Memory>,
}

/// What one anchor says about a response.
struct Judged {
    /// The records of the answer with their proofs.
    answers: Vec<Record>,
    /// The proof that there is nothing else, and of names that a wildcard made.
    whole: Dnssec,
}

impl Validator {
    pub(crate) fn new(anchors: DnssecAnchors) -> Self {
        Self {
            anchors: Arc::new(anchors),
            memory: Arc::default(),
        }
    }

    /// Looks a name up, and says what is known of the answer's signatures.
    ///
    /// # Errors
    /// The lookup failed, or one of those that its validation needs.
    pub(crate) async fn lookup(
        &self,
        recursive: Recursive,
        name: &str,
        rtype: u16,
    ) -> Result<(Vec<u8>, Validation), LookupError> {
        let query = question(name, rtype)?;
        let response = recursive.ask(query.clone(), Asked::Signatures).await?;
        let validation = self.validation(recursive, &query, &response).await?;
        Ok((response.into_buffer(), validation))
    }

    /// What is known of the signatures of a message that came from elsewhere, over a server's own connection, as the answer to this.
    ///
    /// # Errors
    /// It is no message, or one of the lookups that its validation needs failed.
    pub(crate) async fn of_message(
        &self,
        recursive: Recursive,
        name: &str,
        rtype: u16,
        message: &[u8],
    ) -> Result<Validation, LookupError> {
        let query = question(name, rtype)?;
        let response =
            DnsResponse::from_buffer(message.to_vec()).map_err(|_| LookupError::Validation {
                name: name.to_owned(),
                problem: "is impossible, the message is malformed",
            })?;
        self.validation(recursive, &query, &response).await
    }

    async fn validation(
        &self,
        recursive: Recursive,
        query: &Query,
        response: &DnsResponse,
    ) -> Result<Validation, LookupError> {
        if !asking::is_answer(response) {
            // Whoever reads it says so.
            return Ok(Validation {
                sets: Vec::new(),
                absence: Dnssec::Indeterminate,
            });
        }
        let asking = Asking::new(recursive, Arc::clone(&self.memory));
        let validating = self.validate(&asking, query, response);
        let validation =
            timeout(WITHIN, validating)
                .await
                .map_err(|_| LookupError::Validation {
                    name: query.name().to_string(),
                    problem: "takes too long",
                })?;
        let mut states = validation.sets.iter().map(|set| &set.dnssec);
        let is_bogus = states.any(|state| *state == Dnssec::Bogus)
            || (validation.sets.is_empty() && validation.absence == Dnssec::Bogus);
        match asking.failure() {
            Some(failure) if is_bogus => Err(LookupError::Unproved {
                name: query.name().to_string(),
                source: Box::new(failure),
            }),
            _ => Ok(validation),
        }
    }

    async fn validate(&self, asking: &Asking, query: &Query, response: &DnsResponse) -> Validation {
        let mut sets: Vec<ValidatedSet> = Vec::new();
        let mut judged: Vec<(usize, Judged)> = Vec::new();
        let owners: BTreeSet<(LowerName, u16)> = response
            .answers
            .iter()
            .filter(|record| record.record_type() != RecordType::RRSIG)
            .map(|record| (LowerName::new(&record.name), record.record_type().into()))
            .collect();
        let end = end(query.name(), &response.answers);
        let found = owners.contains(&(LowerName::new(&end), query.query_type().into()));
        for (owner, rtype) in owners {
            let name = Name::from(owner);
            let (dnssec, ttl) = match self.cover(&name) {
                Cover::None => (Dnssec::Indeterminate, None),
                Cover::Negative => (Dnssec::Insecure, None),
                Cover::Zone(position, zone) => {
                    if judged.iter().all(|(known, _)| *known != position) {
                        judged.push((position, judge(asking, zone, query, response).await));
                    }
                    let by_zone = judged.iter().find(|(known, _)| *known == position);
                    by_zone.map_or((Dnssec::Bogus, None), |(_, judged)| {
                        judged.set(&name, rtype, found)
                    })
                }
            };
            sets.push(ValidatedSet {
                owner: DomainName::of(&name).as_str().to_owned(),
                rtype,
                dnssec,
                ttl,
            });
        }
        let is_bogus = sets.iter().any(|set| set.dnssec == Dnssec::Bogus);
        let absence = match (found, is_bogus) {
            (false, _) => self.absence(asking, query, response, end).await,
            // What cannot be read of an answer is left out: that does not make its absence believed.
            (true, true) => Dnssec::Bogus,
            (true, false) => Dnssec::Indeterminate,
        };
        Validation { sets, absence }
    }

    /// What is known of it that there is nothing at the end of the aliases.
    async fn absence(
        &self,
        asking: &Asking,
        query: &Query,
        response: &DnsResponse,
        end: Name,
    ) -> Dnssec {
        let Cover::Zone(_, zone) = self.cover(&end) else {
            return match self.cover(&end) {
                Cover::Negative => Dnssec::Insecure,
                _ => Dnssec::Indeterminate,
            };
        };
        if end == *query.name() {
            return judge(asking, zone, query, response).await.whole;
        }
        // The validator takes proofs for those of the name that was asked for, so the last alias is asked for by itself.
        let query = Query::query(end, query.query_type());
        match asking.ask(query.clone()).await {
            Ok(response) if response.answers.is_empty() => {
                judge(asking, zone, &query, &response).await.whole
            }
            _ => Dnssec::Bogus,
        }
    }

    fn cover(&self, name: &Name) -> Cover<'_> {
        let local = Name::from_ascii(LOCAL).is_ok_and(|local| local.zone_of(name));
        match local {
            true => Cover::None,
            false => self.anchors.cover(name),
        }
    }
}

impl Judged {
    /// Nothing of it is believed.
    const fn bogus() -> Self {
        Self {
            answers: Vec::new(),
            whole: Dnssec::Bogus,
        }
    }

    /// The state of a set, and for how many seconds it holds at most.
    fn set(&self, owner: &Name, rtype: u16, found: bool) -> (Dnssec, Option<u32>) {
        let of_set =
            |record: &&Record| record.name == *owner && u16::from(record.record_type()) == rtype;
        let mut set = self.answers.iter().filter(of_set);
        let Some(first) = set.next() else {
            return (Dnssec::Bogus, None);
        };
        let proof = set.fold(first.proof, |least, record| least.min(record.proof));
        let state = match (state(proof), &self.whole) {
            // Something else of this answer is wrong, such as the proof that a wildcard was used rightly.
            (Dnssec::Secure, whole) if found => whole.clone(),
            (state, _) => state,
        };
        let ttl = (state == Dnssec::Secure).then_some(first.ttl);
        (state, ttl)
    }
}

/// Has a response validated from the anchors of one zone.
async fn judge(asking: &Asking, zone: &Zone, query: &Query, response: &DnsResponse) -> Judged {
    let Some(keys) = keys(asking, zone).await else {
        return Judged::bogus();
    };
    let keys = Arc::new(keys);
    let mut known = response.clone();
    // Nothing reads them, so nothing is validated of them.
    known.additionals.clear();
    let mut validated = validate(asking, &keys, query, known).await;
    if let Ok(judged) = &validated
        && is_without_bearing(query, &judged.authorities)
    {
        let mut known = response.clone();
        known.additionals.clear();
        known.authorities.clear();
        validated = validate(asking, &keys, query, known).await;
    }
    match validated {
        Ok(response) => {
            let is_proved = response.authorities.iter().any(|record| {
                let rtype = record.record_type();
                record.proof.is_secure() && matches!(rtype, RecordType::NSEC | RecordType::NSEC3)
            });
            let end = end(query.name(), &response.answers);
            let is_answered = response
                .answers
                .iter()
                .any(|record| record.name == end && record.record_type() == query.query_type());
            Judged {
                whole: match is_proved || is_answered {
                    true => Dnssec::Secure,
                    // The validator gives an answer that proves nothing only where nothing is signed.
                    false => Dnssec::Insecure,
                },
                answers: response.into_message().answers,
            }
        }
        Err(NetError::Dns(DnsError::Nsec {
            response, proof, ..
        })) => Judged {
            answers: response.into_message().answers,
            whole: state(proof),
        },
        Err(_) => Judged::bogus(),
    }
}

/// What the library's validator makes of a response.
async fn validate(
    asking: &Asking,
    keys: &Arc<TrustAnchors>,
    query: &Query,
    known: DnsResponse,
) -> Result<DnsResponse, NetError> {
    let handle = asking.knowing(query.clone(), known);
    let handle = DnssecDnsHandle::with_trust_anchor(handle, Arc::clone(keys));
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    options.edns_set_dnssec_ok = true;
    options.max_request_depth = DEPTH;
    let validated = handle.lookup(query.clone(), options).next().await;
    validated.unwrap_or(Err(NetError::Message("no answer was validated")))
}

/// Whether these records stand in the way of a proof without saying anything themselves.
///
/// The validator demands no proof of what is missing, nor of what a wildcard made, where all records of the authority section
/// are of zones that are proved to be unsigned. Anybody can add such a record; it counts when it is of the name or above it,
/// for then the name is unsigned as well.
fn is_without_bearing(query: &Query, authorities: &[Record]) -> bool {
    let is_above = |record: &Record| record.name.zone_of(query.name());
    !authorities.is_empty()
        && authorities.iter().all(|record| record.proof.is_insecure())
        && !authorities.iter().any(is_above)
}

/// All keys of an anchored zone, if one that is anchored has signed them now; otherwise nothing can be believed of it.
async fn keys(asking: &Asking, zone: &Zone) -> Option<TrustAnchors> {
    let query = Query::query(zone.name.clone(), RecordType::DNSKEY);
    let response = asking.ask(query).await.ok()?;
    let records: Vec<&Record> = response
        .answers
        .iter()
        .filter(|record| record.name == zone.name && dnskey(record).is_some())
        .take(KEYS + 1)
        .collect();
    if records.len() > KEYS {
        return None;
    }
    let signatures = response.answers.iter().filter_map(rrsig);
    let is_signed = signatures.take(SIGNATURES).any(|signature| {
        let mut keys = records.iter().filter_map(|record| dnskey(record));
        keys.any(|key| zone.trusts(key) && has_signed(zone, key, signature, &records))
    });
    let mut anchors = TrustAnchors::empty();
    for key in records.iter().filter_map(|record| dnskey(record)) {
        if key.zone_key() && !key.revoke() {
            anchors.insert_with_name(key.public_key(), LowerName::new(&zone.name));
        }
    }
    is_signed.then_some(anchors)
}

/// What is asked for.
fn question(name: &str, rtype: u16) -> Result<Query, LookupError> {
    let mut query = Query::query(lookup::parse(name)?, RecordType::from(rtype));
    query.name.set_fqdn(true);
    Ok(query)
}

/// Whether this key made this signature over these keys, and it holds now (RFC 4035 section 5.3.1).
fn has_signed(zone: &Zone, key: &DNSKEY, signature: &RRSIG, records: &[&Record]) -> bool {
    let input = signature.input();
    let now = clock::now().unix;
    // Times of signatures go around every 136 years (RFC 4034 section 3.1.5).
    #[allow(
        clippy::cast_possible_truncation,
        reason = "serial number arithmetic is what is meant"
    )]
    let now = SerialNumber::new(now as u32);
    input.type_covered == RecordType::DNSKEY
        && input.signer_name == zone.name
        && input.num_labels == zone.name.num_labels()
        && input.algorithm == key.algorithm()
        && key
            .calculate_key_tag()
            .is_ok_and(|tag| tag == input.key_tag)
        && now >= input.sig_inception
        && now <= input.sig_expiration
        && key
            .verify_rrsig(&zone.name, DNSClass::IN, signature, records.iter().copied())
            .is_ok()
}

fn dnskey(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

fn rrsig(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

/// Where the aliases of an answer lead.
fn end(name: &Name, answers: &[Record]) -> Name {
    let mut end = name.clone();
    for _ in 0..ALIASES {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == end => Some(target.0.clone()),
            _ => None,
        });
        match alias {
            Some(target) => end = target,
            None => break,
        }
    }
    end
}

fn state(proof: Proof) -> Dnssec {
    match proof {
        Proof::Secure => Dnssec::Secure,
        Proof::Insecure => Dnssec::Insecure,
        // Below an anchor it can be known: what cannot be validated there is not believed.
        Proof::Bogus | Proof::Indeterminate => Dnssec::Bogus,
    }
}
