//! Each fault of a certificate is refused with its own code, and before anything is asked.

use resolvet_proto::judgement::{Conveyed, Outcome as Judged};
use resolvet_proto::session::FailureKind;
use resolvet_tests::lab::ca::{Fault, Leaf};
use resolvet_tests::lab::dot::{DotOptions, Versions};
use resolvet_tests::lab::{Lab, Options};

use serde_json::json;

use crate::journey::{Journey, defaults, errors, nothing_leaked, rule, with_settings};

fn lab(fault: Fault) -> Lab {
    Lab::start(Options::new().faulty_site("example.net", fault)).unwrap()
}

#[tokio::test]
async fn faults_of_the_certificate_are_refused_by_validation() {
    for (fault, code) in [
        (Fault::Expired, "expired"),
        (Fault::NotYetValid, "not-yet-valid"),
        (Fault::WrongName, "name-mismatch"),
        (Fault::WrongIssuer, "signature-invalid"),
        (Fault::NotConveyed, "conveyed-mismatch"),
        (Fault::WrongUsage, "purpose-not-allowed"),
        (Fault::NoIntermediate, "issuer-unknown"),
    ] {
        let lab = lab(fault);
        let outcome = Journey::new(&lab).attach().await;
        assert_eq!(
            outcome.kind(),
            Some(FailureKind::ValidationRefused),
            "{fault}"
        );
        for judgement in outcome.validations() {
            assert_eq!(judgement.outcome, Judged::Rejected, "{fault}");
            assert!(
                errors(judgement).contains(&code),
                "{fault}: {:?}",
                errors(judgement)
            );
        }
        assert!(!outcome.validations().is_empty(), "{fault}");
        assert!(
            outcome.assessments().is_empty(),
            "{fault}: privacy is asked about accepted certificates only"
        );
        let error = outcome.ask().await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("no server is vetted, so nothing was sent"),
            "{fault}: {error}"
        );
        nothing_leaked(&lab);
    }
}

#[tokio::test]
async fn faults_of_the_privacy_statement_are_refused_by_privacy() {
    let mut strict = defaults();
    strict[2] = with_settings(rule("privacy"), json!({ "require-extension": true }));
    for (fault, rules, code) in [
        (Fault::PrivacyNone, defaults(), "no-privacy-policy"),
        (Fault::PrivacySells, defaults(), "transfer-to-third-parties"),
        (Fault::PrivacyGarbage, defaults(), "extension-malformed"),
        (Fault::PrivacyAbsent, strict, "extension-missing"),
    ] {
        let lab = lab(fault);
        let outcome = Journey::new(&lab).rules(rules).attach().await;
        assert_eq!(outcome.kind(), Some(FailureKind::PrivacyRefused), "{fault}");
        for judgement in outcome.assessments() {
            assert_eq!(judgement.outcome, Judged::Rejected, "{fault}");
            assert!(
                errors(judgement).contains(&code),
                "{fault}: {:?}",
                errors(judgement)
            );
        }
        assert!(!outcome.assessments().is_empty(), "{fault}");
        assert!(
            outcome
                .validations()
                .iter()
                .all(|judgement| judgement.outcome == Judged::Accepted),
            "{fault}"
        );
        assert!(outcome.ask().await.is_err(), "{fault}");
        nothing_leaked(&lab);
    }
}

#[tokio::test]
async fn a_missing_privacy_statement_is_no_refusal_unless_one_is_required() {
    let lab = lab(Fault::PrivacyAbsent);
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.failure, None);
}

/// The draft's section 4, step 4: the SRV-ID MUST be what tells the DNS server's certificate from others that the enrolment
/// conveyed, so one without it is no DNS server's, equal or not.
#[tokio::test]
async fn a_conveyed_certificate_without_srv_id_matches_nothing() {
    let lab = lab(Fault::NoSrvId);
    let outcome = Journey::new(&lab).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    let codes = errors(outcome.validations()[0]);
    assert!(codes.contains(&"conveyed-without-srv-id"), "{codes:?}");
    nothing_leaked(&lab);
}

#[tokio::test]
async fn without_an_enrolment_the_domain_s_name_is_enough() {
    let lab = lab(Fault::NoSrvId);
    let outcome = Journey::new(&lab)
        .conveyed(Conveyed::NotEnrolled)
        .attach()
        .await;
    assert_eq!(outcome.failure, None);
}

#[tokio::test]
async fn the_right_chain_with_another_key_counts_for_nothing() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let dot = DotOptions {
            versions,
            ..DotOptions::default()
        };
        let leaf = Leaf::good("example.net").with(Fault::OtherKey);
        let lab = Lab::start(Options::new().servers("example.net", vec![leaf]).dot(dot)).unwrap();
        let outcome = Journey::new(&lab).attach().await;
        assert_eq!(
            outcome.kind(),
            Some(FailureKind::ValidationRefused),
            "{versions:?}"
        );
        let failures = outcome.connection_failures();
        assert!(!failures.is_empty(), "{versions:?}");
        for failure in failures {
            assert!(
                failure.contains("ProofOfPossession"),
                "{versions:?}: {failure}"
            );
        }
        assert!(
            outcome.validations().is_empty(),
            "{versions:?}: a verdict without proof of possession counts for nothing"
        );
        assert_eq!(
            lab.site().servers()[0].dot.statistics().handshakes,
            0,
            "{versions:?}"
        );
        nothing_leaked(&lab);
    }
}

#[tokio::test]
async fn without_trust_anchors_nothing_is_accepted() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab).anchors(Vec::new()).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    assert!(errors(outcome.validations()[0]).contains(&"no-trust-anchors"));
    nothing_leaked(&lab);
}

#[tokio::test]
async fn an_enrolment_that_conveyed_nothing_accepts_nothing_unless_its_anchors_suffice() {
    let lab = Lab::start(Options::new()).unwrap();
    let outcome = Journey::new(&lab)
        .conveyed(Conveyed::None {
            anchors_suffice: false,
        })
        .attach()
        .await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    assert!(errors(outcome.validations()[0]).contains(&"conveyed-none"));
    nothing_leaked(&lab);
    let outcome = Journey::new(&lab)
        .conveyed(Conveyed::None {
            anchors_suffice: true,
        })
        .attach()
        .await;
    assert_eq!(outcome.failure, None);
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let lab = Lab::start(Options::new()).unwrap();
    let identity = &lab.site().servers()[0].identity;
    let crls = lab.authority().crls(&[identity]).unwrap();
    let outcome = Journey::new(&lab).crls(crls).attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    assert!(
        errors(outcome.validations()[0]).contains(&"revoked"),
        "{:?}",
        errors(outcome.validations()[0])
    );
    nothing_leaked(&lab);
    let outcome = Journey::new(&lab)
        .crls(lab.authority().crls(&[]).unwrap())
        .attach()
        .await;
    assert_eq!(outcome.failure, None, "a list without it changes nothing");
}

#[tokio::test]
async fn a_refusal_ends_the_handshake_with_an_alert() {
    let lab = lab(Fault::Expired);
    Journey::new(&lab).attach().await;
    let dot = &lab.site().servers()[0].dot;
    // The alert arrives after the client has given up.
    for _ in 0..200 {
        if !dot.statistics().failures.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let statistics = dot.statistics();
    assert_eq!(statistics.handshakes, 0);
    assert!(
        statistics
            .failures
            .iter()
            .all(|failure| failure.contains("Certificate")),
        "{statistics:?}"
    );
    assert!(!statistics.failures.is_empty());
}
