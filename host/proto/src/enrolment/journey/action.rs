//! What a journey wants done.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::{
    discovery::Timestamp,
    enrolment::{
        Enrolment, PendingVoucher,
        est::{Endpoint, HttpRequest, KeyType},
    },
    judgement::{AnchorSet, Conveyed, Der, Request},
};

/// A service that is looked for by DNS-SD and mDNS (the draft's section 8, RFC 8995 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// `_est._tcp`.
    Est,
    /// `_brski-registrar._tcp`, and `_brski-proxy._tcp` by mDNS.
    Brski,
}

/// Whom a connection is opened to. The handshake's signature is verified in any case, and the chain is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whoever answers: nothing that comes is believed before a PAKE or a voucher says whose certificate it was.
    Provisional,
    /// Whom the validators accept inside the handshake, over this request with what the peer presented filled in.
    Judged {
        /// The request.
        request: Arc<Request>,
        /// The generation that the journey knows.
        generation: u64,
    },
    /// Who proves the password inside the handshake, under the endpoint's host name (draft-ietf-tls-pake). No certificate is
    /// presented. [`super::Event::AuthenticationFailed`] says that the password was not proved.
    Password,
    /// Who presents these certificates again, octet for octet (RFC 8995 section 5.1).
    Same {
        /// DER, in the order in which they came.
        certificates: Vec<Der>,
    },
}

/// Something to do. Actions are taken in the order in which they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look for servers. Answered by [`super::Event::Found`].
    Find {
        /// Names the search.
        id: u32,
        /// The service.
        service: Service,
    },
    /// Open a connection and complete a handshake: TLS 1.2 or later, SNI the host if it is a name. Answered by
    /// [`super::Event::Connected`] or [`super::Event::ConnectionFailed`].
    Connect {
        /// Names the connection.
        connection: u32,
        /// Where.
        endpoint: Endpoint,
        /// To whom.
        trust: Trust,
        /// The handle of the key to authenticate with and its certificates, where the device has one.
        identity: Option<(String, Vec<Der>)>,
    },
    /// Prove the password to the peer and have the peer prove it (RFC 8120, RFC 9807), bound to the connection and to this
    /// certificate, which the peer presented. Answered by [`super::Event::Authenticated`] or
    /// [`super::Event::AuthenticationFailed`].
    Authenticate {
        /// The connection.
        connection: u32,
        /// The peer's certificate, DER.
        certificate: Der,
    },
    /// Send a request and read the whole response. Answered by [`super::Event::Replied`] or
    /// [`super::Event::ExchangeFailed`].
    Exchange {
        /// Names the exchange.
        id: u32,
        /// The connection.
        connection: u32,
        /// The request.
        request: HttpRequest,
        /// Whether the peer is authorized: only then Basic or Digest may be answered (RFC 7030 section 3.2.3).
        authorized: bool,
    },
    /// Evaluate the validators over this request. Answered by [`super::Event::Judged`].
    Judge {
        /// Names the judgement.
        id: u32,
        /// The request, whole.
        request: Arc<Request>,
        /// The generation that the journey knows.
        generation: u64,
    },
    /// Draw random octets. Answered by [`super::Event::Random`].
    Random {
        /// Names the draw.
        id: u32,
        /// How many.
        octets: usize,
    },
    /// Make a key in the key store. Answered by [`super::Event::KeyMade`].
    MakeKey {
        /// Names the making.
        id: u32,
        /// The kind that the server asks for; absent when the driver chooses.
        kind: Option<KeyType>,
    },
    /// Sign octets with a key of the key store, with SHA-256. Answered by [`super::Event::Signed`].
    Sign {
        /// Names the signing.
        id: u32,
        /// The key's handle.
        key: String,
        /// The octets, not digested.
        octets: Der,
    },
    /// Store this enrolment, whole or not at all. Answered by [`super::Event::Stored`].
    Store {
        /// Names the storing.
        id: u32,
        /// The enrolment.
        enrolment: Box<Enrolment>,
    },
    /// Keep a voucher request over a restart of the program, in place of the one before; with none, forget it. Not answered: a
    /// store that fails costs no more than a request that is made anew.
    Remember {
        /// The request.
        pending: Option<Box<PendingVoucher>>,
    },
    /// Run a [`crate::session::Session`] for this domain. Answered by [`super::Event::Served`] or
    /// [`super::Event::NotServed`].
    Discover {
        /// Names the session.
        id: u32,
        /// The domain.
        authentication_domain_name: String,
        /// What was conveyed.
        conveyed: Conveyed,
        /// The anchors.
        anchors: Arc<AnchorSet>,
        /// Certificate revocation lists.
        crls: Vec<Der>,
    },
    /// Close a connection once the exchanges that were asked for before are finished or failed. Not answered.
    Close {
        /// The connection.
        connection: u32,
    },
    /// Hand over [`super::Event::Tick`] at this time. The newest replaces the one before.
    WaitUntil {
        /// The time.
        until: Timestamp,
    },
    /// The journey ended without what it was for. Nothing follows.
    Fail {
        /// Why, and what may be done.
        failure: Failure,
    },
}
