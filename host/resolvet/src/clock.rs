//! The two clocks of a session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resolvet_proto::{judgement::Clock, session::Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// 2025-01-01: nobody had this program before, so a clock that says so was never set. Seconds since 1970.
const FLOOR: u64 = 1_735_689_600;

/// The time now, on the wall and since the system started, suspend included. Where the clock was never set it is a time that
/// is over in any case, and [`known`] says so.
pub(crate) fn now() -> Timestamp {
    let unix = wall().max(FLOOR);
    let boot = clock_gettime(ClockId::Boottime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    let boot = part(boot.tv_sec)
        .saturating_mul(1_000)
        .saturating_add(part(boot.tv_nsec) / 1_000_000);
    Timestamp { unix, boot }
}

/// How the wall's time is known. Nobody tells a program whether a time service set the clock; that none did shows when the
/// clock begins in 1970.
pub(crate) fn known() -> Clock {
    by(wall())
}

fn by(unix: u64) -> Clock {
    if unix < FLOOR {
        Clock::LowerBound
    } else {
        Clock::Synchronized
    }
}

fn wall() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// How long until this moment, by the clock that reaches it first.
pub(crate) fn until(moment: Timestamp) -> Duration {
    let now = now();
    let unix = moment.unix.saturating_sub(now.unix).saturating_mul(1_000);
    Duration::from_millis(unix.min(moment.boot.saturating_sub(now.boot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_known_by_its_time() {
        for (unix, clock) in [
            (0, Clock::LowerBound),
            (86_400, Clock::LowerBound),
            (FLOOR - 1, Clock::LowerBound),
            (FLOOR, Clock::Synchronized),
            (u64::MAX, Clock::Synchronized),
        ] {
            assert_eq!(by(unix), clock, "{unix}");
        }
        assert!(now().unix >= FLOOR);
    }
}
