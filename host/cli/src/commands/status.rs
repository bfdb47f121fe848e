//! `resolvet status`: what the daemon says about itself.

use comfy_table::Cell;
use resolvet_proto::judgement::Digest;
use serde::Serialize;

use super::{break_glass::in_words, show};
use crate::{
    args::Control,
    daemon::protocol::{Answer, Command, DeliveryStatus, RuleStatus, StatusReport},
    dates::now,
    exit::Exit,
    output::{Output, Tone, cell},
};

pub(super) fn run(control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let report = |answer| match answer {
        Answer::Status(report) => Some(*report),
        _ => None,
    };
    show(control, Command::Status, report, print, output)
}

fn print(report: &StatusReport, output: &Output) -> anyhow::Result<()> {
    let now = now();
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Cell| rows.push(vec![Cell::new(name), value]);
    match &report.server {
        Some(server) => {
            let authenticated = match server.authenticated {
                true => "vetted",
                false => "not authenticated",
            };
            let text = format!(
                "{} {} port {} ({}), {authenticated}, judged by generation {}, for another {}",
                server.transport,
                server.address,
                server.port,
                server.target.trim_end_matches('.'),
                server.generation,
                span(server.expires.saturating_sub(now))
            );
            let tone = if server.authenticated {
                Tone::Good
            } else {
                Tone::Weak
            };
            row("server", cell(tone, &text));
        }
        None => row("server", cell(Tone::Bad, "none: questions get SERVFAIL")),
    }
    if !report.trouble.is_empty() {
        row("trouble", cell(Tone::Bad, &report.trouble));
    }
    if let Some(network) = &report.network {
        row("network", Cell::new(network));
    }
    row("profile", Cell::new(&report.profile));
    let policies = &report.policies;
    let text = format!(
        "generation {}, from {}, for {}",
        policies.generation,
        policies.source.as_str(),
        span(now.saturating_sub(policies.since))
    );
    row("policies", Cell::new(text));
    if !policies.trouble.is_empty() {
        let code = policies.code.map_or("failed", |code| code.as_str());
        let text = format!(
            "the configuration on disk was refused ({code}): {}",
            policies.trouble
        );
        row("", cell(Tone::Bad, &text));
    }
    for ended in &policies.ended {
        row("", cell(Tone::Weak, ended));
    }
    for DeliveryStatus {
        reference,
        digest,
        trouble,
    } in &policies.delivered
    {
        let tone = match digest {
            Some(_) => Tone::Good,
            None => Tone::Weak,
        };
        let digest = digest.map_or_else(|| "nothing".to_owned(), |digest| short(&digest));
        let (tone, text) = match trouble.as_str() {
            "" => (tone, format!("{reference}: {digest} is in use")),
            trouble => (
                Tone::Bad,
                format!("{reference}: {digest} stays in use: {trouble}"),
            ),
        };
        row("registry", cell(tone, &text));
    }
    if let Some(lifted) = &report.break_glass {
        row("break-glass", cell(Tone::Bad, &in_words(lifted)));
    }
    if let Some(shadow) = &policies.shadow {
        let names = shadow.policies.iter();
        let names: Vec<_> = names
            .map(|used| format!("{} {}", used.policy, used.version))
            .collect();
        let trial = &shadow.trial;
        let text = format!(
            "{}: {} judgements, {} with another outcome, {} with other findings, {} with faults, {} not tried",
            names.join(", "),
            trial.live.judgements,
            trial.live.other_outcome,
            trial.live.other_findings,
            trial.live.faults,
            trial.dropped
        );
        let tone = match trial.live.other_outcome + trial.live.faults {
            0 => Tone::Good,
            _ => Tone::Weak,
        };
        row("shadow", cell(tone, &text));
        for departure in &trial.differences {
            let text = format!(
                "{}: {} became {}; without {}; with {}",
                departure.stage.as_str(),
                departure.active.as_str(),
                departure.tried.as_str(),
                list(&departure.gone),
                list(&departure.come)
            );
            row("", cell(Tone::Faint, &text));
        }
    }
    let listen: Vec<String> = report.listen.iter().map(ToString::to_string).collect();
    row("listens at", Cell::new(listen.join(", ")));
    let answers = &report.answers;
    let text = format!(
        "{} of {} questions from the cache ({} answers, {} kB), {} failed, {} turned away",
        answers.hits,
        answers.hits.saturating_add(answers.misses),
        answers.cached,
        answers.cached_octets.div_ceil(1_000),
        answers.failures,
        answers.overloads
    );
    row("answers", Cell::new(text));
    row("runs", Cell::new(span(now.saturating_sub(report.since))));
    output.table(&["daemon", &format!("resolvetd {}", report.program)], rows)?;
    let rows = policies.rules.iter().map(rule).collect();
    output.table(
        &["policy", "version", "stages", "role", "mode", "digest"],
        rows,
    )
}

fn rule(rule: &RuleStatus) -> Vec<Cell> {
    let stages: Vec<&str> = rule.stages.iter().map(|stage| stage.as_str()).collect();
    let digest = short(&rule.digest);
    vec![
        Cell::new(&rule.policy),
        Cell::new(&rule.policy_version),
        Cell::new(stages.join(", ")),
        Cell::new(word(rule.role)),
        Cell::new(word(rule.mode)),
        Cell::new(digest),
    ]
}

/// A digest as far as a person compares it.
pub(super) fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

fn list(codes: &[String]) -> String {
    match codes {
        [] => "nothing".to_owned(),
        codes => codes.join(", "),
    }
}

/// A mode or role by its word.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A time in words.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
