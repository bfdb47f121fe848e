//! How large and how many. What exceeds one of these was not meant well and is refused with an error that names it.

/// Octets of one header field's value. The longest honest message, a 401-KEX-S1 of 4,096 bits, has about 1,000.
pub const FIELD_OCTETS: usize = 8_192;
/// Header fields of one name in one message: a challenge for each algorithm, and some of other schemes.
pub const FIELDS: usize = 16;
/// Challenges in one header field.
pub const CHALLENGES: usize = 16;
/// Parameters of one challenge. The largest message that is defined has eleven.
pub const PARAMETERS: usize = 32;
/// Octets of a parameter's name.
pub const NAME_OCTETS: usize = 64;
/// Octets of a realm, of an auth-scope and of a user name.
pub const TEXT_OCTETS: usize = 255;
/// Octets of a password.
pub const PASSWORD_OCTETS: usize = 1_024;
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
