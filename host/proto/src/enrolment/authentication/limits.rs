//! How large and how many. What exceeds one of these was not meant well and is refused with an error that names it.

/// Octets of one header field's value. The longest honest message, a 401-KEX-S1 of HTTP Mutual with 4,096 bits, has about 1,000.
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
