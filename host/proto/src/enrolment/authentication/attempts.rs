//! Guessing is slowed down by whoever counts it.

/// How often somebody guessed. Names are those that clients present, known or not: an implementation bounds how many it
/// remembers.
pub trait Attempts {
    /// Whether one more attempt is allowed for a user now.
    fn may_try(&mut self, user: &str, now: u64) -> bool;
    /// A proof was wrong.
    fn failed(&mut self, user: &str, now: u64);
    /// A proof was right.
    fn succeeded(&mut self, user: &str);
}
