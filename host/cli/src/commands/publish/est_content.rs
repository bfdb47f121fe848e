//! `resolvet publish est-content`: what the EST server gives to devices, as files for any web server.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use resolvet::{Policies, anchors};
use resolvet_proto::{
    certificate,
    discovery::DomainName,
    enrolment::est::{
        CaCertificates, CaLabel, Operation, certs_only, dns_server, encode, sort_ca_certificates,
    },
    judgement::{
        AnchorDatabase, AnchorSet, Der, Judgement, Outcome, Presented, Purpose, Request,
        UsageProfile, Verdict, limits,
    },
};
use serde::Serialize;

use crate::{
    args::EstContent,
    config::Config,
    dates::{DAY, now},
    exit::{Exit, UsageError},
    journey::domain_name,
    mend,
    output::{Output, Tone, tinted},
    policies, report,
};

/// Where the files are, below the web server's root.
const PATH: &str = ".well-known/est";
/// How long before its end a certificate's successor should be conveyed.
const EARLY: u64 = 30 * DAY;

/// What was written.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ContentReport {
    version: u32,
    authentication_domain_name: String,
    srv_id: String,
    anchors: usize,
    end_entities: usize,
    expires: Option<u64>,
    root: PathBuf,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileReport {
    path: String,
    media_type: &'static str,
    file: PathBuf,
}

pub(super) async fn run(arguments: EstContent, output: &Output) -> anyhow::Result<Exit> {
    let domain = domain_name(&arguments.domain)?;
    let label = arguments.label.as_deref().map(CaLabel::new);
    let label = label
        .transpose()
        .map_err(|error| UsageError(format!("--label: {error}")))?;
    let mut ca = Vec::new();
    for file in &arguments.ca {
        ca.extend(certificates("--ca", file)?);
    }
    let mut end_entities = Vec::new();
    for file in &arguments.end_entity {
        // What follows in a chain belongs to /cacerts.
        end_entities.extend(certificates("--end-entity", file)?.into_iter().take(1));
    }
    let sorted = sort_ca_certificates(ca.clone());
    if sorted.roots.is_empty() {
        let text =
            "--ca: no root among the certificates: `/cacerts` has to give it (RFC 7030 4.1.3)";
        return Err(UsageError(text.into()).into());
    }
    if let Some(other) = sorted.others.first() {
        let text = format!(
            "--ca: the certificate of {} is no authority's",
            subject(other)
        );
        return Err(UsageError(text).into());
    }
    let srv_id = names(&domain, &end_entities)?;

    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    config.policies.folder = arguments.policies.clone().or(config.policies.folder);
    config.policies.trusting(arguments.policy_trust.clone());
    let (engine, set) = policies::load(&config, &UsageProfile::Strict, output)?;
    let policies = Policies::new(&engine, set);
    let now = now();
    for der in &end_entities {
        let judgement = judge(&policies, &domain, der, &sorted, now).await?;
        if !judgement.is_accepted() {
            return refused(der, &judgement, output);
        }
    }

    let folder = match &label {
        Some(label) => arguments.out.join(PATH).join(label.as_str()),
        None => arguments.out.join(PATH),
    };
    fs::create_dir_all(&folder)
        .with_context(|| format!("folder `{}` cannot be made", folder.display()))?;
    let mut files = Vec::new();
    for (operation, certificates) in [
        (Operation::CaCerts, &ca),
        (Operation::EeCerts, &end_entities),
    ] {
        let file = folder.join(operation.name());
        let body = encode(&certs_only(certificates, &[])?);
        replace(&file, body.as_bytes())?;
        files.push(FileReport {
            path: operation.path(label.as_ref()),
            media_type: operation.accept(),
            file,
        });
    }
    let ends = end_entities
        .iter()
        .filter_map(|der| certificate::validity(der));
    let report = ContentReport {
        version: report::VERSION,
        authentication_domain_name: domain.without_dot().to_owned(),
        srv_id,
        anchors: sorted.roots.len(),
        end_entities: end_entities.len(),
        // Devices may use the newest one.
        expires: ends.map(|(_, until)| until).max(),
        root: arguments.out,
        files,
    };
    tell(&report, now, output)?;
    Ok(Exit::Done)
}

fn certificates(option: &str, file: &Path) -> anyhow::Result<Vec<Der>> {
    anchors::certificates(file).map_err(|error| UsageError(format!("{option}: {error}")).into())
}

/// Every certificate must carry the SRV-ID of the domain and the domain itself as DNS-ID, so that devices take the domain
/// for the authentication domain name; says the SRV-ID.
fn names(domain: &DomainName, end_entities: &[Der]) -> anyhow::Result<String> {
    let mut srv_id = String::new();
    for der in end_entities {
        let wrong = |reason: String| {
            UsageError(format!(
                "--end-entity: {}: {reason}; `resolvet publish certificate-request` asks for the right names",
                subject(der)
            ))
        };
        let server = dns_server(std::slice::from_ref(der), Some(domain.without_dot()))
            .map_err(|error| wrong(error.to_string()))?;
        if server.authentication_domain_name != domain.without_dot() {
            return Err(wrong(format!(
                "it carries no DNS-ID `{}`, devices would take `{}` for the authentication domain name (RFC 9525 6.1)",
                domain.without_dot(),
                server.authentication_domain_name
            ))
            .into());
        }
        srv_id = server.srv_id.to_string();
    }
    Ok(srv_id)
}

/// As a device judges what is conveyed, with these anchors alone.
async fn judge(
    policies: &Policies,
    domain: &DomainName,
    der: &Der,
    ca: &CaCertificates,
    now: u64,
) -> anyhow::Result<Judgement<Verdict>> {
    let chain = [der].into_iter().chain(ca.intermediates());
    let request = Request {
        authentication_domain_name: Some(domain.without_dot().to_owned()),
        anchors: Arc::new(AnchorSet::new(AnchorDatabase::Explicit, ca.roots.clone())),
        presented: Presented {
            certificates: chain.take(limits::PRESENTED).cloned().collect(),
            ocsp_response: None,
        },
        ..Request::new(Purpose::ConveyedEndEntity, now)
    };
    request.check()?;
    let judge = policies.judge().clone();
    let judgement = tokio::task::spawn_blocking(move || judge.validate(&Arc::new(request)));
    judgement.await.context("the judgement was ended")
}

fn refused(der: &Der, judgement: &Judgement<Verdict>, output: &Output) -> anyhow::Result<Exit> {
    let exit = match judgement.outcome {
        Outcome::Faulted => Exit::PolicyFault,
        _ => Exit::NotAuthenticated,
    };
    let text = format!(
        "nothing is written: devices would refuse the certificate of {}: {}",
        subject(der),
        report::why(judgement)
    );
    if output.is_json() {
        output.document(&serde_json::json!({
            "version": report::VERSION,
            "error": text,
            "exit-code": exit as u8,
            "findings": report::findings(judgement).collect::<Vec<_>>(),
        }))?;
        return Ok(exit);
    }
    output.line(&tinted(Tone::Bad, &text))?;
    for found in report::findings(judgement) {
        if let Some(mend) = mend::of_finding(&found.finding.code) {
            output.line(&format!("{} {mend}", tinted(Tone::Head, "mend:")))?;
        }
    }
    Ok(exit)
}

fn tell(report: &ContentReport, now: u64, output: &Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.document(report);
    }
    output.line(&format!(
        "the policies accepted each: trust anchors: {}, certificates with SRV-ID {}: {}",
        report.anchors, report.srv_id, report.end_entities
    ))?;
    for file in &report.files {
        output.line(&format!(
            "{} as {}: {}",
            file.path,
            file.media_type,
            file.file.display()
        ))?;
    }
    output.line("to be served over https with status 200, each as its media type (RFC 7030 4.1.3), by nginx for example:")?;
    output.line(&format!(
        "  location /{PATH}/ {{ root {}; default_type {}; }}",
        report.root.display(),
        Operation::CaCerts.accept()
    ))?;
    if let Some(left) = report.expires.map(|end| end.saturating_sub(now))
        && left < EARLY
    {
        output.remark(&format!(
            "the newest certificate ends in {} days: have its successor issued, and convey both before the server presents it",
            left / DAY
        ));
    }
    Ok(())
}

/// A web server that serves while this is written gives the old file or the new one.
fn replace(file: &Path, octets: &[u8]) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, octets)
        .and_then(|()| fs::rename(&beside, file))
        .with_context(|| format!("`{}` cannot be written", file.display()))
}

fn subject(der: &Der) -> String {
    certificate::facts(der).map_or_else(|_| "nobody".into(), |facts| facts.subject)
}
