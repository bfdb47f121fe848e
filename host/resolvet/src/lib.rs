//! Finds the encrypted DNS servers that a network offers, authenticates them, and has every judgement made by sandboxed
//! WebAssembly policies.
//!
//! This is the library that resolvers embed. It does what [`resolvet_proto::session`] asks for and knows no rules: it
//! looks names up at an untrusted resolver, connects, hands certificates to [`resolvet_engine`] in the middle of the
//! handshake, and sends queries over servers that were vetted, and over no others.
//!
//! * [`Policies`]: the active policy set, and how to replace it;
//! * [`Client`]: attaches to a network, [`Client::attach`];
//! * [`Attachment`]: a vetted server that is kept vetted, and the only way to send a query, [`Attachment::query`];
//! * [`stub`]: answers this machine's programs over vetted servers;
//! * [`decisions`]: what was judged and why, kept in a log;
//! * [`registry`]: policies from OCI registries;
//! * [`metrics`]: counters of it, in the form that Prometheus reads, and [`spans`]: where the time goes;
//! * [`enrolment`]: how trust begins, from a password to what is kept on disk;
//! * [`networks`]: where the user lets it begin, and how such a network is recognised;
//! * [`leases`]: what the network proposed by DHCP, and [`offers`]: how it is asked;
//! * [`anchors`]: trust anchors from files and from the system.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

mod addresses;
pub mod anchors;
mod attachment;
mod client;
mod clock;
pub mod decisions;
mod difference;
mod dnssec;
mod driver;
pub mod enrolment;
mod error;
pub mod leases;
mod lookup;
mod lookups;
pub mod manual;
pub mod message;
pub mod metrics;
pub mod networks;
pub mod offers;
mod percent;
mod policies;
mod privacy_token;
pub mod registry;
pub mod spans;
pub mod stub;
mod tls;
mod transport;

pub use attachment::{Answer, Attachment};
pub use client::{Client, Limits, Probe};
pub use difference::{Difference, Use};
pub use dnssec::{DnssecAnchors, DnssecAnchorsError};
pub use error::{AttachError, QueryError};
pub use lookup::{LookupError, Recursive};
pub use policies::Policies;
pub use privacy_token::{RefusedAddresses, RefusedAddressesError};
pub use transport::{Cost, ExchangeError};
