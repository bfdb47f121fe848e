//! `resolvet policy replay LOG… --with POLICY`: what other policies would have decided.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet::decisions::{Reader, Recorded};
use resolvet_engine::{Change, PolicyChange, Replayed, Replayer, record::Decision, versions};
use resolvet_proto::judgement::{DecisionId, Stage, printable};
use serde::Serialize;

use crate::{
    components, config,
    dates::date_time,
    exit::{Exit, UsageError, unreadable},
    output::{Output, Tone, tinted},
    policies,
    report::VERSION,
};

/// Decisions that are told one by one. Beyond, they are counted.
const TOLD: usize = 10_000;

#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct ReplayReport {
    version: u32,
    decisions: u64,
    same: u64,
    changed: u64,
    not_replayable: u64,
    unreadable: u64,
    /// Judgements of which the log says that it has no record.
    dropped: u64,
    /// Whether all of it was recorded by the versions of the engine and parsers that replayed it.
    same_versions: bool,
    changes: Vec<ChangeReport>,
    not_replayed: Vec<PassedReport>,
    unreadable_lines: Vec<UnreadableReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ChangeReport {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    change: Change,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PassedReport {
    #[serde(flatten)]
    about: About,
    reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UnreadableReport {
    log: PathBuf,
    line: u64,
    reason: String,
}

/// Which decision.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct About {
    id: DecisionId,
    time: u64,
    stage: Stage,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_domain_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl From<&Decision> for About {
    fn from(decision: &Decision) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(printable);
        Self {
            id: decision.id,
            time: decision.time,
            stage: decision.stage,
            authentication_domain_name: text(&decision.authentication_domain_name),
            peer: text(&decision.peer),
            transport: text(&decision.transport),
            address: text(&decision.address),
        }
    }
}

pub(super) fn run(logs: &[PathBuf], with: &[String], output: &Output) -> anyhow::Result<Exit> {
    let engine = policies::engine(&config::Policies::default())?;
    let policies = with
        .iter()
        .map(|policy| components::named(&engine, policy, output))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut replayer = Replayer::new(&engine, policies);
    let mut report = ReplayReport {
        version: VERSION,
        same_versions: true,
        ..ReplayReport::default()
    };
    let mut exit = Exit::Done;
    for log in logs {
        exit = exit.max(replay(log, &mut replayer, &mut report)?);
    }
    if output.is_json() {
        output.document(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(exit)
}

fn replay(log: &Path, replayer: &mut Replayer, report: &mut ReplayReport) -> anyhow::Result<Exit> {
    let cannot = || format!("log `{}` cannot be read", log.display());
    let file = File::open(log).map_err(|error| unreadable("log", log, &error))?;
    let versions = versions();
    let mut exit = Exit::Done;
    for recorded in Reader::new(BufReader::new(file)) {
        match recorded.with_context(cannot)? {
            Recorded::Decision {
                line,
                start,
                generation,
                decision,
                request,
            } => {
                report.decisions += 1;
                report.same_versions &= start.versions == versions;
                let replayed = replayer
                    .replay(&generation, &decision, request.as_ref())
                    .map_err(|error| {
                        UsageError(format!("log `{}`, line {line}: {error}", log.display()))
                    })?;
                exit = exit.max(report.add(&decision, replayed));
            }
            Recorded::Dropped(more) => report.dropped = report.dropped.saturating_add(more),
            Recorded::Unreadable { line, reason } => {
                report.unreadable += 1;
                exit = exit.max(Exit::Failed);
                let log = log.to_owned();
                if report.unreadable_lines.len() < TOLD {
                    let unreadable = UnreadableReport { log, line, reason };
                    report.unreadable_lines.push(unreadable);
                }
            }
            _ => {}
        }
    }
    Ok(exit)
}

impl ReplayReport {
    fn add(&mut self, decision: &Decision, replayed: Replayed) -> Exit {
        let about = About::from(decision);
        match replayed {
            Replayed::Same => {
                self.same += 1;
                Exit::Done
            }
            Replayed::Changed(change) => {
                self.changed += 1;
                let failed = change.policies.iter().any(|policy| policy.fault.is_some());
                if self.changes.len() < TOLD {
                    let change = *change;
                    self.changes.push(ChangeReport { about, change });
                }
                if failed {
                    Exit::PolicyFault
                } else {
                    Exit::Failed
                }
            }
            Replayed::NotReplayable(reason) => {
                self.not_replayable += 1;
                if self.not_replayed.len() < TOLD {
                    self.not_replayed.push(PassedReport { about, reason });
                }
                Exit::Done
            }
        }
    }
}

fn print(report: &ReplayReport, output: &Output) -> anyhow::Result<()> {
    for ChangeReport { about, change } in &report.changes {
        let outcome = if change.before == change.after {
            change.after.as_str().to_owned()
        } else {
            let (before, after) = (change.before.as_str(), change.after.as_str());
            let tone = if after == "accepted" {
                Tone::Good
            } else {
                Tone::Bad
            };
            format!("{before} → {}", tinted(tone, after))
        };
        output.line(&format!("{}: {outcome}", heading(about)))?;
        if let (Some(before), Some(after)) = (&change.order_before, &change.order_after)
            && before != after
        {
            output.line(&format!("  order {before:?} → {after:?}"))?;
        }
        if change.lifetime_before != change.lifetime_after {
            let seconds =
                |lifetime: Option<u32>| lifetime.map_or("none".into(), |s| format!("{s} s"));
            let (before, after) = (
                seconds(change.lifetime_before),
                seconds(change.lifetime_after),
            );
            output.line(&format!("  lifetime {before} → {after}"))?;
        }
        for policy in &change.policies {
            print_policy(policy, output)?;
        }
    }
    for PassedReport { about, reason } in &report.not_replayed {
        let text = format!("{}: not replayable: {}", heading(about), printable(reason));
        output.line(&tinted(Tone::Weak, &text))?;
    }
    for UnreadableReport { log, line, reason } in &report.unreadable_lines {
        output.remark(&format!("{}, line {line}: {reason}", log.display()));
    }
    let ReplayReport {
        decisions,
        same,
        changed,
        not_replayable,
        unreadable,
        ..
    } = report;
    output.line(&format!(
        "{decisions} decisions: {same} the same, {changed} changed, {not_replayable} not replayable; {unreadable} lines unreadable"
    ))?;
    if report.dropped > 0 {
        let text = format!(
            "{} decisions have no record: the log was full or slow",
            report.dropped
        );
        output.remark(&text);
    }
    if !report.same_versions {
        output.remark("the log was written by other versions of the engine or its parsers");
    }
    Ok(())
}

fn heading(about: &About) -> String {
    let peer = about
        .peer
        .as_ref()
        .or(about.authentication_domain_name.as_ref());
    let place = match (&about.transport, &about.address) {
        (Some(transport), Some(address)) => format!(" over {transport} at {address}"),
        _ => String::new(),
    };
    format!(
        "{} {} {} of {}{place}",
        tinted(Tone::Head, &about.id.to_string()),
        date_time(about.time / 1_000),
        about.stage.as_str(),
        peer.map_or("(nobody)", String::as_str),
    )
}

fn print_policy(change: &PolicyChange, output: &Output) -> anyhow::Result<()> {
    let version = match (&change.version_before, &change.version_after) {
        (Some(before), Some(after)) if before == after => before.clone(),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => format!("{after}, added"),
        (Some(before), None) => format!("{before}, not asked any more"),
        (None, None) => String::new(),
    };
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "not asked".into());
    let (before, after) = (word(&change.before), word(&change.after));
    let answer = if before == after {
        after
    } else {
        format!("{before} → {after}")
    };
    let name = printable(&change.policy);
    output.line(&format!("  {name} ({}): {answer}", printable(&version)))?;
    if change.same_file {
        let text =
            "the same file answered differently: it was recorded or replayed by another engine";
        output.line(&format!("    {}", tinted(Tone::Bad, text)))?;
    }
    let signed = [
        ("-", Tone::Faint, &change.removed),
        ("+", Tone::Weak, &change.added),
    ];
    for (sign, tone, findings) in signed {
        for finding in findings {
            let text = format!(
                "{sign} {} {}: {}",
                finding.severity.as_str(),
                printable(&finding.code),
                printable(&finding.message)
            );
            output.line(&format!("    {}", tinted(tone, &text)))?;
        }
    }
    if let Some(fault) = &change.fault {
        output.line(&format!(
            "    {}",
            tinted(Tone::Bad, &printable(&fault.message))
        ))?;
    }
    Ok(())
}
