//! A judgement in a sentence.

use alloc::{
    format,
    string::{String, ToString as _},
};

use super::{Evaluation, Judgement, Mode, Severity, Verdict};

impl Judgement<Verdict> {
    /// Why the policies did not accept, for a person: the first fault or error that binds, with its policy and paragraph.
    #[must_use]
    pub fn why(&self) -> String {
        let binding = self.evaluations.iter().filter(|e| e.mode == Mode::Enforce);
        binding
            .filter_map(said)
            .next()
            .unwrap_or_else(|| format!("the policies' answer is `{}`", self.outcome.as_str()))
    }
}

fn said(evaluation: &Evaluation<Verdict>) -> Option<String> {
    let policy = &evaluation.policy;
    let verdict = match &evaluation.result {
        Err(fault) => return Some(format!("policy `{policy}` failed: {}", fault.message)),
        Ok(verdict) => verdict,
    };
    let mut findings = verdict.findings.iter();
    let finding = findings.find(|finding| finding.severity == Severity::Error)?;
    let reference = match finding.reference.as_str() {
        "" => "".to_string(),
        reference => format!(" ({reference})"),
    };
    let (code, message) = (&finding.code, &finding.message);
    Some(format!(
        "`{code}`, {message}{reference}, says policy `{policy}`"
    ))
}
