//! What the enrolment conveyed about this network's DNS server (`wit/conveyed.wit`).

use crate::host::conveyed as host;

/// The cases of what was conveyed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// There was no enrolment.
    NotEnrolled,
    /// Certificates were conveyed.
    Certificates,
    /// There was an enrolment and it conveyed no certificate.
    None {
        /// The enrolment's profile says that its trust anchors alone suffice.
        anchors_suffice: bool,
    },
    /// A case that this version of the SDK does not know.
    Other(String),
}

/// Which case this is.
#[must_use]
pub fn state() -> State {
    let word = host::state();
    match word.as_str() {
        "not-enrolled" => State::NotEnrolled,
        "certificates" => State::Certificates,
        "none" => State::None {
            anchors_suffice: host::anchors_suffice(),
        },
        _ => State::Other(word),
    }
}

/// How many certificates were conveyed.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// The DER of one of them.
#[must_use]
pub fn certificate(index: u32) -> Option<Vec<u8>> {
    host::certificate(index)
}

/// All of them in order, each fetched when it is reached.
pub fn certificates() -> impl Iterator<Item = Vec<u8>> {
    (0..count()).map_while(certificate)
}
