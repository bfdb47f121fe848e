//! Networks that the user trusts to enrol in, and which network this device is attached to (the draft's section 11).
//!
//! Enrolling begins where the user said that it may: a [`TrustedNetwork`] is that consent, kept in the [`Store`]. It says how
//! the network is recognised, which is never by an SSID or by a domain that DHCP gave, since anybody can use either:
//! * by the connection of the system's network manager that is active, [`Recognition::Connection`];
//! * by the server that authenticated the device by 802.1X, [`Recognition::AuthenticationServer`];
//! * by the user alone, who names it each time, [`Recognition::ByName`].
//!
//! How well it is recognised is a fact of every request ([`NetworkIdentity`]): policies may ask for more than a name.
//!
//! [`Store`]: crate::enrolment::Store

mod connection;
mod link;
mod supplicant;
mod trusted;

pub use connection::Connection;
pub use link::{Link, System};
pub use supplicant::AuthenticationServer;
pub use trusted::{Recognition, TrustedNetwork};

use resolvet_proto::judgement::NetworkIdentity;

/// Octets of a system's file that are read.
const FILE_OCTETS: u64 = 1 << 16;

/// How the identity of this network is known, for a device that is attached by this link; `None` when it is attached to
/// another network, as far as can be told.
#[must_use]
pub fn identity(network: &TrustedNetwork, link: Option<&Link>) -> Option<NetworkIdentity> {
    match &network.recognition {
        Recognition::ByName => Some(NetworkIdentity::Named),
        Recognition::Connection { uuid } => {
            let link = link?;
            let same = link.connection.as_ref().is_some_and(|it| it.uuid == *uuid);
            same.then(|| match link.is_authenticated() {
                true => NetworkIdentity::Authenticated,
                false => NetworkIdentity::Named,
            })
        }
        Recognition::AuthenticationServer(server) => {
            let same = link?.server.as_ref() == Some(server);
            same.then_some(NetworkIdentity::Authenticated)
        }
    }
}
