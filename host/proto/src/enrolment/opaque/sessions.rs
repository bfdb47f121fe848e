//! Which connections a server has seen a login on: how many, for how long.

use alloc::{boxed::Box, collections::BTreeMap, string::String};

use opaque_ke::ServerLogin;

use super::{limits, session::SessionKey, suite::Suite};

/// A connection by its exporter, which no other one has.
type Exporter = [u8; 32];

/// What happened on one connection.
pub(super) enum State {
    /// KE2 was sent.
    LoggingIn(Box<LoggingIn>),
    /// KE3 was right.
    LoggedIn(LoggedIn),
    /// A login failed. There is no second one on this connection.
    Failed,
}

/// A login that waits for KE3.
pub(super) struct LoggingIn {
    pub(super) user: String,
    pub(super) login: ServerLogin<Suite>,
    /// Whether its user is unknown: then no KE3 is right.
    pub(super) is_fake: bool,
}

/// A login.
pub(super) struct LoggedIn {
    pub(super) user: String,
    pub(super) key: SessionKey,
    /// The number of the last request.
    pub(super) nc: u32,
}

struct Entry {
    state: State,
    /// When it began, seconds.
    began: u64,
    /// Counts up: which one is older.
    order: u64,
}

/// All of them.
#[derive(Default)]
pub(super) struct Sessions {
    all: BTreeMap<Exporter, Entry>,
    next: u64,
}

impl Entry {
    fn is_over(&self, now: u64) -> bool {
        let life = match self.state {
            State::LoggingIn(_) => limits::EXCHANGE_SECONDS,
            State::LoggedIn(_) | State::Failed => limits::SESSION_SECONDS,
        };
        now.saturating_sub(self.began) >= life
    }

    const fn is_logged_in(&self) -> bool {
        matches!(self.state, State::LoggedIn(_))
    }
}

impl Sessions {
    /// Whether there was a login on this connection before, whatever became of it.
    pub(super) fn has(&self, exporter: &Exporter) -> bool {
        self.all.contains_key(exporter)
    }

    /// Remembers what happens on a connection from now on. When there is no room, the oldest that nobody is logged in on
    /// goes, and without one the oldest of all: whoever floods a server with logins ends his own.
    pub(super) fn add(&mut self, exporter: Exporter, state: State, now: u64) {
        if self.all.len() >= limits::SESSIONS {
            self.all.retain(|_, entry| !entry.is_over(now));
        }
        if self.all.len() >= limits::SESSIONS {
            let first = self
                .all
                .iter()
                .min_by_key(|(_, entry)| (entry.is_logged_in(), entry.order))
                .map(|(exporter, _)| *exporter);
            if let Some(first) = first {
                self.all.remove(&first);
            }
        }
        self.next = self.next.saturating_add(1);
        let entry = Entry {
            state,
            began: now,
            order: self.next,
        };
        self.all.insert(exporter, entry);
    }

    /// Takes what is going on on a connection, and leaves a failure in its place: what goes well is put back.
    pub(super) fn take(&mut self, exporter: &Exporter, now: u64) -> Option<State> {
        let entry = self.all.get_mut(exporter)?;
        let is_over = entry.is_over(now);
        let state = core::mem::replace(&mut entry.state, State::Failed);
        (!is_over).then_some(state)
    }

    /// Puts a login where it was taken from.
    pub(super) fn put(&mut self, exporter: &Exporter, state: State) {
        if let Some(entry) = self.all.get_mut(exporter) {
            entry.state = state;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(number: usize) -> Exporter {
        let mut exporter = [0; 32];
        exporter[..8].copy_from_slice(&number.to_be_bytes());
        exporter
    }

    fn logged_in() -> State {
        State::LoggedIn(LoggedIn {
            user: "u".into(),
            key: SessionKey::new(&[1; 64]).unwrap(),
            nc: 1,
        })
    }

    /// A flood of logins ends itself, not those who are logged in.
    #[test]
    fn connections_are_bounded() {
        let mut sessions = Sessions::default();
        sessions.add(exporter(0), logged_in(), 0);
        for number in 1..limits::SESSIONS + 10 {
            sessions.add(exporter(number), State::Failed, 0);
        }
        assert_eq!(sessions.len(), limits::SESSIONS);
        assert!(!sessions.has(&exporter(1)), "the oldest failure went");
        assert!(sessions.has(&exporter(limits::SESSIONS + 9)));
        let state = sessions.take(&exporter(0), 0);
        assert!(matches!(state, Some(State::LoggedIn(_))));
        assert!(matches!(
            sessions.take(&exporter(0), 0),
            Some(State::Failed)
        ));
        sessions.put(&exporter(0), logged_in());
        let end = limits::SESSION_SECONDS;
        assert!(sessions.take(&exporter(0), end).is_none(), "it is over");
        sessions.add(exporter(1), State::Failed, end);
        assert_eq!(sessions.len(), 1, "and so are the others");
    }
}
