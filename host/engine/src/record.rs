//! What a decision log keeps: one record a line, as JSON, each with the version of this form.
//!
//! A log stands alone. It begins with a [`Start`]; each [`Generation`] comes before the first decision of it, with settings and
//! limits; trust anchors, which are large and seldom change, stand once and are named by their digest.
//! Within a version members may be added, and a reader passes over those that it does not know.

use std::{collections::BTreeMap, sync::Arc};

use resolvet_proto::judgement::{
    AnchorSet, DecisionId, Digest, Evaluation, Judgement, Mode, Outcome, Purpose, Ranking, Request,
    Role, Server, Stage, UsageProfile, Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    lift::Lift,
    limits::Limits,
    observer::{Answered, Judged},
    set::{PolicySet, Rule},
};

/// The version of the form.
pub const VERSION: u32 = 1;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Record {
    /// A process began to write, or went on in a new file.
    Start(Start),
    /// A policy set that the decisions after it name.
    Generation(Generation),
    /// Trust anchors that requests after it name.
    Anchors(Anchors),
    /// A judgement.
    Decision(Box<Decision>),
    /// Judgements that no record tells of.
    Dropped(Dropped),
}

/// A process began to write, or went on in a new file. Generations before it do not count any more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Start {
    /// When, milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// What judges beside the policies, by name ([`versions`](crate::versions)).
    pub versions: BTreeMap<String, String>,
}

/// A policy set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Generation {
    /// Its number.
    pub generation: u64,
    /// Milliseconds for all policies of a stage together.
    pub set_milliseconds: u32,
    /// Its rules, in order.
    pub rules: Vec<RecordedRule>,
    /// What of it an operator lifted for a time: those policies monitor. Without the reason in a log that is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lift: Option<Lift>,
}

/// One configured use of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedRule {
    /// Name of the policy.
    pub policy: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Where it judges; absent: all stages that it exports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<Stage>>,
    /// Whether it binds.
    pub mode: Mode,
    /// What its accept is worth.
    pub role: Role,
    /// SHA-256 of its settings as JSON.
    pub settings_digest: Digest,
    /// Its settings; absent in a log that is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// What its evaluations may use.
    pub limits: Limits,
}

/// Trust anchors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Anchors {
    /// Their name in decisions.
    pub digest: Digest,
    /// The anchors.
    pub anchors: Arc<AnchorSet>,
}

/// A judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Its name.
    pub id: DecisionId,
    /// When it was made, milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// By which generation.
    pub generation: u64,
    /// At which stage.
    pub stage: Stage,
    /// What for.
    pub purpose: Purpose,
    /// Under which usage profile.
    pub usage_profile: UsageProfile,
    /// The authentication domain name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_domain_name: Option<String>,
    /// What the peer had to answer to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// By which transport the peer was spoken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Where the peer is, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Names the request.
    pub request_digest: Digest,
    /// What followed.
    pub outcome: Outcome,
    /// Whether an operator had lifted restrictions of the generation ([`Generation::lift`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_lifted: bool,
    /// For how many seconds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
    /// How long the whole judgement took.
    pub nanoseconds: u64,
    /// What each policy answered.
    pub answers: Answers,
    /// The request without its trust anchors, where requests are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<Request>>,
    /// Names the request's trust anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Digest>,
}

/// What each policy answered, in the configured order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// At validation or privacy.
    Verdicts(Vec<RecordedAnswer<Verdict>>),
    /// At selection.
    Rankings(Vec<RecordedAnswer<Ranking>>),
}

/// What one policy answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedAnswer<A> {
    /// Position of its rule in the generation.
    pub rule: usize,
    /// SHA-256 of its settings as JSON.
    pub settings_digest: Digest,
    /// The call.
    #[serde(flatten)]
    pub evaluation: Evaluation<A>,
}

/// Judgements that no record tells of: the log was full or slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dropped {
    /// How many since the last such record, or since the process began.
    pub dropped: u64,
}

/// A line that is no record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No JSON, or none of this form.
    #[error("no record: {0}")]
    Form(String),
    /// Another version of the form.
    #[error("version {came}: expected {VERSION}")]
    Version {
        /// The version that came.
        came: u64,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    record: &'a Record,
}

impl Record {
    /// Reads a line. Whatever it says, nothing is done but reading.
    ///
    /// # Errors
    /// The line is no record of this version.
    pub fn from_line(line: &str) -> Result<Self, RecordError> {
        let form = |error: serde_json::Error| {
            let text = resolvet_proto::judgement::printable(&error.to_string());
            RecordError::Form(text)
        };
        let value: Value = serde_json::from_str(line).map_err(form)?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(came) => return Err(RecordError::Version { came }),
            None => return Err(RecordError::Form("it has no `version`".into())),
        }
        serde_json::from_value(value).map_err(form)
    }

    /// The line, without its end.
    ///
    /// # Errors
    /// The record has no JSON form.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Line {
            version: VERSION,
            record: self,
        })
    }
}

impl Generation {
    /// What is kept of a set; its settings too, or their digests alone.
    #[must_use]
    pub fn of(generation: u64, set_milliseconds: u32, set: &PolicySet, settings: bool) -> Self {
        let rules = set
            .prepared()
            .map(|(rule, prepared)| RecordedRule {
                policy: rule.policy.manifest().name.clone(),
                version: rule.policy.manifest().version.clone(),
                digest: rule.policy.digest(),
                stages: rule.stages.clone(),
                mode: rule.mode,
                role: rule.role,
                settings_digest: Digest::of(prepared.settings.as_bytes()),
                settings: settings.then(|| rule.settings.clone()),
                limits: prepared.limits,
            })
            .collect();
        Self {
            generation,
            set_milliseconds,
            rules,
            lift: set.lift().cloned().map(|lift| match settings {
                true => lift,
                false => Lift {
                    reason: String::new(),
                    ..lift
                },
            }),
        }
    }
}

impl Decision {
    /// What is kept of a judgement that was made at this time (milliseconds since 1970), without the request; what policies logged
    /// too, or not.
    #[must_use]
    pub fn of(judged: &Judged<'_>, time: u64, logs: bool) -> Self {
        let Judged {
            request,
            set,
            answered,
            nanoseconds,
        } = *judged;
        let (request_digest, lifetime, answers) = match answered {
            Answered::Verdicts(judgement) => (
                judgement.request,
                judgement.lifetime,
                Answers::Verdicts(recorded(set, request, judgement, logs)),
            ),
            Answered::Rankings(judgement) => (
                judgement.request,
                judgement.lifetime,
                Answers::Rankings(recorded(set, request, judgement, logs)),
            ),
        };
        let server: Option<&Server> = request.server.as_ref();
        Self {
            id: answered.id(),
            time,
            generation: answered.generation(),
            stage: answered.stage(),
            purpose: request.purpose.clone(),
            usage_profile: request.usage_profile.clone(),
            authentication_domain_name: request.authentication_domain_name.clone(),
            peer: request.peer().map(|peer| peer.value()),
            transport: server.map(|server| server.transport.as_str().to_owned()),
            address: server
                .map(|server| std::net::SocketAddr::new(server.address, server.port).to_string()),
            request_digest,
            outcome: answered.outcome(),
            is_lifted: set.lift().is_some(),
            lifetime,
            nanoseconds,
            answers,
            request: None,
            anchors: None,
        }
    }

    /// With the request, whose anchors stand in a record of their own.
    #[must_use]
    pub fn with_request(mut self, request: &Request) -> Self {
        self.anchors = Some(*request.anchors.digest());
        self.request = Some(Box::new(Request {
            anchors: Arc::default(),
            ..request.clone()
        }));
        self
    }
}

/// Each evaluation with its rule: those that are asked, in order.
fn recorded<A: Clone>(
    set: &PolicySet,
    request: &Request,
    judgement: &Judgement<A>,
    logs: bool,
) -> Vec<RecordedAnswer<A>> {
    let asked = |rule: &Rule| rule.is_asked(judgement.stage, &request.purpose);
    let rules = set.prepared().enumerate();
    rules
        .filter(|(_, (rule, _))| asked(rule))
        .zip(&judgement.evaluations)
        .map(|((rule, (_, prepared)), evaluation)| RecordedAnswer {
            rule,
            settings_digest: Digest::of(prepared.settings.as_bytes()),
            evaluation: kept(evaluation, logs),
        })
        .collect()
}

/// What is kept of a call. A log that is not wanted is not copied first: a policy decides how long it is.
fn kept<A: Clone>(evaluation: &Evaluation<A>, logs: bool) -> Evaluation<A> {
    Evaluation {
        policy: evaluation.policy.clone(),
        version: evaluation.version.clone(),
        digest: evaluation.digest,
        mode: evaluation.mode,
        role: evaluation.role,
        result: evaluation.result.clone(),
        log: match logs {
            true => evaluation.log.clone(),
            false => Vec::new(),
        },
        signatures: evaluation.signatures.clone(),
        nanoseconds: evaluation.nanoseconds,
    }
}

#[cfg(test)]
mod tests {
    use resolvet_proto::judgement::{Decision as Decided, LogLine};

    use super::*;

    fn line(record: &Record) -> String {
        record.to_line().unwrap()
    }

    #[test]
    fn a_record_reads_as_it_is_written() {
        for record in [
            Record::Dropped(Dropped { dropped: 7 }),
            Record::Start(Start {
                time: 5,
                versions: crate::versions(),
            }),
            Record::Anchors(Anchors {
                digest: *AnchorSet::default().digest(),
                anchors: Arc::default(),
            }),
        ] {
            assert_eq!(Record::from_line(&line(&record)).unwrap(), record);
        }
    }

    #[test]
    fn all_of_a_call_is_kept_but_a_log_that_is_not_wanted() {
        let call = Evaluation {
            policy: "rule".into(),
            version: "1.0.0".into(),
            digest: Digest::of(b"rule"),
            mode: Mode::Enforce,
            role: Role::Authority,
            result: Ok(Verdict::new(Decided::Reject)),
            log: vec![LogLine {
                level: "info".into(),
                message: "a line".into(),
            }],
            signatures: Vec::new(),
            nanoseconds: 1,
        };
        assert_eq!(kept(&call, true), call);
        let quiet = Evaluation {
            log: Vec::new(),
            ..call.clone()
        };
        assert_eq!(kept(&call, false), quiet);
    }

    #[test]
    fn a_member_of_a_later_day_is_passed_over() {
        let later = r#"{"version":1,"record":"dropped","dropped":1,"since":3}"#;
        let expected = Record::Dropped(Dropped { dropped: 1 });
        assert_eq!(Record::from_line(later).unwrap(), expected);
    }

    #[test]
    fn other_versions_and_hostile_lines_are_told_apart() {
        let other = Record::from_line(r#"{"version":2,"record":"dropped","dropped":1}"#);
        assert!(matches!(other, Err(RecordError::Version { came: 2 })));
        let deep = format!(r#"{{"version":1,"record":{}"#, "[".repeat(100_000));
        for hostile in [
            "",
            "null",
            "{}",
            r#"{"version":-1}"#,
            r#"{"version":1}"#,
            r#"{"version":1,"record":"other"}"#,
            r#"{"version":1,"record":"dropped","dropped":1e99}"#,
            r#"{"version":1,"record":"decision","id":"\u001b[2J"}"#,
            &deep,
        ] {
            let error = Record::from_line(hostile).unwrap_err().to_string();
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }
}
