//! Writes `policies/pkix/cases`: one case for each finding, with keys made anew.
//!
//! `cargo test -p resolvet-tests --test conformance -- --ignored write_pkix_cases`

mod certificates;
mod dane;
mod enrolment;
mod identity;
mod paths;
mod purposes;
mod revocation;

use std::{fs, path::Path};

use resolvet_proto::judgement::{
    Conveyed, Decision, Der, Request, Server, Transport, UsageProfile,
};
use serde_json::{Value, json};

use crate::world::{World, judge_with};

struct Case {
    name: &'static str,
    description: &'static str,
    settings: Value,
    request: Request,
    decision: &'static str,
    findings: Vec<&'static str>,
}

fn case(
    name: &'static str,
    description: &'static str,
    request: Request,
    decision: &'static str,
    findings: &[&'static str],
) -> Case {
    Case {
        name,
        description,
        settings: json!({}),
        request,
        decision,
        findings: findings.to_vec(),
    }
}

impl Case {
    fn with(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }
}

fn settled(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

fn conveyed(certificates: Vec<Der>) -> Conveyed {
    Conveyed::Certificates { certificates }
}

fn opportunistic(transport: Transport) -> impl FnOnce(&mut Request) {
    move |request| {
        request.usage_profile = UsageProfile::Opportunistic;
        request.server = Some(Server {
            ech: None,
            transport,
            path: None,
            address: [192, 0, 2, 1].into(),
            port: 853,
        });
    }
}

fn cases() -> Vec<Case> {
    let world = World::new();
    [
        identity::names(&world),
        identity::matches(&world),
        identity::profiles(&world),
        paths::cases(&world),
        certificates::cases(&world),
        purposes::cases(&world),
        revocation::cases(&world),
        enrolment::cases(&world),
        dane::cases(&world),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn outcome(case: &Case) -> (&'static str, Vec<String>) {
    let verdict = judge_with(&case.request, &case.settings.to_string());
    let decision = match verdict.decision {
        Decision::Accept { .. } => "accept",
        Decision::Reject => "reject",
        Decision::Abstain => "abstain",
    };
    (
        decision,
        verdict
            .findings
            .into_iter()
            .map(|finding| finding.code)
            .collect(),
    )
}

#[test]
fn every_case_holds_with_fresh_keys() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (decision, findings) = outcome(&case);
        if decision != case.decision || findings != case.findings {
            wrong.push(format!(
                "{}: {decision} {findings:?}, expected {} {:?}",
                case.name, case.decision, case.findings
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "writes files: run it by name after a change of the cases"]
fn write_pkix_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/pkix/cases");
    for case in cases() {
        let json = json!({
            "description": case.description,
            "settings": case.settings,
            "request": case.request,
            "expect": {"decision": case.decision, "findings": case.findings},
        });
        let text = serde_json::to_string_pretty(&json).unwrap() + "\n";
        fs::write(folder.join(format!("{}.json", case.name)), text).unwrap();
    }
}
