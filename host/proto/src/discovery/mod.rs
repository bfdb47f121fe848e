//! From a domain name to candidates.
//!
//! * [`Answer::parse`] reads a response message and keeps what answers the question;
//! * [`SNaptr`] says which lookups are needed and, when they are answered, which candidates there are (RFC 3958, RFC 2782);
//! * [`dns_sd`] says the same of the instances of a service (RFC 6763);
//! * [`parameters`] asks a network for them, by DHCP and of routers;
//! * [`search_list`] reads the domains that DHCP proposes (RFC 3397);
//! * [`limits`] bounds all of it, and each [`DiscoveryNote`] tells what was left out and why.
//!
//! The resolver that answers is not trusted: a forged answer can propose a server, never make it acceptable.

mod answer;
pub mod dns_sd;
pub mod limits;
mod name;
mod note;
pub mod parameters;
mod record;
mod s_naptr;
pub mod search_list;
pub mod srv;
mod time;
mod walk;

pub use answer::{Answer, AnswerError, Outcome, Question};
pub use name::DomainName;
pub use note::{DiscoveryNote, NoteCode};
pub use record::{Data, Kind, Naptr, Protocol, Record, SERVICE, Srv};
pub use s_naptr::{Discovered, SNaptr};
pub use time::Timestamp;
