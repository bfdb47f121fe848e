//! Pins of public keys (RFC 7858 section 4.2, RFC 8310 section 8).

use resolvet_guest::crypto::{self, DigestAlgorithm};

use crate::{
    certificate::Certificate,
    report::{Report, whole},
    settings::{Settings, pin_octets},
};

/// One key of the validated path must be one of the pinned ones.
pub(crate) fn check(path: &[&Certificate<'_>], settings: &Settings, report: &mut Report) {
    if settings.spki_pins.is_empty() {
        return;
    }
    let pinned = |certificate: &&Certificate<'_>| {
        crypto::digest(DigestAlgorithm::Sha256, certificate.key_info).is_ok_and(|digest| {
            settings
                .spki_pins
                .iter()
                .filter_map(|pin| pin_octets(pin))
                .any(|pin| digest.as_slice() == pin)
        })
    };
    if !path.iter().any(pinned) {
        let message =
            "no key of the certification path is among the pinned ones (setting `spki-pins`)"
                .into();
        report.refuse(
            "pin-mismatch",
            message,
            "RFC 7858 4.2",
            path.first().and_then(|leaf| whole(leaf)),
        );
    }
}
