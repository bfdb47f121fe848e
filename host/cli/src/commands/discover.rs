//! `resolvet discover DOMAIN`.

use std::net::SocketAddr;

use comfy_table::Cell;
use resolvet::{AttachError, Attachment, Client, enrolment::NetworkName};
use resolvet_proto::{
    judgement::{Dnssec, Server, Source, UsageProfile},
    session::{Entry, FailureKind},
};

use crate::{
    args::Journey,
    choices::{self, Subject},
    exit::Exit,
    journey, mend,
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
    domain: Option<&str>,
    all: bool,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Exit> {
    let travelled = travel(domain, all, journey, output).await?;
    if output.is_json() {
        output.document(&travelled.report)?;
    } else {
        print(&travelled.report, output)?;
    }
    Ok(travelled.exit())
}

impl Travelled {
    /// How the program ends for it.
    pub(super) fn exit(&self) -> Exit {
        let failure = self.report.outcome.failure.as_ref();
        failure.map_or(Exit::Done, |failure| failure.kind.into())
    }

    /// The report of an attachment that has a server or has failed.
    pub(super) async fn of(
        attachment: &Attachment,
        domain: String,
        resolver: SocketAddr,
        profile: &UsageProfile,
        network: Option<&NetworkName>,
    ) -> anyhow::Result<Self> {
        // How it ended is in the story.
        let ended = attachment.vetted().await;
        let story = attachment.story().await?;
        let mut reading = Reading::of(&story);
        if let Err(AttachError::Failed(failure)) = ended {
            reading.failure = Some(failure);
        }
        let outcome = reading.outcome(&Subject::journey(&domain, network));
        let report = DiscoverReport {
            version: VERSION,
            domain,
            resolver,
            profile: profile.as_str().to_owned(),
            outcome,
            candidates: reading.candidates.clone(),
            notes: reading.notes.clone(),
            given_up: reading.given_up.clone(),
        };
        Ok(Self {
            report,
            reading,
            story,
        })
    }
}

/// Goes to the end of the session's first round and reads its story.
pub(super) async fn travel(
    domain: Option<&str>,
    all: bool,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Travelled> {
    let prepared = journey::prepare(domain, journey, output)?;
    let (client, resolver) = (prepared.client.clone(), prepared.resolver);
    let (profile, network) = (prepared.profile.clone(), prepared.network());
    let (attachment, domain) = prepared.attach(output).await?;
    let travelled = Travelled::of(&attachment, domain, resolver, &profile, network.as_ref());
    let mut travelled = travelled.await?;
    if all {
        let Travelled {
            report, reading, ..
        } = &mut travelled;
        probe_the_rest(&client, &attachment, reading, output).await?;
        report.candidates.clone_from(&reading.candidates);
    }
    Ok(travelled)
}

/// Connects to every candidate that nobody needed, in the context that the session would give it.
async fn probe_the_rest(
    client: &Client,
    attachment: &Attachment,
    reading: &mut Reading,
    output: &Output,
) -> anyhow::Result<()> {
    let not_tried =
        |report: &CandidateReport| matches!(report.status, Status::NotTried | Status::Overtaken);
    for (index, report) in (0_u32..).zip(reading.candidates.clone()) {
        if let Some(context) = attachment
            .context(index)
            .await?
            .filter(|_| not_tried(&report))
        {
            output.progress(&format!("probing {}", at(&report.server())));
            reading.probed(index, &client.probe(context).await);
        }
    }
    Ok(())
}

fn print(report: &DiscoverReport, output: &Output) -> anyhow::Result<()> {
    if !report.candidates.is_empty() {
        let told = |report: &CandidateReport| {
            let state = report.dnssec.as_ref();
            state.is_some_and(|state| *state != Dnssec::Indeterminate)
        };
        // Without trust anchors the column would say nothing.
        let is_validated = report.candidates.iter().any(told);
        let rows = report.candidates.iter();
        let rows = rows.map(|candidate| row(candidate, is_validated)).collect();
        let mut heads = vec!["transport", "address", "port", "source", "verdict", "why"];
        if is_validated {
            heads.insert(4, "dnssec");
        }
        output.table(&heads, rows)?;
        output.line("")?;
    }
    for note in &report.notes {
        let word = tinted(Tone::Weak, "note");
        output.line(&format!("{word} {}: {}", note.owner, note.message))?;
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
        let line = format!("{} is {how}", at(server));
        output.line(&tinted(Tone::Good, &line))?;
        for given_up in &report.given_up {
            output.line(&format!("{} {given_up}", tinted(Tone::Weak, "given up:")))?;
        }
        return Ok(());
    }
    if let Some(failure) = &report.outcome.failure {
        output.line(&tinted(Tone::Bad, &failure.message))?;
        if failure.kind == FailureKind::Unanswered {
            let asked = tinted(Tone::Head, "asked:");
            output.line(&format!("{asked} {}", report.resolver))?;
        }
        for mend in mends(&report.candidates) {
            output.line(&format!("{} {mend}", tinted(Tone::Head, "mend:")))?;
        }
        for choice in choices::lines(&report.outcome.choices) {
            output.line(&format!("{} {choice}", tinted(Tone::Head, "choice:")))?;
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

fn row(candidate: &CandidateReport, is_validated: bool) -> Vec<Cell> {
    let tone = match candidate.status {
        Status::Vetted | Status::Acceptable => Tone::Good,
        Status::NotAuthenticated | Status::Denied | Status::Fault => Tone::Bad,
        Status::NoConnection | Status::PassedOver => Tone::Weak,
        Status::NotTried | Status::Overtaken => Tone::Faint,
    };
    let mut row = vec![
        Cell::new(&candidate.transport),
        Cell::new(candidate.address),
        Cell::new(candidate.port),
        Cell::new(sources(
            std::iter::once(&candidate.source).chain(&candidate.also),
        )),
        cell(tone, candidate.status.as_str()),
        Cell::new(&candidate.why),
    ];
    if is_validated {
        let state = candidate.dnssec.as_ref().map_or("", Dnssec::as_str);
        row.insert(4, Cell::new(state));
    }
    row
}

/// Every way that found a server.
pub(super) fn sources<'a>(sources: impl Iterator<Item = &'a Source>) -> String {
    let words: Vec<_> = sources.map(Source::as_str).collect();
    words.join(", ")
}

/// A transport and where: an address of IPv6 in brackets, so that its port can be told.
pub(super) fn at(server: &Server) -> String {
    let address = SocketAddr::new(server.address, server.port);
    format!("{} {address}", server.transport)
}
