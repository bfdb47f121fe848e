//! Suites by others, run through the policy `pkix`: x509-limbo and NIST's PKITS, both in x509-limbo's JSON form.
//!
//! They are no part of this project. `RESOLVET_SUITES` names the folder that has them; without it a folder `suites` inside
//! one named `shared` beside the checkout is tried. When neither is there the tests say so and prove nothing.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use resolvet_guest::native;
use resolvet_policy_pkix::validate;
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Decision, Der, Presented, Purpose, ReferenceId, Request, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A time at which the suites' certificates without a time of their own are valid: 2026-06-29.
const NOW: u64 = 1_782_691_200;

#[derive(Deserialize)]
struct Suite {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    features: Vec<String>,
    validation_kind: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<String>,
    expected_result: String,
    expected_peer_name: Option<PeerName>,
    max_chain_depth: Option<u32>,
    #[serde(default)]
    crls: Vec<String>,
    pkits: Option<Pkits>,
}

#[derive(Deserialize)]
struct PeerName {
    kind: String,
    value: String,
}

/// The inputs of RFC 5280 section 6.1.1 that PKITS gives.
#[derive(Deserialize)]
struct Pkits {
    initial_policy_set: Vec<String>,
    initial_explicit_policy: bool,
    initial_policy_mapping_inhibit: bool,
    initial_inhibit_any_policy: bool,
}

/// What became of the cases.
#[derive(Default)]
struct Score {
    agreed: usize,
    accepted_wrongly: Vec<String>,
    refused_wrongly: Vec<String>,
    skipped: BTreeMap<&'static str, usize>,
}

impl Score {
    fn print(&self, name: &str) {
        println!(
            "{name}: {} agree, {} accepted wrongly, {} refused wrongly, {} skipped {:?}",
            self.agreed,
            self.accepted_wrongly.len(),
            self.refused_wrongly.len(),
            self.skipped.values().sum::<usize>(),
            self.skipped
        );
        for line in &self.accepted_wrongly {
            println!("  accepted wrongly: {line}");
        }
        for line in &self.refused_wrongly {
            println!("  refused wrongly: {line}");
        }
    }

    /// The wrong decisions but those that are known, by identifier.
    fn unexpected<'a>(wrong: &'a [String], known: &[(&str, &str)]) -> Vec<&'a String> {
        wrong
            .iter()
            .filter(|line| {
                !known
                    .iter()
                    .any(|(id, _)| line.split(' ').next() == Some(*id))
            })
            .collect()
    }
}

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/suites");
    let folder = std::env::var_os("RESOLVET_SUITES").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn read(file: &str) -> Option<Suite> {
    let Some(path) = folder()
        .map(|folder| folder.join(file))
        .filter(|path| path.is_file())
    else {
        println!(
            "`{file}` is missing: nothing was tested (RESOLVET_SUITES names the folder that has it)"
        );
        return None;
    };
    let mut text = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(File::open(path).unwrap()), &mut text).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn run(suite: &Suite) -> Score {
    let mut score = Score::default();
    for case in &suite.testcases {
        if let Some(reason) = out_of_scope(case) {
            *score.skipped.entry(reason).or_default() += 1;
            continue;
        }
        let verdict = judge(case);
        let accepted = matches!(&verdict, Some(verdict) if matches!(verdict.decision, Decision::Accept { .. }));
        let codes: Vec<_> = verdict
            .iter()
            .flat_map(|verdict| &verdict.findings)
            .map(|f| f.code.as_str())
            .collect();
        let line = format!("{} {codes:?}", case.id);
        match (accepted, case.expected_result.as_str()) {
            (true, "SUCCESS") | (false, "FAILURE") => score.agreed += 1,
            (true, _) => score.accepted_wrongly.push(line),
            (false, _) => score.refused_wrongly.push(line),
        }
    }
    score
}

fn out_of_scope(case: &Case) -> Option<&'static str> {
    if case.validation_kind != "SERVER" {
        return Some("authenticates a client");
    }
    if case
        .expected_peer_name
        .as_ref()
        .is_some_and(|name| name.kind == "RFC822")
    {
        return Some("mailbox as a peer's name");
    }
    None
}

/// The verdict; nothing when the host would not have put such a request to a policy.
fn judge(case: &Case) -> Option<Verdict> {
    let request = request(case);
    request.check().ok()?;
    let settings = settings(case);
    let settings_text = settings.to_string();
    let typed = serde_json::from_value(settings).unwrap();
    let verdict = native::evaluate(&request, &settings_text, || validate(&typed));
    Some(verdict.checked(&request).unwrap())
}

fn request(case: &Case) -> Request {
    // Where a suite expects no name, the path alone is judged, as for a certificate that an EST server conveys.
    let (purpose, reference_ids) = match &case.expected_peer_name {
        None => (Purpose::ConveyedEndEntity, Vec::new()),
        Some(PeerName { kind, value }) if kind == "IP" => (
            Purpose::DnsServer,
            vec![ReferenceId::IpId(value.parse().unwrap())],
        ),
        Some(PeerName { value, .. }) => {
            (Purpose::DnsServer, vec![ReferenceId::DnsId(value.clone())])
        }
    };
    // Cases of the Web's profile are about the anchors that systems come with.
    let public = case.id.starts_with("webpki::") || case.id.starts_with("online::");
    let database = if public {
        AnchorDatabase::Implicit
    } else {
        AnchorDatabase::Explicit
    };
    let chain = std::iter::once(&case.peer_certificate).chain(&case.untrusted_intermediates);
    Request {
        reference_ids,
        presented: Presented {
            certificates: chain.map(|pem| der(pem)).collect(),
            ocsp_response: None,
        },
        anchors: Arc::new(AnchorSet::new(
            database,
            case.trusted_certs.iter().map(|pem| der(pem)).collect(),
        )),
        crls: case.crls.iter().map(|pem| der(pem)).collect(),
        ..Request::new(
            purpose,
            case.validation_time.as_deref().map_or(NOW, seconds),
        )
    }
}

fn settings(case: &Case) -> Value {
    let mut settings = json!({});
    if case.features.iter().any(|feature| feature == "has-crl") {
        settings["revocation"] = "require".into();
    }
    if let Some(depth) = case.max_chain_depth {
        settings["most-intermediates"] = depth.min(15).into();
    }
    if let Some(pkits) = &case.pkits {
        let policies: Vec<String> = pkits
            .initial_policy_set
            .iter()
            .filter_map(|name| name.strip_prefix("NIST-test-policy-"))
            .map(|number| format!("2.16.840.1.101.3.2.1.48.{number}"))
            .collect();
        settings["certificate-policies"] = policies.into();
        settings["require-explicit-policy"] = pkits.initial_explicit_policy.into();
        settings["inhibit-policy-mapping"] = pkits.initial_policy_mapping_inhibit.into();
        settings["inhibit-any-policy"] = pkits.initial_inhibit_any_policy.into();
    }
    settings
}

fn der(pem: &str) -> Der {
    let text: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(text).unwrap().into()
}

/// `2024-01-01T00:00:00+00:00` as seconds since 1970.
fn seconds(text: &str) -> u64 {
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    days * 86_400 + part(11, 13) * 3_600 + part(14, 16) * 60 + part(17, 19)
}

/// Wrong decisions of x509-limbo that are known, each with its reason.
const LIMBO_ACCEPTED: &[(&str, &str)] = &[];
const LIMBO_REFUSED: &[(&str, &str)] = &[
    (
        "cve::cve-2024-0567",
        "its anchor is not self-signed and lacks the identifier that RFC 5280 4.2.1.1 demands",
    ),
    (
        "pathlen::validation-ignores-pathlen-in-leaf",
        "the key may not sign a handshake, which RFC 8446 4.4.2.2 demands",
    ),
];

#[test]
fn x509_limbo() {
    let Some(suite) = read("x509-limbo-part.json.xz") else {
        return;
    };
    let score = run(&suite);
    score.print("x509-limbo");
    assert_eq!(
        Score::unexpected(&score.accepted_wrongly, LIMBO_ACCEPTED),
        Vec::<&String>::new()
    );
    assert_eq!(
        Score::unexpected(&score.refused_wrongly, LIMBO_REFUSED),
        Vec::<&String>::new()
    );
    assert!(score.agreed >= 97, "only {} agree", score.agreed);
}

/// Wrong decisions of PKITS that are known, each with its reason.
const PKITS_ACCEPTED: &[(&str, &str)] = &[];
const PKITS_REFUSED: &[(&str, &str)] = &[
    ("pkits::4.1.5", "DSA"),
    ("pkits::4.14.25", "indirect CRL"),
    ("pkits::4.14.29", "indirect CRL"),
    ("pkits::4.14.30", "indirect CRL"),
];

#[test]
fn pkits() {
    let Some(suite) = read("pkits-part.json.xz") else {
        return;
    };
    let score = run(&suite);
    score.print("PKITS");
    assert_eq!(
        Score::unexpected(&score.accepted_wrongly, PKITS_ACCEPTED),
        Vec::<&String>::new()
    );
    assert_eq!(
        Score::unexpected(&score.refused_wrongly, PKITS_REFUSED),
        Vec::<&String>::new()
    );
    assert!(score.agreed >= 120, "only {} agree", score.agreed);
}
