//! What a session wants done.

use alloc::{string::String, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Authenticated, Failure, Vetted};
use crate::{
    discovery::Timestamp,
    judgement::{Request, Server},
};

/// Something to do. Actions are taken in the order in which they come; several may be under way at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Ask the recursive resolver, class IN, RD set. Issued while discovering, several at once. Answered by
    /// [`super::Event::Answer`], always: a driver that gives up says so.
    Query {
        /// Names the query; never used again in this session.
        id: u32,
        /// The name: absolute, lower case, other octets than letters, digits, `-` and `_` escaped (RFC 1035 section 5.1): only
        /// instances of services have them. [`crate::discovery::labels`] reads it.
        name: String,
        /// The type's number.
        rtype: u16,
    },
    /// Evaluate the selectors over this request. Issued when discovery is complete and yielded candidates, and again before
    /// anything is chosen anew: after a swap, when a server that was in use is refused, when its connection was lost. A
    /// server in use goes on serving meanwhile, unless it was withdrawn. Answered by [`super::Event::Selected`].
    Select {
        /// The request, whole.
        request: Arc<Request>,
    },
    /// Connect and complete a handshake, with the validators evaluated inside it over this request with what the peer
    /// presented filled in ([`Request::presenting`]). Not one octet of ours follows the handshake before `Serve`.
    /// Several may be under way at once, at most [`super::limits::ABREAST`]; one that is withdrawn meanwhile is to be given up,
    /// which needs no answer. Answered by [`super::Event::Connected`] or
    /// [`super::Event::ConnectionFailed`].
    Connect {
        /// Names the attempt; never used again in this session.
        attempt: u32,
        /// Where, and how it is spoken to.
        server: Server,
        /// The host name that the address belongs to: for the record, never to be checked against a certificate. What goes
        /// into the handshake (SNI) is the authentication domain name.
        target: String,
        /// The frozen judgement context: everything but what the peer presents.
        request: Arc<Request>,
        /// The generation that the session knows. A judgement of an older one does not count.
        generation: u64,
    },
    /// Ask the server for its RESINFO record (RFC 9606) over this attempt's connection: type 261, RD clear, the name that
    /// `authenticated` says, padded like any query. Nothing else may be sent over it. Issued once its validation was accepted
    /// by an authority, where the configuration asks for it. Answered by [`super::Event::Informed`].
    Inform {
        /// The attempt.
        attempt: u32,
        /// What was authenticated.
        authenticated: Authenticated<Server>,
    },
    /// Fetch a signed privacy statement by HTTPS from this URL, once and without redirects, bounded in size and time, from no address
    /// that the driver refuses. Issued before [`Action::Assess`], where the configuration asks for it. Answered by
    /// [`super::Event::Fetched`].
    Fetch {
        /// The attempt.
        attempt: u32,
        /// The URL, which the server named.
        url: String,
        /// The context in which the certificate of that HTTPS server is judged.
        request: Arc<Request>,
    },
    /// Evaluate the privacy assessors over this request: the one that was validated, with what the server said about itself.
    /// Issued once the handshake is complete and its validation counts. Answered by [`super::Event::Assessed`].
    Assess {
        /// The attempt.
        attempt: u32,
        /// The request, with what the peer presented.
        request: Arc<Request>,
    },
    /// The server is vetted: queries may be sent over this attempt's connections until it expires or is withdrawn. Issued
    /// again for the same attempt when it was judged again: the newer replaces the older.
    Serve {
        /// The server and what its verdict rests on.
        vetted: Vetted<Server>,
    },
    /// Evaluate the validators and, when they accept, the privacy assessors over kept evidence. Issued when a verdict
    /// ended, when policies were swapped, when evidence changed, and when a judgement came from an older generation.
    /// Answered by [`super::Event::Rejudged`] before the deadline, otherwise the server counts as refused.
    Rejudge {
        /// The attempt.
        attempt: u32,
        /// The request, with what the peer presented.
        request: Arc<Request>,
        /// The generation to judge by, or a newer one.
        generation: u64,
        /// When it must be answered.
        deadline: Timestamp,
        /// Whether queries may go on meanwhile: false when the verdict has ended or there is none yet.
        serving: bool,
    },
    /// Give up this attempt if it is under way, and use its server no longer: no new query, answers under way are finished or failed within a bounded time,
    /// connections and session tickets of it are dropped. Not answered.
    Withdraw {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: WithdrawReason,
    },
    /// Hand over [`super::Event::Tick`] when the first of the two clocks reaches this time. A session has one timer: the
    /// newest replaces the one before.
    WaitUntil {
        /// The time.
        until: Timestamp,
    },
    /// The session has ended without a server. Nothing follows.
    Fail {
        /// Why, and when to try again.
        failure: Failure,
    },
}

/// Why a server is used no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WithdrawReason {
    /// The validation refused.
    ValidationRefused,
    /// The selectors refused.
    SelectionRefused,
    /// The privacy assessment refused.
    PrivacyRefused,
    /// A policy failed.
    PolicyFault,
    /// A judgement of another request came.
    ForeignJudgement,
    /// It was not judged again in time.
    NotJudgedInTime,
    /// Its verdict ended and nothing renewed it.
    Expired,
    /// Its connection ended, and another was tried or taken.
    ConnectionLost,
    /// Discovery or selection now prefers another.
    Replaced,
    /// Another server was vetted, and this attempt had had its time.
    Overtaken,
    /// Its answers do not fit into its datagrams.
    Truncated,
    /// It answers no query.
    Unanswered,
}

impl WithdrawReason {
    /// Whether a judgement withdrew it, or the lack of one that was due: what it said before is not to be believed either.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::ValidationRefused
            | Self::SelectionRefused
            | Self::PrivacyRefused
            | Self::PolicyFault
            | Self::ForeignJudgement
            | Self::NotJudgedInTime => true,
            Self::Expired
            | Self::ConnectionLost
            | Self::Replaced
            | Self::Overtaken
            | Self::Truncated
            | Self::Unanswered => false,
        }
    }
}
