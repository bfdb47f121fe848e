//! From a guest's answer to the vocabulary of `proto`, checked against the contract.

use std::collections::BTreeMap;

use resolvet_proto::judgement::{
    self, CertificateSpan, Decision, Evidence, FaultKind, Finding, Ranking, Request, Severity,
    Verdict,
};

use crate::{bindings::verdict as guest, limits::Limits, state::Broken};

/// A verdict as the guest gave it.
pub(crate) fn verdict(
    given: guest::Verdict,
    request: &Request,
    limits: &Limits,
) -> Result<Verdict, Broken> {
    fits(&given.findings, &given.extra, 0, limits)?;
    let decision = match given.decision {
        guest::Decision::Accept(lifetime) => Decision::Accept { lifetime },
        guest::Decision::Reject => Decision::Reject,
        guest::Decision::Abstain => Decision::Abstain,
    };
    let verdict = Verdict {
        decision,
        findings: findings(given.findings),
        extra: extra(given.extra)?,
    };
    verdict.checked(request).map_err(|error| contract(&error))
}

/// A ranking as the guest gave it: positions in `offered`, answered as positions in the request's candidates.
pub(crate) fn ranking(
    given: guest::Ranking,
    request: &Request,
    offered: Option<&[u32]>,
    limits: &Limits,
) -> Result<Ranking, Broken> {
    fits(
        &given.findings,
        &given.extra,
        given.order.len() * size_of::<u32>(),
        limits,
    )?;
    let count = offered.map_or(request.candidates.len(), <[u32]>::len);
    let ranking = Ranking {
        order: given.order,
        findings: findings(given.findings),
        extra: extra(given.extra)?,
    };
    let mut ranking = ranking
        .checked(request, count)
        .map_err(|error| contract(&error))?;
    let Some(offered) = offered else {
        return Ok(ranking);
    };
    let own = |index: &mut u32| {
        let position = *index;
        *index = *offered.get(position as usize).ok_or_else(|| {
            contract(&judgement::VerdictError::Index {
                what: "candidate",
                index: position,
                count,
            })
        })?;
        Ok(())
    };
    ranking.order.iter_mut().try_for_each(own)?;
    for evidence in ranking
        .findings
        .iter_mut()
        .flat_map(|finding| &mut finding.evidence)
    {
        if let Evidence::Candidate(index) = evidence {
            own(index)?;
        }
    }
    Ok(ranking)
}

/// The size of an answer in the host's memory is bounded before anything else is done with it.
fn fits(
    findings: &[guest::Finding],
    extra: &[(String, String)],
    more: usize,
    limits: &Limits,
) -> Result<(), Broken> {
    let evidence = |evidence: &guest::Evidence| {
        let text = match evidence {
            guest::Evidence::Certificate(span) => span.set.len(),
            guest::Evidence::Other(text) => text.len(),
            guest::Evidence::DnsRecord(_) | guest::Evidence::Candidate(_) => 0,
        };
        size_of::<guest::Evidence>() + text
    };
    let finding = |finding: &guest::Finding| {
        let texts = finding.code.len() + finding.message.len() + finding.reference.len();
        size_of::<guest::Finding>() + texts + finding.evidence.iter().map(evidence).sum::<usize>()
    };
    let pair =
        |(name, value): &(String, String)| size_of::<(String, String)>() + name.len() + value.len();
    let octets =
        more + findings.iter().map(finding).sum::<usize>() + extra.iter().map(pair).sum::<usize>();
    let limit = limits.output_octets;
    if octets <= limit {
        return Ok(());
    }
    let message = format!(
        "the answer has {octets} octets, at most {limit} are allowed (`limits.output-octets`)"
    );
    Err(Broken {
        kind: FaultKind::OutputSize,
        message,
    })
}

fn findings(given: Vec<guest::Finding>) -> Vec<Finding> {
    let finding = |given: guest::Finding| Finding {
        code: given.code,
        severity: match given.severity {
            guest::Severity::Note => Severity::Note,
            guest::Severity::Warning => Severity::Warning,
            guest::Severity::Error => Severity::Error,
        },
        message: given.message,
        reference: given.reference,
        evidence: given.evidence.into_iter().map(evidence).collect(),
    };
    given.into_iter().map(finding).collect()
}

fn evidence(given: guest::Evidence) -> Evidence {
    match given {
        guest::Evidence::Certificate(guest::CertificateSpan {
            set,
            index,
            offset,
            length,
        }) => Evidence::Certificate(CertificateSpan {
            set: set.as_str().into(),
            index,
            offset,
            length,
        }),
        guest::Evidence::DnsRecord(index) => Evidence::DnsRecord(index),
        guest::Evidence::Candidate(index) => Evidence::Candidate(index),
        guest::Evidence::Other(text) => Evidence::Other(text),
    }
}

fn extra(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Broken> {
    let came = given.len();
    let extra: BTreeMap<_, _> = given.into_iter().collect();
    if extra.len() != came {
        let message = "a name stands twice among the extra values".into();
        return Err(Broken {
            kind: FaultKind::Contract,
            message,
        });
    }
    Ok(extra)
}

fn contract(error: &judgement::VerdictError) -> Broken {
    Broken {
        kind: FaultKind::Contract,
        message: format!("the answer breaks the contract: {error}"),
    }
}
