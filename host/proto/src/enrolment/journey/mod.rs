//! The ways to an enrolment as state machines without input and output.
//!
//! Three machines, one vocabulary of [`Action`] and [`Event`], so that a driver performs them all:
//! * [`Byod`]: a person's device and a password (the draft's section 4);
//! * [`Pledge`]: a factory-fresh device and a voucher (the draft's section 5, RFC 8995);
//! * [`Reattachment`]: a network that is known already (the draft's section 9).
//!
//! A driver makes a machine, hands over [`Event::Start`], takes actions by `next_action` until there is none, does them
//! and hands over each result with the time. It knows no rules. What every machine holds to:
//! * nothing that a network sent is stored before the policies accepted it for its purpose;
//! * on a connection whose peer is not authenticated yet, nothing but a PAKE or a voucher request is sent;
//! * every wait has an end, every list a limit, and whatever ends a journey has an error of its own.
//!
//! Passwords, private keys and random numbers never come in: an action names what is to be done with them.

mod action;
mod byod;
mod collect;
mod desk;
mod enrol;
mod event;
mod failure;
mod in_handshake;
pub mod limits;
mod machine;
mod pledge;
mod profile;
mod reattachment;
mod story;

pub use action::{Action, Service, Trust};
pub use byod::{Byod, ByodConfig};
pub use event::{AuthenticationRefusal, Event};
pub use failure::{Choice, Failure, JourneyError};
pub use machine::Journey;
pub use pledge::{Pledge, PledgeConfig};
pub use profile::{AnchorChoice, Profile, ProfileError};
pub use reattachment::{Reattachment, ReattachmentConfig};
pub use story::{Entry, State, Step};
