//! Points at what does not exist.

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    certificate: Option<u32>,
    offset: u32,
    record: Option<u32>,
}

fn validate(settings: &Settings) -> Verdict {
    let mut finding = Finding::error("a-code", "points at what does not exist");
    if let Some(index) = settings.certificate {
        let set = CertificateSet::Presented;
        let span = CertificateSpan { set, index, offset: settings.offset, length: 1 };
        finding.evidence.push(resolvet_guest::Evidence::Certificate(span));
    }
    if let Some(index) = settings.record {
        finding.evidence.push(resolvet_guest::Evidence::DnsRecord(index));
    }
    let mut verdict = Verdict::accept();
    verdict.findings.push(finding);
    verdict
}

resolvet_guest::export_validator!(Settings, validate);
