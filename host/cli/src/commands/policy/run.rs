//! `resolvet policy run POLICY --request FILE|-`: JSON Lines in, one answer a line out, one process.

use std::{
    fs::File,
    io::{BufRead, BufReader, stdin},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use resolvet_engine::{Engine, Judge, Policy, PolicySet, Rule};
use resolvet_proto::judgement::{Fault, Judgement, Request, Role, Stage, UsageProfile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    args::StageName,
    components, config,
    exit::{Exit, UsageError},
    output::Output,
    policies,
};

/// Octets of one line. A request with a system's trust anchors has 250 kB, with large CRLs some MB.
const LINE_OCTETS: u64 = 64 << 20;

/// A line with settings of its own; a policy's case is one too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithSettings {
    request: Request,
    settings: Option<Map<String, Value>>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "expect")]
    _expect: Option<Value>,
}

/// What a line got.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub(super) enum LineAnswer {
    Answer(Value),
    Fault { fault: Fault },
    Error { error: String },
}

/// Evaluates one policy, keeping the set of the settings that were used last.
pub(super) struct Evaluator {
    engine: Engine,
    policy: Policy,
    stage: Stage,
    loaded: Option<(Map<String, Value>, Judge)>,
}

impl Evaluator {
    pub(super) fn new(
        policy: &str,
        stage: Option<StageName>,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let engine = policies::engine(&config::Policies::default())?;
        let policy = components::named(&engine, policy, output)?;
        Self::of(engine, policy, stage)
    }

    /// Of a policy that this engine admitted.
    pub(super) fn of(
        engine: Engine,
        policy: Policy,
        stage: Option<StageName>,
    ) -> anyhow::Result<Self> {
        let stage = chosen_stage(&policy, stage)?;
        Ok(Self {
            engine,
            policy,
            stage,
            loaded: None,
        })
    }

    /// Makes these settings the ones that count; the policy checks them.
    pub(super) fn configure(&mut self, settings: &Map<String, Value>) -> Result<(), UsageError> {
        if self
            .loaded
            .as_ref()
            .is_some_and(|(loaded, _)| loaded == settings)
        {
            return Ok(());
        }
        let mut rule = Rule::new(self.policy.clone());
        rule.role = Role::Authority;
        rule.stages = Some(vec![self.stage]);
        rule.settings = settings.clone();
        let set = PolicySet::new(&self.engine, &UsageProfile::Opportunistic, vec![rule])
            .map_err(|error| UsageError(error.to_string()))?;
        self.loaded = Some((settings.clone(), Judge::new(&self.engine, set)));
        Ok(())
    }

    pub(super) fn evaluate(&self, request: Request) -> LineAnswer {
        let Some((_, judge)) = &self.loaded else {
            return LineAnswer::Error {
                error: "no settings were loaded".into(),
            };
        };
        if let Err(error) = request.check() {
            return LineAnswer::Error {
                error: error.to_string(),
            };
        }
        let purpose = request.purpose.clone();
        let request = Arc::new(request);
        let answer = match self.stage {
            Stage::Validation => answer(judge.validate(&request)),
            Stage::Selection => answer(judge.select(&request)),
            Stage::Privacy => answer(judge.assess(&request)),
        };
        answer.unwrap_or_else(|| {
            let name = &self.policy.manifest().name;
            let error = format!("policy `{name}` does not judge purpose `{purpose}`");
            LineAnswer::Error { error }
        })
    }
}

/// The one answer of a set of one policy; `None` when it was not asked.
fn answer<A: Serialize>(judgement: Judgement<A>) -> Option<LineAnswer> {
    let evaluation = judgement.evaluations.into_iter().next()?;
    Some(match evaluation.result {
        Ok(answer) => match serde_json::to_value(&answer) {
            Ok(value) => LineAnswer::Answer(value),
            Err(error) => LineAnswer::Error {
                error: error.to_string(),
            },
        },
        Err(fault) => LineAnswer::Fault { fault },
    })
}

fn chosen_stage(policy: &Policy, stage: Option<StageName>) -> Result<Stage, UsageError> {
    let name = &policy.manifest().name;
    let wanted = stage.map(|stage| match stage {
        StageName::Validation => Stage::Validation,
        StageName::Selection => Stage::Selection,
        StageName::Privacy => Stage::Privacy,
    });
    match (policy.stages(), wanted) {
        ([only], None) => Ok(*only),
        (stages, Some(wanted)) if stages.contains(&wanted) => Ok(wanted),
        (stages, _) => {
            let stages: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
            Err(UsageError(format!(
                "policy `{name}` judges at {}: expected one of them with --stage",
                stages.join(", ")
            )))
        }
    }
}

pub(super) fn run(
    policy: &str,
    request: &Path,
    settings: Option<&str>,
    stage: Option<StageName>,
    output: &Output,
) -> anyhow::Result<Exit> {
    let default_settings = settings.map(read_settings).transpose()?.unwrap_or_default();
    let mut evaluator = Evaluator::new(policy, stage, output)?;
    evaluator.configure(&default_settings)?;
    let mut input: Box<dyn BufRead> = if request == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        let file = File::open(request)
            .map_err(|error| crate::exit::unreadable("requests", request, &error))?;
        Box::new(BufReader::new(file))
    };
    let mut exit = Exit::Done;
    let mut line = String::new();
    loop {
        line.clear();
        let mut bounded = std::io::Read::take(&mut input, LINE_OCTETS);
        if bounded
            .read_line(&mut line)
            .context("requests cannot be read further")?
            == 0
        {
            return Ok(exit);
        }
        if line.trim().is_empty() {
            continue;
        }
        let answer = match read_line(&line, &default_settings) {
            Ok((request, settings)) => match evaluator.configure(&settings) {
                Ok(()) => evaluator.evaluate(request),
                Err(error) => LineAnswer::Error {
                    error: error.to_string(),
                },
            },
            Err(error) => LineAnswer::Error { error },
        };
        exit = exit.max(match answer {
            LineAnswer::Answer(_) => Exit::Done,
            LineAnswer::Fault { .. } => Exit::PolicyFault,
            LineAnswer::Error { .. } => Exit::Failed,
        });
        output.json_line(&answer)?;
    }
}

/// A request, alone or with settings of its own. Which of the two it is, is told by the member `request`.
fn read_line(
    line: &str,
    default_settings: &Map<String, Value>,
) -> Result<(Request, Map<String, Value>), String> {
    let explain = |error: serde_json::Error| format!("the line is no request: {error}");
    let value: Value = serde_json::from_str(line).map_err(explain)?;
    if value.get("request").is_some() {
        let WithSettings {
            request, settings, ..
        } = serde_json::from_value(value).map_err(explain)?;
        return Ok((
            request,
            settings.unwrap_or_else(|| default_settings.clone()),
        ));
    }
    let request = serde_json::from_value(value).map_err(explain)?;
    Ok((request, default_settings.clone()))
}

fn read_settings(text: &str) -> anyhow::Result<Map<String, Value>> {
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        std::fs::read_to_string(text)
            .map_err(|error| crate::exit::unreadable("settings", Path::new(text), &error))?
    };
    serde_json::from_str(&json)
        .map_err(|error| UsageError(format!("--settings is no JSON object: {error}")).into())
}
