//! `resolvet status`: what the daemon says about itself.

use comfy_table::Cell;
use resolvet_proto::judgement::Digest;
use serde::Serialize;

use super::{break_glass::in_words, show};
use crate::{
    args::Control,
    daemon::protocol::{
        Answer, Command, DeliveryStatus, PoliciesStatus, RuleStatus, ShadowStatus, StatusReport,
    },
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

/// Rows of the table: a name and what it is.
#[derive(Default)]
struct Rows(Vec<Vec<Cell>>);

impl Rows {
    fn row(&mut self, name: &str, value: Cell) {
        self.0.push(vec![Cell::new(name), value]);
    }
}

fn print(report: &StatusReport, output: &Output) -> anyhow::Result<()> {
    let now = now();
    let mut rows = Rows::default();
    server(report, now, &mut rows);
    policies(&report.policies, now, &mut rows);
    if let Some(lifted) = &report.break_glass {
        rows.row("break-glass", cell(Tone::Bad, &in_words(lifted)));
    }
    if let Some(tried) = &report.policies.shadow {
        shadow(tried, &mut rows);
    }
    answers(report, now, &mut rows);
    let head = format!("resolvetd {}", report.program);
    output.table(&["daemon", &head], rows.0)?;
    let rows = report.policies.rules.iter().map(rule).collect();
    output.table(
        &["policy", "version", "stages", "role", "mode", "digest"],
        rows,
    )
}

/// Who answers, in which network and by which profile.
fn server(report: &StatusReport, now: u64, rows: &mut Rows) {
    match &report.server {
        Some(server) => {
            let (tone, authenticated) = match server.authenticated {
                true => (Tone::Good, "vetted"),
                false => (Tone::Weak, "not authenticated"),
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
            rows.row("server", cell(tone, &text));
        }
        None => rows.row("server", cell(Tone::Bad, "none: questions get SERVFAIL")),
    }
    if !report.trouble.is_empty() {
        rows.row("trouble", cell(Tone::Bad, &report.trouble));
    }
    if let Some(network) = &report.network {
        rows.row("network", Cell::new(network));
    }
    rows.row("profile", Cell::new(&report.profile));
}

/// Which set judges, and what stands in the way of another.
fn policies(policies: &PoliciesStatus, now: u64, rows: &mut Rows) {
    let text = format!(
        "generation {}, from {}, for {}",
        policies.generation,
        policies.source.as_str(),
        span(now.saturating_sub(policies.since))
    );
    rows.row("policies", Cell::new(text));
    if !policies.trouble.is_empty() {
        let code = policies.code.map_or("failed", |code| code.as_str());
        let text = format!(
            "the configuration on disk was refused ({code}): {}",
            policies.trouble
        );
        rows.row("", cell(Tone::Bad, &text));
    }
    for ended in &policies.ended {
        rows.row("", cell(Tone::Weak, ended));
    }
    for delivered in &policies.delivered {
        let DeliveryStatus {
            reference,
            digest,
            trouble,
        } = delivered;
        let used = digest.map_or_else(|| "nothing".to_owned(), |digest| short(&digest));
        let tone = match (trouble.is_empty(), digest) {
            (false, _) => Tone::Bad,
            (true, Some(_)) => Tone::Good,
            (true, None) => Tone::Weak,
        };
        let text = match trouble.as_str() {
            "" => format!("{reference}: {used} is in use"),
            trouble => format!("{reference}: {used} stays in use: {trouble}"),
        };
        rows.row("registry", cell(tone, &text));
    }
}

/// What is tried, and how it differs.
fn shadow(shadow: &ShadowStatus, rows: &mut Rows) {
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
    rows.row("shadow", cell(tone, &text));
    for departure in &trial.differences {
        let text = format!(
            "{}: {} became {}; without {}; with {}",
            departure.stage.as_str(),
            departure.active.as_str(),
            departure.tried.as_str(),
            list(&departure.gone),
            list(&departure.come)
        );
        rows.row("", cell(Tone::Faint, &text));
    }
}

/// Where it is asked, and what came of it.
fn answers(report: &StatusReport, now: u64, rows: &mut Rows) {
    let listen: Vec<String> = report.listen.iter().map(ToString::to_string).collect();
    rows.row("listens at", Cell::new(listen.join(", ")));
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
    rows.row("answers", Cell::new(text));
    let runs = span(now.saturating_sub(report.since));
    rows.row("runs", Cell::new(runs));
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
