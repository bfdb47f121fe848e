//! The decision log: what was judged, by whom and why, as JSON Lines ([`resolvet_engine::record`]).
//!
//! A [`DecisionLog`] is an [`Observer`](resolvet_engine::Observer) of a judge. It hands each judgement over a bounded queue to a
//! thread that writes; where the queue is full, or the disk, the record is dropped and counted, and the judgement goes on.
//! [`Reader`] reads a log back, whatever is in it.

mod log;
mod options;
mod reader;
mod redaction;
mod size;
mod writer;

pub use log::DecisionLog;
pub use options::{Detail, LogError, LogOptions};
pub use reader::{Reader, Recorded};
pub use redaction::Redaction;
