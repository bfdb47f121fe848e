//! How trust in a network begins, is kept, and is renewed.
//!
//! A device that knows nothing of a network begins with a user's password (the draft's section 4): [`Enroller::bootstrap`]
//! connects to the network's EST server over TLS that nobody has judged, and believes nothing there but what HTTP Mutual
//! authentication (RFC 8120) proves, bound to the server's certificate. Then the anchors that the server gives are used to
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

mod channel;
mod enroller;
mod error;
mod est;
mod keys;
mod locate;
mod pledge;
mod progress;
mod reattach;
mod server_request;
mod store;
mod trust;

use resolvet_proto::judgement::{Evaluation, Judgement, Mode, Severity, Verdict};

pub use channel::ChannelError;
pub use enroller::Enroller;
pub use error::{EnrolError, EnrolErrorKind};
pub use keys::{
    DeviceKey, KeyError, KeyLocation, KeyPlace, KeyStore, Pin, PinEntry, PinError, TokenUri,
    TokenUriError,
};
pub use locate::{EstLocation, Interfaces, Link, LinkError, Search};
pub use pledge::Device;
pub use progress::Progress;
pub use reattach::{Attached, ReattachError, Renewal, reattach};
pub use resolvet_proto::enrolment::{
    Enrolment,
    mutual::{Password, User, UserError},
};
pub use server_request::{ServerRequestError, server_key, server_request};
pub use store::{NetworkName, NetworkNameError, Store, StoreError};

/// Why policies did not accept, for a person: the first finding that binds, with its policy and paragraph.
fn why(judgement: &Judgement<Verdict>) -> String {
    let binding = judgement
        .evaluations
        .iter()
        .filter(|e| e.mode == Mode::Enforce);
    let said = |evaluation: &Evaluation<Verdict>| {
        let policy = &evaluation.policy;
        match &evaluation.result {
            Err(fault) => Some(format!("policy `{policy}` failed: {}", fault.message)),
            Ok(verdict) => {
                let finding = verdict
                    .findings
                    .iter()
                    .find(|f| f.severity == Severity::Error)?;
                let (code, message) = (&finding.code, &finding.message);
                let reference = match finding.reference.as_str() {
                    "" => String::new(),
                    reference => format!(" ({reference})"),
                };
                Some(format!(
                    "`{code}`, {message}{reference}, says policy `{policy}`"
                ))
            }
        }
    };
    let mut said = binding.filter_map(said);
    said.next()
        .unwrap_or_else(|| format!("the policies' answer is `{}`", judgement.outcome.as_str()))
}
