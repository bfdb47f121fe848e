//! The largest request that is judged. What is larger was not meant well: a handshake or an answer that exceeds one of
//! these is refused before a policy sees it.

/// Certificates that a peer presents. Public chains have two to four; RFC 8446 sets no limit.
pub const PRESENTED: usize = 16;
/// Octets of one certificate. The largest public ones are below 10 kB.
pub const CERTIFICATE_OCTETS: usize = 65_536;
/// Certificates that an enrolment conveys.
pub const CONVEYED: usize = 64;
/// Trust anchors. Systems have about 150.
pub const ANCHORS: usize = 1_024;
/// Certificate revocation lists.
pub const CRLS: usize = 64;
/// Octets of one CRL.
pub const CRL_OCTETS: usize = 4 << 20;
/// Octets of a stapled OCSP response.
pub const OCSP_OCTETS: usize = 65_536;
/// DNS records.
pub const RECORDS: usize = 1_024;
/// Candidates.
pub const CANDIDATES: usize = 256;
/// Reference identifiers.
pub const REFERENCE_IDS: usize = 16;
/// Octets of any name, and of a URI template's path.
pub const NAME_OCTETS: usize = 1_024;
/// Pins of one server.
pub const PINS: usize = 16;
/// Ways that found one server.
pub const SOURCES: usize = 16;
