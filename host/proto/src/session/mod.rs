//! From a domain name to a vetted server.
//!
//! [`Session`] is a state machine without input and output. The driver
//! * makes one by [`Session::new`] and hands over [`Event::Start`];
//! * after every [`Session::handle`] takes actions by [`Session::next_action`] until there is none, and does them;
//! * hands over each result as an event, with the time.
//!
//! It knows no rules: which server, in which order, whether it may be used and for how long is decided here. The same
//! events give the same actions; a [`Transcript`] keeps them.
//!
//! What is decided here, and nowhere else:
//! * a judgement counts only for the request that it was made over, at its stage, by the active generation or a newer one;
//! * anything but [`crate::judgement::Outcome::Accepted`] refuses the server, under every profile; the next candidate is
//!   tried, at most [`Config::attempts`] of them;
//! * which candidates are attempted at once ([`Config::at_once`]), in the order of the selectors, and which of those that are
//!   vetted is taken;
//! * a verdict ends with the least of the policies' lifetimes, the chain's earliest end and the records' time to live;
//! * what a server is authenticated by, and under which profile: [`Config::authentication_domain_name`], or what designated
//!   it;
//! * when nothing of the network can be used, servers of the fallback are tried, and that is told;
//! * what is vetted is judged again when its verdict ends, when policies are swapped, when evidence changes and when a
//!   clock was set; a judgement that fails or does not come within [`limits::REJUDGE_MILLISECONDS`] is a refusal.

mod action;
mod attempts;
mod config;
mod event;
mod failure;
mod identity;
mod informing;
pub mod limits;
mod lookups;
mod machine;
mod race;
mod selection;
mod serving;
mod story;
mod transcript;
mod vetted;

#[cfg(test)]
mod tests;

pub use crate::discovery::Timestamp;
pub use action::{Action, WithdrawReason};
pub use config::{ATTEMPTS, AtOnce, Avoided, Config, ConfigError, TokenSource};
pub use event::{
    ConnectionFailure, ConnectionFailureKind, Event, Fetched, LookupFailure, Response,
};
pub use failure::{Failure, FailureKind};
pub use machine::{Session, State};
pub use story::{ENTRIES, Entry, Step};
pub use transcript::{Moment, Transcript};
pub use vetted::{Authenticated, LifetimeBound, Vetted};
