//! `resolvet trust show`: whom each network is trusted by, how that began, and until when it holds.

use std::path::Path;

use comfy_table::Cell;
use resolvet::enrolment::{Enrolment, NetworkName};
use resolvet_proto::{
    certificate,
    enrolment::{LocalIdentity, ServerAuthentication, brski},
    judgement::Der,
};
use serde::Serialize;

use crate::{
    dates::{DAY, date, left, now},
    enrolled,
    exit::Exit,
    output::{Output, Tone, cell, tinted},
    progress::WarningReport,
    report::VERSION,
};

/// How long before its end a trust anchor is warned of: replacing a root takes a while.
const ANCHOR_EARLY: u64 = 90 * DAY;

/// The enrolments.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ShowReport {
    pub(super) version: u32,
    pub(super) networks: Vec<NetworkReport>,
    /// What the policies warned of while a network was renewed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<WarningReport>,
}

/// One of them.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) struct NetworkReport {
    network: String,
    authentication_domain_name: Option<String>,
    est: String,
    reference_ids: Vec<String>,
    authentication: String,
    anchor_database: String,
    anchors: Vec<CertificateReport>,
    end_entities: Vec<CertificateReport>,
    /// The device's own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) ldevid: Option<LdevidReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voucher: Option<VoucherReport>,
    /// A request that the server has not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) pending: Option<PendingReport>,
    renewed: u64,
    pub(super) renew_at: Option<u64>,
    /// Before this moment the EST server is not asked again, after a failure.
    retry_after: Option<u64>,
    pub(super) expires: Option<u64>,
    state: State,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CertificateReport {
    subject: String,
    not_after: Option<u64>,
    sha256: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) struct LdevidReport {
    #[serde(flatten)]
    certificate: CertificateReport,
    /// The handle of its key.
    key: String,
    is_due: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct VoucherReport {
    assertion: String,
    serial_number: String,
    created_on: Option<u64>,
    expires_on: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) struct PendingReport {
    operation: &'static str,
    since: u64,
    not_before: u64,
}

/// How much of an enrolment's time is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Most of it.
    Good,
    /// Less than a third: it is renewed at the next journey.
    Ending,
    /// None.
    Expired,
}

pub(super) fn run(
    network: Option<&str>,
    store: Option<&Path>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let now = now();
    let mut networks = Vec::new();
    if let Some(network) = network {
        let found = enrolled::of_network(store, network)?;
        networks.push(report(&found.network, &found.enrolment, now));
    } else if let Some(store) = enrolled::existing(store)? {
        for network in store.networks()? {
            if let Some(enrolment) = store.load(&network)? {
                networks.push(report(&network, &enrolment, now));
            }
        }
    }
    if output.is_json() {
        output.document(&ShowReport {
            version: VERSION,
            networks,
            warnings: Vec::new(),
        })?;
        return Ok(Exit::Done);
    }
    if networks.is_empty() {
        output.line("no network is enrolled: `resolvet bootstrap DOMAIN --user NAME` enrols")?;
        return Ok(Exit::Done);
    }
    let rows = networks.iter().map(|network| row(network, now)).collect();
    let head = [
        "network",
        "domain",
        "EST server",
        "anchors",
        "certificates",
        "until",
    ];
    output.table(&head, rows)?;
    for network in &networks {
        for line in lines(network, now) {
            output.line(&line)?;
        }
    }
    for network in &networks {
        warn(network, now, output);
    }
    Ok(Exit::Done)
}

fn row(network: &NetworkReport, now: u64) -> Vec<Cell> {
    let tone = match network.state {
        State::Good => Tone::Good,
        State::Ending => Tone::Weak,
        State::Expired => Tone::Bad,
    };
    let until = network.expires.map_or_else(
        || "–".into(),
        |end| format!("{}, {}", date(end), left(end, now)),
    );
    let anchors = format!("{} {}", network.anchors.len(), network.anchor_database);
    vec![
        Cell::new(&network.network),
        Cell::new(network.authentication_domain_name.as_deref().unwrap_or("–")),
        Cell::new(&network.est),
        Cell::new(anchors),
        Cell::new(network.end_entities.len()),
        cell(tone, &until),
    ]
}

/// What does not fit into the table: how trust began, and the device's own certificate.
fn lines(network: &NetworkReport, now: u64) -> Vec<String> {
    let began = match ServerAuthentication::from(network.authentication.as_str()) {
        ServerAuthentication::HttpMutual => "a password (HTTP Mutual, RFC 8120)".to_owned(),
        ServerAuthentication::Opaque => "a password (OPAQUE, RFC 9807)".to_owned(),
        ServerAuthentication::TlsPake => "a password (a PAKE within TLS)".to_owned(),
        ServerAuthentication::Voucher => "the manufacturer's voucher (RFC 8995)".to_owned(),
        ServerAuthentication::Configured => "anchors and a name that were configured".to_owned(),
        other => other.as_str().to_owned(),
    };
    let head = tinted(Tone::Head, &network.network);
    let known = match network.reference_ids.as_slice() {
        [] => "the purpose id-kp-cmcRA in its certificate".to_owned(),
        names => format!("the name {} in its certificate", names.join(" or ")),
    };
    let mut lines = vec![format!(
        "{head}: began by {began}; the EST server is known by {known}"
    )];
    if let Some(voucher) = &network.voucher {
        let made = voucher.created_on.map(date);
        let made = made.map_or_else(String::new, |made| format!(", made {made}"));
        lines.push(format!(
            "  voucher for {}, {}{made}",
            voucher.serial_number, voucher.assertion
        ));
    }
    if let Some(ldevid) = &network.ldevid {
        let end = ldevid.certificate.not_after;
        let until = end.map_or_else(String::new, |end| {
            format!(", until {}, {}", date(end), left(end, now))
        });
        lines.push(format!(
            "  certificate of this device: {}{until}",
            ldevid.certificate.subject
        ));
    }
    if let Some(pending) = &network.pending {
        lines.push(format!(
            "  {} waits for the server since {}; it is sent again {}",
            pending.operation,
            date(pending.since),
            left(pending.not_before, now)
        ));
    }
    if let Some(moment) = network.retry_after.filter(|moment| *moment > now) {
        lines.push(format!(
            "  the EST server gave nothing that could be used: it is asked again {}",
            left(moment, now)
        ));
    }
    lines
}

fn warn(network: &NetworkReport, now: u64, output: &Output) {
    let name = &network.network;
    let end = network
        .expires
        .map(|end| left(end, now))
        .unwrap_or_default();
    match network.state {
        State::Good => {}
        State::Ending => output.remark(&format!(
            "the certificates of network {name} end soon, {end}: the next journey renews them, or `resolvet trust renew {name}`"
        )),
        State::Expired => output.remark(&format!(
            "the certificates of network {name} have ended, {end}: `resolvet trust renew {name}`, or enrol again with `resolvet bootstrap`"
        )),
    }
    for anchor in &network.anchors {
        if let Some(end) = anchor.not_after
            && end < now.saturating_add(ANCHOR_EARLY)
        {
            output.remark(&format!(
                "trust anchor {} of network {name} ends {}: once its successor is published, `resolvet trust renew {name}` fetches it",
                anchor.subject,
                left(end, now)
            ));
        }
    }
}

pub(in crate::commands) fn report(
    network: &NetworkName,
    enrolment: &Enrolment,
    now: u64,
) -> NetworkReport {
    let anchors = enrolment.anchors.iter().map(|anchor| &anchor.certificate);
    let reached = |moment: Option<u64>| moment.is_some_and(|moment| moment <= now);
    let state = if reached(enrolment.expires()) {
        State::Expired
    } else if reached(enrolment.renew_at()) {
        State::Ending
    } else {
        State::Good
    };
    let ldevid = |identity: &LocalIdentity| LdevidReport {
        certificate: certificate_report(&identity.certificate),
        key: identity.key.clone(),
        is_due: identity.is_due(now),
    };
    NetworkReport {
        network: network.to_string(),
        authentication_domain_name: enrolment.authentication_domain_name.clone(),
        est: enrolment.est.endpoint.to_string(),
        reference_ids: enrolment.est.reference_ids.clone(),
        authentication: enrolment.est.authentication.as_str().to_owned(),
        anchor_database: enrolment.database.as_str().to_owned(),
        anchors: anchors.map(certificate_report).collect(),
        end_entities: enrolment
            .end_entities
            .iter()
            .map(certificate_report)
            .collect(),
        ldevid: enrolment.identity.as_ref().map(ldevid),
        voucher: enrolment.voucher.as_ref().and_then(voucher),
        pending: enrolment.pending.as_ref().map(|pending| PendingReport {
            operation: pending.operation.name(),
            since: pending.since,
            not_before: pending.not_before,
        }),
        renewed: enrolment.renewed,
        renew_at: enrolment.renew_at(),
        retry_after: enrolment.retry_after,
        expires: enrolment.expires(),
        state,
    }
}

/// What the voucher says. It was verified before it was stored.
fn voucher(cms: &Der) -> Option<VoucherReport> {
    let signed = brski::Signed::from_der(cms).ok()?;
    let voucher = brski::Voucher::from_json(signed.content()).ok()?;
    Some(VoucherReport {
        assertion: voucher.assertion.as_str().to_owned(),
        serial_number: voucher.serial_number.escape_debug().to_string(),
        created_on: voucher.created_on,
        expires_on: voucher.expires_on,
    })
}

fn certificate_report(der: &Der) -> CertificateReport {
    let facts = certificate::facts(der).ok();
    CertificateReport {
        subject: facts
            .as_ref()
            .map(|facts| facts.subject.clone())
            .unwrap_or_default(),
        not_after: certificate::validity(der).map(|(_, until)| until),
        sha256: facts.map(|facts| facts.fingerprint.to_string()),
    }
}
