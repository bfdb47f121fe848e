//! A session as data: what it knew and what happened, from which everything follows.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Action, Config, ConfigError, Event, Session, Timestamp};

/// One event with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What a session knew and what happened to it. The same transcript gives the same actions on any machine.
///
/// It grows with every event: whoever records a session that lasts must end the record at some time. It holds no secrets,
/// for no event carries one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Transcript {
    /// What the session knew before its first event.
    pub config: Config,
    /// What happened.
    pub events: Vec<Moment>,
}

impl Transcript {
    /// An empty record of a session with this configuration.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            events: Vec::new(),
        }
    }

    /// Adds an event, before or after it is handed to the session.
    pub fn record(&mut self, at: Timestamp, event: Event) {
        self.events.push(Moment { at, event });
    }

    /// Lets everything happen again: the session as it is then, and every action in order.
    ///
    /// # Errors
    /// No session can begin with the configuration.
    pub fn replay(&self) -> Result<(Session, Vec<Action>), ConfigError> {
        let mut session = Session::new(self.config.clone())?;
        let mut actions = Vec::new();
        for Moment { at, event } in &self.events {
            session.handle(event.clone(), *at);
            actions.extend(core::iter::from_fn(|| session.next_action()));
        }
        Ok((session, actions))
    }
}
