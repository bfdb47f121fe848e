//! How much one discovery does. The answers come from a network that nobody trusts, so every number here is what an
//! administrator could mean with room to spare, and beyond it a note tells what was left out.

/// Records in the answer section of one message. A set is a handful; a message that announces more is not read at all.
pub const ANSWER_RECORDS: u16 = 256;
/// Records in the authority section that are looked through for the SOA record of a negative answer.
pub const AUTHORITY_RECORDS: u16 = 32;
/// Aliases followed within one answer. RFC 1034 sets no limit; resolvers follow 8 to 16.
pub const ALIASES: usize = 8;
/// NAPTR lookups in a chain, the first included. The draft's example has 2.
pub const DEPTH: usize = 8;
/// Matching NAPTR records of one set that are pursued for one protocol.
pub const MATCHES: usize = 16;
/// SRV records of one set that are used, after they were ordered.
pub const TARGETS: usize = 16;
/// Addresses of each family of one host.
pub const ADDRESSES: usize = 8;
/// Lookups of one discovery. The draft's example takes 7.
pub const LOOKUPS: usize = 64;
/// Records that one discovery keeps, half of what a request may hold ([`crate::judgement::limits::RECORDS`]).
pub const RECORDS: usize = 512;
/// Candidates that one discovery yields. A selector sees all of them.
pub const CANDIDATES: usize = 64;
/// Notes that one discovery keeps.
pub const NOTES: usize = 128;
/// The shortest lifetime of a choice of server, seconds, whatever the records say: a time to live of 0 may not turn a
/// client into a storm of lookups.
pub const SHORTEST_LIFETIME: u32 = 60;
/// The longest, seconds: a day, so that an attacker's answer does not last.
pub const LONGEST_LIFETIME: u32 = 86_400;
/// Instances of one service in one domain that are looked at. A network has one EST server, or a few.
pub const INSTANCES: usize = 16;
/// Domains that one enumeration or one search list yields.
pub const DOMAINS: usize = 8;
