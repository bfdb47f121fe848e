//! What a person can do about a refusal: the setting, record or certificate that would mend it.

/// The mend for a finding's code; codes of policies that are not ours have none.
pub(crate) fn of_finding(code: &str) -> Option<&'static str> {
    Some(match code {
        "conveyed-mismatch" => "the server presents another certificate than the one that was conveyed: give the current one with --end-entity, or enrol again",
        "conveyed-none" => "the enrolment conveyed no certificate: enrol again, or let its profile say that trust anchors alone suffice",
        "no-trust-anchors" => "give the authority that issued the server's certificate: --trust-anchors FILE, or --trust-anchors system",
        "unknown-issuer" => "the chain leads to none of the trust anchors: give the issuing authority with --trust-anchors, and let the server present its intermediate certificates",
        "expired" => "the certificate's time is over: the server needs a new one; check this machine's clock too",
        "not-yet-valid" => "the certificate's time has not come: check this machine's clock",
        "name-mismatch" => "the certificate needs a subjectAltName dNSName that is the domain itself (not the host that SRV names)",
        "bad-signature" => "a certificate was altered or is issued by another key: the server's chain must be repaired",
        "revoked" => "the authority revoked the certificate: the server needs a new one",
        "privacy-extension-absent" => "the server states nothing about privacy: set the policy's `extension` to `optional`, or have the certificate carry the extension",
        "transfers-data" => "the server sells or shares data: choose another server, or change the setting that forbids it",
        _ => return None,
    })
}
