//! Verdicts, rankings and findings in the fewest words, always within the contract's bounds.
//!
//! The types are those that the host reads, so what they lack for authors comes as traits, which the prelude has.

use std::collections::BTreeMap;

use resolvet_proto::judgement::{
    CertificateSet, CertificateSpan, Decision, Evidence, Finding, Ranking, Severity, Verdict,
};

/// Findings of one answer (`wit/verdict.wit`).
const FINDINGS: usize = 64;
/// Pieces of evidence of one finding.
const EVIDENCE: usize = 16;
/// Octets of a message.
const MESSAGE_OCTETS: usize = 1_024;
/// Octets of a reference.
const REFERENCE_OCTETS: usize = 128;
/// Octets of other evidence.
const OTHER_OCTETS: usize = 256;
/// The code of the finding that stands for those that there was no room for.
const OMITTED: &str = "findings-omitted";

/// Makes verdicts.
pub trait VerdictExt: Sized {
    /// Acceptable, without a limit of its own.
    fn accept() -> Self;
    /// Acceptable for at most so many seconds.
    fn accept_for(seconds: u32) -> Self;
    /// Not acceptable.
    fn reject() -> Self;
    /// Nothing to say.
    fn abstain() -> Self;
    /// Adds a finding. The contract allows 64: the last stands for all that there was no room for, and says how many.
    #[must_use]
    fn because(self, finding: Finding) -> Self;
}

impl VerdictExt for Verdict {
    fn accept() -> Self {
        Self::new(Decision::Accept { lifetime: None })
    }

    fn accept_for(seconds: u32) -> Self {
        Self::new(Decision::Accept {
            lifetime: Some(seconds),
        })
    }

    fn reject() -> Self {
        Self::new(Decision::Reject)
    }

    fn abstain() -> Self {
        Self::new(Decision::Abstain)
    }

    fn because(mut self, finding: Finding) -> Self {
        add(&mut self.findings, finding);
        self
    }
}

/// Makes rankings.
pub trait RankingExt: Sized {
    /// These candidates in this order, by position; none: nothing is acceptable.
    fn of(order: Vec<u32>) -> Self;
    /// As [`VerdictExt::because`].
    #[must_use]
    fn because(self, finding: Finding) -> Self;
}

impl RankingExt for Ranking {
    fn of(order: Vec<u32>) -> Self {
        Self {
            order,
            findings: Vec::new(),
            extra: BTreeMap::new(),
        }
    }

    fn because(mut self, finding: Finding) -> Self {
        add(&mut self.findings, finding);
        self
    }
}

/// Makes findings. The code is a stable kebab-case word of at most 64 octets. A message says in one sentence what was
/// expected and what came; what is longer than 1,024 octets is cut.
pub trait FindingExt: Sized {
    /// Worth knowing.
    fn note(code: impl Into<String>, message: impl Into<String>) -> Self;
    /// Worth a person's attention.
    fn warning(code: impl Into<String>, message: impl Into<String>) -> Self;
    /// A reason to reject.
    fn error(code: impl Into<String>, message: impl Into<String>) -> Self;
    /// The paragraph of the standard that it rests on, `RFC 9525 6.3`.
    #[must_use]
    fn reference(self, paragraph: &str) -> Self;
    /// Adds what it rests on; the contract allows 16 pieces, more are left out.
    #[must_use]
    fn evidence(self, evidence: Evidence) -> Self;
}

impl FindingExt for Finding {
    fn note(code: impl Into<String>, message: impl Into<String>) -> Self {
        finding(code.into(), Severity::Note, message.into())
    }

    fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        finding(code.into(), Severity::Warning, message.into())
    }

    fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        finding(code.into(), Severity::Error, message.into())
    }

    fn reference(mut self, paragraph: &str) -> Self {
        self.reference = cut(paragraph.into(), REFERENCE_OCTETS);
        self
    }

    fn evidence(mut self, evidence: Evidence) -> Self {
        if self.evidence.len() < EVIDENCE {
            self.evidence.push(evidence);
        }
        self
    }
}

/// Makes evidence.
pub trait EvidenceExt: Sized {
    /// A presented certificate as a whole, by position.
    fn presented(index: u32) -> Self;
    /// A conveyed certificate as a whole, by position.
    fn conveyed(index: u32) -> Self;
    /// A trust anchor as a whole, by position.
    fn anchor(index: u32) -> Self;
    /// A DNS record, by position.
    fn dns_record(index: u32) -> Self;
    /// A candidate, by position.
    fn candidate(index: u32) -> Self;
    /// Anything else; what is longer than 256 octets is cut.
    fn other(text: impl Into<String>) -> Self;
}

impl EvidenceExt for Evidence {
    fn presented(index: u32) -> Self {
        whole(CertificateSet::Presented, index)
    }

    fn conveyed(index: u32) -> Self {
        whole(CertificateSet::Conveyed, index)
    }

    fn anchor(index: u32) -> Self {
        whole(CertificateSet::Anchors, index)
    }

    fn dns_record(index: u32) -> Self {
        Self::DnsRecord(index)
    }

    fn candidate(index: u32) -> Self {
        Self::Candidate(index)
    }

    fn other(text: impl Into<String>) -> Self {
        Self::Other(cut(text.into(), OTHER_OCTETS))
    }
}

fn whole(set: CertificateSet, index: u32) -> Evidence {
    Evidence::Certificate(CertificateSpan {
        set,
        index,
        offset: 0,
        length: 0,
    })
}

fn finding(code: String, severity: Severity, message: String) -> Finding {
    Finding {
        code,
        severity,
        message: cut(message, MESSAGE_OCTETS),
        reference: String::new(),
        evidence: Vec::new(),
    }
}

fn add(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.len() + 1 < FINDINGS {
        findings.push(finding);
        return;
    }
    // The last one's text begins with how many it stands for.
    let counted = |last: Finding| last.message.split(' ').next()?.parse::<u32>().ok();
    let full = findings.len() == FINDINGS;
    let omitted = full
        .then(|| findings.pop())
        .flatten()
        .and_then(counted)
        .unwrap_or(0)
        + 1;
    let message =
        format!("{omitted} more findings are left out: the contract has room for {FINDINGS}");
    findings.push(Finding::warning(OMITTED, message));
}

/// At most so many octets of a text, whole characters.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
mod tests {
    use resolvet_proto::judgement::{Purpose, Request};

    use super::*;

    #[test]
    fn no_number_of_findings_breaks_the_contract() {
        let request = Request::new(Purpose::DnsServer, 0);
        for (count, kept, last) in [(63, 63, "a"), (64, 64, OMITTED), (300, 64, OMITTED)] {
            let verdict =
                (0..count).fold(Verdict::reject(), |v, _| v.because(Finding::note("a", "b")));
            let verdict = verdict.checked(&request).unwrap();
            assert_eq!(verdict.findings.len(), kept);
            assert_eq!(verdict.findings[kept - 1].code, last);
        }
        let ranking = (0..300).fold(Ranking::of(vec![]), |r, _| {
            r.because(Finding::note("a", "b"))
        });
        assert_eq!(
            ranking.findings[63].message,
            "237 more findings are left out: the contract has room for 64"
        );
        assert!(ranking.checked(&request, 0).is_ok());
    }

    #[test]
    fn no_length_of_text_breaks_the_contract() {
        let long = "ä".repeat(2_000);
        let finding = Finding::error("a", long.clone())
            .reference(&long)
            .evidence(Evidence::other(long));
        let finding = (0..100).fold(finding, |finding, _| finding.evidence(Evidence::other("x")));
        assert_eq!(finding.message.len(), MESSAGE_OCTETS);
        let request = Request::new(Purpose::DnsServer, 0);
        assert!(Verdict::reject().because(finding).checked(&request).is_ok());
    }
}
