//! `privacy`: says whether what a DNS server's certificate states about privacy is good enough.
//!
//! The statement is the privacy extension of draft-reddy-dprive-bootstrap-dns-server-04, section 10, in the end entity's
//! certificate; in any other certificate it says nothing. Each clause that is not acceptable is a finding of its own, and
//! any of them rejects. Where the statement leaves something open or contradicts itself, the worse is taken to hold: a
//! kind of logging without a duration is without end, what is shared without the word that it is anonymized identifies
//! people, a duration without its kind is logging, named partners are partners.
//!
//! No extension: `abstain` with the finding `extension-missing`, or a reject where the settings require one. A statement
//! that is acceptable is an `accept`.
//!
//! **A signed statement** (draft-reddy-add-server-policy-selection-05), where the host fetched one, is assessed by the same clauses.
//! It counts when one of `token-signers` signed it, at its time, for this server; otherwise it is no statement, and a warning, or a
//! reject where one is required. Where both it and the extension are there, the worse holds: each of them can reject. An accept
//! lasts until it ends. The draft's later form says nothing about logging, so it can be refused for the rest and is no accept.
//!
//! What the server says about itself (RFC 9606), where the host asked, counts beside it: it can be refused for it, never accepted.
//!
//! # Settings
//! | setting | default | meaning |
//! | --- | --- | --- |
//! | `extension-oid` | `1.3.6.1.4.1.32473.1.1` | object identifier of the extension, which IANA never assigned |
//! | `require-extension` | `false` | a certificate without the extension is not acceptable |
//! | `accept-no-policy` | `false` | the statement `none` (no privacy policy) is acceptable |
//! | `longest-logging-all` | `24` | hours for which all transactions may be logged; `0` never, `-1` no limit |
//! | `longest-logging-user-identity` | `24` | likewise for what identifies users |
//! | `longest-logging-notify-user` | `168` | likewise for telling users that a domain is blocked |
//! | `longest-logging-known-malware` | `720` | likewise for access to malicious domains |
//! | `longest-logging-analytics` | `720` | likewise for analytics |
//! | `require-address-is-personal` | `false` | a client's address must be treated as personal |
//! | `sharing` | `anonymized` | with partners: `none`, `anonymized`, `partners` (those named below), `any` |
//! | `partners` | `[]` | names of partners, as the certificate writes them; only with `sharing = "partners"` |
//! | `accept-transfer` | `false` | sharing with or sale to third parties is acceptable |
//! | `accept-blocking` | `true` | blocking of domains is acceptable, whether the statement or `exterr` says so |
//! | `require-policy-url` | `false` | a URL of the privacy policy must be stated |
//! | `require-audit-report` | `false` | a URL of an auditor's report must be stated |
//! | `require-resolver-info` | `false` | the server must say something about itself (RFC 9606) |
//! | `require-query-name-minimization` | `false` | where it does, it must say that it minimizes query names (`qnamemin`), and so must a token |
//! | `require-token` | `false` | a signed statement that counts must be there |
//! | `token-signers` | `[]` | who may sign: `{ name, key, x5u }`, the key as base64 of a `SubjectPublicKeyInfo`, at most 16 |
//! | `accept-upstream` | `false` | a token may name servers that queries are passed on to, whose own statements nobody reads |
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

mod clauses;
mod extension;
mod information;
mod settings;
mod token;

use resolvet_guest::{
    certificate::privacy::{PrivacyError, PrivacyStatement},
    prelude::*,
};
pub use settings::{Settings, Sharing, Signer};

use crate::extension::Extension;

/// Paragraph of the draft that defines the extension.
const SYNTAX: &str = "draft-reddy-dprive-bootstrap-dns-server-04 10.2";

resolvet_guest::export_privacy_assessor!(Settings, assess, Settings::check);

/// Judges the privacy statement of one server; the crate's head says how.
pub fn assess(settings: &Settings) -> Verdict {
    let mut findings = information::check(settings);
    let signed = token::check(settings, &mut findings);
    let refused = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let mut verdict = statement(settings);
    match (&verdict.decision, signed) {
        _ if refused => verdict.decision = Decision::Reject,
        // It is judged again when the token ends.
        (Decision::Accept { .. }, Some(signed)) => verdict.decision = signed.accept(),
        (Decision::Abstain, Some(signed)) if signed.is_whole => verdict.decision = signed.accept(),
        _ => {}
    }
    findings.into_iter().fold(verdict, Verdict::because)
}

fn statement(settings: &Settings) -> Verdict {
    let Some(certificate) = presented::certificate(0) else {
        let message = "no certificate was presented, so nothing is stated about privacy";
        return Verdict::reject().because(Finding::error("no-certificate", message));
    };
    let found = match extension::find(&certificate, &settings.extension_oid) {
        Ok(found) => found,
        Err(error) => return Verdict::reject().because(malformed(&error, 0, 0)),
    };
    match found.as_slice() {
        [] => missing(settings),
        [extension] => judge(extension, settings),
        [first, ..] => Verdict::reject().because(malformed(
            &PrivacyError::Repeated,
            first.offset,
            first.length,
        )),
    }
}

fn missing(settings: &Settings) -> Verdict {
    let oid = &settings.extension_oid;
    let message = format!("the certificate has no privacy extension `{oid}`");
    if settings.require_extension {
        let message = format!("{message} (setting `require-extension`)");
        Verdict::reject().because(
            Finding::error("extension-missing", message)
                .reference(SYNTAX)
                .evidence(at(0, 0)),
        )
    } else {
        Verdict::abstain().because(
            Finding::note("extension-missing", message)
                .reference(SYNTAX)
                .evidence(at(0, 0)),
        )
    }
}

fn malformed(error: &PrivacyError, offset: u32, length: u32) -> Finding {
    let code = match error {
        PrivacyError::Repeated => "extension-repeated",
        PrivacyError::Certificate => "certificate-malformed",
        _ => "extension-malformed",
    };
    Finding::error(code, error.to_string())
        .reference(SYNTAX)
        .evidence(at(offset, length))
}

fn judge(extension: &Extension, settings: &Settings) -> Verdict {
    let (offset, length) = (extension.offset, extension.length);
    let mut findings = Vec::new();
    if extension.critical {
        let message = "the privacy extension is critical, which it should not be";
        findings.push(Finding::note("extension-critical", message));
    }
    match &extension.statement {
        Err(error) => findings.push(malformed(error, offset, length)),
        Ok(PrivacyStatement::None) if settings.accept_no_policy => {
            findings.push(Finding::note(
                "no-privacy-policy",
                "the server states that it has no privacy policy",
            ));
        }
        Ok(PrivacyStatement::None) => {
            let message =
                "the server states that it has no privacy policy (setting `accept-no-policy`)";
            findings.push(Finding::error("no-privacy-policy", message));
        }
        Ok(PrivacyStatement::Policy(policy)) => clauses::check(policy, settings, &mut findings),
    }
    let refused = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let verdict = if refused {
        Verdict::reject()
    } else {
        Verdict::accept()
    };
    findings.into_iter().fold(verdict, |verdict, mut finding| {
        if finding.evidence.is_empty() {
            finding.evidence.push(at(offset, length));
        }
        if finding.reference.is_empty() {
            finding.reference = SYNTAX.into();
        }
        verdict.because(finding)
    })
}

/// Evidence: octets of the end entity's certificate.
fn at(offset: u32, length: u32) -> Evidence {
    Evidence::Certificate(CertificateSpan {
        set: CertificateSet::Presented,
        index: 0,
        offset,
        length,
    })
}

#[cfg(test)]
mod cases;
