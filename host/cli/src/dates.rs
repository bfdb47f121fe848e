//! Moments in words.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use time::OffsetDateTime;

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Seconds since the system started, suspend included: nobody sets this clock.
pub(crate) fn since_boot() -> u64 {
    let boot = clock_gettime(ClockId::Boottime);
    u64::try_from(boot.tv_sec).unwrap_or(0)
}

/// The day of a moment, seconds since 1970.
pub(crate) fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
    time.map_or_else(
        || format!("{seconds} s since 1970"),
        |time| time.date().to_string(),
    )
}

/// A moment to the second (RFC 3339), seconds since 1970.
pub(crate) fn date_time(seconds: u64) -> String {
    let of_day = seconds % DAY;
    let (hours, minutes) = (of_day / 3_600, of_day / 60 % 60);
    format!(
        "{}T{hours:02}:{minutes:02}:{:02}Z",
        date(seconds),
        of_day % 60
    )
}

/// How far a moment is from now; days where there are any.
pub(crate) fn left(end: u64, now: u64) -> String {
    match end.checked_sub(now) {
        Some(left) if left < DAY => format!("in {} hours", left / 3_600),
        Some(left) => format!("in {} days", left / DAY),
        None => format!("{} days ago", (now - end) / DAY),
    }
}
