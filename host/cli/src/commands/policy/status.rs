//! `resolvet policy status`: how far the daemon's policies are.

use std::collections::BTreeMap;

use comfy_table::Cell;
use resolvet_engine::{Counts, PolicyTrial, Trial};

use super::history::{named, what};
use crate::{
    args::Control,
    commands::{break_glass::in_words, short, show, span},
    daemon::protocol::{Answer, Command, LifeReport, PolicyLife},
    dates::{date_time, now},
    exit::Exit,
    lives::{Step, Taken},
    output::{Output, Tone, cell},
};

pub(super) fn run(control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let report = |answer| match answer {
        Answer::PolicyStatus(report) => Some(*report),
        _ => None,
    };
    show(control, Command::PolicyStatus, report, print, output)
}

fn print(report: &LifeReport, output: &Output) -> anyhow::Result<()> {
    let mut rows: Vec<Vec<Cell>> = report.policies.iter().map(row).collect();
    rows.extend(report.shadows.iter().map(row));
    output.table(
        &[
            "policy", "version", "digest", "revision", "step", "for", "asked", "failed", "way",
        ],
        rows,
    )?;
    output.line(&format!(
        "generation {}, from {}, for {}",
        report.generation,
        report.source.as_str(),
        span(now().saturating_sub(report.since))
    ))?;
    if let Some(back) = &report.rolled_back {
        let left: Vec<String> = back.policies.iter().map(named).collect();
        output.line(&format!(
            "rolled back from generation {} to {} by {} at {}, instead of {}",
            back.from,
            back.to,
            back.by.as_str(),
            date_time(back.at),
            left.join(", ")
        ))?;
    }
    if let Some(lifted) = &report.break_glass {
        output.line(&format!("break-glass: {}", in_words(lifted)))?;
    }
    if let Some(watch) = &report.watch {
        output.line(&format!(
            "watched for another {}: {} of {} faults",
            span(watch.until.saturating_sub(now())),
            watch.faults,
            watch.bound
        ))?;
    }
    if let Some(trial) = &report.trial {
        print_trial(trial, report.promotion, output)?;
    }
    if let Some(refusal) = &report.refusal {
        let code = refusal.code.map_or("refused", |code| code.as_str());
        output.line(&format!(
            "refused last, at {} by {}: {code}: {}",
            date_time(refusal.at),
            refusal.by.as_str(),
            what(refusal)
        ))?;
    }
    Ok(())
}

fn print_trial(trial: &Trial, promotion: Option<u64>, output: &Output) -> anyhow::Result<()> {
    let of = match promotion {
        Some(promotion) => format!(" of {promotion}"),
        None => String::new(),
    };
    output.line(&format!(
        "shadow, live: {}{of}, {} not tried",
        counts(&trial.live),
        trial.dropped
    ))?;
    if let Some(recorded) = &trial.recorded {
        let part = match recorded.is_complete {
            true => "",
            false => " so far",
        };
        output.line(&format!(
            "shadow, recorded{part}: {}",
            counts(&recorded.counts)
        ))?;
    }
    for (policy, PolicyTrial { come, gone, .. }) in &trial.policies {
        for (word, codes) in [("new", come), ("gone", gone)] {
            if !codes.is_empty() {
                output.line(&format!("  {policy}, {word}: {}", list(codes)))?;
            }
        }
    }
    Ok(())
}

fn counts(counts: &Counts) -> String {
    format!(
        "{} with another outcome, {} with other findings, {} with faults, of {} judgements",
        counts.other_outcome, counts.other_findings, counts.faults, counts.judgements
    )
}

fn list(codes: &BTreeMap<String, u64>) -> String {
    let codes: Vec<String> = codes
        .iter()
        .map(|(code, count)| format!("{code} {count} times"))
        .collect();
    codes.join(", ")
}

fn row(life: &PolicyLife) -> Vec<Cell> {
    let tone = match life.step {
        Step::Active => Tone::Good,
        Step::Shadowed | Step::Watched => Tone::Weak,
        _ => Tone::Bad,
    };
    let way: Vec<String> = life.steps.iter().map(step).collect();
    vec![
        Cell::new(&life.policy),
        Cell::new(&life.policy_version),
        Cell::new(short(&life.digest)),
        Cell::new(
            life.revision
                .map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
        ),
        cell(tone, life.step.as_str()),
        Cell::new(span(now().saturating_sub(life.since))),
        Cell::new(life.evaluations),
        Cell::new(life.faults),
        Cell::new(way.join(" > ")),
    ]
}

fn step(taken: &Taken) -> String {
    match taken.cases {
        Some(cases) => format!("{} ({cases} cases)", taken.step.as_str()),
        None => taken.step.as_str().to_owned(),
    }
}
