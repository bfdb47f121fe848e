//! 5.3: domain-cert-revocation-checks: true, revocation must be checked; false, it must not be; absent, policies say.

use resolvet_proto::{
    enrolment::journey::{
        Action, AnchorChoice, Event, Journey as _, JourneyError, Pledge, Profile, Reattachment,
        ReattachmentConfig, State,
    },
    judgement::{NetworkIdentity, Purpose, ServerAuthentication},
};

use crate::rfc8995::{
    manufacturer::{Manufacturer, Wanted},
    section_5_9::{answer, config, driver},
};

fn wanted(revocation_checks: Option<bool>) -> Wanted {
    Wanted {
        revocation_checks,
        ..Wanted::default()
    }
}

/// Nobody can say whether the registrar was revoked: where the voucher wants to know, the device does not join.
#[test]
fn what_must_be_checked_and_cannot_be_is_refused() {
    let m = Manufacturer::new();
    let wanted = wanted(Some(true));
    let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
    let mut pledge = Pledge::new(config(&m)).unwrap();
    assert_eq!(driver.run(&mut pledge), State::Failed);
    assert_eq!(driver.judged.len(), 1);
    assert_eq!(driver.judged[0].domain_cert_revocation_checks, Some(true));
    assert!(driver.stored.is_empty());
    let error = driver.failure.unwrap().error;
    assert!(
        matches!(
            error,
            JourneyError::Refused {
                purpose: Purpose::Registrar,
                ..
            }
        ),
        "{error}"
    );
}

/// Policies are told at every judgement of the enrolment, and also when the device comes back.
#[test]
fn what_a_voucher_says_is_told_wherever_its_domain_is_judged() {
    for checks in [None, Some(false)] {
        let m = Manufacturer::new();
        let wanted = wanted(checks);
        let mut driver = driver(&m, |request| Some(answer(&m, &wanted, request)));
        let mut pledge = Pledge::new(config(&m)).unwrap();
        assert_eq!(
            driver.run(&mut pledge),
            State::Done,
            "{:#?}",
            pledge.story()
        );
        let told: Vec<_> = driver
            .judged
            .iter()
            .map(|request| request.domain_cert_revocation_checks)
            .collect();
        assert_eq!(told, [checks; 3]);

        let enrolment = pledge.enrolment().unwrap().clone();
        assert_eq!(enrolment.revocation_checks(), checks);
        driver.judged.clear();
        driver.intercept = Box::new(|action| match action {
            Action::Discover { id, .. } => Some(Event::Served { id: *id }),
            _ => None,
        });
        let mut back = Reattachment::new(ReattachmentConfig {
            profile: Profile::new(AnchorChoice::Explicit, NetworkIdentity::Named),
            enrolment,
            device: None,
            subject: None,
        })
        .unwrap();
        assert_eq!(driver.begin(&mut back, Event::Renew), State::Done);
        assert!(!driver.judged.is_empty());
        for request in &driver.judged {
            assert_eq!(request.domain_cert_revocation_checks, checks);
            assert_eq!(
                request.est_server_authentication,
                Some(ServerAuthentication::ReferenceIdentifier)
            );
        }
    }
}
