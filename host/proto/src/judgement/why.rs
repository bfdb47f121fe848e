//! A judgement in a sentence.

use alloc::{
    format,
    string::{String, ToString as _},
};

use super::{Evaluation, Finding, Judgement, Mode, Severity, Verdict};

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

    /// What deserves a person's attention although the policies accepted: each policy that binds, with its finding.
    pub fn warnings(&self) -> impl Iterator<Item = (&str, &Finding)> {
        let binding = self.evaluations.iter().filter(|e| e.mode == Mode::Enforce);
        binding.flat_map(|evaluation| {
            let findings = evaluation.result.as_ref().map(|v| v.findings.as_slice());
            let findings = findings.unwrap_or_default().iter();
            let grave = findings.filter(|finding| finding.severity >= Severity::Warning);
            grave.map(|finding| (&*evaluation.policy, finding))
        })
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
