//! What every journey is to its driver, and what each says itself.

use super::{Action, Entry, Event, JourneyError, State, desk::Desk};
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

/// A machine with a desk: what differs from one to the other.
pub(super) trait Machine {
    fn desk(&self) -> &Desk;

    fn desk_mut(&mut self) -> &mut Desk;

    /// Where the journey is.
    fn state(&self) -> State;

    /// Does what an event means in the phase under way.
    fn step(&mut self, event: &Event, now: Timestamp) -> Result<(), JourneyError>;

    /// A wait is over, or a driver did not answer.
    fn overdue(&mut self, now: Timestamp);

    /// Ends the journey, or goes another way.
    fn fail(&mut self, error: JourneyError, now: Timestamp);
}

impl<M: Machine> Journey for M {
    fn handle(&mut self, event: &Event, now: Timestamp) {
        if let Err(error) = self.step(event, now) {
            self.fail(error, now);
        }
        if self.desk().is_due(now) {
            self.overdue(now);
        }
        self.desk_mut().set_timer();
    }

    fn next_action(&mut self) -> Option<Action> {
        self.desk_mut().take()
    }

    fn state(&self) -> State {
        Machine::state(self)
    }

    fn story(&self) -> &[Entry] {
        self.desk().story()
    }

    fn told(&self) -> usize {
        self.desk().told()
    }
}
