//! From a domain name to candidates.

mod note;
mod time;

pub use note::{DiscoveryNote, NoteCode};
pub use time::Timestamp;
