//! Client enumeration: an unknown user gets what a known one gets.

use resolvet_proto::enrolment::opaque::{Denial, Error, Reason};

use super::{Parties, USER};
use crate::rfc8120::Wire;

/// The same names, order, lengths and reasons, and the same count of guesses.
#[test]
fn unknown_users_are_answered_like_known_ones() {
    let talk = |name: &str| {
        let mut parties = Parties::new(name, "wrong");
        let result = parties.request();
        let expected = Error::WrongPassword {
            user: name.to_owned(),
        };
        assert_eq!(result, Err(expected));
        assert_eq!(parties.counter.0[name], 1, "unknown ones are counted too");
        assert_eq!(parties.users.asked.get(), 1);
        // KE3 of somebody who guesses on.
        let ke3 = format!(
            "OPAQUE version=1, realm=\"enrolment\", ke3=\"{}==\"",
            "A".repeat(86)
        );
        let last = parties.answer(Some(&ke3));
        assert!(matches!(
            parties.last_denial(),
            (Denial::WrongProof { .. }, true)
        ));
        parties.sent.push(last);
        let answers = parties.sent.iter();
        let answers = answers.filter(|m| matches!(m, Wire::Unauthorized(_)));
        answers
            .map(|answer| {
                let mut shape = answer.clone();
                for name in ["ke2", "digest"] {
                    let value = answer.parameter(name).unwrap_or_default();
                    let quoted = format!("{name}=\"{value}\"");
                    shape = shape.replace(&quoted, &format!("{name}:{}", value.len()));
                }
                shape
            })
            .collect::<Vec<_>>()
    };
    let known = talk(USER);
    assert_eq!(known.len(), 3);
    assert!(format!("{known:?}").contains("ke2:428"), "{known:?}");
    assert_eq!(known, talk("nobody"));
}

/// When too many guesses were made, both are told the same.
#[test]
fn unknown_users_are_throttled_like_known_ones() {
    for name in [USER, "nobody"] {
        let mut parties = Parties::new(name, "wrong");
        parties.counter.0.insert(name.to_owned(), 3);
        let expected = Error::Throttled {
            user: name.to_owned(),
        };
        assert_eq!(parties.request(), Err(expected));
        assert_eq!(parties.users.asked.get(), 0);
    }
}

/// The OPRF's answer for one name stays the same, whether it is known or not: it comes from the seed and the name alone.
#[test]
fn an_unknown_user_stays_the_same() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut parties = Parties::new("nobody", "wrong");
    parties.request().unwrap_err();
    let ke1 = parties.authorization("ke1");
    let evaluated = |parties: &mut Parties, exporter| {
        parties.reconnect(exporter);
        let ke2 = parties.answer(Some(&ke1)).parameter("ke2").unwrap();
        STANDARD.decode(ke2).unwrap()
    };
    let first = evaluated(&mut parties, 2);
    let second = evaluated(&mut parties, 3);
    assert_eq!(first[..32], second[..32]);
    for part in [32..64, 64..192, 192..224, 224..256, 256..320] {
        assert_ne!(first[part.clone()], second[part]);
    }
}

/// Not even by luck: a record that is none never lets anybody in.
#[test]
fn nobody_is_in_without_a_record() {
    let mut parties = Parties::good();
    parties.users.records.clear();
    assert!(matches!(
        parties.request(),
        Err(Error::WrongPassword { .. })
    ));
    let reason = parties.answer(None).parameter("reason");
    assert_eq!(reason.as_deref(), Some(Reason::Initial.as_str()));
}
