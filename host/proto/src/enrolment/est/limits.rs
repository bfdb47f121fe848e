//! How large and how many. What exceeds one of these was not meant well and is refused with an error that names it.

/// Octets of a response's body. A list of 64 CRLs is the largest honest one; certificates take some kilobytes.
pub const BODY_OCTETS: usize = 8 << 20;
/// Octets of a certs-only body: 64 certificates of the largest size that is judged are never seen, some kilobytes are.
pub const CERTIFICATES_OCTETS: usize = 1 << 20;
/// Certificates in one CMS message.
pub const CERTIFICATES: usize = 64;
/// CRLs in one CMS message.
pub const CRLS: usize = 64;
/// Octets of one CRL.
pub const CRL_OCTETS: usize = 4 << 20;
/// Octets of a body with CSR attributes.
pub const CSR_ATTRIBUTES_OCTETS: usize = 65_536;
/// CSR attributes.
pub const CSR_ATTRIBUTES: usize = 64;
/// Octets of a package availability list.
pub const PAL_OCTETS: usize = 262_144;
/// Entries of a package availability list.
pub const PAL_ENTRIES: usize = 256;
/// Octets of a URI or a name in a package availability list (RFC 8295 section 2.1.2).
pub const PAL_TEXT_OCTETS: usize = 1_024;
/// Nodes of a package availability list in XML.
pub const PAL_NODES: u32 = 16_384;
/// Parts of a multipart body. RFC 7030 section 4.4.2 has two.
pub const PARTS: usize = 4;
/// Header fields of a response that are looked at.
pub const HEADERS: usize = 128;
/// Redirects that one exchange follows.
pub const REDIRECTS: u32 = 5;
/// The shortest time before a request that is pending is sent again, seconds.
pub const SHORTEST_WAIT: u64 = 5;
/// What is waited when a server says that a request is pending and not for how long.
pub const DEFAULT_WAIT: u64 = 60;
/// Octets of a challengePassword (RFC 2985 section 5.4.1).
pub const CHALLENGE_PASSWORD_OCTETS: usize = 255;
