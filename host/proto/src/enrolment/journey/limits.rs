//! How long and how often.

/// How long an action may stay unanswered, milliseconds. Drivers have shorter limits of their own; this one holds when a
/// driver lost its work.
pub const PATIENCE_MILLISECONDS: u64 = 60_000;
/// How long a person may take to type a password, milliseconds.
pub const PASSWORD_MILLISECONDS: u64 = 300_000;
/// Packages of one kind that are fetched where a list has several places for it.
pub const PACKAGES: usize = 8;
/// Servers that one journey tries.
pub const SERVERS: usize = 8;
/// The longest that a certification request may be pending, seconds: seven days.
pub const PENDING_SECONDS: u64 = 7 * 86_400;
/// The longest that a voucher may be pending, seconds: four days (RFC 8995 section 5.6).
pub const VOUCHER_SECONDS: u64 = 4 * 86_400;
/// The longest wait before a voucher request is sent again, seconds (RFC 8995 section 5.6).
pub const VOUCHER_WAIT_SECONDS: u64 = 60;
/// Redirects of a voucher request to another server (RFC 8995 section 5.6).
pub const VOUCHER_REDIRECTS: u32 = 1;
/// The first wait after a failure, seconds; it doubles with each failure.
pub const SHORTEST_RETRY: u64 = 30;
/// The longest wait after failures, seconds (RFC 8995 section 4.1).
pub const LONGEST_RETRY: u64 = 3_600;
/// Entries of a story; of a longer one the oldest are dropped.
pub const STORY: usize = 256;
