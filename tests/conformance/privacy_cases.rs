//! Writes `policies/privacy/cases`: one case for each finding.
//!
//! `cargo test -p resolvet-tests --test conformance -- --ignored write_privacy_cases`

use std::{fs, path::Path};

use resolvet_guest::native;
use resolvet_proto::{
    certificate::privacy::{
        DEFAULT_OID, Logging, LoggingKind, PrivacyPolicy, PrivacyStatement, Sharing,
    },
    discovery::resinfo,
    judgement::{Decision, Presented, Purpose, ReferenceId, Request},
    privacy_token::PrivacyToken,
};
use resolvet_tests::lab::signed::{Signer, careful};
use serde_json::{Value, json};

use crate::forge::{Certificate, NOW, key, seq, tlv};

/// Content of the default object identifier, 1.3.6.1.4.1.32473.1.1.
const OID: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1, 1];
/// Another one, 1.3.6.1.4.1.32473.2.
const OTHER_OID: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 2];

/// The server that signed statements are about.
const SERVER: &str = "dns.example.net";

struct Case {
    name: &'static str,
    description: &'static str,
    settings: Value,
    extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
    /// What the server says about itself.
    keys: Option<&'static [(&'static str, Option<&'static str>)]>,
    /// What was at the URL that the server names.
    token: Option<Result<String, &'static str>>,
    decision: &'static str,
    findings: &'static [&'static str],
}

/// Logs nothing, shares nothing, sells nothing, blocks nothing.
fn blameless() -> PrivacyPolicy {
    PrivacyPolicy {
        ip_address_is_personal: true,
        logging: Logging {
            none: true,
            ..Logging::default()
        },
        sharing: Sharing::default(),
        transfers_data: false,
        blocks_domains: false,
        policy_url: Some("https://example.net/privacy".into()),
        audit_url: Some("https://example.net/audit".into()),
    }
}

fn stating(policy: PrivacyPolicy) -> Vec<(&'static [u8], bool, Vec<u8>)> {
    vec![(
        OID,
        false,
        PrivacyStatement::Policy(policy).to_der().unwrap(),
    )]
}

fn logging(kind: LoggingKind, hours: Option<i64>) -> PrivacyPolicy {
    let durations = hours.into_iter().map(|hours| (kind, hours)).collect();
    PrivacyPolicy {
        logging: Logging {
            kinds: vec![kind],
            durations,
            ..Logging::default()
        },
        ..blameless()
    }
}

fn sharing(partners: Option<&[&str]>, anonymized: Option<bool>) -> PrivacyPolicy {
    let partners = partners.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    PrivacyPolicy {
        sharing: Sharing {
            with_partners: true,
            partners,
            anonymized,
        },
        ..blameless()
    }
}

fn case(
    name: &'static str,
    description: &'static str,
    policy: PrivacyPolicy,
    decision: &'static str,
    findings: &'static [&'static str],
) -> Case {
    Case {
        name,
        description,
        settings: json!({}),
        extensions: stating(policy),
        keys: None,
        token: None,
        decision,
        findings,
    }
}

impl Case {
    fn with(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    fn saying(mut self, keys: &'static [(&'static str, Option<&'static str>)]) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Names a signed statement; without one the reason why there is none.
    fn naming(mut self, token: Result<String, &'static str>) -> Self {
        self.token = Some(token);
        self
    }

    fn raw(mut self, extensions: Vec<(&'static [u8], bool, Vec<u8>)>) -> Self {
        self.extensions = extensions;
        self
    }
}

fn cases() -> Vec<Case> {
    [
        extensions(),
        durations(),
        clauses(),
        information(),
        signed(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn extensions() -> Vec<Case> {
    let none = || vec![(OID, false, tlv(5, &[]))];
    // `loggingTypes` with bits 0 and 1, which no writer of ours makes.
    let contradictory = {
        let log = tlv(0xa0, &tlv(3, &[6, 0b1100_0000]));
        let sdata = tlv(0xa2, &tlv(1, &[0]));
        seq(&[&seq(&[
            &tlv(1, &[0xff]),
            &log,
            &sdata,
            &tlv(0x83, &[0]),
            &tlv(0x84, &[0]),
        ])])
    };
    let explicit = {
        let log = tlv(0xa0, &seq(&[]));
        let sdata = tlv(0xa2, &seq(&[&tlv(1, &[0])]));
        let transfer = tlv(0xa3, &tlv(1, &[0]));
        let blocks = tlv(0xa4, &tlv(1, &[0]));
        seq(&[&seq(&[&tlv(1, &[0xff]), &log, &sdata, &transfer, &blocks])])
    };
    let good = || stating(blameless());
    vec![
        case(
            "accepts-the-blameless",
            "A server that logs, shares and sells nothing.",
            blameless(),
            "accept",
            &[],
        ),
        case(
            "accepts-explicit-tagging",
            "The draft leaves the tagging open: both are read.",
            blameless(),
            "accept",
            &[],
        )
        .raw(vec![(OID, false, explicit)]),
        case(
            "extension-missing",
            "Without a statement there is nothing to say.",
            blameless(),
            "abstain",
            &["extension-missing"],
        )
        .raw(vec![]),
        case(
            "extension-required",
            "Unless one is required.",
            blameless(),
            "reject",
            &["extension-missing"],
        )
        .raw(vec![])
        .with(json!({"require-extension": true})),
        case(
            "extension-oid",
            "The object identifier is configurable.",
            blameless(),
            "accept",
            &[],
        )
        .raw(vec![(
            OTHER_OID,
            false,
            PrivacyStatement::Policy(blameless()).to_der().unwrap(),
        )])
        .with(json!({"extension-oid": "1.3.6.1.4.1.32473.2"})),
        case(
            "extension-malformed",
            "What cannot be read is refused.",
            blameless(),
            "reject",
            &["extension-malformed"],
        )
        .raw(vec![(OID, false, seq(&[&tlv(1, &[0xff])]))]),
        case(
            "extension-repeated",
            "An extension stands once.",
            blameless(),
            "reject",
            &["extension-repeated"],
        )
        .raw(good().into_iter().chain(good()).collect()),
        case(
            "extension-critical",
            "It should not be critical.",
            blameless(),
            "accept",
            &["extension-critical"],
        )
        .raw(
            good()
                .into_iter()
                .map(|(oid, _, value)| (oid, true, value))
                .collect(),
        ),
        case(
            "no-privacy-policy",
            "The statement that there is no policy.",
            blameless(),
            "reject",
            &["no-privacy-policy"],
        )
        .raw(none()),
        case(
            "no-privacy-policy-accepted",
            "Unless the setting accepts it.",
            blameless(),
            "accept",
            &["no-privacy-policy"],
        )
        .raw(none())
        .with(json!({"accept-no-policy": true})),
        case(
            "logging-contradictory",
            "`none` beside other bits: the others count.",
            blameless(),
            "reject",
            &["logging-contradictory", "logging-all-too-long"],
        )
        .raw(vec![(OID, false, contradictory)]),
    ]
}

fn durations() -> Vec<Case> {
    vec![
        case(
            "logging-within-limits",
            "As long as the limit and no longer.",
            logging(LoggingKind::All, Some(24)),
            "accept",
            &[],
        ),
        case(
            "logging-all-too-long",
            "An hour more.",
            logging(LoggingKind::All, Some(25)),
            "reject",
            &["logging-all-too-long"],
        ),
        case(
            "logging-without-duration",
            "A kind without a duration is without end.",
            logging(LoggingKind::Analytics, None),
            "reject",
            &["logging-analytics-too-long"],
        ),
        case(
            "logging-without-end",
            "-1 is without end.",
            logging(LoggingKind::UserIdentity, Some(-1)),
            "reject",
            &["logging-user-identity-too-long"],
        ),
        case(
            "logging-without-end-accepted",
            "Which a setting may accept.",
            logging(LoggingKind::KnownMalware, Some(-1)),
            "accept",
            &[],
        )
        .with(json!({"longest-logging-known-malware": -1})),
        case(
            "logging-duration-invalid",
            "Nothing lasts for -2 hours.",
            logging(LoggingKind::NotifyUser, Some(-2)),
            "reject",
            &[
                "logging-notify-user-duration-invalid",
                "logging-notify-user-too-long",
            ],
        ),
        case(
            "logging-never",
            "0 in the settings: not at all.",
            logging(LoggingKind::KnownMalware, Some(1)),
            "reject",
            &["logging-known-malware-too-long"],
        )
        .with(json!({"longest-logging-known-malware": 0})),
        case(
            "logging-not-stated",
            "A duration without its kind is taken for logging.",
            PrivacyPolicy {
                logging: Logging {
                    kinds: vec![LoggingKind::NotifyUser],
                    durations: vec![(LoggingKind::All, 100), (LoggingKind::NotifyUser, 1)],
                    ..Logging::default()
                },
                ..blameless()
            },
            "reject",
            &["logging-all-not-stated", "logging-all-too-long"],
        ),
    ]
}

fn clauses() -> Vec<Case> {
    let address = PrivacyPolicy {
        ip_address_is_personal: false,
        ..blameless()
    };
    let selling = PrivacyPolicy {
        transfers_data: true,
        ..blameless()
    };
    let blocking = || PrivacyPolicy {
        blocks_domains: true,
        ..blameless()
    };
    let silent = || PrivacyPolicy {
        policy_url: None,
        audit_url: None,
        ..blameless()
    };
    let denied = PrivacyPolicy {
        sharing: Sharing {
            with_partners: false,
            partners: Some(vec!["A".into()]),
            anonymized: Some(true),
        },
        ..blameless()
    };
    let clear = PrivacyPolicy {
        policy_url: Some("http://example.net/privacy".into()),
        audit_url: Some("https://".into()),
        ..blameless()
    };
    let named = json!({"sharing": "partners", "partners": ["A"]});
    vec![
        case(
            "address-not-personal",
            "An address must be personal.",
            address,
            "reject",
            &["address-not-personal"],
        )
        .with(json!({"require-address-is-personal": true})),
        case(
            "sharing-anonymized",
            "Anonymized data may be shared.",
            sharing(None, Some(true)),
            "accept",
            &[],
        ),
        case(
            "sharing-identifiable",
            "Other data may not.",
            sharing(None, Some(false)),
            "reject",
            &["sharing-identifiable"],
        ),
        case(
            "sharing-not-said-to-be-anonymized",
            "What is not said to be anonymized identifies people.",
            sharing(Some(&["A"]), None),
            "reject",
            &["sharing-identifiable"],
        ),
        case(
            "sharing",
            "Nothing may be shared.",
            sharing(None, Some(true)),
            "reject",
            &["sharing"],
        )
        .with(json!({"sharing": "none"})),
        case(
            "sharing-named",
            "With a partner that the settings name.",
            sharing(Some(&["A"]), None),
            "accept",
            &[],
        )
        .with(named.clone()),
        case(
            "sharing-partner",
            "With others as well: each is a finding.",
            sharing(Some(&["A", "B", "C"]), None),
            "reject",
            &["sharing-partner", "sharing-partner"],
        )
        .with(named.clone()),
        case(
            "sharing-partner-unnamed",
            "With partners that nobody names.",
            sharing(None, None),
            "reject",
            &["sharing-partner-unnamed"],
        )
        .with(named),
        case(
            "partners-without-sharing",
            "Named partners are partners.",
            denied,
            "accept",
            &["partners-without-sharing"],
        ),
        case(
            "transfer-to-third-parties",
            "Data is sold.",
            selling,
            "reject",
            &["transfer-to-third-parties"],
        ),
        case(
            "blocking-accepted",
            "Blocking is acceptable unless the settings say otherwise.",
            blocking(),
            "accept",
            &[],
        ),
        case(
            "blocks-domains",
            "They say otherwise.",
            blocking(),
            "reject",
            &["blocks-domains"],
        )
        .with(json!({"accept-blocking": false})),
        case(
            "urls-required",
            "Policy and report are required.",
            silent(),
            "reject",
            &["policy-url-missing", "audit-report-missing"],
        )
        .with(json!({"require-policy-url": true, "require-audit-report": true})),
        case(
            "urls-not-https",
            "URLs are https.",
            clear,
            "reject",
            &["policy-url-not-https", "audit-report-not-https"],
        ),
    ]
}

/// What the server says about itself (RFC 9606).
fn information() -> Vec<Case> {
    let all: &[_] = &[
        ("qnamemin", None),
        ("exterr", Some("18,22")),
        ("infourl", Some("https://resolver.example.net/guide")),
    ];
    vec![
        case(
            "resolver-info",
            "the server says that it minimizes names, holds nothing back, and where to read more",
            blameless(),
            "accept",
            &["information-url"],
        )
        .saying(all),
        case(
            "resolver-info-missing",
            "the server says nothing about itself and must",
            blameless(),
            "reject",
            &["resolver-info-missing"],
        )
        .with(json!({"require-resolver-info": true})),
        case(
            "resolver-info-without-minimization",
            "the server does not say that it minimizes names",
            blameless(),
            "accept",
            &["query-name-minimization-missing"],
        )
        .saying(&[("temp-x", None)]),
        case(
            "resolver-info-minimization-required",
            "the server does not say that it minimizes names and must",
            blameless(),
            "reject",
            &["query-name-minimization-missing"],
        )
        .with(json!({"require-query-name-minimization": true}))
        .saying(&[("temp-x", None)]),
        case(
            "resolver-info-blocks",
            "the statement says that nothing is blocked, the server that it may be",
            blameless(),
            "reject",
            &["resolver-blocks"],
        )
        .with(json!({"accept-blocking": false}))
        .saying(&[("qnamemin", None), ("exterr", Some("15-17"))]),
        case(
            "resolver-info-blocks-accepted",
            "the server says that it may hold answers back",
            blameless(),
            "accept",
            &["resolver-blocks", "information-url-unusable"],
        )
        .saying(&[
            ("qnamemin", None),
            ("exterr", Some("22, 16")),
            ("infourl", Some("http://resolver.example.net/")),
        ]),
        case(
            "resolver-info-is-no-statement",
            "what the server says about itself does not stand in for the extension",
            blameless(),
            "abstain",
            &["extension-missing", "information-url"],
        )
        .raw(vec![])
        .saying(all),
    ]
}

/// Statements that somebody signed (draft-reddy-add-server-policy-selection-05).
fn signed() -> Vec<Case> {
    let signer = Signer::new("auditor.example").unwrap();
    let other = Signer::new("somebody.example").unwrap();
    let known = json!({"token-signers": [signer.setting()]});
    let required = json!({"token-signers": [signer.setting()], "require-token": true});
    let good = || careful(SERVER, NOW, 3_600);
    let sold = {
        let mut claims = good();
        claims["privinfo"]["transferdata"] = json!(true);
        claims
    };
    // The signature of one over the claims of another.
    let altered = {
        let (token, claims) = (signer.sign(&good()).unwrap(), signer.sign(&sold).unwrap());
        let parts: Vec<_> = token.split('.').collect();
        let others: Vec<_> = claims.split('.').collect();
        [parts[0], others[1], parts[2]].join(".")
    };
    let unsigned = |name, description, decision, findings| {
        case(name, description, blameless(), decision, findings).raw(vec![])
    };
    let of = |claims: &Value| Ok(signer.sign(claims).unwrap());
    vec![
        unsigned(
            "token",
            "A statement that a known signer signed stands in for the extension.",
            "accept",
            &["extension-missing", "token-signed"],
        )
        .with(required.clone())
        .naming(of(&good())),
        unsigned(
            "token-transfer-to-third-parties",
            "It is assessed as the extension is.",
            "reject",
            &[
                "extension-missing",
                "token-signed",
                "transfer-to-third-parties",
            ],
        )
        .with(known.clone())
        .naming(of(&sold)),
        unsigned(
            "token-signature-invalid",
            "Claims that the known signer did not sign.",
            "reject",
            &["extension-missing", "token-signature-invalid"],
        )
        .with(required.clone())
        .naming(Ok(altered)),
        unsigned(
            "token-signer-unknown",
            "What nobody known signed counts for nothing.",
            "abstain",
            &["extension-missing", "token-signer-unknown"],
        )
        .with(known.clone())
        .naming(Ok(other.sign(&good()).unwrap())),
        unsigned(
            "token-expired",
            "A statement that has ended.",
            "reject",
            &["extension-missing", "token-expired"],
        )
        .with(required.clone())
        .naming(of(&careful(SERVER, NOW - 3_600, 3_600))),
        unsigned(
            "token-not-yet-valid",
            "A statement that has not begun.",
            "reject",
            &["extension-missing", "token-not-yet-valid"],
        )
        .with(required.clone())
        .naming(of(&careful(SERVER, NOW + 3_600, 3_600))),
        unsigned(
            "token-other-server",
            "A statement about another server.",
            "reject",
            &["extension-missing", "token-other-server"],
        )
        .with(required.clone())
        .naming(of(&careful("other.example", NOW, 3_600))),
        unsigned(
            "token-unavailable",
            "A statement that could not be fetched, beside an extension that is good.",
            "accept",
            &["token-unavailable"],
        )
        .raw(stating(blameless()))
        .with(known)
        .naming(Err("connection refused")),
        unsigned(
            "token-missing",
            "A server that names none, where one is required.",
            "reject",
            &["token-missing"],
        )
        .raw(stating(blameless()))
        .with(required),
    ]
}

fn request(case: &Case) -> Request {
    let key = key();
    let mut certificate = Certificate::bare("server", "server", &key);
    for (oid, critical, value) in &case.extensions {
        certificate
            .extensions
            .push((oid.to_vec(), *critical, value.clone()));
    }
    Request {
        presented: Presented {
            certificates: vec![certificate.sign(&key)],
            ocsp_response: None,
        },
        resolver_info: case.keys.map(|keys| resinfo::write(keys).unwrap().into()),
        reference_ids: match case.token {
            Some(_) => vec![ReferenceId::DnsId(SERVER.into())],
            None => Vec::new(),
        },
        privacy_token: case.token.clone().map(|token| PrivacyToken {
            url: format!("https://{SERVER}/pat"),
            problem: token.as_ref().err().map(|&problem| problem.into()),
            token: token.ok().map(|token| token.into_bytes().into()),
        }),
        ..Request::new(Purpose::DnsServer, NOW)
    }
}

#[test]
fn every_privacy_case_holds() {
    assert_eq!(DEFAULT_OID, "1.3.6.1.4.1.32473.1.1");
    let mut wrong = Vec::new();
    for case in cases() {
        let settings = case.settings.to_string();
        let typed = serde_json::from_str(&settings).unwrap();
        let verdict = native::evaluate(&request(&case), &settings, || {
            resolvet_policy_privacy::assess(&typed)
        });
        let decision = match verdict.decision {
            Decision::Accept { .. } => "accept",
            Decision::Reject => "reject",
            Decision::Abstain => "abstain",
        };
        let findings: Vec<_> = verdict
            .findings
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
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
fn write_privacy_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/privacy/cases");
    for case in cases() {
        let json = json!({
            "description": case.description,
            "settings": case.settings,
            "request": request(&case),
            "expect": {"decision": case.decision, "findings": case.findings},
        });
        let text = serde_json::to_string_pretty(&json).unwrap() + "\n";
        fs::write(folder.join(format!("{}.json", case.name)), text).unwrap();
    }
}
