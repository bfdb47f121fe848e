//! How large and how many. What exceeds one of these was not meant well and is refused with an error that names it.

/// Hexadecimal digits of a session identifier. RFC 8120 section 4.3 asks for 80 bits of uniqueness, ours have 128.
pub const SID_DIGITS: usize = 128;
/// Sessions that a server keeps at once; the oldest exchange that nobody finished gives way first.
pub const SESSIONS: usize = 1_024;
/// Seconds that a server waits for the proof that ends a key exchange.
pub const EXCHANGE_SECONDS: u64 = 60;
/// Seconds that a server keeps a session. RFC 8120 section 4.3 asks for at least 60.
pub const SESSION_SECONDS: u32 = 3_600;
/// The largest nonce number of a session.
pub const NC_MAX: u32 = 65_535;
/// How far nonce numbers may come out of order. RFC 8120 section 4.3 recommends at least 128.
pub const NC_WINDOW: u32 = 128;
