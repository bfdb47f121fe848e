//! `resolvet policy reload`: what the daemon says it did.

use resolvet::{Difference, Use};

use crate::{
    args::Control,
    commands::show,
    daemon::protocol::{Answer, Command, NetworkChange, ReloadReport},
    exit::Exit,
    output::{Output, Tone, tinted},
};

pub(super) fn run(control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let report = |answer| match answer {
        Answer::Reload(report) => Some(report),
        _ => None,
    };
    show(control, Command::Reload, report, print, output)
}

fn print(report: &ReloadReport, output: &Output) -> anyhow::Result<()> {
    print_difference(&report.policies, output)?;
    let network = match report.network {
        NetworkChange::Unchanged => "the network is attached to as before",
        NetworkChange::JudgedAgain => "what is vetted is judged again",
        NetworkChange::Replaced => "the network is attached to anew",
    };
    output.line(&format!("generation {}; {network}", report.generation))?;
    for ended in &report.ended {
        output.remark(ended);
    }
    for key in &report.restart {
        output.remark(&format!("`{key}` counts from the next start on"));
    }
    Ok(())
}

/// What was added, removed, updated and left, one a line.
pub(super) fn print_difference(policies: &Difference, output: &Output) -> anyhow::Result<()> {
    for (word, tone, uses) in [
        ("added", Tone::Good, &policies.added),
        ("removed", Tone::Bad, &policies.removed),
        ("updated", Tone::Weak, &policies.updated),
        ("unchanged", Tone::Faint, &policies.unchanged),
    ] {
        for Use {
            policy,
            version,
            digest,
        } in uses
        {
            let word = tinted(tone, word);
            output.line(&format!("{word} {policy} {version} ({digest})"))?;
        }
    }
    if policies.reordered {
        output.line("the order of evaluation changed")?;
    }
    Ok(())
}
