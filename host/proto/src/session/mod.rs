//! From a domain name to a vetted server.
//!
//! `Session` is a state machine without input and output. The driver
//! * makes one by `Session::new` and hands over [`Event::Start`];
//! * after every `Session::handle` takes actions by `Session::next_action` until there is none, and does them;
//! * hands over each result as an event, with the time.
//!
//! It knows no rules: which server, in which order, whether it may be used and for how long is decided here. The same
//! events give the same actions; `Transcript` keeps them.

mod action;
mod config;
mod event;
mod failure;
mod story;
mod vetted;

pub use crate::discovery::Timestamp;
pub use action::{Action, WithdrawReason};
pub use config::{ATTEMPTS, Config, ConfigError};
pub use event::{ConnectionFailure, ConnectionFailureKind, Event, LookupFailure, Response};
pub use failure::{Failure, FailureKind};
pub use story::{ENTRIES, Entry, Step};
pub use vetted::{LifetimeBound, Vetted};
