//! How often somebody guessed, whichever scheme the guess was made by.

use std::collections::HashMap;

use resolvet_proto::enrolment::authentication::Attempts;

/// Wrong guesses for one name before it is not answered any more.
const GUESSES: u32 = 5;
/// How long, seconds.
const BLOCKED: u64 = 60;
/// Names whose guesses are counted.
const NAMES: usize = 1_024;

/// Wrong guesses: how many, and when the last one was.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<String, (u32, u64)>);

impl Attempts for Guesses {
    fn may_try(&mut self, user: &str, now: u64) -> bool {
        match self.0.get(user) {
            Some((failed, last)) => *failed < GUESSES || now.saturating_sub(*last) >= BLOCKED,
            None => true,
        }
    }

    fn failed(&mut self, user: &str, now: u64) {
        if self.0.len() < NAMES || self.0.contains_key(user) {
            let (failed, last) = self.0.entry(user.to_owned()).or_default();
            *failed = failed.saturating_add(1);
            *last = now;
        }
    }

    fn succeeded(&mut self, user: &str) {
        self.0.remove(user);
    }
}
