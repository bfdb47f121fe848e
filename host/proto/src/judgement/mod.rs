//! What a policy is asked ([`Request`]), what it answers ([`Verdict`], [`Ranking`]), and what follows when several
//! answer ([`combine`]).

mod anchors;
mod candidate;
mod combine;
mod decision_id;
mod der;
mod digest;
pub mod limits;
mod peer;
mod reference;
mod request;
mod verdict;
mod why;
mod words;

pub use anchors::AnchorSet;
pub use candidate::{Candidate, DnsRecord};
pub use combine::{
    Answer, Evaluation, Fault, FaultKind, Judgement, LogLine, Mode, Outcome, Role, Stage,
    VerifiedSignature, combine,
};
pub use decision_id::DecisionId;
pub use der::Der;
pub use digest::{Digest, NoDigest};
pub use peer::{Conveyed, Presented, Server};
pub use reference::{Pin, ReferenceId};
pub use request::{Request, RequestError};
pub use verdict::{
    CertificateSpan, Decision, Evidence, Finding, Ranking, Severity, Verdict, VerdictError,
    printable,
};
pub use words::{
    AnchorDatabase, CertificateSet, Clock, Dnssec, NetworkIdentity, Purpose, ServerAuthentication,
    Source, Transport, UsageProfile,
};
