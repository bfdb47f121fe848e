//! 5: connection attempts.

use resolvet_proto::session::limits::ATTEMPT_DELAY;

use super::Race;

/// Attempts are not made simultaneously: each waits for the delay.
#[test]
fn the_next_attempt_begins_after_the_delay_and_not_before() {
    let mut race = Race::start(&[&["2001:db8::1", "192.0.2.1"]]);
    assert_eq!(race.attempts.len(), 1);
    assert_eq!(race.timer, Some(race.now.elapsed(ATTEMPT_DELAY)));
    race.passes(ATTEMPT_DELAY - 1);
    assert_eq!(race.attempts.len(), 1);
    race.passes(1);
    assert_eq!(race.attempts.len(), 2);
    assert_eq!(race.withdrawn, [0; 0], "the first goes on");
}

/// An attempt that fails does not leave the rest of its delay unused.
#[test]
fn a_failure_begins_the_next_at_once() {
    let mut race = Race::start(&[&["2001:db8::1", "192.0.2.1"]]);
    let (first, _) = race.attempts[0];
    race.fails(first);
    assert_eq!(race.attempts.len(), 2);
}
