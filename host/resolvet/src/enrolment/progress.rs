//! What is told on the way.

use std::net::SocketAddr;

use resolvet_proto::{
    enrolment::journey::Step,
    judgement::{AnchorDatabase, Purpose},
};

use super::locate::EstLocation;

/// A step on the way, for a person who waits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Progress {
    /// An EST server is about to be asked.
    Connecting {
        /// Where it is.
        location: EstLocation,
    },
    /// TLS stands, and nobody has judged the certificate yet.
    Provisional {
        /// With whom.
        address: SocketAddr,
    },
    /// Policies accepted the EST server's certificate in the handshake.
    Connected {
        /// With whom.
        address: SocketAddr,
    },
    /// Both sides proved that they know the password.
    Authenticated {
        /// The user.
        user: String,
        /// By which names the server will be known from now on.
        reference_ids: Vec<String>,
    },
    /// Trust anchors came.
    Anchors {
        /// Which database applies.
        database: AnchorDatabase,
        /// How many anchors there are in it.
        anchors: usize,
    },
    /// Policies accepted a certificate for its purpose.
    Accepted {
        /// The purpose.
        purpose: Purpose,
        /// Whose.
        subject: String,
    },
    /// Policies refused one of several certificates, which is not used.
    Refused {
        /// Whose.
        subject: String,
        /// Why.
        why: String,
    },
    /// A step on the way of a device with a voucher.
    Pledge {
        /// Which.
        step: Box<Step>,
    },
    /// The DNS server's certificate is known.
    DnsServer {
        /// By this SRV-ID.
        srv_id: String,
        /// The authentication domain name that it gives.
        authentication_domain_name: String,
        /// How many certificates it may present.
        certificates: usize,
    },
}

impl Progress {
    /// The step of a device with a voucher in words.
    #[must_use]
    pub fn pledge_in_words(&self) -> Option<String> {
        match self {
            Self::Pledge { step } => super::pledge::told(step),
            _ => None,
        }
    }
}
