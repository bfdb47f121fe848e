//! Certificates as facts: what they say, not whether it is true. Judging is for policies.

pub mod algorithm;
mod facts;
pub mod privacy;
mod srv_id;
mod subject;
mod validity;

pub use facts::{CertificateError, Facts, facts, privacy_statement, whose};
pub use srv_id::{SrvId, SrvIdError};
pub use subject::subject;
pub use validity::validity;
