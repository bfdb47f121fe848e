//! `resolvet explain DOMAIN`: everything that happened, for a person who wants to know why.

use std::{cell::RefCell, collections::HashMap};

use hickory_proto::{
    rr::{RData, RecordType},
    serialize::binary::BinDecoder,
};
use resolvet_proto::{
    discovery::ech,
    judgement::{
        Answer, Candidate, Decision, DnsRecord, Evaluation, Evidence, Judgement, Mode, Ranking,
        Role, Severity, Verdict,
    },
    session::{Entry, Step, Timestamp},
};

use super::discover::{Travelled, at, ending, sources, travel};
use crate::{
    args::Journey,
    exit::Exit,
    output::{Output, Tone, tinted},
    report::ExplainReport,
};

pub(super) async fn run(
    domain: Option<&str>,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Exit> {
    let travelled = travel(domain, false, journey, output).await?;
    let exit = travelled.exit();
    let Travelled {
        report,
        reading,
        story,
    } = travelled;
    if output.is_json() {
        output.document(&ExplainReport {
            discovery: report,
            records: reading.records,
            story: story.into_iter().map(Into::into).collect(),
        })?;
        return Ok(exit);
    }
    let profile = &report.profile;
    output.line(&format!(
        "{} by {}, profile {profile}",
        report.domain, report.resolver
    ))?;
    let began = story.first().map(|entry| entry.at);
    let teller = Teller {
        output,
        began,
        asked: RefCell::default(),
    };
    for entry in &story {
        teller.tell(entry)?;
    }
    output.line("")?;
    ending(&report, output)?;
    Ok(exit)
}

/// Turns steps into lines.
struct Teller<'a> {
    output: &'a Output,
    began: Option<Timestamp>,
    /// What each lookup asked for.
    asked: RefCell<HashMap<u32, String>>,
}

impl Teller<'_> {
    /// A line at a time, milliseconds since the journey began.
    fn at(&self, entry: &Entry, text: &str) -> anyhow::Result<()> {
        let began = self.began.map_or(0, |began| began.boot);
        let at = format!("{:>6} ms", entry.at.boot.saturating_sub(began));
        self.output
            .line(&format!("{}  {text}", tinted(Tone::Faint, &at)))
    }

    fn under(&self, text: &str) -> anyhow::Result<()> {
        self.output.line(&format!("           {text}"))
    }

    fn tell(&self, entry: &Entry) -> anyhow::Result<()> {
        match &entry.step {
            Step::Query { id, name, rtype } => {
                let asked = format!("{name} {}", RecordType::from(*rtype));
                self.asked.borrow_mut().insert(*id, asked.clone());
                self.at(entry, &format!("lookup     {asked}"))
            }
            Step::Answer {
                id,
                records,
                problem,
            } => {
                let asked = self.asked.borrow().get(id).cloned().unwrap_or_default();
                let said = match (problem, records) {
                    (Some(problem), _) => tinted(Tone::Weak, problem),
                    (None, 1) => "1 record".into(),
                    (None, records) => format!("{records} records"),
                };
                self.at(entry, &format!("answer     {asked}: {said}"))
            }
            Step::Waiting { reason, .. } => self.at(entry, &format!("waiting    {reason}")),
            Step::Note(note) => {
                let text = with_reference(&note.message, &note.reference);
                let word = tinted(Tone::Weak, "note");
                self.at(entry, &format!("{word}       {}: {text}", note.owner))
            }
            Step::Discovered {
                records,
                candidates,
            } => self.discovered(entry, records, candidates),
            Step::Selection(judgement) => self.selection(entry, judgement),
            Step::PassedOver { server, reason, .. } => {
                self.at(entry, &format!("passed by  {}: {reason}", at(server)))
            }
            Step::Attempt { server, target, .. } => {
                self.at(entry, &format!("connect    {} ({target})", at(server)))?;
                match server.ech.as_deref().and_then(ech::public_name) {
                    Some(name) => self.under(&format!(
                        "its name is encrypted, an observer sees `{name}` (RFC 9849)"
                    )),
                    None => Ok(()),
                }
            }
            Step::ConnectionFailed { reason, .. } => self.at(
                entry,
                &format!("{}     {}", tinted(Tone::Bad, "failed"), reason.detail),
            ),
            Step::Validation { judgement, .. } => self.judgement(entry, "validation", judgement),
            Step::Assessment { judgement, .. } => self.judgement(entry, "privacy", judgement),
            Step::Informed { keys, problem, .. } => {
                let said = problem.clone().unwrap_or_else(|| {
                    let pair = |(key, value): &(String, Option<String>)| match value {
                        Some(value) => format!("{key}={value}"),
                        None => key.clone(),
                    };
                    let pairs: Vec<_> = keys.iter().map(pair).collect();
                    pairs.join(" ")
                });
                self.at(entry, &format!("says       {said}"))
            }
            Step::Fetched { url, problem, .. } => {
                let said = match problem {
                    Some(problem) => tinted(Tone::Weak, problem),
                    None => "a signed privacy statement".into(),
                };
                self.at(entry, &format!("fetched    {url}: {said}"))
            }
            Step::GivenUp {
                message, reference, ..
            } => self.at(
                entry,
                &format!(
                    "{}   {message} ({reference})",
                    tinted(Tone::Weak, "given up")
                ),
            ),
            Step::Fallback { failure } => {
                let text = format!("the network could not be used: {}", failure.message);
                self.at(
                    entry,
                    &format!("{}   {text}", tinted(Tone::Weak, "fallback")),
                )
            }
            Step::Discounted { reason, .. } => self.at(entry, &format!("discounted {reason}")),
            Step::Served { expires, bound, .. } => {
                let seconds = expires.unix.saturating_sub(entry.at.unix);
                let bound = format!("{bound:?}").to_lowercase();
                let text = format!("for {seconds} s, ended first by the {bound}");
                self.at(
                    entry,
                    &format!("{}     {text}", tinted(Tone::Good, "vetted")),
                )
            }
            Step::Rejudging { reason, .. } => {
                self.at(entry, &format!("judging    again: {reason}"))
            }
            Step::Withdrawn { reason, .. } => self.at(entry, &format!("withdrawn  {reason:?}")),
            Step::Failed(failure) => self.at(
                entry,
                &format!(
                    "{}     {}",
                    tinted(Tone::Bad, "failed"),
                    failure.kind.as_str()
                ),
            ),
            _ => Ok(()),
        }
    }

    fn discovered(
        &self,
        entry: &Entry,
        records: &[DnsRecord],
        candidates: &[Candidate],
    ) -> anyhow::Result<()> {
        self.at(
            entry,
            &format!(
                "discovered {} candidates from {} records",
                candidates.len(),
                records.len()
            ),
        )?;
        for (index, record) in records.iter().enumerate() {
            let DnsRecord {
                owner, ttl, rtype, ..
            } = record;
            let rtype = RecordType::from(*rtype);
            self.under(&tinted(
                Tone::Faint,
                &format!(
                    "[{index}] {owner} {ttl} {rtype} {} ({})",
                    rdata(record),
                    record.dnssec
                ),
            ))?;
        }
        for (index, candidate) in candidates.iter().enumerate() {
            let Candidate { target, ranks, .. } = candidate;
            let at = at(&candidate.server());
            let by = sources(candidate.sources());
            self.under(&format!(
                "{index}: {at} ({target}) by {by}, ranks {ranks:?}"
            ))?;
            if let Some(identity) = &candidate.identity {
                let (kind, value) = (identity.kind(), identity.value());
                self.under(&format!("   must answer to {kind} {value}"))?;
            }
        }
        Ok(())
    }

    fn selection(&self, entry: &Entry, judgement: &Judgement<Ranking>) -> anyhow::Result<()> {
        self.head(entry, "selection", judgement)?;
        for evaluation in &judgement.evaluations {
            let said = evaluation
                .result
                .as_ref()
                .map(|ranking| format!("order {:?}", ranking.order));
            self.evaluation(evaluation, said.ok())?;
        }
        Ok(())
    }

    fn judgement(
        &self,
        entry: &Entry,
        stage: &str,
        judgement: &Judgement<Verdict>,
    ) -> anyhow::Result<()> {
        self.head(entry, stage, judgement)?;
        for evaluation in &judgement.evaluations {
            let said = evaluation
                .result
                .as_ref()
                .map(|verdict| match verdict.decision {
                    Decision::Accept {
                        lifetime: Some(seconds),
                    } => format!("accept for {seconds} s"),
                    Decision::Accept { lifetime: None } => "accept".into(),
                    Decision::Reject => tinted(Tone::Bad, "reject"),
                    Decision::Abstain => "abstain".into(),
                });
            self.evaluation(evaluation, said.ok())?;
        }
        Ok(())
    }

    fn head<A>(&self, entry: &Entry, stage: &str, judgement: &Judgement<A>) -> anyhow::Result<()> {
        let tone = if judgement.is_accepted() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let outcome = tinted(tone, judgement.outcome.as_str());
        self.at(
            entry,
            &format!(
                "{stage:<10} {outcome} by generation {}, decision {}",
                judgement.generation,
                judgement.id()
            ),
        )
    }

    /// A policy: what it said, how long it took, what it found, logged and had verified.
    fn evaluation<A: Answer>(
        &self,
        evaluation: &Evaluation<A>,
        said: Option<String>,
    ) -> anyhow::Result<()> {
        let Evaluation {
            policy,
            version,
            mode,
            role,
            nanoseconds,
            ..
        } = evaluation;
        let said = said.unwrap_or_else(|| tinted(Tone::Bad, "fault"));
        let role = match (mode, role) {
            (Mode::Monitor, _) => "monitor",
            (Mode::Enforce, Role::Authority) => "authority",
            (Mode::Enforce, Role::Restriction) => "restriction",
        };
        let micros = nanoseconds.div_ceil(1_000);
        self.under(&format!("{policy} {version} ({role}): {said}, {micros} µs"))?;
        match &evaluation.result {
            Err(fault) => self.under(&format!(
                "  {} {}",
                tinted(Tone::Bad, fault.kind.as_str()),
                fault.message
            ))?,
            Ok(answer) => {
                for finding in answer.findings() {
                    let tone = match finding.severity {
                        Severity::Note => Tone::Faint,
                        Severity::Warning => Tone::Weak,
                        Severity::Error => Tone::Bad,
                    };
                    let text = with_reference(&finding.message, &finding.reference);
                    let evidence: Vec<String> = finding.evidence.iter().map(rests_on).collect();
                    let evidence = if evidence.is_empty() {
                        String::new()
                    } else {
                        format!(" [{}]", evidence.join(", "))
                    };
                    self.under(&format!(
                        "  {} {text}{evidence}",
                        tinted(tone, &finding.code)
                    ))?;
                }
            }
        }
        for line in &evaluation.log {
            self.under(&tinted(
                Tone::Faint,
                &format!("  {}: {}", line.level, line.message),
            ))?;
        }
        let valid = evaluation
            .signatures
            .iter()
            .filter(|signature| signature.valid)
            .count();
        if !evaluation.signatures.is_empty() {
            let all = evaluation.signatures.len();
            self.under(&tinted(
                Tone::Faint,
                &format!("  {valid} of {all} signatures verified"),
            ))?;
        }
        Ok(())
    }
}

fn with_reference(message: &str, reference: &str) -> String {
    if reference.is_empty() {
        message.to_owned()
    } else {
        format!("{message} ({reference})")
    }
}

fn rests_on(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Certificate(span) if span.length > 0 => {
            format!(
                "{} certificate {}, octets {}+{}",
                span.set, span.index, span.offset, span.length
            )
        }
        Evidence::Certificate(span) => format!("{} certificate {}", span.set, span.index),
        Evidence::DnsRecord(index) => format!("record [{index}]"),
        Evidence::Candidate(index) => format!("candidate {index}"),
        Evidence::Other(text) => text.clone(),
    }
}

/// Data in presentation form, or in hexadecimal when it cannot be read.
fn rdata(record: &DnsRecord) -> String {
    let mut decoder = BinDecoder::new(&record.rdata);
    let length = u16::try_from(record.rdata.len()).unwrap_or(u16::MAX);
    let parsed = RData::read(
        &mut decoder,
        RecordType::from(record.rtype),
        hickory_proto::serialize::binary::Restrict::new(length),
    );
    match parsed {
        Ok(data) => data.to_string(),
        Err(_) => record
            .rdata
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect(),
    }
}
