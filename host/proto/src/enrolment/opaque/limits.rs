//! How large and how many, in version 1 of the profile.

/// Octets of KE1: OPRF element, nonce, key share.
pub const KE1_OCTETS: usize = 96;
/// Octets of KE2: OPRF element, masking nonce, masked response, nonce, key share, MAC.
pub const KE2_OCTETS: usize = 320;
/// Octets of KE3: a MAC.
pub const KE3_OCTETS: usize = 64;
/// Octets of a digest and of a proof.
pub const DIGEST_OCTETS: usize = 32;
/// Octets of a record: public key, masking key, envelope.
pub const RECORD_OCTETS: usize = 192;
/// Octets of a server's secrets: OPRF seed, private key, and a public key that nobody has the private key of.
pub const SECRETS_OCTETS: usize = 128;
/// KiB of memory that a password is stretched with: what RFC 9106 section 4 recommends where 2 GiB are too much to ask for.
pub const STRETCHING_KIB: u32 = 65_536;
/// How often the stretching passes over that memory.
pub const STRETCHING_PASSES: u32 = 3;
/// In how many lanes.
pub const STRETCHING_LANES: u32 = 4;
/// Connections that a server remembers at once; the oldest one that nobody logged in on gives way first.
pub const SESSIONS: usize = 1_024;
/// Seconds that a server waits for KE3.
pub const EXCHANGE_SECONDS: u64 = 60;
/// Seconds that a login holds, on a connection that lives so long.
pub const SESSION_SECONDS: u64 = 3_600;
