//! What happened, for a person to read.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    discovery::Timestamp,
    enrolment::{ServerAuthentication, est::Endpoint},
    judgement::{Digest, Judgement, Purpose, Verdict},
};

/// Where a journey is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Before [`super::Event::Start`].
    New,
    /// Servers are looked for, or a server of a known network is discovered.
    Discovering,
    /// A handshake is under way.
    Connecting,
    /// The server proves that it knows the password.
    Authenticating,
    /// A voucher is asked for (RFC 8995: request join).
    RequestingJoin,
    /// The registrar is judged (RFC 8995: imprint).
    Imprinting,
    /// Certificates are fetched and judged.
    Collecting,
    /// A certificate of the device's own is asked for (RFC 8995: enrol).
    Enrolling,
    /// A time is waited for.
    Waiting,
    /// The enrolment is stored.
    Storing,
    /// Done: enrolled, or attached.
    Done,
    /// Ended without what it was for.
    Failed,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Step,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Servers were found.
    Found(Vec<Endpoint>),
    /// A connection is attempted.
    Connecting(Endpoint),
    /// A connection failed.
    ConnectionFailed {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        detail: String,
    },
    /// A connection is there and its peer is not authenticated.
    Provisional {
        /// SHA-256 of the peer's certificate.
        certificate: Digest,
    },
    /// The peer is authenticated.
    Authenticated {
        /// By what.
        method: ServerAuthentication,
    },
    /// By which names the EST server is known from now on.
    ReferenceIds(Vec<String>),
    /// Certificates of authorities came.
    CaCertificates {
        /// How many roots.
        roots: usize,
        /// How many others.
        others: usize,
    },
    /// Certificate revocation lists came.
    Crls(usize),
    /// Certificates of peers came.
    EndEntities(usize),
    /// The DNS server is known.
    DnsServer {
        /// The authentication domain name.
        authentication_domain_name: String,
        /// SHA-256 of each of its certificates.
        certificates: Vec<Digest>,
    },
    /// The policies answered.
    Judged {
        /// For what.
        purpose: Purpose,
        /// Whose certificate, for a person.
        subject: String,
        /// SHA-256 of the certificate.
        certificate: Digest,
        /// Their answers.
        judgement: Judgement<Verdict>,
    },
    /// Something optional is not to be had.
    Without {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// A voucher was accepted.
    Voucher {
        /// The assertion.
        assertion: String,
        /// How the registrar answers to the pin.
        pin: String,
        /// What was waived, as sentences.
        waived: Vec<String>,
    },
    /// A certificate of the device's own was issued.
    Issued {
        /// SHA-256 of it.
        certificate: Digest,
    },
    /// A time is waited for.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// DNS offers no encrypted server in a network whose EST server conveyed one's certificate (the draft's section 11).
    Downgrade,
    /// The ADN or the certificates were replaced.
    Replaced {
        /// What was known.
        before: Option<String>,
        /// What is known now.
        after: Option<String>,
    },
    /// Stored.
    Stored,
    /// The end, in words.
    Failed(String),
}
