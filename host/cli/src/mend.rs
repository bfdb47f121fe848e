//! What a person can do about a refusal: the setting, record or certificate that would mend it.

/// The mend for a finding's code; codes of policies that are not ours have none.
pub(crate) fn of_finding(code: &str) -> Option<&'static str> {
    Some(match code {
        "conveyed-mismatch" => {
            "the server presents another certificate than the one that was conveyed: give the current one with \
             --end-entity, or have the server present the old one"
        }
        "conveyed-none" => {
            "the enrolment conveyed no certificate of a DNS server: enrol again, or let its profile say that trust anchors \
             alone suffice"
        }
        "conveyed-without-srv-id" => {
            "a DNS server's certificate is told by the SRV-ID `_domain-s.DOMAIN` in its subjectAltName: have it issued with \
             one, or leave --end-entity away"
        }
        "authority-key-identifier-missing" | "subject-key-identifier-missing" => {
            "the certificate lacks a key identifier that RFC 5280 asks for: have it issued with one, or set \
             `key-identifiers = \"warn\"` of the policy pkix"
        }
        "extension-criticality" => {
            "an extension is critical or not where RFC 5280 says otherwise: have the certificate issued anew, or set \
             `extension-profile = \"warn\"` of the policy pkix"
        }
        "no-trust-anchors" => {
            "give the authority that issued the server's certificate: --trust-anchors FILE, or --trust-anchors system"
        }
        "issuer-unknown" => {
            "the chain leads to none of the trust anchors: give the issuing authority with --trust-anchors (of `publish est-content` \
             with --ca, intermediate ones too), and let the server send its intermediate certificates"
        }
        "signature-invalid" => {
            "the chain was altered, or its issuer is somebody else of the same name: compare the server's issuer with \
             --trust-anchors"
        }
        "expired" => {
            "the certificate's time is over: the server needs a new one; check this machine's clock too"
        }
        "not-yet-valid" => "the certificate's time has not come: check this machine's clock",
        "name-mismatch" => {
            "the certificate needs a subjectAltName dNSName that is the domain itself, not the host that the SRV record names"
        }
        "revoked" => "the authority revoked the certificate: the server needs a new one",
        "revocation-unknown" => {
            "nothing says whether the certificate is revoked: give a CRL, or change `revocation` of the policy pkix"
        }
        "purpose-not-allowed" | "extended-key-usage-missing" => {
            "the certificate is not for servers: it needs the extended key usage serverAuth"
        }
        "pin-mismatch" => {
            "no key of the chain is pinned: correct `spki-pins` of the policy pkix (`resolvet inspect` prints a key's digest)"
        }
        "extension-missing" => {
            "the certificate states nothing about privacy: have the server's certificate carry the extension, or set \
             `require-extension = false` of the policy privacy"
        }
        "no-privacy-policy" => {
            "the server says that it has no privacy policy: choose another, or set `accept-no-policy = true` of the policy \
             privacy"
        }
        "transfer-to-third-parties" => {
            "the server shares or sells data: choose another, or set `accept-transfer = true` of the policy privacy"
        }
        "sharing-identifiable" | "sharing-partner" | "sharing-partner-unnamed" => {
            "the server shares what identifies people: choose another, or change `sharing` and `partners` of the policy privacy"
        }
        "transport-forbidden" | "transport-not-listed" => {
            "settings leave this transport out: `transports`, `forbidden-transports` of the policy preference"
        }
        "port-forbidden" | "port-not-allowed" => {
            "settings leave this port out: `forbidden-ports`, `allowed-ports` of the policy preference"
        }
        "name-forbidden" | "name-not-allowed" => {
            "settings leave this name out: `forbidden-names`, `allowed-names` of the policy preference"
        }
        _ => return None,
    })
}
