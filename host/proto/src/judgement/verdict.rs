//! The verdict: small and frozen. Whatever a policy answers is checked against the contract before anybody reads it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Request, words::CertificateSet};

/// How much a finding weighs. It binds nobody: only the decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Worth a person's attention.
    Warning,
    /// A reason to reject.
    Error,
}

impl Severity {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A range of octets in one certificate of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificateSpan {
    /// Which set of certificates.
    pub set: CertificateSet,
    /// Position in that set.
    pub index: u32,
    /// First octet in the DER encoding.
    #[serde(default)]
    pub offset: u32,
    /// Number of octets; 0 means the whole certificate.
    #[serde(default)]
    pub length: u32,
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Octets of a certificate.
    Certificate(CertificateSpan),
    /// A DNS record, by its position.
    DnsRecord(u32),
    /// A candidate, by its position.
    Candidate(u32),
    /// Anything else.
    Other(String),
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finding {
    /// Stable code in kebab-case.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// One sentence for a person.
    pub message: String,
    /// The paragraph of the standard, empty if none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// The decision itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// Acceptable, for at most so many seconds.
    Accept {
        /// `None`: the policy sets no limit of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lifetime: Option<u32>,
    },
    /// Not acceptable.
    Reject,
    /// Nothing to say.
    Abstain,
}

/// A validator's or privacy assessor's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// What is decided.
    #[serde(flatten)]
    pub decision: Decision,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What later versions say; binds nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// A selector's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ranking {
    /// Positions in the request's candidates, the most wanted first.
    pub order: Vec<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What later versions say; binds nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// How an answer broke the contract (`wit/verdict.wit`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerdictError {
    /// More of something than the contract allows.
    #[error("{what}: {came}, at most {limit} are allowed")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much came.
        came: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// A code that is no kebab-case word.
    #[error("finding code `{code}` is no kebab-case word")]
    Code {
        /// The code, printable characters only.
        code: String,
    },
    /// An index that does not exist in the request.
    #[error("{what} {index} does not exist: the request has {count}")]
    Index {
        /// Of what.
        what: &'static str,
        /// The index that came.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A range beyond the end of a certificate.
    #[error("octets {offset}+{length} lie outside a certificate of {octets} octets")]
    Span {
        /// First octet.
        offset: u32,
        /// Number of octets.
        length: u32,
        /// Size of the certificate.
        octets: usize,
    },
    /// A set of certificates that requests do not have.
    #[error("certificate set `{set}` is unknown: expected `presented`, `conveyed` or `anchors`")]
    Set {
        /// The word that came.
        set: String,
    },
    /// A candidate stands twice in the order.
    #[error("candidate {index} stands twice in the order")]
    Duplicate {
        /// Its position.
        index: u32,
    },
}

const FINDINGS: usize = 64;
const EVIDENCE: usize = 16;
const CODE_OCTETS: usize = 64;
const MESSAGE_OCTETS: usize = 1_024;
const REFERENCE_OCTETS: usize = 128;
const OTHER_OCTETS: usize = 256;
const EXTRA: usize = 32;

impl Verdict {
    /// A verdict without findings.
    #[must_use]
    pub const fn new(decision: Decision) -> Self {
        Self {
            decision,
            findings: Vec::new(),
            extra: BTreeMap::new(),
        }
    }

    /// Checks the verdict against the contract and removes what is not printable from its texts.
    ///
    /// # Errors
    /// The first way in which the contract is broken.
    pub fn checked(mut self, request: &Request) -> Result<Self, VerdictError> {
        check_findings(&mut self.findings, request)?;
        self.extra = checked_extra(&self.extra)?;
        Ok(self)
    }
}

impl Ranking {
    /// As [`Verdict::checked`]; beside that no candidate may stand twice and each must be one of `offered`.
    ///
    /// # Errors
    /// The first way in which the contract is broken.
    pub fn checked(mut self, request: &Request, offered: usize) -> Result<Self, VerdictError> {
        at_most("candidates in the order", self.order.len(), offered)?;
        let mut seen = BTreeSet::new();
        for &index in &self.order {
            exists("candidate", index, offered)?;
            if !seen.insert(index) {
                return Err(VerdictError::Duplicate { index });
            }
        }
        check_findings(&mut self.findings, request)?;
        self.extra = checked_extra(&self.extra)?;
        Ok(self)
    }
}

fn at_most(what: &'static str, came: usize, limit: usize) -> Result<(), VerdictError> {
    if came > limit {
        Err(VerdictError::TooLarge { what, came, limit })
    } else {
        Ok(())
    }
}

fn exists(what: &'static str, index: u32, count: usize) -> Result<(), VerdictError> {
    if (index as usize) < count {
        Ok(())
    } else {
        Err(VerdictError::Index { what, index, count })
    }
}

fn check_findings(findings: &mut [Finding], request: &Request) -> Result<(), VerdictError> {
    at_most("findings", findings.len(), FINDINGS)?;
    for finding in findings {
        at_most(
            "octets of a finding's code",
            finding.code.len(),
            CODE_OCTETS,
        )?;
        if !is_code(&finding.code) {
            return Err(VerdictError::Code {
                code: printable(&finding.code),
            });
        }
        at_most(
            "octets of a finding's message",
            finding.message.len(),
            MESSAGE_OCTETS,
        )?;
        at_most(
            "octets of a finding's reference",
            finding.reference.len(),
            REFERENCE_OCTETS,
        )?;
        finding.message = printable(&finding.message);
        finding.reference = printable(&finding.reference);
        at_most("evidence of a finding", finding.evidence.len(), EVIDENCE)?;
        for evidence in &mut finding.evidence {
            match evidence {
                Evidence::Certificate(span) => check_span(span, request)?,
                Evidence::DnsRecord(index) => exists("record", *index, request.records.len())?,
                Evidence::Candidate(index) => {
                    exists("candidate", *index, request.candidates.len())?;
                }
                Evidence::Other(text) => {
                    at_most("octets of other evidence", text.len(), OTHER_OCTETS)?;
                    *text = printable(text);
                }
            }
        }
    }
    Ok(())
}

fn check_span(span: &CertificateSpan, request: &Request) -> Result<(), VerdictError> {
    let certificates = match &span.set {
        CertificateSet::Presented => request.presented.certificates.as_slice(),
        CertificateSet::Conveyed => request.conveyed.certificates(),
        CertificateSet::Anchors => request.anchors.certificates(),
        CertificateSet::Other(set) => {
            return Err(VerdictError::Set {
                set: printable(set),
            });
        }
    };
    exists("certificate", span.index, certificates.len())?;
    let octets = certificates
        .get(span.index as usize)
        .map_or(0, |der| der.len());
    let end = u64::from(span.offset) + u64::from(span.length);
    if end > octets as u64 {
        let CertificateSpan { offset, length, .. } = *span;
        return Err(VerdictError::Span {
            offset,
            length,
            octets,
        });
    }
    Ok(())
}

fn checked_extra(
    extra: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, VerdictError> {
    at_most("extra values", extra.len(), EXTRA)?;
    let mut checked = BTreeMap::new();
    for (name, value) in extra {
        at_most("octets of an extra name", name.len(), CODE_OCTETS)?;
        at_most("octets of an extra value", value.len(), MESSAGE_OCTETS)?;
        checked.insert(printable(name), printable(value));
    }
    Ok(checked)
}

fn is_code(code: &str) -> bool {
    code.starts_with(|c: char| c.is_ascii_lowercase())
        && code
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The text with everything replaced that could move a cursor, end a line or turn the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' | '\u{061c}');
            if c.is_control() || invisible { '\u{fffd}' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;
    use crate::judgement::{Presented, Purpose};

    fn request() -> Request {
        Request {
            presented: Presented {
                certificates: vec![[0; 10].as_slice().into()],
                ocsp_response: None,
            },
            ..Request::new(Purpose::DnsServer, 0)
        }
    }

    fn verdict_with(finding: Finding) -> Verdict {
        Verdict {
            findings: vec![finding],
            ..Verdict::new(Decision::Reject)
        }
    }

    fn finding(evidence: Vec<Evidence>) -> Finding {
        Finding {
            code: "a-code".into(),
            severity: Severity::Error,
            message: "a sentence".into(),
            reference: String::new(),
            evidence,
        }
    }

    #[test]
    fn an_index_out_of_range_breaks_the_contract() {
        let error = verdict_with(finding(vec![Evidence::DnsRecord(0)])).checked(&request());
        assert_eq!(
            error.unwrap_err().to_string(),
            "record 0 does not exist: the request has 0"
        );
    }

    #[test]
    fn a_span_must_lie_in_its_certificate() {
        let span = |offset, length| {
            let set = CertificateSet::Presented;
            let span = CertificateSpan {
                set,
                index: 0,
                offset,
                length,
            };
            verdict_with(finding(vec![Evidence::Certificate(span)])).checked(&request())
        };
        assert!(span(0, 10).is_ok());
        assert!(matches!(
            span(1, 10),
            Err(VerdictError::Span { octets: 10, .. })
        ));
        assert!(matches!(
            span(u32::MAX, u32::MAX),
            Err(VerdictError::Span { .. })
        ));
    }

    #[test]
    fn a_code_is_a_kebab_case_word() {
        for (code, good) in [
            ("a", true),
            ("tls-1-3", true),
            ("A", false),
            ("-a", false),
            ("", false),
            ("1a", false),
        ] {
            let verdict = verdict_with(Finding {
                code: code.into(),
                ..finding(vec![])
            });
            assert_eq!(verdict.checked(&request()).is_ok(), good, "`{code}`");
        }
    }

    #[test]
    fn texts_cannot_move_the_cursor() {
        let message = "a\u{1b}[2Jb\r\nc\u{202e}d".into();
        let verdict = verdict_with(Finding {
            message,
            ..finding(vec![])
        })
        .checked(&request())
        .unwrap();
        assert_eq!(
            verdict.findings[0].message,
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d"
        );
    }

    #[test]
    fn an_order_names_each_candidate_once_and_only_those_offered() {
        let ranking = |order| Ranking {
            order,
            findings: vec![],
            extra: BTreeMap::new(),
        };
        assert!(ranking(vec![1, 0]).checked(&request(), 2).is_ok());
        let twice = ranking(vec![1, 1]).checked(&request(), 2);
        assert_eq!(twice, Err(VerdictError::Duplicate { index: 1 }));
        assert!(matches!(
            ranking(vec![2]).checked(&request(), 2),
            Err(VerdictError::Index { .. })
        ));
    }

    #[test]
    fn verdicts_read_back_from_json() {
        let verdict = Verdict {
            decision: Decision::Accept { lifetime: Some(60) },
            ..verdict_with(finding(vec![Evidence::Other("x".into())]))
        };
        let json = serde_json::to_string(&verdict).unwrap();
        assert!(
            json.starts_with(r#"{"decision":"accept","lifetime":60,"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}
