//! What a person who waits is told of an enrolment, and what is left of it for the report.

use resolvet::enrolment::{Step, in_words};
use resolvet_proto::judgement::Purpose;
use serde::Serialize;

use crate::{
    output::{Output, Tone, tinted},
    report::FindingReport,
};

/// What a policy warned of although it accepted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WarningReport {
    /// For what the certificate was judged.
    purpose: Purpose,
    /// Whose it is.
    subject: String,
    #[serde(flatten)]
    found: FindingReport,
}

/// Tells steps, and remembers what deserves attention.
pub(crate) struct Progress<'a> {
    output: &'a Output,
    pub(crate) warnings: Vec<WarningReport>,
    /// What was not checked of a voucher, as sentences.
    pub(crate) waived: Vec<String>,
}

impl<'a> Progress<'a> {
    pub(crate) const fn new(output: &'a Output) -> Self {
        Self {
            output,
            warnings: Vec::new(),
            waived: Vec::new(),
        }
    }

    /// A line for a step that has one.
    pub(crate) fn tell(&mut self, step: &Step) {
        match step {
            Step::Judged {
                purpose,
                subject,
                judgement,
                ..
            } if judgement.is_accepted() => {
                let warnings = judgement.warnings().map(|(policy, finding)| WarningReport {
                    purpose: purpose.clone(),
                    subject: subject.clone(),
                    found: FindingReport {
                        policy: policy.to_owned(),
                        finding: finding.clone(),
                    },
                });
                self.warnings.extend(warnings);
            }
            Step::Voucher { waived, .. } => self.waived.extend(waived.iter().cloned()),
            _ => {}
        }
        if let Some(text) = in_words(step) {
            self.line(&text);
        }
    }

    /// A line; beside JSON there is none.
    pub(crate) fn line(&self, text: &str) {
        if !self.output.is_json() {
            // Whoever closed standard output is not waiting any more; the end of the command says so.
            let _closed = self.output.line(&tinted(Tone::Faint, text));
        }
    }
}
