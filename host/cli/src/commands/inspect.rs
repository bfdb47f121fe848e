//! `resolvet inspect FILE`: what a certificate, a chain or a privacy extension says, in plain words.

use std::{fs, path::Path};

use resolvet::anchors;
use resolvet_proto::certificate::{
    Facts, facts,
    privacy::{LoggingKind, PrivacyPolicy, PrivacyStatement},
    privacy_statement,
};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    exit::{Exit, UsageError, unreadable},
    output::{Output, Tone, tinted},
    report::VERSION,
};

/// Octets of an extension's value that are read.
const EXTENSION_OCTETS: u64 = 65_536;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InspectReport {
    version: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<CertificateReport>,
    /// Of a file that is the extension itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<PrivacyStatement>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CertificateReport {
    #[serde(flatten)]
    facts: Facts,
    /// Absent when the certificate has no privacy extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<PrivacyStatement>,
    /// Why the privacy extension cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_error: Option<String>,
}

pub(super) fn run(file: &Path, privacy_oid: &str, output: &Output) -> anyhow::Result<Exit> {
    let report = read(file, privacy_oid)?;
    if output.is_json() {
        output.document(&report)?;
        return Ok(Exit::Done);
    }
    if let Some(statement) = &report.privacy {
        for line in statement_lines(statement) {
            output.line(&line)?;
        }
    }
    for (index, certificate) in report.certificates.iter().enumerate() {
        if report.certificates.len() > 1 {
            output.line(&tinted(Tone::Head, &format!("certificate {index}")))?;
        }
        print(certificate, output)?;
    }
    Ok(Exit::Done)
}

/// A certificate, a chain, or what is left: the value of an extension.
fn read(file: &Path, privacy_oid: &str) -> anyhow::Result<InspectReport> {
    let not_a_certificate = match anchors::certificates(file) {
        Ok(ders) => {
            let certificates = ders
                .iter()
                .map(|der| certificate(der, privacy_oid))
                .collect::<anyhow::Result<Vec<_>>>()?;
            return Ok(InspectReport {
                version: VERSION,
                certificates,
                privacy: None,
            });
        }
        Err(error) => error,
    };
    let size = fs::metadata(file)
        .map_err(|error| unreadable("file", file, &error))?
        .len();
    let statement = (size <= EXTENSION_OCTETS)
        .then(|| fs::read(file).ok())
        .flatten()
        .and_then(|octets| PrivacyStatement::from_der(&octets).ok());
    match statement {
        Some(statement) => Ok(InspectReport {
            version: VERSION,
            certificates: vec![],
            privacy: Some(statement),
        }),
        None => {
            let text = format!("{not_a_certificate}; and no privacy extension either");
            Err(UsageError(text).into())
        }
    }
}

fn certificate(der: &[u8], privacy_oid: &str) -> anyhow::Result<CertificateReport> {
    let (privacy, privacy_error) = match privacy_statement(der, privacy_oid) {
        Ok(statement) => (statement, None),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(CertificateReport {
        facts: facts(der)?,
        privacy,
        privacy_error,
    })
}

fn print(certificate: &CertificateReport, output: &Output) -> anyhow::Result<()> {
    let CertificateReport {
        facts,
        privacy,
        privacy_error,
    } = certificate;
    let list = |values: Vec<String>| {
        if values.is_empty() {
            "none".into()
        } else {
            values.join(", ")
        }
    };
    let strings = |values: &[String]| list(values.to_vec());
    let line = |label: &str, text: &str| output.line(&format!("{label:<12} {text}"));
    line("subject", &facts.subject)?;
    line("issuer", &facts.issuer)?;
    line("serial", &facts.serial)?;
    line(
        "valid",
        &format!("{} to {}", date(facts.not_before), date(facts.not_after)),
    )?;
    line("DNS-ID", &strings(&facts.dns_ids))?;
    line(
        "IP-ID",
        &list(facts.ip_ids.iter().map(ToString::to_string).collect()),
    )?;
    line(
        "SRV-ID",
        &list(facts.srv_ids.iter().map(ToString::to_string).collect()),
    )?;
    for malformed in &facts.malformed_srv_ids {
        line("", &tinted(Tone::Bad, malformed))?;
    }
    let usage = facts
        .extended_key_usage
        .as_ref()
        .map_or_else(|| "any".into(), |usage| strings(usage));
    line("purposes", &usage)?;
    line(
        "kind",
        if facts.is_ca {
            "certification authority"
        } else {
            "end entity"
        },
    )?;
    line(
        "key",
        &format!("{}, SPKI SHA-256 {}", facts.key, facts.spki),
    )?;
    let algorithm = &facts.signature_algorithm;
    let signed = signature(algorithm).map(|name| format!("{name} ({algorithm})"));
    line("signed by", signed.as_ref().unwrap_or(algorithm))?;
    line("fingerprint", &facts.fingerprint.to_string())?;
    match (privacy, privacy_error) {
        (Some(statement), _) => {
            let mut lines = statement_lines(statement).into_iter();
            line("privacy", &lines.next().unwrap_or_default())?;
            lines.try_for_each(|text| line("", &text))
        }
        (None, Some(error)) => line("privacy", &tinted(Tone::Bad, error)),
        (None, None) => line("privacy", "states nothing"),
    }
}

/// What people call an algorithm of signatures (RFC 5758, RFC 8017, RFC 8410).
fn signature(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.2.840.113549.1.1.5" => "RSA with SHA-1",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return None,
    })
}

fn date(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(time) => format!(
            "{} {:02}:{:02}:{:02} UTC",
            time.date(),
            time.hour(),
            time.minute(),
            time.second()
        ),
        Err(_) => format!("{seconds} s since 1970"),
    }
}

/// The statement in sentences, in the order of the draft's section 10.1.
fn statement_lines(statement: &PrivacyStatement) -> Vec<String> {
    match statement {
        PrivacyStatement::None => vec!["no privacy policy is provided".into()],
        PrivacyStatement::Policy(policy) => policy_lines(policy),
    }
}

fn policy_lines(policy: &PrivacyPolicy) -> Vec<String> {
    let mut lines = vec![match policy.ip_address_is_personal {
        true => "a client's address is treated as personal data".to_owned(),
        false => "a client's address is not treated as personal data".to_owned(),
    }];
    if policy.logging.none {
        lines.push("nothing is logged".into());
    }
    for kind in LoggingKind::EVERY {
        let what = match kind {
            LoggingKind::All => "all transactions are logged",
            LoggingKind::UserIdentity => "the user's identity is logged",
            LoggingKind::NotifyUser => "queries are logged to notify users of blocked domains",
            LoggingKind::KnownMalware => "access to malicious domains is logged",
            LoggingKind::Analytics => "queries are logged for analytics",
        };
        let duration = policy.logging.duration(kind);
        match (policy.logging.logs(kind), duration) {
            (true, duration) => lines.push(format!("{what} {}", for_how_long(duration))),
            (false, Some(hours)) => {
                lines.push(format!(
                    "{} is given {hours} hours and not said to be logged",
                    kind.as_str()
                ));
            }
            (false, None) => {}
        }
    }
    if policy.logging.unknown_kinds {
        lines.push("logs of a kind that the draft does not define".into());
    }
    lines.push(sharing_line(policy));
    lines.push(match policy.transfers_data {
        true => "data is shared with or sold to third parties".into(),
        false => "data is not sold and not shared with third parties".into(),
    });
    lines.push(match policy.blocks_domains {
        true => "some domains are blocked".into(),
        false => "no domain is blocked".into(),
    });
    lines.extend(
        policy
            .policy_url
            .as_ref()
            .map(|url| format!("its policy is at {url}")),
    );
    lines.extend(
        policy
            .audit_url
            .as_ref()
            .map(|url| format!("an auditor's report is at {url}")),
    );
    lines
}

fn sharing_line(policy: &PrivacyPolicy) -> String {
    let sharing = &policy.sharing;
    if !sharing.with_partners {
        return "data is not shared with partners".into();
    }
    let form = match sharing.anonymized {
        Some(true) => "anonymized",
        // Absent means identifiable: nothing was promised.
        Some(false) | None => "identifiable",
    };
    match &sharing.partners {
        Some(partners) => format!("{form} data is shared with {}", partners.join(", ")),
        None => format!("{form} data is shared with partners that are not named"),
    }
}

fn for_how_long(hours: Option<i64>) -> String {
    match hours {
        Some(-1) => "without end".into(),
        Some(hours) if hours % 24 == 0 && hours > 24 => format!("for {} days", hours / 24),
        Some(hours) => format!("for {hours} hours"),
        None => "for a time that is not said, so without end".into(),
    }
}
