//! Enrolment over Secure Transport (RFC 7030 with RFC 8951, RFC 8295 and RFC 9908): messages of a client, and of a server
//! as far as tests need one.
//!
//! Whatever comes from a server is hostile until its certificate was judged: every reader here has a limit ([`limits`]),
//! and answers with an error of its own. Nothing here says whether a certificate is good: policies do.

mod anchors;
mod body;
mod certificates;
mod csr_attributes;
mod end_entity;
mod http;
pub mod limits;
mod multipart;
mod operation;
mod pal;
mod reply;
mod request;
mod server;

pub use crate::date::{http_date, rfc3339};
pub use crate::endpoint::{Endpoint, EndpointError};
pub use anchors::{CaCertificates, sort as sort_ca_certificates};
pub use body::{BodyError, decode, encode, folded};
pub use certificates::{CmsError, certificates, certs_only, crls};
pub use csr_attributes::{CsrAttributes, CsrAttributesError, KeyType, SubjectPart};
pub use end_entity::{DnsServerIdentity, EndEntityError, dns_server};
pub use http::{HttpReply, HttpRequest, Method};
pub use multipart::{MultipartError, Part, parts};
pub use operation::{CaLabel, CaLabelError, Operation};
pub use pal::{PackageType, Pal, PalEntry, PalError, PalInfo, pal_from_json, pal_from_xml};
pub use reply::{Answer, Outcome, ReplyError, classify};
pub(in crate::enrolment) use reply::{Class, class};
pub use request::{CertificationRequest, RequestToSign, SigningError, Subject, challenge_password};
pub use server::ServerNames;
