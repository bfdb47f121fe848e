//! `resolvet policy cases POLICY FOLDER`: each case in the sandbox, its answer compared with what is expected.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use resolvet_engine::{Engine, Policy, Reason};
use resolvet_proto::judgement::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::run::Evaluator;
use crate::{
    exit::{Exit, Refused, UsageError},
    output::{Output, Tone, tinted},
    report::VERSION,
};

/// A case as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    description: String,
    #[serde(default)]
    settings: Map<String, Value>,
    request: Request,
    expect: Expected,
}

/// What the answer must be: a decision or an order, and the codes of all findings in order.
#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Vec<u32>>,
    #[serde(default)]
    findings: Vec<String>,
}

#[derive(Serialize)]
struct CaseReport {
    file: PathBuf,
    description: String,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    came: Option<Value>,
}

#[derive(Serialize)]
struct CasesReport {
    version: u32,
    passed: usize,
    failed: usize,
    cases: Vec<CaseReport>,
}

pub(super) fn run(policy: &str, folder: &Path, output: &Output) -> anyhow::Result<Exit> {
    let files = files(folder)?;
    let mut evaluator = Evaluator::new(policy, None, output)?;
    let cases = run_all(&mut evaluator, files)?;
    let passed = cases.iter().filter(|case| case.passed).count();
    let failed = cases.len() - passed;
    if output.is_json() {
        output.document(&CasesReport {
            version: VERSION,
            passed,
            failed,
            cases,
        })?;
    } else {
        for case in &cases {
            print(case, output)?;
        }
        output.line(&format!("{passed} passed, {failed} failed"))?;
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// How many cases this folder has, all of which hold in this engine.
///
/// # Errors
/// Names the first that does not, and what came.
pub(crate) fn hold(engine: &Engine, policy: &Policy, folder: &Path) -> anyhow::Result<usize> {
    let mut evaluator = Evaluator::of(engine.clone(), policy.clone(), None)?;
    let cases = run_all(&mut evaluator, files(folder)?)?;
    let Some(failed) = cases.iter().find(|case| !case.passed) else {
        return Ok(cases.len());
    };
    let (file, description) = (failed.file.display(), &failed.description);
    let came = failed.came.clone().unwrap_or_default();
    Err(Refused {
        code: Reason::CaseFailed,
        reason: format!("case `{file}` does not hold ({description}): came {came}"),
    }
    .into())
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| UsageError(format!("cases folder `{}`: {error}", folder.display())))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    if files.is_empty() {
        return Err(UsageError(format!("`{}` has no *.json file", folder.display())).into());
    }
    Ok(files)
}

fn run_all(evaluator: &mut Evaluator, files: Vec<PathBuf>) -> anyhow::Result<Vec<CaseReport>> {
    files
        .into_iter()
        .map(|file| run_case(evaluator, file))
        .collect()
}

fn run_case(evaluator: &mut Evaluator, file: PathBuf) -> anyhow::Result<CaseReport> {
    let named = || format!("case `{}`", file.display());
    let text = fs::read_to_string(&file).with_context(named)?;
    let Case {
        description,
        settings,
        request,
        expect,
    } = serde_json::from_str(&text).map_err(|error| UsageError(format!("{}: {error}", named())))?;
    if expect.decision.is_none() && expect.order.is_none() {
        return Err(UsageError(format!(
            "{}: `expect` needs a `decision` or an `order`",
            named()
        ))
        .into());
    }
    evaluator.configure(&settings).with_context(named)?;
    let came = serde_json::to_value(evaluator.evaluate(request)).with_context(named)?;
    let passed = observed(&came) == expect;
    Ok(CaseReport {
        file,
        description,
        passed,
        came: (!passed).then_some(came),
    })
}

/// An answer in the form of an expectation.
fn observed(answer: &Value) -> Expected {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    Expected {
        decision: text(answer.get("decision")),
        order: list(answer.get("order")).map(|order| {
            order
                .iter()
                .filter_map(Value::as_u64)
                .filter_map(|i| u32::try_from(i).ok())
                .collect()
        }),
        findings: list(answer.get("findings"))
            .unwrap_or_default()
            .iter()
            .filter_map(|finding| text(finding.get("code")))
            .collect(),
    }
}

fn print(case: &CaseReport, output: &Output) -> anyhow::Result<()> {
    let mark = if case.passed {
        tinted(Tone::Good, "pass")
    } else {
        tinted(Tone::Bad, "FAIL")
    };
    let name = case.file.file_stem().unwrap_or_default().to_string_lossy();
    output.line(&format!("{mark} {name}: {}", case.description))?;
    if let Some(came) = &case.came {
        output.line(&format!("     came {came}"))?;
    }
    Ok(())
}
