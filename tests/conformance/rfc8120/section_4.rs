//! Messages.

use resolvet_proto::enrolment::mutual::{
    Algorithm, Challenge, Credential, MessageError, Proof, Reason,
};

use super::{Parties, Wire, parties::PASSWORD};

const SPACE: &str = "version=1, algorithm=a, validation=v, realm=\"r\"";

#[test]
fn only_version_1_is_understood() {
    for (version, presented) in [("version=2, ", "2"), ("version=01, ", "01"), ("", "")] {
        let expected = MessageError::Version {
            presented: presented.to_owned(),
        };
        let field =
            format!("Mutual {version}algorithm=a, validation=v, realm=\"r\", reason=initial");
        assert_eq!(
            Challenge::read_all(&[field.as_bytes()]),
            Err(expected.clone())
        );
        assert_eq!(Credential::read(field.as_bytes()), Err(expected.clone()));
        let field = format!("{version}sid=00, vks=00");
        assert_eq!(Proof::read(field.as_bytes()), Err(expected));
    }
    // Beside a challenge of version 1, one of a later version does not disturb.
    let (old, new) = (
        format!("Mutual {SPACE}, reason=initial"),
        "Mutual version=2, x=y",
    );
    let both = Challenge::read_all(&[new.as_bytes(), old.as_bytes()]).unwrap();
    assert_eq!(both.len(), 1);
}

#[test]
fn kinds_of_messages_exclude_one_another() {
    for wrong in [
        "reason=initial, ks1=00",
        "ks1=00, ks2=00",
        "ks1=00, vks=00",
        "vks=00",
        "reason=initial, kc1=00",
        "reason=initial, vkc=00",
    ] {
        let field = format!("Mutual {SPACE}, {wrong}");
        let read = Challenge::read_all(&[field.as_bytes()]);
        assert!(
            matches!(read, Err(MessageError::Exclusive { .. })),
            "{wrong}: {read:?}"
        );
    }
    for wrong in [
        "kc1=00, vkc=00",
        "kc1=00, kc2=00",
        "kc1=00, ks1=00",
        "vkc=00, vks=00",
    ] {
        let field = format!("Mutual {SPACE}, user=u, {wrong}");
        let read = Credential::read(field.as_bytes());
        assert!(
            matches!(read, Err(MessageError::Exclusive { .. })),
            "{wrong}: {read:?}"
        );
    }
}

#[test]
fn every_mandatory_parameter_is_asked_for() {
    let messages = [
        (true, "reason=initial", 4),
        (true, "sid=00, ks1=00, nc-max=1, nc-window=128, time=60", 8),
        (false, "user=\"u\", kc1=00", 5),
        (false, "sid=00, nc=1, vkc=00", 6),
    ];
    for (is_challenge, rest, parameters) in messages {
        let full = format!("{SPACE}, {rest}");
        let all: Vec<&str> = full.split(", ").collect();
        assert_eq!(all.len(), parameters + 1);
        let read = |parameters: &[&str]| {
            let field = format!("Mutual {}", parameters.join(", "));
            if is_challenge {
                Challenge::read_all(&[field.as_bytes()]).map(|all| all.len())
            } else {
                Credential::read(field.as_bytes()).map(|one| one.iter().count())
            }
        };
        assert_eq!(read(&all), Ok(1), "{rest}");
        for left_out in 1..all.len() {
            let mut some = all.clone();
            let name = some.remove(left_out).split('=').next().unwrap().to_owned();
            match read(&some) {
                Err(MessageError::Missing { name: missing }) => {
                    // Without the one that tells the kind, another kind is what is missing.
                    let kinds = ["reason", "ks1", "kc1", "vkc"];
                    let other = kinds.contains(&name.as_str());
                    assert!(missing == name || other, "{missing} for {name}");
                }
                other => panic!("{name} of {rest}: {other:?}"),
            }
        }
    }
}

/// What both machines send is what the section says, and is read back as it was written.
#[test]
fn the_six_messages() {
    for algorithm in Algorithm::ALL {
        let mut parties = Parties::new(&[algorithm], PASSWORD);
        parties.request().unwrap();
        let [
            Wire::Request(None),
            Wire::Unauthorized(initial),
            Wire::Request(Some(key)),
            Wire::Unauthorized(answer),
            Wire::Request(Some(proof)),
            Wire::Response(200, information, _),
        ] = parties.sent.as_slice()
        else {
            panic!("other messages: {:#?}", parties.sent);
        };
        let read = |field: &str| Challenge::read_all(&[field.as_bytes()]).unwrap().remove(0);
        let Challenge::Demand(demand) = read(&initial[0]) else {
            panic!("no 401-INIT: {initial:?}");
        };
        assert_eq!(demand.reason, Reason::Initial);
        assert_eq!(demand.space.algorithm, algorithm.name());
        assert_eq!(demand.space.validation, "tls-server-end-point");
        assert_eq!(
            demand.space.auth_scope.as_deref(),
            Some("https://est.example.net:8443")
        );
        let Challenge::Key(answered) = read(&answer[0]) else {
            panic!("no 401-KEX-S1: {answer:?}");
        };
        assert_eq!(answered.space, demand.space);
        assert!(
            answered.nc_window >= 128 && answered.time >= 60,
            "4.3 recommends that"
        );
        let credential = |field: &str| Credential::read(field.as_bytes()).unwrap().unwrap();
        let Credential::Key(request) = credential(key) else {
            panic!("no req-KEX-C1: {key}");
        };
        let Credential::Proof(proved) = credential(proof) else {
            panic!("no req-VFY-C: {proof}");
        };
        assert_eq!(
            (&request.space, &proved.space),
            (&demand.space, &demand.space)
        );
        assert_eq!((&proved.sid, proved.nc), (&answered.sid, 1));
        let last = Proof::read(information[0].as_bytes()).unwrap();
        assert_eq!(last.sid, answered.sid);
        // RFC 8121 appendix B gives the lengths of kc1, ks1, vkc, vks.
        let (element, number) = match algorithm {
            Algorithm::P256 => (66, 64),
            Algorithm::P521 => (132, 128),
            Algorithm::Modp2048 => (344, 44),
            _ => (684, 88),
        };
        assert_eq!((request.kc1.len(), answered.ks1.len()), (element, element));
        assert_eq!((proved.vkc.len(), last.vks.len()), (number, number));
        assert_eq!(Credential::Key(request).write(), *key);
        assert_eq!(Credential::Proof(proved).write(), *proof);
        assert_eq!(Challenge::Key(answered).write(), answer[0]);
        assert_eq!(last.write(), information[0]);
    }
}
