//! `resolvet policy history`: what happened to the daemon's policy set.

use comfy_table::Cell;
use resolvet::Use;

use crate::{
    args::Control,
    commands::{short, show},
    daemon::protocol::{Answer, Came, Command, Entry, HistoryReport},
    dates::date_time,
    exit::Exit,
    output::{Output, Tone, cell},
};

pub(super) fn run(control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let report = |answer| match answer {
        Answer::PolicyHistory(report) => Some(report),
        _ => None,
    };
    show(control, Command::PolicyHistory, report, print, output)
}

fn print(report: &HistoryReport, output: &Output) -> anyhow::Result<()> {
    let rows = report.entries.iter().map(row).collect();
    output.table(&["time", "generation", "by", "outcome", "what"], rows)?;
    let kept: Vec<String> = report.kept.iter().map(u64::to_string).collect();
    output.line(&format!(
        "generation {} is active; kept: {}",
        report.generation,
        kept.join(", ")
    ))
}

fn row(entry: &Entry) -> Vec<Cell> {
    let by = match entry.user {
        Some(user) => format!("{} (user {user})", entry.by.as_str()),
        None => entry.by.as_str().to_owned(),
    };
    let outcome = match entry.outcome {
        Came::Done => cell(Tone::Good, "done"),
        Came::Refused => {
            let code = entry.code.map_or("refused", |code| code.as_str());
            let times = match entry.times {
                0 | 1 => String::new(),
                times => format!(", {times} times"),
            };
            cell(Tone::Bad, &format!("{code}{times}"))
        }
    };
    vec![
        Cell::new(date_time(entry.at)),
        Cell::new(entry.generation),
        Cell::new(by),
        outcome,
        Cell::new(what(entry)),
    ]
}

/// What changed, or why nothing did.
pub(super) fn what(entry: &Entry) -> String {
    let mut parts = Vec::new();
    if let Some(restores) = entry.restores {
        parts.push(format!("generation {restores} again"));
    }
    for (word, uses) in [
        ("added", &entry.added),
        ("removed", &entry.removed),
        ("updated", &entry.updated),
    ] {
        let uses: Vec<String> = uses.iter().map(named).collect();
        if !uses.is_empty() {
            parts.push(format!("{word} {}", uses.join(", ")));
        }
    }
    if let (Some(policy), Some(step)) = (&entry.policy, entry.step) {
        parts.push(format!("{policy} was not {}", step.as_str()));
    }
    if !entry.reason.is_empty() {
        parts.push(entry.reason.clone());
    }
    parts.join("; ")
}

/// A use as a person tells it from others.
pub(super) fn named(used: &Use) -> String {
    let digest = short(&used.digest);
    format!("{} {} ({digest})", used.policy, used.version)
}
