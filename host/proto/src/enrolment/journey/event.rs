//! What happens to a journey.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    enrolment::{
        ServerAuthentication,
        est::{Endpoint, HttpReply},
    },
    judgement::{Der, Judgement, Presented, Server, Verdict},
    session::{ConnectionFailure, FailureKind},
};

/// Something that happened. An event that answers no action under way is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// Begin. The first event of every journey.
    Start,
    /// A reattachment begins at its EST server: what was conveyed ends soon.
    Renew,
    /// The time that was waited for has come, or the driver woke for another reason.
    Tick,
    /// Answers [`super::Action::Find`].
    Found {
        /// The search.
        id: u32,
        /// The servers, the most wanted first; empty when there are none.
        endpoints: Vec<Endpoint>,
    },
    /// Answers [`super::Action::Connect`]: the handshake is complete, the key's possession proved.
    Connected {
        /// The connection.
        connection: u32,
        /// Where it leads.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<Server>,
        /// What the peer presented.
        presented: Presented,
        /// The judgement of [`super::Trust::Judged`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judgement: Option<Judgement<Verdict>>,
        /// What binds a request to the connection: the exporter's 32 octets (RFC 9266), or tls-unique with TLS 1.2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binding: Option<Der>,
    },
    /// Answers [`super::Action::Connect`]: there is no connection.
    ConnectionFailed {
        /// The connection.
        connection: u32,
        /// Why.
        reason: ConnectionFailure,
        /// What the validators of [`super::Trust::Judged`] said where they refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judgement: Option<Box<Judgement<Verdict>>>,
    },
    /// Answers [`super::Action::Authenticate`].
    Authenticated {
        /// The connection.
        connection: u32,
        /// By what.
        method: ServerAuthentication,
        /// The certificate that the proof was bound to, DER.
        certificate: Der,
    },
    /// Answers [`super::Action::Authenticate`], or an exchange of an authenticated connection whose answer proves nothing.
    AuthenticationFailed {
        /// The connection.
        connection: u32,
        /// In which way.
        refusal: AuthenticationRefusal,
        /// In words.
        detail: String,
    },
    /// Answers [`super::Action::Exchange`].
    Replied {
        /// The exchange.
        id: u32,
        /// The response.
        reply: HttpReply,
    },
    /// Answers [`super::Action::Exchange`]: there is no response.
    ExchangeFailed {
        /// The exchange.
        id: u32,
        /// Why.
        detail: String,
    },
    /// Answers [`super::Action::Judge`].
    Judged {
        /// The judgement's name.
        id: u32,
        /// All validators' answers.
        judgement: Judgement<Verdict>,
    },
    /// Answers [`super::Action::Random`].
    Random {
        /// The draw.
        id: u32,
        /// The octets.
        octets: Der,
    },
    /// Answers [`super::Action::MakeKey`].
    KeyMade {
        /// The making.
        id: u32,
        /// The key's handle.
        key: String,
        /// Its public part, DER SubjectPublicKeyInfo.
        public: Der,
    },
    /// Answers [`super::Action::Sign`].
    Signed {
        /// The signing.
        id: u32,
        /// The signature's algorithm, DER AlgorithmIdentifier.
        algorithm: Der,
        /// The signature.
        signature: Der,
    },
    /// Answers [`super::Action::MakeKey`] or [`super::Action::Sign`]: the key store failed.
    KeyFailed {
        /// The making or signing.
        id: u32,
        /// Why.
        detail: String,
    },
    /// Answers [`super::Action::Store`].
    Stored {
        /// The storing.
        id: u32,
        /// Why it was not stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// Answers [`super::Action::Discover`]: a server is vetted.
    Served {
        /// The session.
        id: u32,
    },
    /// Answers [`super::Action::Discover`]: there is none.
    NotServed {
        /// The session.
        id: u32,
        /// The most telling reason.
        kind: FailureKind,
        /// In words.
        message: String,
    },
}

/// In which way a PAKE failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuthenticationRefusal {
    /// The server refused the password, or could not prove that it knows it.
    Password,
    /// The server's proof was for another connection or certificate.
    Binding,
    /// The messages broke the protocol.
    Protocol,
    /// The server offers no way that is known here.
    NotOffered,
    /// The person gave none.
    Cancelled,
    /// The connection ended.
    Connection,
}
