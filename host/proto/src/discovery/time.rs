//! The time as it comes in with events: two clocks, because each of them can be wrong in its own way.

use serde::{Deserialize, Serialize};

/// A moment on two clocks.
///
/// The wall clock may be set forwards and backwards; the clock that runs since the system started counts through suspend
/// and is never set. A lifetime ends when the first of them says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Timestamp {
    /// The wall clock: seconds since 1970-01-01T00:00:00Z.
    pub unix: u64,
    /// Milliseconds since some fixed moment, time in suspend included.
    pub boot: u64,
}

impl Timestamp {
    /// This many seconds later, on both clocks.
    #[must_use]
    pub const fn after_seconds(self, seconds: u64) -> Self {
        Self {
            unix: self.unix.saturating_add(seconds),
            boot: self.boot.saturating_add(seconds.saturating_mul(1_000)),
        }
    }

    /// When this many milliseconds have gone by, whatever happens to the wall clock.
    #[must_use]
    pub const fn elapsed(self, milliseconds: u64) -> Self {
        Self {
            unix: u64::MAX,
            boot: self.boot.saturating_add(milliseconds),
        }
    }

    /// Whether the first of the two clocks has reached this moment.
    #[must_use]
    pub const fn is_reached(self, now: Self) -> bool {
        now.unix >= self.unix || now.boot >= self.boot
    }

    /// On each clock the earlier of two moments.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        Self {
            unix: self.unix.min(other.unix),
            boot: self.boot.min(other.boot),
        }
    }

    /// Seconds until this moment, by the clock that reaches it first; 0 when it is reached.
    #[must_use]
    pub fn seconds_from(self, now: Self) -> u64 {
        let boot = self.boot.saturating_sub(now.boot) / 1_000;
        self.unix.saturating_sub(now.unix).min(boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_clock_to_arrive_ends_a_lifetime() {
        let start = Timestamp {
            unix: 1_000,
            boot: 5_000,
        };
        let end = start.after_seconds(60);
        assert_eq!(
            end,
            Timestamp {
                unix: 1_060,
                boot: 65_000
            }
        );
        assert!(!end.is_reached(Timestamp {
            unix: 1_059,
            boot: 64_999
        }));
        assert!(
            end.is_reached(Timestamp {
                unix: 1_000,
                boot: 65_000
            }),
            "the wall clock was set back"
        );
        assert!(
            end.is_reached(Timestamp {
                unix: 1_060,
                boot: 5_000
            }),
            "the wall clock was set forwards"
        );
        assert_eq!(
            end.seconds_from(Timestamp {
                unix: 1_050,
                boot: 6_000
            }),
            10
        );
        assert_eq!(
            end.seconds_from(Timestamp {
                unix: 2_000,
                boot: 6_000
            }),
            0
        );
    }

    #[test]
    fn the_end_of_time_does_not_wrap() {
        let end = Timestamp {
            unix: u64::MAX,
            boot: u64::MAX,
        };
        assert_eq!(end.after_seconds(u64::MAX), end);
        assert_eq!(end.elapsed(u64::MAX), end);
    }

    #[test]
    fn what_elapses_does_not_care_for_the_wall_clock() {
        let end = Timestamp {
            unix: 1_000,
            boot: 5_000,
        }
        .elapsed(2_000);
        assert!(!end.is_reached(Timestamp {
            unix: 1_000_000,
            boot: 6_999
        }));
        assert!(end.is_reached(Timestamp {
            unix: 0,
            boot: 7_000
        }));
    }
}
