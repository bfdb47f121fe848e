//! Pins of keys and certificates (RFC 7858 section 4.2, RFC 8310 section 8): those of the settings, and those that were written
//! down beside the server. Where there are both, both must hold.

use resolvet_guest::{
    Pin,
    crypto::{self, DigestAlgorithm},
    server,
};

use crate::{
    certificate::Certificate,
    report::{Report, whole},
    settings::{Settings, pin_octets},
};

const REFERENCE: &str = "RFC 7858 4.2";

/// One key of the validated path must be one of the pinned ones.
pub(crate) fn check(path: &[&Certificate<'_>], settings: &Settings, report: &mut Report) {
    let leaf = || path.first().and_then(|leaf| whole(leaf));
    let has = |octets: &[u8], pin: &[u8]| {
        crypto::digest(DigestAlgorithm::Sha256, octets).is_ok_and(|digest| digest.as_slice() == pin)
    };
    let pinned = |certificate: &&Certificate<'_>| {
        let mut pins = settings.spki_pins.iter().filter_map(|pin| pin_octets(pin));
        pins.any(|pin| has(certificate.key_info, &pin))
    };
    if !settings.spki_pins.is_empty() && !path.iter().any(pinned) {
        let message =
            "no key of the certification path is among the pinned ones (setting `spki-pins`)"
                .into();
        report.refuse("pin-mismatch", message, REFERENCE, leaf());
    }
    let pins = match server::pins() {
        Ok(pins) => pins,
        Err(kind) => {
            let message = format!("the server is pinned by `{kind}`, which is not known here");
            return report.refuse("pin-unknown", message, REFERENCE, leaf());
        }
    };
    let pinned = |certificate: &&Certificate<'_>| {
        pins.iter().any(|pin| {
            let octets = match pin {
                Pin::SpkiSha256(_) => certificate.key_info,
                Pin::TbsSha256(_) => certificate.signed,
                _ => return false,
            };
            has(octets, pin.digest().as_octets())
        })
    };
    if !pins.is_empty() && !path.iter().any(pinned) {
        let message =
            "nothing of the certification path is what was pinned beside the server".into();
        report.refuse("pin-mismatch", message, REFERENCE, leaf());
    }
}
