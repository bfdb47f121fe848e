//! draft-reddy-add-server-policy-selection-05: its own example (appendix A), and what its sections 6 and 7 demand.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use resolvet_guest::native;
use resolvet_policy_privacy::{Settings, assess};
use resolvet_proto::{
    judgement::{Clock, Decision, Presented, Purpose, ReferenceId, Request, Severity, Verdict},
    privacy_token::{PrivacyToken, Token, TokenError},
};
use resolvet_tests::lab::signed::{Signer, careful};
use serde_json::{Value, json};

use crate::forge::{Certificate, NOW, key};

/// Appendix A's token.
const HEADER: &str =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhdCIsIng1dSI6Imh0dHBzOi8vY2VydC5leGFtcGxlLmNvbS9wYXQuY2VyIn0";
const PAYLOAD: &str = "eyJleHAiOjE0NDM2NDAzNDUsImlhdCI6MTQ0MzIwODM0NSwicG9saWN5aW5mbyI6eyJmaWx0ZXJpbmciOnsibWFsd2FyZWJsb2NraW5nIjp0cnVlLCJwb2xpY3libG9ja2luZyI6ZmFsc2V9LCJwcml2YWN5dXJsIjoiaHR0cHM6Ly9leGFtcGxlLmNvbS9jb21taXRtZW50LXRvLXByaXZhY3kvIiwicW5hbWVtaW5pbWl6YXRpb24iOmZhbHNlfSwic2VydmVyIjp7ImFkbiI6WyJleGFtcGxlLmNvbSJdfX0";
const SIGNATURE: &str =
    "4vQEAF_Vlp1Tr6sJmS4pnIKDRmIjH8EZzY5BMT2qJCHD8PmjBktWVnlmbmyHs05GKauRBdIFnfp3oDPbE0Jq4w";
/// Appendix A.2's key.
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==";
/// Within the example's time.
const THEN: u64 = 1_443_208_400;

fn request(token: &str, name: &str, now: u64) -> Request {
    let key = key();
    let mut certificate = Certificate::bare("server", "server", &key);
    certificate.validity = (now - 1, now + 1);
    Request {
        reference_ids: vec![ReferenceId::DnsId(name.into())],
        presented: Presented {
            certificates: vec![certificate.sign(&key)],
            ocsp_response: None,
        },
        privacy_token: Some(PrivacyToken {
            url: "https://example.com/pat".into(),
            token: Some(token.as_bytes().into()),
            problem: None,
        }),
        ..Request::new(Purpose::DnsServer, now)
    }
}

fn judged(request: &Request, mut settings: Value, signer: Value) -> Verdict {
    settings["token-signers"] = json!([signer]);
    let text = settings.to_string();
    let typed: Settings = serde_json::from_str(&text).unwrap();
    assert_eq!(typed.check(), Ok(()));
    native::evaluate(request, &text, || assess(&typed))
}

fn example() -> Value {
    json!({"name": "example", "key": KEY, "x5u": "https://cert.example.com/pat.cer"})
}

fn code(verdict: &Verdict, code: &str) -> Option<Severity> {
    let mut findings = verdict.findings.iter();
    findings.find(|f| f.code == code).map(|f| f.severity)
}

fn compact() -> String {
    format!("{HEADER}.{PAYLOAD}.{SIGNATURE}")
}

#[test]
fn the_example_is_read_verified_and_assessed() {
    let token = Token::read(compact().as_bytes()).unwrap();
    let [signature] = token.signatures() else {
        panic!("one signature");
    };
    assert_eq!(signature.signer(), Some("https://cert.example.com/pat.cer"));
    let claims = token.claims().unwrap();
    assert_eq!((claims.iat, claims.exp), (1_443_208_345, 1_443_640_345));
    assert!(claims.blocks_domains() && !claims.minimizes_names());
    assert_eq!(claims.statement(), None);

    let request = request(&compact(), "example.com", THEN);
    let verdict = judged(&request, json!({"require-token": true}), example());
    assert_eq!(code(&verdict, "token-signed"), Some(Severity::Note));
    assert_eq!(
        code(&verdict, "token-without-logging"),
        Some(Severity::Note)
    );
    // It says nothing about logging, so it is no accept by itself.
    assert_eq!(verdict.decision, Decision::Abstain);
    for setting in ["accept-blocking", "require-query-name-minimization"] {
        let strict = json!({setting: setting != "accept-blocking"});
        assert_eq!(
            judged(&request, strict, example()).decision,
            Decision::Reject
        );
    }
}

/// Appendix B's form: what an auditor signs, too. Its second signature is broken as it is printed, so ours has another.
#[test]
fn one_signature_of_several_suffices() {
    let other = Signer::new("auditor.example").unwrap();
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"ES512","typ":"pat"}"#);
    let whole =
        |signatures: Value| json!({"payload": PAYLOAD, "signatures": signatures}).to_string();
    let unknown = json!({"protected": header, "signature": SIGNATURE});
    let good = json!({"protected": HEADER, "signature": SIGNATURE, "header": {"alg": "none"}});
    let token = whole(json!([unknown, good]));
    let request = |token: &str| request(token, "example.com", THEN);
    let required = json!({"require-token": true});
    let verdict = judged(&request(&token), required.clone(), example());
    assert_eq!(code(&verdict, "token-signed"), Some(Severity::Note));
    let verdict = judged(&request(&token), required.clone(), other.setting());
    assert_eq!(verdict.decision, Decision::Reject);
    // The flattened form of RFC 7515 section 7.2.2.
    let flat = json!({"payload": PAYLOAD, "protected": HEADER, "signature": SIGNATURE});
    let verdict = judged(&request(&flat.to_string()), required, example());
    assert_eq!(code(&verdict, "token-signed"), Some(Severity::Note));
    for (signatures, came) in [(json!([]), 0), (json!([good, good, good, good, good]), 5)] {
        let error = Token::read(whole(signatures).as_bytes()).unwrap_err();
        assert_eq!(error, TokenError::Signatures { came });
    }
}

/// Sections 6 and 7: algorithm and type of the header; RFC 7515 section 4.1.11: what is critical must be understood.
#[test]
fn headers_that_are_refused() {
    let signer = Signer::new("auditor.example").unwrap();
    let claims = careful("example.com", NOW, 60);
    for (header, expected) in [
        (json!({"alg": "ES256", "typ": "PAT"}), "token-signed"),
        (
            json!({"alg": "none", "typ": "pat"}),
            "token-algorithm-unsupported",
        ),
        (
            json!({"alg": "HS256", "typ": "pat"}),
            "token-algorithm-unsupported",
        ),
        (
            json!({"alg": "RS256", "typ": "pat"}),
            "token-algorithm-unsupported",
        ),
        (json!({"alg": "ES384", "typ": "pat"}), "token-malformed"),
        (json!({"alg": "ES256", "typ": "JWT"}), "token-malformed"),
        (json!({"alg": "ES256"}), "token-malformed"),
        (json!({"typ": "pat"}), "token-malformed"),
        (
            json!({"alg": "ES256", "typ": "pat", "crit": ["b64"], "b64": false}),
            "token-malformed",
        ),
        (
            json!({"alg": "ES256", "typ": "pat", "crit": null}),
            "token-malformed",
        ),
    ] {
        let token = signer.sign_under(&header, &claims).unwrap();
        let verdict = judged(
            &request(&token, "example.com", NOW),
            json!({}),
            signer.setting(),
        );
        assert!(
            code(&verdict, expected).is_some(),
            "{header}: {:?}",
            verdict.findings
        );
        assert_eq!(
            code(&verdict, "token-signed").is_some(),
            expected == "token-signed"
        );
    }
}

/// Section 8: the server that was authenticated must be among those that it is for, and now within its time.
#[test]
fn servers_and_times() {
    let signer = Signer::new("auditor.example").unwrap();
    let token = signer.sign(&careful("Example.COM.", NOW, 600)).unwrap();
    for (name, now, expected) in [
        ("example.com", NOW, "token-signed"),
        ("example.com", NOW + 599, "token-signed"),
        ("example.com", NOW + 600, "token-expired"),
        ("example.com", NOW - 60, "token-signed"),
        ("example.com", NOW - 61, "token-not-yet-valid"),
        ("a.example.com", NOW, "token-other-server"),
        ("example.org", NOW, "token-other-server"),
    ] {
        let judged = judged(&request(&token, name, now), json!({}), signer.setting());
        assert!(
            code(&judged, expected).is_some(),
            "{name}: {:?}",
            judged.findings
        );
        if expected == "token-signed" {
            let left = u32::try_from(NOW + 600 - now).unwrap();
            let lifetime = Some(left);
            assert_eq!(judged.decision, Decision::Accept { lifetime });
        } else {
            assert_eq!(judged.decision, Decision::Abstain);
        }
    }
    // A clock that shows the least that it may be cannot say that something has not begun.
    let request = Request {
        clock: Clock::LowerBound,
        ..request(&token, "example.com", NOW - 9_999)
    };
    let judged = judged(&request, json!({}), signer.setting());
    assert!(code(&judged, "token-signed").is_some());
}

/// draft-reddy-dprive-dprive-privacy-policy-01 section 4: the same clauses as those of the extension.
#[test]
fn clauses_of_a_statement() {
    let signer = Signer::new("auditor.example").unwrap();
    for (member, value, expected) in [
        ("logging", json!(25), "logging-all-too-long"),
        ("logging", json!(-1), "logging-all-too-long"),
        ("useridentity", json!(25), "logging-user-identity-too-long"),
        ("notifyuser", json!(169), "logging-notify-user-too-long"),
        ("analytics", json!(721), "logging-analytics-too-long"),
        ("transferdata", json!(true), "transfer-to-third-parties"),
        (
            "sharedata",
            json!({"sharepartners": true, "partners": ["A"]}),
            "sharing-identifiable",
        ),
        (
            "privacyurl",
            json!("http://example.com/"),
            "policy-url-not-https",
        ),
        (
            "upstreamservers",
            json!({"securechannel": true, "upstreamserverspat": []}),
            "token-upstream",
        ),
    ] {
        let mut claims = careful("example.com", NOW, 600);
        claims["privinfo"][member] = value;
        let token = signer.sign(&claims).unwrap();
        let judged = judged(
            &request(&token, "example.com", NOW),
            json!({}),
            signer.setting(),
        );
        assert_eq!(
            code(&judged, expected),
            Some(Severity::Error),
            "{:?}",
            judged.findings
        );
        assert_eq!(judged.decision, Decision::Reject);
    }
}

/// A key is one for its algorithm and nothing else.
#[test]
fn keys_of_other_kinds() {
    let rsa = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let spki = crate::forge::seq(&[&rsa, &crate::forge::tlv(3, &[0, 1, 2, 3])]);
    let other = json!({"name": "other", "key": STANDARD.encode(spki)});
    let request = request(&compact(), "example.com", THEN);
    let judged = judged(&request, json!({"require-token": true}), other);
    assert_eq!(code(&judged, "token-signer-unknown"), Some(Severity::Error));
}
