//! From a domain name to candidates.
//!
//! * [`Answer::parse`] reads a response message and keeps what answers the question;
//! * [`dns_sd`] says the same of the instances of a service (RFC 6763);
//! * [`parameters`] asks a network for them, by DHCP and of routers;
//! * [`search_list`] reads the domains that DHCP proposes (RFC 3397);
//! * [`Resolution`] says which lookups a [`Plan`] needs and, when they are answered, which candidates there are: by S-NAPTR
//!   (RFC 3958), SVCB (RFC 9461), what the network designates ([`dnr`], RFC 9462) and what was written down;
//! * [`resinfo`] reads what a resolver says about itself, [`stamp`] servers in one line;
//! * [`limits`] bounds all of it, and each [`DiscoveryNote`] tells what was left out and why.
//!
//! The resolver that answers is not trusted: a forged answer can propose a server, never make it acceptable.

mod answer;
pub mod dnr;
pub mod dns_sd;
pub mod ech;
pub mod limits;
mod name;
mod note;
pub mod parameters;
mod plan;
mod record;
pub mod resinfo;
mod resolution;
pub mod search_list;
pub mod srv;
pub mod stamp;
pub mod svcb;
mod template;
mod time;
mod validation;
mod walk;

pub use answer::{Answer, AnswerError, Outcome, Question};
pub use name::{DomainName, labels};
pub use note::{DiscoveryNote, NoteCode};
pub use plan::{ConfiguredError, ConfiguredServer, Plan};
pub use record::{Data, Kind, Naptr, Protocol, Record, SERVICE, Srv};
pub use resolution::{Discovered, Resolution};
pub use template::{TEMPLATE_OCTETS, Template, TemplateError};
pub use time::Timestamp;
pub use validation::{BogusAnswer, ValidatedSet, Validation};
