//! The two clocks of a session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resolvet_proto::session::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The time now, on the wall and since the system started, suspend included.
pub(crate) fn now() -> Timestamp {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let boot = clock_gettime(ClockId::Boottime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    let boot = part(boot.tv_sec)
        .saturating_mul(1_000)
        .saturating_add(part(boot.tv_nsec) / 1_000_000);
    Timestamp { unix, boot }
}

/// How long until this moment, by the clock that reaches it first.
pub(crate) fn until(moment: Timestamp) -> Duration {
    let now = now();
    let unix = moment.unix.saturating_sub(now.unix).saturating_mul(1_000);
    Duration::from_millis(unix.min(moment.boot.saturating_sub(now.boot)))
}
