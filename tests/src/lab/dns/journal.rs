//! What a server was asked, so that a test can say which lookups left in clear text.

use std::fmt;
use std::sync::Mutex;

use hickory_proto::rr::{Name, RecordType};

/// Queries kept: enough for any test, and an end for a client that never stops asking.
const KEPT: usize = 100_000;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram in clear text.
    Udp,
    /// A stream in clear text.
    Tcp,
    /// DNS over TLS.
    Tls,
    /// DNS over HTTPS by HTTP/2.
    Https,
    /// DNS over HTTPS by HTTP/3.
    Http3,
    /// DNS over QUIC.
    Quic,
    /// DNS over DTLS.
    Dtls,
}

impl Transport {
    /// Whether a message travels in a datagram, so that the client says how long it may be.
    #[must_use]
    pub(crate) const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::Dtls)
    }

    /// Whether nobody on the way can read it.
    #[must_use]
    pub(crate) const fn is_encrypted(self) -> bool {
        !matches!(self, Self::Udp | Self::Tcp)
    }
}

/// One query as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name as it was written, upper and lower case kept.
    pub name: Name,
    /// The type asked for.
    pub record_type: RecordType,
    /// How it came.
    pub transport: Transport,
    /// Octets of the message.
    pub octets: usize,
    /// Octets of the padding option (RFC 7830), when there was one.
    pub padding: Option<usize>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} over {:?}",
            self.name, self.record_type, self.transport
        )
    }
}

/// The queries of one server, in the order in which they came.
#[derive(Debug, Default)]
pub struct Journal {
    seen: Mutex<Vec<Seen>>,
}

impl Journal {
    /// Writes a query down.
    pub(crate) fn record(&self, query: Seen) {
        let mut seen = lock(&self.seen);
        if seen.len() < KEPT {
            seen.push(query);
        }
    }

    /// All queries, oldest first (at most 100,000 are kept).
    #[must_use]
    pub fn queries(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// How many queries came.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.seen).len()
    }

    /// Whether no query came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many queries for this name (case does not matter) and type came.
    #[must_use]
    pub fn count(&self, name: &Name, record_type: RecordType) -> usize {
        lock(&self.seen)
            .iter()
            .filter(|query| query.name == *name && query.record_type == record_type)
            .count()
    }

    /// Whether any query for this name (case does not matter) came, whatever its type.
    #[must_use]
    pub fn asked_for(&self, name: &Name) -> bool {
        lock(&self.seen).iter().any(|query| query.name == *name)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        lock(&self.seen).clear();
    }
}

/// The content of a lock, also after a test's thread panicked while holding it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
