//! What is said over the control socket: one line of JSON each way.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use resolvet::{Difference, Use, metrics::Measured, registry::Reference, stub::Statistics};
use resolvet_engine::{Lift, Reason, Trial};
use resolvet_proto::judgement::{DecisionId, Digest, Mode, Role, Stage, Transport, UsageProfile};
use serde::{Deserialize, Serialize};

pub(crate) use super::book::{By, Came, Entry};
use super::loading::Source;
use crate::{
    exit::NotDone,
    lives::{Step, Taken},
};

/// The version of this protocol.
pub(crate) const VERSION: u32 = 1;
/// Octets of a question.
pub(super) const QUESTION: u64 = 4_096;
/// Octets of an answer.
const ANSWER: u64 = 4 << 20;
/// How long an answer is waited for: a reload compiles.
const PATIENCE: Duration = Duration::from_secs(300);

/// A question to the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) version: u32,
    pub(crate) command: Command,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Say what the daemon does. Anybody on this machine may ask, as with the next two.
    Status,
    /// Say what the policies did since the start. Anybody on this machine may ask.
    Measured,
    /// Say how far each policy is on its way.
    PolicyStatus,
    /// Say what happened to the policy set.
    PolicyHistory,
    /// Load configuration and policies anew. Root and the daemon's own user may, as with all below.
    Reload,
    /// Use the version that is tried beside this policy, or all of them, in its place.
    Promote { policy: Option<String> },
    /// Go back to this generation, or to the one before.
    Rollback { to: Option<u64> },
    /// Lift these restrictions, or all, for a time.
    Lift {
        policies: Vec<String>,
        reason: String,
        seconds: u64,
    },
    /// Have all restrictions bind again.
    EndLift,
}

impl Command {
    /// Whether only root and the daemon's own user may.
    pub(super) const fn is_guarded(&self) -> bool {
        match self {
            Self::Status | Self::Measured | Self::PolicyStatus | Self::PolicyHistory => false,
            Self::Reload
            | Self::Promote { .. }
            | Self::Rollback { .. }
            | Self::Lift { .. }
            | Self::EndLift => true,
        }
    }
}

/// The daemon's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Status(Box<StatusReport>),
    PolicyStatus(Box<LifeReport>),
    PolicyHistory(HistoryReport),
    Measured(Box<MeasuredReport>),
    Reload(ReloadReport),
    /// Another policy set is active, and nothing else changed.
    Changed(ChangeReport),
    Lifted(LiftReport),
    /// It was not done.
    Refused {
        code: Reason,
        reason: String,
    },
}

/// What the daemon does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StatusReport {
    pub(crate) version: u32,
    pub(crate) program: String,
    /// When it started, seconds since 1970.
    pub(crate) since: u64,
    pub(crate) profile: UsageProfile,
    /// The network whose enrolment is used.
    pub(crate) network: Option<String>,
    /// The vetted server, while there is one.
    pub(crate) server: Option<ServerStatus>,
    /// Why there is none, or what went wrong the last time; empty when nothing did.
    pub(crate) trouble: String,
    pub(crate) policies: PoliciesStatus,
    /// Restrictions that do not bind, while an operator has lifted some.
    pub(crate) break_glass: Option<LiftStatus>,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) answers: Statistics,
}

/// The server that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServerStatus {
    pub(crate) transport: Transport,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) target: String,
    pub(crate) authenticated: bool,
    /// When its verdict ends, seconds since 1970.
    pub(crate) expires: u64,
    /// The generation that judged it.
    pub(crate) generation: u64,
    /// The decision that authenticated it.
    pub(crate) decision: DecisionId,
}

/// The active policy set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PoliciesStatus {
    pub(crate) generation: u64,
    pub(crate) source: Source,
    /// When it became active, seconds since 1970.
    pub(crate) since: u64,
    /// Why the configuration that is on disk is not active; empty when it is.
    pub(crate) trouble: String,
    /// The same in a word.
    pub(crate) code: Option<Reason>,
    /// Components whose signatures have come to their end since they became active, in words.
    #[serde(default)]
    pub(crate) ended: Vec<String>,
    pub(crate) rules: Vec<RuleStatus>,
    /// What registries said of addresses that may move, once they were asked.
    #[serde(default)]
    pub(crate) delivered: Vec<DeliveryStatus>,
    /// What the versions that are tried beside would have changed, while there are any.
    pub(crate) shadow: Option<ShadowStatus>,
}

/// What a registry has for an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DeliveryStatus {
    pub(crate) reference: Reference,
    /// The manifest's digest of what is in use.
    pub(crate) digest: Option<Digest>,
    /// Why that is not what the registry has now, or why nobody knows; empty when it is.
    pub(crate) trouble: String,
}

/// The versions that are tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ShadowStatus {
    /// Those that are not the active ones.
    pub(crate) policies: Vec<Use>,
    pub(crate) trial: Trial,
}

/// One use of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RuleStatus {
    pub(crate) policy: String,
    pub(crate) policy_version: String,
    pub(crate) digest: Digest,
    pub(crate) stages: Vec<Stage>,
    pub(crate) mode: Mode,
    pub(crate) role: Role,
}

/// What the policies did since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MeasuredReport {
    pub(crate) version: u32,
    /// Milliseconds since the start, of a clock that is never set.
    pub(crate) milliseconds: u64,
    pub(crate) generation: u64,
    pub(crate) measured: Measured,
    pub(crate) shadow: Option<ShadowStatus>,
    pub(crate) answers: Statistics,
}

/// What a reload brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ReloadReport {
    pub(crate) version: u32,
    /// The generation that is active now.
    pub(crate) generation: u64,
    pub(crate) policies: Difference,
    /// What became of the attachment.
    pub(crate) network: NetworkChange,
    /// Keys that were changed and count from the next start on.
    pub(crate) restart: Vec<String>,
    /// Components whose signatures have come to their end since they became active, in words.
    #[serde(default)]
    pub(crate) ended: Vec<String>,
}

/// Another set is active: one that was promoted or returned to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ChangeReport {
    pub(crate) version: u32,
    /// Its generation.
    pub(crate) generation: u64,
    pub(crate) policies: Difference,
    /// The generation that it is again.
    pub(crate) restores: Option<u64>,
}

/// Restrictions were lifted, or bind again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LiftReport {
    pub(crate) version: u32,
    pub(crate) generation: u64,
    /// What is lifted from now on.
    pub(crate) lift: Option<LiftStatus>,
}

/// Restrictions that do not bind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LiftStatus {
    /// When it began, seconds since 1970.
    pub(crate) since: u64,
    /// Seconds that are left.
    pub(crate) remaining: u64,
    #[serde(flatten)]
    pub(crate) lift: Lift,
}

/// What happened to the policy set, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct HistoryReport {
    pub(crate) version: u32,
    /// The generation that is active.
    pub(crate) generation: u64,
    /// Generations that `rollback` can go to.
    pub(crate) kept: Vec<u64>,
    pub(crate) entries: Vec<Entry>,
}

/// How far each policy is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LifeReport {
    pub(crate) version: u32,
    pub(crate) generation: u64,
    /// When it became active, seconds since 1970.
    pub(crate) since: u64,
    pub(crate) source: Source,
    /// Those that judge, in order.
    pub(crate) policies: Vec<PolicyLife>,
    /// Versions that are tried beside them.
    pub(crate) shadows: Vec<PolicyLife>,
    /// What they would have changed together.
    pub(crate) trial: Option<Trial>,
    /// Judgements without faults after which they are promoted by themselves.
    pub(crate) promotion: Option<u64>,
    /// What faults of the newest policies lead to, while they are counted.
    pub(crate) watch: Option<WatchStatus>,
    /// What stands instead of the configuration.
    pub(crate) rolled_back: Option<RolledBack>,
    /// Restrictions that do not bind, while an operator has lifted some.
    pub(crate) break_glass: Option<LiftStatus>,
    /// What was refused last, if anything was in all that is remembered.
    pub(crate) refusal: Option<Entry>,
}

/// How far a policy is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PolicyLife {
    pub(crate) policy: String,
    pub(crate) policy_version: String,
    pub(crate) digest: Digest,
    /// The revision that was signed.
    pub(crate) revision: Option<u64>,
    pub(crate) mode: Mode,
    pub(crate) role: Role,
    /// Where it is.
    pub(crate) step: Step,
    /// Since when, seconds since 1970.
    pub(crate) since: u64,
    /// How it came there.
    pub(crate) steps: Vec<Taken>,
    pub(crate) evaluations: u64,
    pub(crate) faults: u64,
}

/// Faults that are counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WatchStatus {
    /// Until when, seconds since 1970.
    pub(crate) until: u64,
    pub(crate) faults: u32,
    /// With so many the generation before comes back.
    pub(crate) bound: u32,
}

/// A generation that stands instead of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RolledBack {
    /// The generation that it is again.
    pub(crate) to: u64,
    /// The generation that was left.
    pub(crate) from: u64,
    pub(crate) at: u64,
    pub(crate) by: By,
    /// Policies that were left.
    pub(crate) policies: Vec<Use>,
}

/// What a reload did to the attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NetworkChange {
    /// Nothing.
    Unchanged,
    /// What is vetted is judged again by other trust anchors, conveyed certificates or revocation lists.
    JudgedAgain,
    /// The network is attached to anew.
    Replaced,
}

/// Asks the daemon. `report` takes the expected one out of an answer.
pub(crate) fn ask<T>(
    socket: &Path,
    command: Command,
    report: impl FnOnce(Answer) -> Option<T>,
) -> anyhow::Result<T> {
    let unreachable = || {
        let socket = socket.display();
        format!(
            "no daemon answers at `{socket}`: is `resolvetd` running, and is this its control socket?"
        )
    };
    let mut stream = UnixStream::connect(socket).with_context(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = Question {
        version: VERSION,
        command,
    };
    let line = serde_json::to_string(&question)?;
    let mut answer = String::new();
    let answered = writeln!(stream, "{line}")
        .and_then(|()| BufReader::new(stream.take(ANSWER)).read_line(&mut answer));
    let is_closed = match &answered {
        Ok(octets) => *octets == 0,
        // Closed before the question was read.
        Err(error) => matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
    };
    if is_closed {
        let socket = socket.display();
        bail!("the daemon at `{socket}` gave no answer: it ended, or has too many connections");
    }
    answered.with_context(unreachable)?;
    let answer = serde_json::from_str(&answer)
        .context("the daemon's answer has another form: is it of another version?")?;
    match answer {
        Answer::Refused { code, reason } => Err(NotDone { code, reason }.into()),
        answer => report(answer).context("the daemon answered something else"),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    #[test]
    fn a_daemon_that_closes_without_an_answer_is_no_other_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let closing = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut question = String::new();
            BufReader::new(&stream).read_line(&mut question).unwrap();
            drop(stream);
            // Before the question is read.
            drop(listener.accept().unwrap());
        });
        for _ in 0..2 {
            let error = ask(&path, Command::Status, Some).unwrap_err().to_string();
            assert!(error.contains("too many connections"), "{error}");
        }
        closing.join().unwrap();
    }
}
