//! `resolvet policy top`: what the daemon's policies do, live.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread::{self, sleep},
    time::Duration,
};

use comfy_table::Cell;
use resolvet::metrics::{Histogram, MeasuredPolicy};
use serde::Serialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::sleep as pause,
};

use crate::{
    args::TopArguments,
    commands::block_on,
    daemon::{
        daemon_socket,
        protocol::{Answer, Command, MeasuredReport, ShadowStatus, ask},
    },
    exit::{Exit, UsageError},
    output::{Output, Tone, cell, table, tinted},
    report::VERSION,
    screen::{Screen, ends},
};

/// What happened between two looks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct TopReport {
    version: u32,
    generation: u64,
    /// Seconds between the looks.
    seconds: f64,
    evaluations_per_second: f64,
    questions_per_second: f64,
    policies: Vec<PolicyReport>,
    shadow: Option<ShadowStatus>,
}

/// What one policy did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct PolicyReport {
    policy: String,
    evaluations_per_second: f64,
    /// Since the daemon's start.
    evaluations: u64,
    /// By verdict and by kind of fault, since the daemon's start.
    verdicts: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
    /// Of the evaluations between the looks or, when there were none, of all.
    median_nanoseconds: Option<u64>,
    p99_nanoseconds: Option<u64>,
}

pub(super) fn run(arguments: TopArguments, output: &Output) -> anyhow::Result<Exit> {
    let socket = daemon_socket(arguments.control.control.as_deref());
    let interval = arguments.interval;
    if arguments.once || output.is_json() {
        return print(&socket, interval, arguments.once, output);
    }
    if !output.is_terminal() {
        let text = "what is shown live needs a terminal: give --once, or --format json";
        return Err(UsageError(text.into()).into());
    }
    block_on(live(socket, interval))
}

/// For scripts: one report, or one a line until somebody ends it.
fn print(socket: &Path, interval: Duration, once: bool, output: &Output) -> anyhow::Result<Exit> {
    let mut before = look(socket)?;
    loop {
        sleep(interval);
        let now = look(socket)?;
        let report = between(Some(&before), &now);
        match (output.is_json(), once) {
            (true, true) => output.document(&report)?,
            (true, false) => output.json_line(&report)?,
            (false, _) => {
                for line in lines(&report) {
                    output.line(&line)?;
                }
            }
        }
        if once {
            return Ok(Exit::Done);
        }
        before = now;
    }
}

/// On a terminal, until a key or a signal ends it. A daemon that goes away may come back.
async fn live(socket: PathBuf, interval: Duration) -> anyhow::Result<Exit> {
    // Whatever can be refused at once is told on the terminal as it is.
    let mut before = Some(look(&socket)?);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut resized = signal(SignalKind::window_change())?;
    let screen = Screen::take()?;
    let mut keys = screen.keys();
    let mut shown = Vec::new();
    loop {
        let asked = socket.clone();
        // The first look is shown at once.
        let wait = match shown.is_empty() {
            true => Duration::ZERO,
            false => interval,
        };
        let looking = async {
            pause(wait).await;
            // A thread of its own, which holds up no end.
            let (reply, looked) = oneshot::channel();
            thread::spawn(move || {
                // Nobody waits any more when what is shown has ended.
                let _taken = reply.send(look(&asked));
            });
            looked.await
        };
        tokio::pin!(looking);
        let looked = loop {
            tokio::select! {
                looked = &mut looking => break looked?,
                key = keys.recv() => if ends(key) { return Ok(Exit::Done) },
                _ = terminate.recv() => return Ok(Exit::Done),
                _ = interrupt.recv() => return Ok(Exit::Done),
                _ = hang_up.recv() => return Ok(Exit::Done),
                _ = resized.recv() => screen.show(&shown)?,
            }
        };
        shown = match looked {
            Ok(now) => {
                let lines = lines(&between(before.as_ref(), &now));
                before = Some(now);
                lines
            }
            Err(error) => {
                before = None;
                vec![tinted(Tone::Bad, &crate::output::told(&error))]
            }
        };
        shown.push(String::new());
        shown.push(tinted(Tone::Faint, "q ends"));
        screen.show(&shown)?;
    }
}

fn look(socket: &Path) -> anyhow::Result<MeasuredReport> {
    ask(socket, Command::Measured, |answer| match answer {
        Answer::Measured(report) => Some(*report),
        _ => None,
    })
}

/// What happened from one look to the next. A daemon that was started anew in between begins at nothing.
fn between(before: Option<&MeasuredReport>, now: &MeasuredReport) -> TopReport {
    let before = before.filter(|before| before.milliseconds <= now.milliseconds);
    let since = before.map_or(0, |before| before.milliseconds);
    let seconds = Duration::from_millis(now.milliseconds - since).as_secs_f64();
    let rate = |count: u64| match seconds > 0.0 {
        true => float(count) / seconds,
        false => 0.0,
    };
    let policy = |policy: &MeasuredPolicy| {
        let earlier = before.and_then(|before| {
            let mut policies = before.measured.policies.iter();
            policies.find(|earlier| earlier.policy == policy.policy)
        });
        let none = Histogram::default();
        let recent = policy
            .durations
            .since(earlier.map_or(&none, |earlier| &earlier.durations));
        let durations = match recent.count() {
            0 => &policy.durations,
            _ => &recent,
        };
        PolicyReport {
            policy: policy.policy.clone(),
            evaluations_per_second: rate(recent.count()),
            evaluations: policy.durations.count(),
            verdicts: policy.verdicts.clone(),
            faults: policy.faults.clone(),
            median_nanoseconds: durations.quantile(0.5),
            p99_nanoseconds: durations.quantile(0.99),
        }
    };
    let policies: Vec<PolicyReport> = now.measured.policies.iter().map(policy).collect();
    let questions = before.map_or(0, |before| before.answers.queries);
    TopReport {
        version: VERSION,
        generation: now.generation,
        seconds,
        // The sum of no numbers with a fraction is a negative zero.
        evaluations_per_second: policies
            .iter()
            .fold(0.0, |sum, one| sum + one.evaluations_per_second),
        questions_per_second: rate(now.answers.queries.saturating_sub(questions)),
        policies,
        shadow: now.shadow.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn lines(report: &TopReport) -> Vec<String> {
    let mut lines = vec![format!(
        "generation {}, {:.1} evaluations and {:.1} questions a second",
        report.generation, report.evaluations_per_second, report.questions_per_second
    )];
    if let Some(ShadowStatus {
        policies, trial, ..
    }) = &report.shadow
    {
        let live = &trial.live;
        let names = policies.iter();
        let names: Vec<_> = names
            .map(|used| format!("{} {}", used.policy, used.version))
            .collect();
        let tone = match live.other_outcome + live.faults {
            0 => Tone::Good,
            _ => Tone::Weak,
        };
        let text = format!(
            "shadow {}: {} judgements, {} with another outcome, {} with other findings, {} with faults",
            names.join(", "),
            live.judgements,
            live.other_outcome,
            live.other_findings,
            live.faults
        );
        lines.push(tinted(tone, &text));
    }
    let head = [
        "policy",
        "per second",
        "accept",
        "reject",
        "abstain",
        "order",
        "faults",
        "median",
        "99 %",
    ];
    lines.extend(table(&head, report.policies.iter().map(row).collect()));
    lines
}

fn row(policy: &PolicyReport) -> Vec<Cell> {
    let count = |verdict: &str| policy.verdicts.get(verdict).copied().unwrap_or(0);
    let faults = policy.faults.iter();
    let faults: Vec<_> = faults
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let faults = match faults.is_empty() {
        true => Cell::new("0"),
        false => cell(Tone::Bad, &faults.join(", ")),
    };
    vec![
        Cell::new(&policy.policy),
        Cell::new(format!("{:.1}", policy.evaluations_per_second)),
        Cell::new(count("accept")),
        Cell::new(count("reject")),
        Cell::new(count("abstain")),
        Cell::new(count("order")),
        faults,
        Cell::new(duration(policy.median_nanoseconds)),
        Cell::new(duration(policy.p99_nanoseconds)),
    ]
}

/// A duration in the unit that suits it.
fn duration(nanoseconds: Option<u64>) -> String {
    match nanoseconds {
        None => "-".to_owned(),
        Some(nanoseconds @ 0..1_000_000) => format!("{:.0} µs", float(nanoseconds) / 1e3),
        Some(nanoseconds) => format!("{:.1} ms", float(nanoseconds) / 1e6),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use resolvet::stub::Statistics;
    use serde_json::json;

    use super::*;

    fn looked(milliseconds: u64, accepted: u64, queries: u64) -> MeasuredReport {
        let mut classes = vec![0_u64; Histogram::bounds().len() + 1];
        *classes.get_mut(2).unwrap() = accepted;
        let mut answers = serde_json::to_value(Statistics::default()).unwrap();
        *answers.get_mut("queries").unwrap() = queries.into();
        serde_json::from_value(json!({
            "version": 1, "milliseconds": milliseconds, "generation": 3, "shadow": null,
            "measured": { "policies": [{
                "policy": "pkix", "verdicts": { "accept": accepted }, "faults": {},
                "durations": { "classes": classes, "nanoseconds": accepted * 30_000 },
            }]},
            "answers": answers,
        }))
        .unwrap()
    }

    #[test]
    fn rates_are_those_between_two_looks() {
        let report = between(Some(&looked(1_000, 10, 4)), &looked(3_000, 50, 8));
        let policy = report.policies.first().unwrap();
        assert!((policy.evaluations_per_second - 20.0).abs() < 1e-9);
        assert!((report.questions_per_second - 2.0).abs() < 1e-9);
        assert_eq!(policy.evaluations, 50);
        let median = policy.median_nanoseconds.unwrap();
        assert!((25_000..=50_000).contains(&median), "{median}");
    }

    #[test]
    fn a_daemon_that_was_started_anew_begins_at_nothing() {
        let report = between(Some(&looked(9_000, 70, 4)), &looked(2_000, 10, 8));
        let policy = report.policies.first().unwrap();
        assert!((policy.evaluations_per_second - 5.0).abs() < 1e-9);
    }

    #[test]
    fn without_anything_new_durations_are_those_of_all() {
        let report = between(Some(&looked(1_000, 10, 4)), &looked(2_000, 10, 4));
        let policy = report.policies.first().unwrap();
        assert!(policy.evaluations_per_second.abs() < 1e-9);
        assert!(policy.median_nanoseconds.is_some());
        assert!(lines(&report).iter().any(|line| line.contains("pkix")));
    }

    #[test]
    fn nothing_at_all_is_no_negative_number() {
        let mut nothing = looked(1_000, 0, 0);
        nothing.measured.policies.clear();
        let report = between(None, &nothing);
        assert!(report.evaluations_per_second.is_sign_positive());
    }
}
