//! Online guessing: whoever has KE2 has had his guess, so it counts until KE3 says otherwise.

use resolvet_proto::enrolment::opaque::{Denial, Error, limits};

use super::{PASSWORD, Parties, USER, parties::CONTENT};
use crate::rfc8120::Wire;

/// The counter of these parties allows three.
#[test]
fn guessing_is_counted_for_each_user() {
    let mut parties = Parties::new(USER, "wrong");
    for exporter in 1..=3 {
        parties.connect(USER, "wrong", exporter);
        let result = parties.request();
        assert!(matches!(result, Err(Error::WrongPassword { .. })));
    }
    assert_eq!(parties.counter.0[USER], 3);
    // From now on the right password is of no use either, and no record is looked up.
    parties.connect(USER, PASSWORD, 4);
    let asked = parties.users.asked.get();
    let expected = Error::Throttled {
        user: USER.to_owned(),
    };
    assert_eq!(parties.request(), Err(expected));
    assert_eq!(parties.users.asked.get(), asked);
    assert_eq!(
        parties.last_denial(),
        (
            Denial::Throttled {
                user: USER.to_owned()
            },
            true
        )
    );
    parties.counter.0.clear();
    parties.reconnect(5);
    assert_eq!(parties.request(), Ok(CONTENT));
    assert!(parties.counter.0.is_empty(), "KE3 takes it back");
}

/// Logins that are begun at once are counted before any of them is answered.
#[test]
fn logins_at_once_are_no_way_around_the_counter() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let ke1 = parties.authorization("ke1");
    let mut answered = 0;
    for exporter in 10..20 {
        parties.reconnect(exporter);
        let answer = parties.answer(Some(&ke1));
        answered += u32::from(answer.parameter("ke2").is_some());
    }
    assert_eq!(answered, 3);
}

/// One connection is one guess.
#[test]
fn there_is_one_login_for_each_connection() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let ke1 = parties.authorization("ke1");
    parties.answer(Some(&ke1));
    assert_eq!(parties.last_denial(), (Denial::SecondLogin, true));
    let mut guessed = Parties::new(USER, "wrong");
    guessed.request().unwrap_err();
    let ke1 = guessed.authorization("ke1");
    guessed.answer(Some(&ke1));
    assert_eq!(guessed.last_denial(), (Denial::SecondLogin, true));
    assert_eq!(guessed.counter.0[USER], 1);
}

/// Whoever guesses does not lock out who is in.
#[test]
fn who_is_logged_in_is_not_throttled() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    parties.counter.0.insert(USER.to_owned(), 3);
    assert_eq!(parties.request(), Ok(CONTENT));
}

#[test]
fn a_login_that_nobody_finishes_ends() {
    for (late, expected) in [(0, true), (1, false)] {
        let mut parties = Parties::good();
        let now = parties.now;
        let mut ke3 = None;
        let _ = parties.request_through(|message| match message.parameter("ke3") {
            Some(_) => {
                ke3 = message.fields().pop();
                Wire::Response(500, Vec::new(), "")
            }
            None => message,
        });
        parties.now = now + limits::EXCHANGE_SECONDS - 1 + late;
        let answer = parties.answer(ke3.as_deref());
        assert_eq!(matches!(answer, Wire::Response(200, ..)), expected);
    }
    let mut parties = Parties::good();
    parties.request().unwrap();
    parties.now += limits::SESSION_SECONDS;
    assert!(matches!(parties.request(), Err(Error::Refused { .. })));
    assert_eq!(parties.last_denial(), (Denial::UnknownSession, true));
}
