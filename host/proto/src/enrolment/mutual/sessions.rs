//! A server's sessions: how many, for how long, and which nonce numbers were used (RFC 8120 sections 6 and 11).

use alloc::{collections::BTreeMap, string::String};

use super::{kam3::SharedSecret, limits};

/// A session identifier.
pub(super) type Sid = [u8; 16];

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) secret: SharedSecret,
    /// Whether its user is unknown: then it never becomes authentic.
    pub(super) is_fake: bool,
    /// Whether the client has proved itself once.
    pub(super) is_authentic: bool,
    /// When it began, seconds.
    began: u64,
    /// Counts up: which one is older.
    order: u64,
    used: Used,
}

/// The nonce numbers that were used: the largest, and which of those up to 128 below it.
#[derive(Debug, Default)]
struct Used {
    largest: u32,
    /// Bit n: largest - n.
    window: u128,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: BTreeMap<Sid, Session>,
    next: u64,
}

impl Session {
    /// Whether a nonce number may be used: not 0, not above the maximum, not used, not out of the window.
    pub(super) fn may_use(&self, nc: u32) -> bool {
        (1..=limits::NC_MAX).contains(&nc) && self.used.is_free(nc)
    }

    /// Marks a nonce number as used.
    pub(super) fn mark(&mut self, nc: u32) {
        self.used.mark(nc);
    }

    fn is_over(&self, now: u64) -> bool {
        let life = if self.is_authentic {
            limits::SESSION_SECONDS.into()
        } else {
            limits::EXCHANGE_SECONDS
        };
        now.saturating_sub(self.began) >= life
    }
}

impl Used {
    fn is_free(&self, nc: u32) -> bool {
        match self.largest.checked_sub(nc) {
            None => true,
            Some(below) if below < limits::NC_WINDOW => self.window >> below & 1 == 0,
            Some(_) => false,
        }
    }

    fn mark(&mut self, nc: u32) {
        match self.largest.checked_sub(nc) {
            None => {
                let above = nc.saturating_sub(self.largest);
                self.window = self.window.checked_shl(above).unwrap_or(0) | 1;
                self.largest = nc;
            }
            Some(below) => self.window |= 1_u128.checked_shl(below).unwrap_or(0),
        }
    }
}

impl Sessions {
    /// Adds a session that begins now. When there is no room, the oldest that was never authentic goes, and without one the
    /// oldest of all: whoever floods a server with exchanges ends his own.
    pub(super) fn add(
        &mut self,
        sid: Sid,
        user: String,
        secret: SharedSecret,
        is_fake: bool,
        now: u64,
    ) {
        self.all.retain(|_, session| !session.is_over(now));
        if self.all.len() >= limits::SESSIONS {
            let first = self
                .all
                .iter()
                .min_by_key(|(_, session)| (session.is_authentic, session.order))
                .map(|(sid, _)| *sid);
            if let Some(first) = first {
                self.all.remove(&first);
            }
        }
        self.next = self.next.saturating_add(1);
        let session = Session {
            user,
            secret,
            is_fake,
            is_authentic: false,
            began: now,
            order: self.next,
            used: Used::default(),
        };
        self.all.insert(sid, session);
    }

    /// Takes a session that is not over out of the table: it is put back only when all went well.
    pub(super) fn take(&mut self, sid: &Sid, now: u64) -> Option<Session> {
        self.all.remove(sid).filter(|session| !session.is_over(now))
    }

    /// Puts a session back.
    pub(super) fn put(&mut self, sid: Sid, session: Session) {
        self.all.insert(sid, session);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::Algorithm,
        super::kam3::{ClientKey, ServerKey, Verifier},
        *,
    };

    #[test]
    fn nonce_numbers_are_used_once() {
        let mut used = Used::default();
        for nc in [1, 2, 5, 4, 200, 73] {
            assert!(used.is_free(nc), "{nc}");
            used.mark(nc);
            assert!(!used.is_free(nc), "{nc}");
        }
        assert!(used.is_free(74), "in the window");
        assert!(!used.is_free(72), "out of the window");
        assert!(!used.is_free(1), "used, and out of the window");
        assert!(used.is_free(201));
    }

    #[test]
    fn a_window_moves_by_any_distance() {
        let mut used = Used::default();
        for nc in [1, 128, 129, 130, 300, 60_000] {
            used.mark(nc);
        }
        assert!(!used.is_free(60_000) && used.is_free(59_999) && !used.is_free(300));
        let mut used = Used::default();
        used.mark(1);
        used.mark(128);
        assert!(!used.is_free(1), "127 below is in the window, and used");
        used.mark(129);
        assert!(!used.is_free(1), "128 below is out of it");
    }

    /// A flood of exchanges ends itself, not the sessions of those who are authentic.
    #[test]
    fn sessions_are_bounded() {
        let algorithm = Algorithm::P256;
        let client = ClientKey::with_secret(algorithm, &[3]).unwrap();
        let verifier = Verifier::fake(algorithm, &[0; 32], "u").unwrap();
        let server = ServerKey::with_secret(algorithm, &[5]).unwrap();
        let (_, secret) = server.answer(&verifier, client.kc1()).unwrap();
        let mut sessions = Sessions::default();
        let add = |sessions: &mut Sessions, number: u64, now| {
            let mut sid = [0; 16];
            sid[..8].copy_from_slice(&number.to_be_bytes());
            sessions.add(sid, "u".into(), secret.clone(), false, now);
            sid
        };
        let first = add(&mut sessions, 0, 0);
        let mut session = sessions.take(&first, 0).unwrap();
        session.is_authentic = true;
        sessions.put(first, session);
        let second = add(&mut sessions, 1, 0);
        for number in 2..limits::SESSIONS as u64 + 10 {
            add(&mut sessions, number, 0);
        }
        assert_eq!(sessions.len(), limits::SESSIONS);
        assert!(
            sessions.take(&second, 0).is_none(),
            "the oldest exchange went"
        );
        let session = sessions.take(&first, 0).unwrap();
        sessions.put(first, session);
        // When exchanges end, so does the crowd; the session that is authentic lives on.
        let last = add(&mut sessions, u64::MAX, limits::EXCHANGE_SECONDS);
        assert_eq!(sessions.len(), 2);
        let end = u64::from(limits::SESSION_SECONDS);
        assert!(sessions.take(&last, end).is_none() && sessions.take(&first, end).is_none());
    }
}
