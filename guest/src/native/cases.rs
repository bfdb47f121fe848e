//! Cases: files of JSON, each a request with settings and what a policy must answer.

use std::{
    cell::OnceCell,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use resolvet_proto::judgement::{Decision, Finding, Ranking, Request, Verdict};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use thiserror::Error;

use super::evaluate;
use crate::export;

/// A request with settings and what a policy must answer. `cases/*.json` hold one each; the same files are run in wasm.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// One sentence: the rule that it shows.
    pub description: String,
    /// The policy's settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The request.
    pub request: Request,
    /// What must come out.
    pub expect: Expect,
}

/// What a policy must answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// For validators and privacy assessors: `accept`, `reject` or `abstain`.
    pub decision: Option<String>,
    /// For validators and privacy assessors: the lifetime of an `accept`, seconds. Absent: whatever it is.
    pub lifetime: Option<u32>,
    /// For selectors: the order.
    pub order: Option<Vec<u32>>,
    /// The codes of all findings, in order.
    pub findings: Vec<String>,
}

/// An answer that can be compared with a case.
pub trait Answer: export::Answer + Sized {
    /// Keeps the answer if the contract allows it for this request.
    ///
    /// # Errors
    /// How the contract is broken.
    fn checked(self, request: &Request) -> Result<Self, String>;
    /// What differs from what was expected; `None` when nothing does.
    fn difference(&self, expect: &Expect) -> Option<String>;
}

impl Answer for Verdict {
    fn checked(self, request: &Request) -> Result<Self, String> {
        Self::checked(self, request).map_err(|error| error.to_string())
    }

    fn difference(&self, expect: &Expect) -> Option<String> {
        let (decision, lifetime) = match self.decision {
            Decision::Accept { lifetime } => ("accept", lifetime),
            Decision::Reject => ("reject", None),
            Decision::Abstain => ("abstain", None),
        };
        let Some(expected) = expect
            .decision
            .as_deref()
            .filter(|_| expect.order.is_none())
        else {
            return Some("the case must expect a `decision` and no `order`".into());
        };
        let lifetime = expect
            .lifetime
            .and_then(|expected| differs(&Some(expected), &lifetime));
        differs(&expected, &decision)
            .or(lifetime)
            .or_else(|| differs_in_findings(expect, &self.findings))
    }
}

impl Answer for Ranking {
    fn checked(self, request: &Request) -> Result<Self, String> {
        Self::checked(self, request, request.candidates.len()).map_err(|error| error.to_string())
    }

    fn difference(&self, expect: &Expect) -> Option<String> {
        let Some(expected) = expect.order.as_ref().filter(|_| expect.decision.is_none()) else {
            return Some("the case must expect an `order` and no `decision`".into());
        };
        differs(expected, &self.order).or_else(|| differs_in_findings(expect, &self.findings))
    }
}

fn differs<T: PartialEq + fmt::Debug>(expected: &T, came: &T) -> Option<String> {
    (expected != came).then(|| format!("expected {expected:?}, came {came:?}"))
}

fn differs_in_findings(expect: &Expect, findings: &[Finding]) -> Option<String> {
    let codes: Vec<String> = findings
        .iter()
        .map(|finding| finding.code.clone())
        .collect();
    let messages = || {
        findings
            .iter()
            .map(|finding| format!("\n    {}: {}", finding.code, finding.message))
    };
    differs(&expect.findings, &codes).map(|difference| difference + &messages().collect::<String>())
}

/// Cases that do not hold, or cannot be run. `Debug` is the text for a person, because a test that returns it prints that.
#[derive(Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A file or folder cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A folder without cases proves nothing.
    #[error("`{path}` holds no case: expected files `*.json`")]
    Empty {
        /// Its path.
        path: PathBuf,
    },
    /// Some cases do not hold.
    #[error("{} of {count} cases do not hold:\n  {}", failures.len(), failures.join("\n  "))]
    Failed {
        /// How many cases there are.
        count: usize,
        /// One sentence for each that does not hold.
        failures: Vec<String>,
    },
}

impl fmt::Debug for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Runs a policy on every `*.json` of a folder. Findings are compared as the exact list of codes, and each answer with the
/// contract.
///
/// # Errors
/// A case does not hold or cannot be read, or there is none.
pub fn run_cases<S: DeserializeOwned, A: Answer>(
    folder: impl AsRef<Path>,
    policy: fn(&S) -> A,
) -> Result<(), CaseError> {
    let folder = folder.as_ref();
    let files = files(folder)?;
    if files.is_empty() {
        return Err(CaseError::Empty {
            path: folder.to_owned(),
        });
    }
    let mut failures = Vec::new();
    for path in &files {
        let json = fs::read_to_string(path).map_err(|reason| CaseError::Read {
            path: path.clone(),
            reason,
        })?;
        if let Err(failure) = run(&json, policy) {
            let name = path.file_name().unwrap_or_default().display();
            failures.push(format!("{name}: {failure}"));
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CaseError::Failed {
            count: files.len(),
            failures,
        })
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let unreadable = |reason| CaseError::Read {
        path: folder.to_owned(),
        reason,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn run<S: DeserializeOwned, A: Answer>(json: &str, policy: fn(&S) -> A) -> Result<(), String> {
    let case: Case = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let told = |failure: String| format!("{}: {failure}", case.description);
    case.request
        .check()
        .map_err(|error| told(error.to_string()))?;
    let settings = Value::Object(case.settings.clone()).to_string();
    let answer = evaluate(&case.request, &settings, || {
        export::evaluate(&OnceCell::new(), export::read::<S>, policy)
    });
    let answer = answer.checked(&case.request).map_err(told)?;
    answer
        .difference(&case.expect)
        .map_or(Ok(()), |difference| Err(told(difference)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        before: u64,
    }

    fn validate(settings: &Settings) -> Verdict {
        if context::now() < settings.before {
            Verdict::accept_for(5)
        } else {
            Verdict::reject().because(Finding::error("late", "too late"))
        }
    }

    fn of(settings: &str, now: u64, expect: &str) -> Result<(), String> {
        let request = format!(r#"{{"purpose":"dns-server","now":{now}}}"#);
        let json = format!(
            r#"{{"description":"a rule","settings":{settings},"request":{request},"expect":{expect}}}"#
        );
        run(&json, validate)
    }

    #[test]
    fn a_case_holds_only_as_a_whole() {
        let settings = r#"{"before":10}"#;
        assert_eq!(
            of(
                settings,
                9,
                r#"{"decision":"accept","lifetime":5,"findings":[]}"#
            ),
            Ok(())
        );
        assert_eq!(
            of(settings, 10, r#"{"decision":"reject","findings":["late"]}"#),
            Ok(())
        );
        for (now, expect, failure) in [
            (
                9,
                r#"{"decision":"reject","findings":[]}"#,
                "a rule: expected \"reject\", came \"accept\"",
            ),
            (
                9,
                r#"{"decision":"accept","lifetime":6,"findings":[]}"#,
                "a rule: expected Some(6), came Some(5)",
            ),
            (
                10,
                r#"{"decision":"reject","findings":[]}"#,
                "a rule: expected [], came [\"late\"]\n    late: too late",
            ),
            (
                10,
                r#"{"decision":"reject","findings":["late","late"]}"#,
                "a rule: expected [\"late\", \"late\"], came",
            ),
            (
                9,
                r#"{"order":[],"findings":[]}"#,
                "a rule: the case must expect a `decision`",
            ),
        ] {
            let came = of(settings, now, expect).unwrap_err();
            assert!(came.starts_with(failure), "{came}");
        }
        assert_eq!(
            of(
                "{}",
                9,
                r#"{"decision":"reject","findings":["settings-unusable"]}"#
            ),
            Ok(())
        );
    }

    #[test]
    fn a_folder_without_cases_is_an_error() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        assert!(matches!(
            run_cases(folder, validate),
            Err(CaseError::Empty { .. })
        ));
    }
}
