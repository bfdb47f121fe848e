//! What every journey is to its driver.

use super::{Action, Entry, Event, State};
use crate::discovery::Timestamp;

/// A journey as its driver sees it.
pub trait Journey {
    /// Takes what happened, and the time.
    fn handle(&mut self, event: &Event, now: Timestamp);

    /// The next thing to do; `None` when nothing is to be done before the next event.
    fn next_action(&mut self) -> Option<Action>;

    /// Where the journey is.
    fn state(&self) -> State;

    /// What happened so far; of a long story the oldest entries are dropped ([`super::limits::STORY`]).
    fn story(&self) -> &[Entry];

    /// How many entries there were in all, those that were dropped included.
    fn told(&self) -> usize;
}
