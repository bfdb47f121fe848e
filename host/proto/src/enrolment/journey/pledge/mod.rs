//! A factory-fresh device: voucher, pin, certificates, a certificate of its own (RFC 8995 section 2.1, the draft's section
//! 5).

mod enrolment;
mod join;
mod step;

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{
    JourneyError, Profile, ProfileError,
    collect::{Collect, Peer},
    desk::Desk,
    enrol::Enrol,
};
use crate::{
    discovery::Timestamp,
    enrolment::{
        Enrolment, PendingVoucher,
        brski::{Accepted, Algorithms, IDevId, ToSign},
        est::{Endpoint, Subject},
    },
    judgement::{Der, Request},
};

/// What the journey knows beforehand.
#[derive(Clone)]
pub struct PledgeConfig {
    /// Network, clock, policies. Whatever its anchors say, a pledge has Explicit ones (RFC 8995 section 5.9.1).
    pub profile: Profile,
    /// The registrar, where it need not be looked for.
    pub endpoint: Option<Endpoint>,
    /// The device's certificate.
    pub device: IDevId,
    /// What leads from it to the manufacturer's anchor, DER.
    pub device_chain: Vec<Der>,
    /// The handle of its key.
    pub device_key: String,
    /// The manufacturer's anchors, DER: a voucher's signer must lead to one of them.
    pub manufacturer: Vec<Der>,
    /// Whether a voucher without a nonce is accepted (RFC 8995 section 7.2).
    pub nonceless: bool,
    /// Whether voucher requests go as base64, which some registrars want against RFC 8995 section 6.
    pub base64: bool,
    /// A voucher request of an earlier run that was not decided; of another registrar, it is not used.
    pub pending: Option<PendingVoucher>,
    /// The subject of the certificate that is asked for; absent: the device's own.
    pub subject: Option<Subject>,
    /// What verifies signatures.
    pub algorithms: Algorithms,
}

impl fmt::Debug for PledgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PledgeConfig")
            .field("profile", &self.profile)
            .field("endpoint", &self.endpoint)
            .field("device", &self.device.serial_number())
            .finish_non_exhaustive()
    }
}

/// The way of a factory-fresh device to an enrolment; [`super`] says how it is driven. A registrar that fails is followed by
/// the next one, each with a nonce of its own; with none left it ends with [`super::Action::Fail`].
#[derive(Debug, Clone)]
pub struct Pledge {
    config: PledgeConfig,
    desk: Desk,
    phase: Phase,
    servers: VecDeque<Endpoint>,
    last: Option<JourneyError>,
    /// The connection in use.
    connection: Option<u32>,
    /// Whether a voucher request of this or an earlier run is remembered.
    remembered: bool,
    /// How often the registrar under way sent elsewhere.
    redirected: u32,
    /// Where the next voucher request goes.
    path: String,
    enrolment: Option<Enrolment>,
}

/// What is kept from the voucher request on.
#[derive(Debug, Clone)]
struct Join {
    peer: Peer,
    nonce: String,
    request: Der,
    since: Timestamp,
    /// How long was waited in an earlier run, seconds.
    before: u64,
    redirects: u32,
    path: String,
    /// The exchange under way.
    id: u32,
    /// Whether it is asked again after a wait: the connection may have ended meanwhile.
    waited: bool,
}

/// What is kept from the voucher on.
#[derive(Debug, Clone)]
struct Imprint {
    peer: Peer,
    accepted: Box<Accepted>,
    voucher: Der,
}

#[derive(Debug, Clone)]
enum Phase {
    New,
    Finding {
        id: u32,
    },
    Connecting {
        connection: u32,
        endpoint: Endpoint,
        again: Option<Box<Join>>,
    },
    Drawing {
        id: u32,
        peer: Peer,
    },
    Signing {
        id: u32,
        peer: Peer,
        nonce: String,
        to_sign: Box<ToSign>,
    },
    Requesting(Box<Join>),
    Waiting(Box<Join>),
    Imprinting {
        id: u32,
        request: Arc<Request>,
        imprint: Imprint,
    },
    Collecting {
        imprint: Imprint,
        collect: Box<Collect>,
    },
    Enrolling {
        peer: Peer,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
        storing: Option<u32>,
    },
    Resuming {
        connection: u32,
        chain: Vec<Der>,
        enrolment: Box<Enrolment>,
        enrol: Box<Enrol>,
    },
    Reconnecting {
        connection: u32,
        chain: Vec<Der>,
        enrolment: Box<Enrolment>,
    },
    Reporting {
        id: u32,
        connection: u32,
        enrolment: Box<Enrolment>,
    },
    Storing {
        id: u32,
        enrolment: Box<Enrolment>,
    },
    Done,
    Failed,
}

impl Pledge {
    /// A journey that has not begun.
    ///
    /// # Errors
    /// The network is not one to enrol in.
    pub fn new(config: PledgeConfig) -> Result<Self, ProfileError> {
        config.profile.check()?;
        Ok(Self {
            desk: Desk::new(config.profile.previous_failures),
            phase: Phase::New,
            servers: VecDeque::new(),
            last: None,
            connection: None,
            remembered: config.pending.is_some(),
            redirected: 0,
            path: String::new(),
            enrolment: None,
            config,
        })
    }

    /// The enrolment, once it is stored.
    #[must_use]
    pub const fn enrolment(&self) -> Option<&Enrolment> {
        self.enrolment.as_ref()
    }

    fn next_server(&mut self, now: Timestamp) {
        match self.servers.pop_front() {
            Some(endpoint) => self.begin_at(endpoint, now),
            None => {
                self.phase = Phase::Failed;
                let error = self.last.take().unwrap_or(JourneyError::NoServer);
                self.desk.fail(error, now);
            }
        }
    }
}
