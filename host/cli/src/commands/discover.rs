//! `resolvet discover DOMAIN`.

use std::sync::Arc;

use comfy_table::Cell;
use resolvet::Client;
use resolvet_proto::{
    judgement::{Request, Server},
    session::{Entry, Step},
};

use crate::{
    args::Journey,
    exit::Exit,
    journey::{self, Prepared},
    mend,
    output::{Output, Tone, cell, tinted},
    report::{CandidateReport, DiscoverReport, Reading, Status, VERSION},
};

/// A journey that has come to its end.
pub(super) struct Travelled {
    pub(super) report: DiscoverReport,
    pub(super) reading: Reading,
    pub(super) story: Vec<Entry>,
}

pub(super) async fn run(
    domain: &str,
    all: bool,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Exit> {
    let Travelled { report, .. } = travel(domain, all, journey, output).await?;
    let exit = report
        .outcome
        .failure
        .as_ref()
        .map_or(Exit::Done, |failure| failure.kind.into());
    if output.is_json() {
        output.document(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(exit)
}

/// Goes to the end of the session's first round and reads its story.
pub(super) async fn travel(
    domain: &str,
    all: bool,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Travelled> {
    let Prepared {
        client,
        session,
        resolver,
        profile,
    } = journey::prepare(domain, journey, output)?;
    output.progress(&format!("discovering {domain} by {resolver}"));
    let domain = session.authentication_domain_name.clone();
    let context = Request {
        usage_profile: session.usage_profile.clone(),
        anchors: Arc::clone(&session.anchors),
        conveyed: session.conveyed.clone(),
        ..Request::new(resolvet_proto::judgement::Purpose::DnsServer, 0)
    };
    let attachment = client.attach(session)?;
    // How it ended is in the story.
    let ended = attachment.vetted().await;
    let story = attachment.story().await?;
    let mut reading = Reading::of(&story);
    if all {
        probe_the_rest(&client, &story, &context, &mut reading, output).await;
    }
    if let Err(resolvet::AttachError::Failed(failure)) = ended {
        reading.failure = Some(failure);
    }
    let report = DiscoverReport {
        version: VERSION,
        domain,
        resolver,
        profile: profile.as_str().to_owned(),
        outcome: reading.outcome(),
        candidates: reading.candidates.clone(),
        notes: reading.notes.clone(),
    };
    Ok(Travelled {
        report,
        reading,
        story,
    })
}

/// Connects to every candidate that nobody needed, in the context that the session made for those that it tried.
async fn probe_the_rest(
    client: &Client,
    story: &[Entry],
    context: &Request,
    reading: &mut Reading,
    output: &Output,
) {
    let now = story.last().map_or(0, |entry| entry.at.unix);
    let records = reading.records.clone();
    for (index, report) in (0_u32..).zip(reading.candidates.clone()) {
        if report.status != Status::NotTried {
            continue;
        }
        let server = Server {
            transport: report.transport.clone(),
            address: report.address,
            port: report.port,
        };
        output.progress(&format!(
            "probing {} {}:{}",
            server.transport, server.address, server.port
        ));
        let domain = domain_of(story);
        let request = Request {
            now,
            reference_ids: domain
                .iter()
                .map(|name| resolvet_proto::judgement::ReferenceId::DnsId(name.clone()))
                .collect(),
            authentication_domain_name: domain,
            server: Some(server.clone()),
            records: records.clone(),
            ..context.clone()
        };
        let probe = client.probe(&server, Arc::new(request)).await;
        reading.probed(index, &probe);
    }
}

/// The domain as the session asked for it first.
fn domain_of(story: &[Entry]) -> Option<String> {
    story.iter().find_map(|entry| match &entry.step {
        Step::Query { name, .. } => Some(name.trim_end_matches('.').to_owned()),
        _ => None,
    })
}

fn print(report: &DiscoverReport, output: &Output) -> anyhow::Result<()> {
    if !report.candidates.is_empty() {
        let rows = report.candidates.iter().map(row).collect();
        output.table(
            &["transport", "address", "port", "source", "verdict", "why"],
            rows,
        )?;
        output.line("")?;
    }
    for note in &report.notes {
        output.line(&format!("{} {}", tinted(Tone::Weak, "note"), note.message))?;
    }
    ending(report, output)
}

/// The last lines of `discover` and `explain`: how it ended, and what would mend it.
pub(super) fn ending(report: &DiscoverReport, output: &Output) -> anyhow::Result<()> {
    if let Some(server) = &report.outcome.vetted {
        let how = if report.outcome.authenticated {
            "vetted"
        } else {
            "encrypted, not authenticated"
        };
        let line = format!(
            "{} {}:{} is {how}",
            server.transport, server.address, server.port
        );
        return output.line(&tinted(Tone::Good, &line));
    }
    if let Some(failure) = &report.outcome.failure {
        output.line(&tinted(Tone::Bad, &failure.message))?;
        for mend in mends(&report.candidates) {
            output.line(&format!("{} {mend}", tinted(Tone::Head, "mend:")))?;
        }
        if failure.retry_after > 0 {
            output.line(&format!(
                "not worth repeating within {} s",
                failure.retry_after
            ))?;
        }
    }
    Ok(())
}

/// What would mend the refusals, each once.
pub(super) fn mends(candidates: &[CandidateReport]) -> Vec<&'static str> {
    let mut mends = Vec::new();
    for finding in candidates.iter().flat_map(|candidate| &candidate.findings) {
        if let Some(mend) = mend::of_finding(&finding.finding.code)
            && !mends.contains(&mend)
        {
            mends.push(mend);
        }
    }
    mends
}

fn row(candidate: &CandidateReport) -> Vec<Cell> {
    let tone = match candidate.status {
        Status::Vetted | Status::Acceptable => Tone::Good,
        Status::NotAuthenticated | Status::Denied | Status::Fault => Tone::Bad,
        Status::NoConnection | Status::PassedOver => Tone::Weak,
        Status::NotTried => Tone::Faint,
    };
    vec![
        Cell::new(&candidate.transport),
        Cell::new(candidate.address),
        Cell::new(candidate.port),
        Cell::new(&candidate.source),
        cell(tone, candidate.status.as_str()),
        Cell::new(&candidate.why),
    ]
}
