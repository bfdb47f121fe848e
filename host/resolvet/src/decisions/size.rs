//! About how much memory a judgement holds until it is written.

use std::collections::BTreeMap;

use resolvet_engine::{Answered, Judged, record::Answers};
use resolvet_proto::judgement::{Answer, Der, Evaluation, Evidence, Finding, Request};

/// About how much memory a judgement holds until it is written. What requests share is not counted.
pub(super) fn octets(judged: &Judged<'_>, guest_log: bool) -> usize {
    let request = judged.request;
    let certificates = request.presented.certificates.iter().map(|der| der.len());
    let records = request
        .records
        .iter()
        .map(|record| record.rdata.len() + record.owner.len());
    let one = |der: &Option<Der>| der.as_ref().map_or(0, |der| der.len());
    let said = match judged.answered {
        Answered::Verdicts(judgement) => judgement
            .evaluations
            .iter()
            .map(|evaluation| said(evaluation, guest_log, |verdict| extra(&verdict.extra)))
            .sum::<usize>(),
        Answered::Rankings(judgement) => judgement
            .evaluations
            .iter()
            .map(|evaluation| {
                said(evaluation, guest_log, |ranking| {
                    size_of_val(&*ranking.order) + extra(&ranking.extra)
                })
            })
            .sum(),
    };
    let lists = size_of_val(&*request.records) + size_of_val(&*request.candidates);
    let fixed = size_of::<Request>() + size_of::<Answers>() + lists;
    fixed
        + certificates.sum::<usize>()
        + records.sum::<usize>()
        + one(&request.presented.ocsp_response)
        + one(&request.resolver_info)
        + request
            .privacy_token
            .as_ref()
            .map_or(0, |token| one(&token.token))
        + said
}

/// Octets of what a policy said. Lists count by the size of what they are made of, too: a policy may say nothing, many times.
fn said<A: Answer>(
    evaluation: &Evaluation<A>,
    guest_log: bool,
    others: impl FnOnce(&A) -> usize,
) -> usize {
    let lines = match guest_log {
        true => evaluation.log.as_slice(),
        false => &[],
    };
    let texts = lines
        .iter()
        .map(|line| line.message.len() + line.level.len());
    let log = size_of_val(lines) + texts.sum::<usize>();
    let result = match &evaluation.result {
        Ok(answer) => findings(answer.findings()) + others(answer),
        Err(fault) => fault.message.len(),
    };
    let algorithms = evaluation.signatures.iter();
    let algorithms = algorithms.map(|signature| signature.algorithm.len());
    let signatures = size_of_val(&*evaluation.signatures) + algorithms.sum::<usize>();
    size_of::<Evaluation<A>>() + log + result + signatures
}

/// Octets of findings.
fn findings(findings: &[Finding]) -> usize {
    let other = |evidence: &Evidence| match evidence {
        Evidence::Other(text) => text.len(),
        Evidence::Certificate(_) | Evidence::DnsRecord(_) | Evidence::Candidate(_) => 0,
    };
    let one = |finding: &Finding| {
        let texts = finding.code.len() + finding.message.len() + finding.reference.len();
        let others = finding.evidence.iter().map(other);
        texts + size_of_val(&*finding.evidence) + others.sum::<usize>()
    };
    size_of_val(findings) + findings.iter().map(one).sum::<usize>()
}

/// Octets of what later versions say.
fn extra(extra: &BTreeMap<String, String>) -> usize {
    let one =
        |(name, value): (&String, &String)| 2 * size_of::<String>() + name.len() + value.len();
    extra.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resolvet_engine::{Engine, Options, PolicySet};
    use resolvet_proto::judgement::{
        Decision, Digest, Judgement, LogLine, Mode, Outcome, Purpose, Role, Severity, Stage,
        UsageProfile, Verdict,
    };

    use super::*;

    /// A call of which only its own size counts.
    fn call() -> Evaluation<Verdict> {
        Evaluation {
            policy: "rule".into(),
            version: "1.0.0".into(),
            digest: Digest::of(b"rule"),
            mode: Mode::Enforce,
            role: Role::Authority,
            result: Ok(Verdict::new(Decision::Reject)),
            log: Vec::new(),
            signatures: Vec::new(),
            nanoseconds: 1,
        }
    }

    #[test]
    fn all_that_a_policy_says_counts_against_the_bound() {
        let request = Arc::new(Request::new(Purpose::DnsServer, 1_800_000_000));
        let engine = Engine::new(Options::default()).unwrap();
        let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, Vec::new()).unwrap();
        let set = Arc::new(set);
        let octets_of = |guest_log, change: fn(&mut Evaluation<Verdict>)| {
            let mut call = call();
            change(&mut call);
            let judgement = Judgement {
                stage: Stage::Validation,
                request: request.digest(),
                generation: 1,
                outcome: Outcome::Rejected,
                lifetime: None,
                evaluations: vec![call],
            };
            let judged = Judged {
                request: &request,
                set: &set,
                answered: Answered::Verdicts(&judgement),
                nanoseconds: 1,
            };
            octets(&judged, guest_log)
        };
        let nothing = octets_of(true, |_| {});
        let empty_lines: fn(&mut Evaluation<Verdict>) = |call| {
            let line = LogLine {
                level: String::new(),
                message: String::new(),
            };
            call.log = vec![line; 1_000];
        };
        let lines = octets_of(true, empty_lines);
        assert_eq!(lines - nothing, 1_000 * size_of::<LogLine>());
        assert_eq!(octets_of(false, empty_lines), nothing);
        let findings = octets_of(true, |call| {
            let mut verdict = Verdict::new(Decision::Reject);
            verdict.findings = vec![Finding {
                code: "code".into(),
                severity: Severity::Note,
                message: String::new(),
                reference: "reference".into(),
                evidence: vec![Evidence::Other("other".into())],
            }];
            call.result = Ok(verdict);
        });
        let sizes = size_of::<Finding>() + size_of::<Evidence>();
        assert_eq!(
            findings - nothing,
            sizes + "code".len() + "reference".len() + "other".len()
        );
        let extra = octets_of(true, |call| {
            let mut verdict = Verdict::new(Decision::Reject);
            verdict.extra.insert("name".into(), "value".into());
            call.result = Ok(verdict);
        });
        let sizes = 2 * size_of::<String>();
        assert_eq!(extra - nothing, sizes + "name".len() + "value".len());
    }
}
