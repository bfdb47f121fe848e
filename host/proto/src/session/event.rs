//! What happens to a session.

use alloc::{string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    discovery::{Validation, dnr::NetworkOption},
    judgement::{
        AnchorSet, Clock, Conveyed, Der, Judgement, NetworkIdentity, Presented, Ranking, Verdict,
    },
};

/// Something that happened. The driver hands it over with the time and then drains the actions.
///
/// An event that answers no action under way (an unknown `id` or `attempt`, one that ended before) is ignored, so a driver
/// need not cancel what it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// Begin. The first event of every session.
    Start,
    /// The time that [`super::Action::WaitUntil`] named has come, or the driver woke for another reason.
    Tick,
    /// Answers [`super::Action::Query`].
    Answer {
        /// The query's id.
        id: u32,
        /// The whole response message, or why there is none.
        response: Response,
    },
    /// Answers [`super::Action::Select`].
    Selected {
        /// All selectors' answers.
        judgement: Judgement<Ranking>,
    },
    /// Answers [`super::Action::Connect`]: the handshake is complete, the key's possession proved, the verifier accepted.
    Connected {
        /// The attempt.
        attempt: u32,
        /// What the peer presented.
        presented: Presented,
        /// The validation that ran inside the handshake.
        judgement: Judgement<Verdict>,
    },
    /// Answers [`super::Action::Connect`]: there is no connection.
    ConnectionFailed {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: ConnectionFailure,
        /// What the peer presented, if it came so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        presented: Option<Presented>,
        /// The validation that refused or faulted, if it came so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judgement: Option<Judgement<Verdict>>,
    },
    /// Answers [`super::Action::Assess`].
    Assessed {
        /// The attempt.
        attempt: u32,
        /// All privacy assessors' answers.
        judgement: Judgement<Verdict>,
    },
    /// Answers [`super::Action::Rejudge`].
    Rejudged {
        /// The attempt.
        attempt: u32,
        /// The validation of the kept evidence.
        validation: Judgement<Verdict>,
        /// The privacy assessment of the kept evidence; absent when the validation did not accept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        privacy: Option<Judgement<Verdict>>,
    },
    /// Another policy set is active.
    Swapped {
        /// Its generation.
        generation: u64,
    },
    /// Evidence that does not come from the peer changed; what is absent stays as it was. Whatever is vetted is judged
    /// again.
    EvidenceChanged {
        /// New trust anchors.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchors: Option<Arc<AnchorSet>>,
        /// What a new enrolment conveyed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conveyed: Option<Conveyed>,
        /// New certificate revocation lists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        crls: Option<Vec<Der>>,
        /// The time is known in another way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<Clock>,
        /// The network's identity is known in another way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_identity: Option<NetworkIdentity>,
    },
    /// Answers [`super::Action::Inform`].
    Informed {
        /// The attempt.
        attempt: u32,
        /// The whole response message, or why there is none.
        response: Response,
    },
    /// Answers [`super::Action::Fetch`].
    Fetched {
        /// The attempt.
        attempt: u32,
        /// What was there, or why nothing is.
        fetched: Fetched,
    },
    /// What DHCP and router advertisements say of encrypted resolvers (RFC 9463): all of it, in place of what was said before.
    /// While discovering it counts at once; while a server is used, discovery is repeated.
    NetworkOptions {
        /// The options as they came.
        options: Vec<NetworkOption>,
    },
    /// The vetted server has no open connection and one is needed: a server may close an idle one at any time (RFC 7858
    /// section 3.4). The session connects again, and this handshake is judged as the first was.
    Closed {
        /// The attempt whose [`super::Action::Serve`] it was.
        attempt: u32,
    },
    /// The vetted server's connection is open, and it answered none of several queries in a row. The session goes on with
    /// another server, or with a new connection to this one when there is no other.
    Unanswered {
        /// The attempt whose [`super::Action::Serve`] it was.
        attempt: u32,
    },
    /// An answer over the vetted server's datagrams was cut and is to be asked for again over a stream (RFC 8094 section 5).
    /// The session goes on with servers over streams first, if there are any; otherwise this one goes on serving.
    Truncated {
        /// The attempt whose [`super::Action::Serve`] it was.
        attempt: u32,
    },
}

/// What was at a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fetched {
    /// These octets, at most [`crate::privacy_token::limits::TOKEN_OCTETS`].
    Octets(Der),
    /// Nothing that counts.
    Failed {
        /// Why.
        detail: String,
    },
}

/// What a query brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The whole message as it came, at most 65,535 octets. The driver has matched source, ID and, if it uses 0x20, the
    /// exact case of the question; the session reads everything else from these octets.
    Message(Der),
    /// Such a message, whose signatures (DNSSEC) the driver looked at.
    Validated {
        /// The message.
        message: Der,
        /// What is known of its signatures.
        validation: Validation,
    },
    /// No message.
    Failed(LookupFailure),
}

/// Why a query brought no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LookupFailure {
    /// No answer in time, the driver's retransmissions included.
    TimedOut,
    /// The recursive resolver cannot be reached.
    Unreachable {
        /// What the system said.
        detail: String,
    },
    /// An answer came, and what its validation needs did not.
    Unvalidated {
        /// What is missing.
        detail: String,
    },
    /// Anything else: a query that cannot be encoded, a message that is too long.
    Other {
        /// What went wrong.
        detail: String,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConnectionFailure {
    /// In which way.
    pub kind: ConnectionFailureKind,
    /// What the system or the peer said.
    pub detail: String,
}

/// In which way a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConnectionFailureKind {
    /// No route, no such host.
    Unreachable,
    /// The port refused.
    Refused,
    /// Not complete in time.
    TimedOut,
    /// The peer closed the connection, or sent an alert.
    Closed,
    /// The peer does not speak TLS, or none of the versions and algorithms that are allowed.
    Handshake,
    /// The peer could not prove that it has the key of its certificate.
    ProofOfPossession,
    /// The validation refused; the event carries the judgement.
    Refusal,
    /// The evidence is larger than what is judged ([`crate::judgement::limits`]).
    TooLarge,
    /// Anything else.
    Other,
}
