//! What a policy is asked ([`Request`]), what it answers ([`Verdict`], [`Ranking`]), and what follows when several
//! answer ([`combine`]).

mod combine;
mod decision_id;
mod der;
mod digest;
mod request;
mod verdict;
mod why;
mod words;

pub use combine::{
    Answer, Evaluation, Fault, FaultKind, Judgement, LogLine, Mode, Outcome, Role, Stage,
    VerifiedSignature, combine,
};
pub use decision_id::DecisionId;
pub use der::Der;
pub use digest::{Digest, NoDigest};
pub use request::{
    AnchorSet, Candidate, Conveyed, DnsRecord, Pin, Presented, ReferenceId, Request, RequestError,
    Server, limits,
};
pub use verdict::{
    CertificateSpan, Decision, Evidence, Finding, Ranking, Severity, Verdict, VerdictError,
    printable,
};
pub use words::{
    AnchorDatabase, CertificateSet, Clock, Dnssec, NetworkIdentity, Purpose, ServerAuthentication,
    Source, Transport, UsageProfile,
};
