//! How trust in a network begins, is kept, and is renewed.
//!
//! A device that knows nothing of a network begins with a user's password (the draft's section 4): [`Enroller::bootstrap`]
//! connects to the network's EST server over TLS that nobody has judged, and believes nothing there but what the password
//! proves: by OPAQUE (RFC 9807), bound to the connection, or by HTTP Mutual authentication (RFC 8120), bound to the server's
//! certificate. Then the anchors that the server gives are used to
//! judge its own certificate (`est-server`) and the certificates that it conveys (`conveyed-end-entity`), each by policies.
//! What is left is an [`Enrolment`], which a [`Store`] keeps on disk.
//!
//! A thing that nobody types a password into begins with its manufacturer's certificate (the draft's section 5, RFC 8995):
//! [`Enroller::join`] performs what [`resolvet_proto::enrolment::journey::Pledge`] asks for, voucher, pin and a certificate
//! of its own.
//!
//! Later the server is known by its anchors and its names, and needs no password: [`Enroller::renew`]. [`reattach`] is what
//! a device does each time it comes to the network: it connects with what is stored, and asks the EST server when that does
//! not hold any more (the draft's section 9).

pub(crate) mod channel;
mod connection;
mod driver;
mod enroller;
mod error;
mod keys;
mod locate;
mod login;
mod membership;
#[cfg(feature = "tls-pake")]
mod pake;
mod prepare;
mod random;
mod reattach;
mod server_key;
mod server_request;
mod store;
mod tls_unique;
pub(crate) mod trust;
mod words;

pub use channel::ChannelError;
pub use driver::Place;
pub(crate) use driver::lists;
pub use enroller::{Device, Enrolled, Enroller, Person};
pub use error::{EnrolError, EnrolErrorKind, ProofError};
pub use keys::{
    DeviceKey, KeyError, KeyLocation, KeyPlace, KeyStore, Pin, PinEntry, PinError, TokenUri,
    TokenUriError, read_secret_file,
};
pub use locate::{EstLocation, Interfaces, Link, LinkError, Search};
pub(crate) use membership::back_off;
pub use membership::{Membership, Present};
pub use prepare::{PrepareError, prepared};
pub use reattach::{Attached, ReattachError, Renewal, reattach};
pub use resolvet_proto::enrolment::{
    Enrolment,
    authentication::{Password, Scheme, User, UserError},
    journey::{AnchorChoice, Step},
};
pub use server_key::ServerKeyError;
pub use server_request::{ServerRequestError, server_key, server_request};
pub use store::{NetworkName, NetworkNameError, Store, StoreError};
pub use words::in_words;
