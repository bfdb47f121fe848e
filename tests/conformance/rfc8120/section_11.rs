//! Decision procedure for servers.

use resolvet_proto::enrolment::mutual::{Algorithm, Denial, Error, Reason, limits};

use super::{
    Parties, Wire,
    parties::{CONTENT, PASSWORD, USER},
};

fn parties() -> Parties {
    Parties::new(&[Algorithm::P256], PASSWORD)
}

/// The last req-VFY-C that was sent.
fn last_proof(parties: &Parties) -> String {
    let mut fields = parties.sent.iter().flat_map(Wire::fields);
    fields.rfind(|field| field.contains("vkc=")).unwrap()
}

fn reason(answer: &Wire) -> Option<String> {
    answer.parameter("reason")
}

/// 6: it ends its session, too.
#[test]
fn a_replayed_request_is_stale() {
    let mut parties = parties();
    parties.request().unwrap();
    let proof = last_proof(&parties);
    let answer = parties.answer(Some(&proof));
    assert_eq!(reason(&answer).as_deref(), Some("stale-session"));
    assert_eq!(parties.denials.last(), Some(&Denial::Replayed { nc: 1 }));
    assert_eq!(parties.server.sessions(), 0);
    // The client makes another one.
    parties.denials.clear();
    assert_eq!(parties.request(), Ok(CONTENT));
    assert_eq!(parties.denials.first(), Some(&Denial::UnknownSession));
}

#[test]
fn numbers_out_of_range_are_stale() {
    for nc in [0, limits::NC_MAX + 1, u32::MAX] {
        let mut parties = parties();
        parties.request().unwrap();
        let proof = last_proof(&parties).replace("nc=1,", &format!("nc={nc},"));
        let answer = parties.answer(Some(&proof));
        assert_eq!(reason(&answer).as_deref(), Some("stale-session"));
        assert_eq!(parties.denials.last(), Some(&Denial::Replayed { nc }));
    }
}

#[test]
fn requests_may_overtake_one_another() {
    let mut parties = parties();
    parties.request().unwrap();
    let later = (0..3).map(|_| parties.client.begin(parties.now).unwrap());
    let later: Vec<_> = later.collect();
    for proof in [&later[2], &later[0], &later[1]] {
        assert!(matches!(
            parties.answer(Some(proof)),
            Wire::Response(200, ..)
        ));
    }
    let again = parties.answer(Some(&later[0]));
    assert!(matches!(again, Wire::Unauthorized(_)), "once");
}

/// One exchange is one guess: a wrong proof ends its session, even for the right proof after it.
#[test]
fn a_wrong_proof_ends_its_session() {
    let mut parties = parties();
    let result = parties.request_through(|message| match message.parameter("vkc") {
        Some(vkc) => message.replace(&vkc, &"0".repeat(64)),
        None => message,
    });
    assert!(matches!(result, Err(Error::Refused { .. })));
    assert_eq!(parties.server.sessions(), 0);
    let proof = last_proof(&parties);
    let answer = parties.answer(Some(&proof));
    assert_eq!(reason(&answer).as_deref(), Some("stale-session"));
    assert_eq!(parties.denials.last(), Some(&Denial::UnknownSession));
}

#[test]
fn guessing_is_counted_for_each_user() {
    let mut parties = Parties::new(&[Algorithm::P256], "wrong");
    for _ in 0..3 {
        assert!(matches!(parties.request(), Err(Error::Refused { .. })));
        let last = parties.denials.last().unwrap();
        assert!(matches!(last, Denial::WrongProof { .. }), "{last:?}");
    }
    let expected = Error::Refused {
        user: USER.to_owned(),
        reason: Reason::AuthFailed,
    };
    // From now on the right password is of no use either, and the answer does not tell.
    parties.client = Parties::client(USER, PASSWORD, parties.seen.clone());
    parties.sent.clear();
    assert_eq!(parties.request(), Err(expected));
    assert_eq!(parties.sent.len(), 4, "no exchange begins");
    let last = parties.denials.last().unwrap();
    assert_eq!(
        *last,
        Denial::Throttled {
            user: USER.to_owned()
        }
    );
    parties.counter.0.clear();
    assert_eq!(parties.request(), Ok(CONTENT));
}

/// Exchanges that were begun before the counter closed are closed with it.
#[test]
fn exchanges_at_once_are_no_way_around_the_counter() {
    let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
    let result = parties.request_through(|message| message);
    assert_eq!(result, Ok(CONTENT));
    parties.client = Parties::client(USER, PASSWORD, parties.seen.clone());
    parties.client.begin(parties.now);
    let initial = parties.answer(None);
    let key = parties.receive(&initial).unwrap();
    let resolvet_proto::enrolment::mutual::Step::Send(key) = key else {
        panic!("no req-KEX-C1");
    };
    let answered = parties.answer(Some(&key));
    parties.counter.0.insert(USER.to_owned(), 3);
    let proof = parties.receive(&answered).unwrap();
    let resolvet_proto::enrolment::mutual::Step::Send(proof) = proof else {
        panic!("no req-VFY-C");
    };
    let answer = parties.answer(Some(&proof));
    assert_eq!(reason(&answer).as_deref(), Some("auth-failed"));
    let last = parties.denials.last().unwrap();
    assert_eq!(
        *last,
        Denial::Throttled {
            user: USER.to_owned()
        }
    );
}

/// Whoever guesses does not lock out who is in.
#[test]
fn a_session_that_is_authentic_is_not_throttled() {
    let mut parties = parties();
    parties.request().unwrap();
    parties.counter.0.insert(USER.to_owned(), 3);
    assert_eq!(parties.request(), Ok(CONTENT));
}

/// An unknown user gets the messages that a known one with a wrong password gets: the same names, order, lengths and reasons.
#[test]
fn unknown_users_are_answered_like_known_ones() {
    for algorithm in Algorithm::ALL {
        let talk = |user: &str| {
            let mut parties = Parties::new(&[algorithm], PASSWORD);
            parties.client = Parties::client(user, "wrong", parties.seen.clone());
            let result = parties.request();
            let expected = Error::Refused {
                user: user.to_owned(),
                reason: Reason::AuthFailed,
            };
            assert_eq!(result, Err(expected));
            assert_eq!(parties.counter.0[user], 1, "unknown ones are counted too");
            let answers = parties
                .sent
                .iter()
                .filter(|m| matches!(m, Wire::Unauthorized(_)));
            answers
                .map(|answer| {
                    let without = |name: &str| {
                        let value = answer.parameter(name).unwrap_or_default();
                        (value.len(), value)
                    };
                    let (length, ks1) = without("ks1");
                    let shape = answer.clone().replace(&format!("ks1={ks1}"), "ks1=");
                    let shape = shape.replace(&format!("\"{ks1}\""), "");
                    (length, shape)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(talk(USER), talk("nobody"), "{algorithm:?}");
    }
}

#[test]
fn credentials_about_something_else_are_refused() {
    for (parameter, from, to) in [
        ("algorithm", "ec-p256", "ec-p384"),
        (
            "algorithm",
            "iso-kam3-ec-p256-sha256",
            "iso-kam3-ec-p521-sha512",
        ),
        ("validation", "tls-server-end-point", "host"),
        ("realm", "\"enrolment\"", "\"other\""),
        (
            "auth-scope",
            "https://est.example.net:8443",
            "est.example.net",
        ),
    ] {
        for at in ["kc1", "vkc"] {
            let mut parties = parties();
            let result = parties.request_through(|message| match message.parameter(at) {
                Some(_) => message.replace(from, to),
                None => message,
            });
            let expected = Error::Refused {
                user: USER.to_owned(),
                reason: Reason::InvalidParameters,
            };
            assert_eq!(result, Err(expected), "{parameter} of {at}");
            let Some(Denial::Space {
                parameter: found, ..
            }) = parties.denials.last()
            else {
                panic!("{:?}", parties.denials);
            };
            assert_eq!(*found, parameter);
        }
    }
}

#[test]
fn credentials_that_cannot_be_read_are_refused() {
    let mut parties = parties();
    for (field, expected) in [
        ("Basic dTpw", "initial"),
        ("Mutual dTpw", "invalid-parameters"),
        ("Mutual version=1", "invalid-parameters"),
        ("\u{1}", "invalid-parameters"),
    ] {
        let answer = parties.answer(Some(field));
        assert_eq!(reason(&answer).as_deref(), Some(expected), "{field}");
    }
    assert_eq!(parties.server.sessions(), 0);
}

#[test]
fn an_exchange_that_nobody_finishes_ends() {
    let mut parties = parties();
    let mut late = 0;
    let now = parties.now;
    let proof = {
        let _ = parties.request_through(|message| {
            late += 1;
            if message.parameter("vkc").is_some() {
                return Wire::Response(500, Vec::new(), "");
            }
            message
        });
        last_proof(&parties)
    };
    parties.now = now + limits::EXCHANGE_SECONDS - 1;
    let mut in_time = parties.answer(Some(&proof));
    assert!(matches!(in_time, Wire::Response(200, ..)), "{in_time:?}");
    // The same from a new server, one second later.
    let mut parties = self::parties();
    let _ = parties.request_through(|message| match message.parameter("vkc") {
        Some(_) => Wire::Response(500, Vec::new(), ""),
        None => message,
    });
    let proof = last_proof(&parties);
    parties.now += limits::EXCHANGE_SECONDS;
    in_time = parties.answer(Some(&proof));
    assert_eq!(reason(&in_time).as_deref(), Some("stale-session"));
}
