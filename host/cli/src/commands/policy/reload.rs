//! `resolvet policy reload`: what the daemon says it did.

use anyhow::bail;
use resolvet::{Difference, Use};

use crate::{
    args::Control,
    daemon::{
        control_socket,
        protocol::{Answer, Command, NetworkChange, ReloadReport, ask},
    },
    exit::Exit,
    output::{Output, Tone, tinted},
};

pub(super) fn run(control: &Control, output: &Output) -> anyhow::Result<Exit> {
    let socket = control_socket(control.control.as_deref(), None);
    let Answer::Reload(report) = ask(&socket, Command::Reload)? else {
        bail!("the daemon answered something else");
    };
    if output.is_json() {
        output.document(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(Exit::Done)
}

fn print(report: &ReloadReport, output: &Output) -> anyhow::Result<()> {
    print_difference(&report.policies, output)?;
    let network = match report.network {
        NetworkChange::Unchanged => "the network is attached to as before",
        NetworkChange::JudgedAgain => "what is vetted is judged again",
        NetworkChange::Replaced => "the network is attached to anew",
    };
    output.line(&format!("generation {}; {network}", report.generation))?;
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
