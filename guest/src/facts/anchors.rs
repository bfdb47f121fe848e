//! The trust anchors that apply (`wit/anchors.wit`). There may be many: ask for those that are needed.

use resolvet_proto::judgement::AnchorDatabase;

use crate::host::anchors as host;

/// Which database they come from (RFC 7030 section 1.1).
#[must_use]
pub fn database() -> AnchorDatabase {
    AnchorDatabase::from(host::database().as_str())
}

/// How many there are.
#[must_use]
pub fn count() -> u32 {
    host::count()
}

/// The DER of one of them, a certificate.
#[must_use]
pub fn certificate(index: u32) -> Option<Vec<u8>> {
    host::certificate(index)
}

/// The positions of those whose subject is this DER `Name`, with its outer tag and length.
#[must_use]
pub fn for_subject(name: &[u8]) -> Vec<u32> {
    host::for_subject(name)
}
