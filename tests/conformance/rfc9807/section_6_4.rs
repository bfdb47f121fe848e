//! The key exchange: both sides' proofs cover messages, identities and context.

use resolvet_proto::enrolment::opaque::{Denial, Error, MessageError, Reason};

use super::{PASSWORD, Parties, USER, binding, parties::CONTENT};
use crate::rfc8120::Wire;

/// Turns one bit of an octet of a parameter in base64. Octet 0 is the first.
fn flip(message: Wire, name: &str, octet: usize) -> Wire {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let Some(value) = message.parameter(name) else {
        return message;
    };
    let mut octets = STANDARD.decode(&value).unwrap();
    octets[octet] ^= 1;
    let other = STANDARD.encode(octets);
    message.replace(&format!("\"{value}\""), &format!("\"{other}\""))
}

/// What somebody in between would do who changes KE2: he makes its digest anew.
fn flip_knowingly(parties: &mut Parties, octet: usize) -> Result<&'static str, Error> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sha2::{Digest as _, Sha256};
    let mut ke1 = Vec::new();
    parties.request_through(|message| {
        if let Some(sent) = message.parameter("ke1") {
            ke1 = STANDARD.decode(sent).unwrap();
        }
        let Some(digest) = message.parameter("digest") else {
            return message;
        };
        let message = flip(message, "ke2", octet);
        let ke2 = STANDARD.decode(message.parameter("ke2").unwrap()).unwrap();
        let hash = Sha256::new()
            .chain_update(&ke1)
            .chain_update(ke2)
            .finalize();
        message.replace(&digest, &STANDARD.encode(hash))
    })
}

/// 6.4.2.1: another context on the server's side than on the client's, as with a man in the middle who passes all messages
/// on: he has two connections, and a certificate of his own.
#[test]
fn a_login_over_another_connection_is_refused() {
    for own in [binding(2, b"certificate"), binding(1, b"other certificate")] {
        let mut parties = Parties::good();
        parties.own = own;
        assert_eq!(parties.request(), Err(Error::WrongProof));
        assert!(!parties.client.has_session());
        assert_eq!(parties.sent.len(), 4, "KE3 is never sent");
    }
}

/// 6.4.4: a client that cares for nothing and sends KE3 is refused as well.
#[test]
fn the_server_refuses_ke3_of_another_connection() {
    let mut parties = Parties::good();
    let result = parties.request_through(|message| flip(message, "ke3", 63));
    let expected = Error::Refused {
        user: USER.to_owned(),
        reason: Reason::AuthFailed,
    };
    assert_eq!(result, Err(expected));
    let (denial, close) = parties.last_denial();
    assert_eq!(
        denial,
        Denial::WrongProof {
            user: USER.to_owned()
        }
    );
    assert!(close);
    // The right KE3 after it is too late.
    let ke3 = parties.authorization("ke3");
    assert!(matches!(parties.answer(Some(&ke3)), Wire::Unauthorized(_)));
    assert_eq!(parties.last_denial(), (Denial::UnknownSession, true));
    // And one of this connection is nothing on another.
    let mut parties = Parties::good();
    parties.request().unwrap();
    let ke3 = parties.authorization("ke3");
    parties.own = binding(2, b"certificate");
    assert!(matches!(parties.answer(Some(&ke3)), Wire::Unauthorized(_)));
}

/// Who changes a message without knowing what it is finds that it is seen at once.
#[test]
fn altered_messages_are_told() {
    for (name, octet) in [("ke1", 40), ("ke2", 0), ("ke2", 319), ("digest", 0)] {
        let mut parties = Parties::good();
        let result = parties.request_through(|message| flip(message, name, octet));
        assert_eq!(
            result,
            Err(Error::Altered {
                parameter: "digest"
            }),
            "{name} {octet}"
        );
    }
    let mut parties = Parties::good();
    let result = parties.request_through(|message| match message.parameter("ke2") {
        Some(_) => message.replace("\"enrolment\"", "\"elsewhere\""),
        None => message,
    });
    assert_eq!(result, Err(Error::Altered { parameter: "realm" }));
}

/// Who knows what it is gets no further: nonces, keys and the MAC are all covered.
#[test]
fn messages_altered_with_care_are_refused() {
    // Of KE2: masking nonce, masked response, nonce, MAC.
    for (octet, expected) in [(40, false), (100, false), (200, true), (319, true)] {
        let mut parties = Parties::good();
        let result = flip_knowingly(&mut parties, octet);
        let expected = match expected {
            true => Error::WrongProof,
            false => Error::WrongPassword {
                user: USER.to_owned(),
            },
        };
        assert_eq!(result, Err(expected), "octet {octet}");
    }
}

/// An old KE2, of the same user on another connection.
#[test]
fn a_replayed_ke2_is_told() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let old = parties.sent.iter().find(|m| m.parameter("ke2").is_some());
    let old = old.cloned().unwrap();
    parties.connect(USER, PASSWORD, 2);
    let result = parties.request_through(|message| match message.parameter("ke2") {
        Some(_) => old.clone(),
        None => message,
    });
    assert_eq!(
        result,
        Err(Error::Altered {
            parameter: "digest"
        })
    );
}

/// The server answers with our own number, as if it knew something (section 6.3.2.3).
#[test]
fn a_reflected_ke2_is_refused() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sha2::{Digest as _, Sha256};
    let mut parties = Parties::good();
    let mut ke1 = Vec::new();
    let result = parties.request_through(|message| {
        if let Some(sent) = message.parameter("ke1") {
            ke1 = STANDARD.decode(sent).unwrap();
        }
        let (Some(ke2), Some(digest)) = (message.parameter("ke2"), message.parameter("digest"))
        else {
            return message;
        };
        let mut octets = STANDARD.decode(&ke2).unwrap();
        octets[..32].copy_from_slice(&ke1[..32]);
        let hash = Sha256::new()
            .chain_update(&ke1)
            .chain_update(&octets)
            .finalize();
        let message = message.replace(&ke2, &STANDARD.encode(octets));
        message.replace(&digest, &STANDARD.encode(hash))
    });
    assert_eq!(result, Err(Error::Element));
}

/// A login serves more requests on its connection, and none on another.
#[test]
fn a_login_holds_on_its_connection() {
    let mut parties = Parties::good();
    for nc in 1..=4 {
        assert_eq!(parties.request(), Ok(CONTENT));
        let last = parties.sent.last().unwrap();
        assert_eq!(last.parameter("nc"), Some(nc.to_string()));
    }
    assert_eq!(parties.users.asked.get(), 1);
    // Over a new connection the client logs in anew, without being asked.
    parties.reconnect(2);
    parties.sent.clear();
    assert_eq!(parties.request(), Ok(CONTENT));
    assert!(parties.sent[0].parameter("ke1").is_some());
    assert_eq!(parties.users.asked.get(), 2);
}

#[test]
fn proofs_of_responses_are_checked() {
    let spoil = |message| match message {
        Wire::Response(..) => flip(message, "proof", 31),
        other => other,
    };
    let mut first = Parties::good();
    assert_eq!(first.request_through(spoil), Err(Error::WrongResponse));
    let mut later = Parties::good();
    later.request().unwrap();
    assert_eq!(later.request_through(spoil), Err(Error::WrongResponse));
    assert!(!later.client.has_session());
    let mut number = Parties::good();
    let result = number.request_through(|message| message.replace("nc=1", "nc=2"));
    assert_eq!(result, Err(Error::Altered { parameter: "nc" }));
    // An old response of the same connection.
    let mut replayed = Parties::good();
    replayed.request().unwrap();
    let old = replayed.sent.last().cloned().unwrap();
    let result = replayed.request_through(|message| match message {
        Wire::Response(..) => old.clone(),
        other => other,
    });
    assert_eq!(result, Err(Error::Altered { parameter: "nc" }));
}

/// One that was proved by the client's side of the key is none of the server's.
#[test]
fn a_proof_does_not_serve_the_other_side() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let result = parties.request_through(|message| match message {
        Wire::Request(Some(field)) => {
            let proof = field.split("nc=").nth(1).unwrap();
            Wire::Response(200, vec![format!("version=1, nc={proof}")], "lies")
        }
        other => other,
    });
    assert_eq!(result, Err(Error::WrongResponse));
}

#[test]
fn proofs_of_requests_are_checked() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let result = parties.request_through(|message| match message {
        Wire::Request(_) => flip(message, "proof", 0),
        other => other,
    });
    assert!(matches!(result, Err(Error::Refused { .. })));
    let (denial, close) = parties.last_denial();
    assert!(matches!(denial, Denial::WrongProof { .. }) && close);
    let mut replayed = Parties::good();
    replayed.request().unwrap();
    replayed.request().unwrap();
    let old = replayed.authorization("proof");
    replayed.answer(Some(&old));
    assert_eq!(replayed.last_denial(), (Denial::Replayed { nc: 2 }, true));
    let mut elsewhere = Parties::good();
    elsewhere.request().unwrap();
    elsewhere.request().unwrap();
    let old = elsewhere.authorization("proof");
    elsewhere.own = binding(2, b"certificate");
    elsewhere.answer(Some(&old));
    assert_eq!(elsewhere.last_denial(), (Denial::UnknownSession, true));
}

/// Every other status is one of an impostor, until it comes with a proof.
#[test]
fn an_answer_without_proof_is_refused() {
    for status in [200, 302, 404, 500] {
        let plain = Wire::Response(status, Vec::new(), "lies");
        let mut first = Parties::good();
        let result = first.request_through(|_| plain.clone());
        assert_eq!(result, Err(Error::NotAsked { status }));
        for (parameter, message) in [("ke1", "`ke1`"), ("ke3", "the request")] {
            let mut later = Parties::good();
            let result = later.request_through(|request| match request.parameter(parameter) {
                Some(_) => plain.clone(),
                None => request,
            });
            assert_eq!(result, Err(Error::NoProof { message, status }));
        }
    }
}

#[test]
fn a_proof_with_any_status_is_a_proof() {
    let mut parties = Parties::good();
    for status in [200, 202, 404, 503] {
        let result = parties.request_through(|message| match message {
            Wire::Response(_, information, _) => Wire::Response(status, information, "found"),
            other => other,
        });
        assert_eq!(result, Ok("found"));
    }
}

#[test]
fn ke2_before_its_time_is_refused() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let old = parties.sent.iter().find(|m| m.parameter("ke2").is_some());
    let old = old.cloned().unwrap();
    parties.connect(USER, PASSWORD, 2);
    let result = parties.request_through(|_| old.clone());
    let expected = MessageError::Exclusive { name: "ke2" };
    assert_eq!(result, Err(expected.into()));
    assert!(matches!(parties.receive(&old), Err(Error::OutOfSequence)));
}

#[test]
fn a_connection_that_changes_during_a_login_ends_it() {
    let mut parties = Parties::good();
    let mut seen = 0;
    parties
        .client
        .begin(Some(&parties.seen.clone()), &super::random())
        .unwrap();
    let initial = parties.answer(None);
    let mut next = parties.receive(&initial);
    while let Ok(resolvet_proto::enrolment::authentication::Step::Send(authorization)) = &next {
        let answer = parties.answer(Some(&authorization.clone()));
        seen += 1;
        if seen == 2 {
            parties.seen = binding(9, b"certificate");
        }
        next = parties.receive(&answer);
    }
    assert_eq!(next, Err(Error::OtherConnection));
}
