//! Decision procedure for clients.

use std::rc::Rc;

use resolvet_proto::enrolment::mutual::{
    Algorithm, Error, MessageError, Reason, Response, Step, kam3::ExchangeError,
};

use super::{
    Parties, Wire,
    parties::{CONTENT, PASSWORD, USER},
    random,
};

const P256: &[Algorithm] = &[Algorithm::P256];

fn parties() -> Parties {
    Parties::new(P256, PASSWORD)
}

fn refused(reason: Reason) -> Error {
    Error::Refused {
        user: USER.to_owned(),
        reason,
    }
}

/// Flips one bit of a parameter that is written in hexadecimal.
fn flip(message: Wire, name: &str) -> Wire {
    let Some(value) = message.parameter(name) else {
        return message;
    };
    let last = value.chars().last().unwrap().to_digit(16).unwrap() ^ 1;
    let other = format!("{}{last:x}", &value[..value.len() - 1]);
    message.replace(&format!("{name}={value}"), &format!("{name}={other}"))
}

#[test]
fn both_sides_are_authentic_with_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let mut parties = Parties::new(&[algorithm], PASSWORD);
        assert_eq!(parties.request(), Ok(CONTENT), "{algorithm:?}");
        assert!(parties.client.has_session());
    }
}

#[test]
fn the_client_chooses_among_the_algorithms() {
    for liked in Algorithm::ALL {
        let mut parties = Parties::new(&Algorithm::ALL, PASSWORD);
        let allowed = [liked, Algorithm::P521];
        let client = Parties::client(USER, PASSWORD, parties.seen.clone());
        parties.client = client.with_algorithms(&allowed);
        assert_eq!(parties.request(), Ok(CONTENT));
        assert_eq!(
            parties.sent[2].parameter("algorithm").as_deref(),
            Some(liked.name())
        );
    }
}

#[test]
fn a_session_serves_more_requests_without_another_exchange() {
    let mut parties = parties();
    for nc in 1..=5 {
        assert_eq!(parties.request(), Ok(CONTENT));
        let last = &parties.sent[parties.sent.len() - 2];
        assert_eq!(last.parameter("nc"), Some(nc.to_string()));
    }
    assert_eq!(parties.sent.len(), 6 + 4 * 2);
    assert_eq!(parties.users.asked.get(), 1);
}

#[test]
fn a_wrong_password_is_refused() {
    for algorithm in Algorithm::ALL {
        let mut parties = Parties::new(&[algorithm], "wrong");
        assert_eq!(parties.request(), Err(refused(Reason::AuthFailed)));
        assert!(!parties.client.has_session());
    }
}

/// Every other status is one of an impostor, until it comes with a proof.
#[test]
fn an_answer_without_proof_is_refused() {
    for status in [200, 302, 404, 500] {
        let mut first = parties();
        let plain = |_| Wire::Response(status, Vec::new(), "lies");
        assert_eq!(
            first.request_through(plain),
            Err(Error::NotAsked { status })
        );
        for (parameter, message) in [("kc1", "req-KEX-C1"), ("vkc", "req-VFY-C")] {
            let mut later = parties();
            let result = later.request_through(|request| match request.parameter(parameter) {
                Some(_) => Wire::Response(status, Vec::new(), "lies"),
                None => request,
            });
            assert_eq!(result, Err(Error::NoProof { message, status }));
        }
    }
}

/// Not even a proof of the right form is looked at before its time.
#[test]
fn a_proof_before_its_time_is_refused() {
    let mut parties = parties();
    let information = vec![format!(
        "version=1, sid={}, vks={}",
        "00".repeat(16),
        "00".repeat(32)
    )];
    let result = parties.request_through(|request| match request.parameter("kc1") {
        Some(_) => Wire::Response(200, information.clone(), "lies"),
        None => request,
    });
    assert!(
        matches!(result, Err(Error::NoProof { status: 200, .. })),
        "{result:?}"
    );
}

#[test]
fn a_proof_with_any_status_is_a_proof() {
    for status in [200, 202, 404, 503] {
        let mut parties = parties();
        let result = parties.request_through(|message| match message {
            Wire::Response(_, information, _) => Wire::Response(status, information, "found"),
            other => other,
        });
        assert_eq!(result, Ok("found"));
    }
}

#[test]
fn an_altered_proof_is_refused() {
    let mut changed = parties();
    let result = changed.request_through(|message| flip(message, "vks"));
    assert_eq!(result, Err(Error::WrongProof));
    assert!(!changed.client.has_session(), "its session is gone");
    for (from, to) in [
        ("vks=", "vks=00"),
        ("vks=", "vks=zz"),
        ("vks=", "vks=\"\", x="),
    ] {
        let mut changed = parties();
        let result = changed.request_through(|message| message.replace(from, to));
        assert_eq!(
            result,
            Err(MessageError::Value { name: "vks" }.into()),
            "{to}"
        );
    }
    let mut doubled = parties();
    let result = doubled.request_through(|message| match message {
        Wire::Response(status, fields, content) => {
            Wire::Response(status, [fields.clone(), fields].concat(), content)
        }
        other => other,
    });
    assert!(matches!(result, Err(Error::NoProof { .. })), "{result:?}");
}

/// An old answer, of the same session and of another one.
#[test]
fn a_replayed_proof_is_refused() {
    let mut parties = parties();
    parties.request().unwrap();
    let old = parties.sent.last().cloned().unwrap();
    let result = parties.request_through(|message| match message {
        Wire::Response(..) => old.clone(),
        other => other,
    });
    assert_eq!(result, Err(Error::WrongProof));
    let result = parties.request_through(|message| match message {
        Wire::Response(..) => old.clone(),
        other => other,
    });
    let Err(Error::Altered {
        parameter: "sid",
        expected,
        presented,
    }) = result
    else {
        panic!("{result:?}");
    };
    assert_eq!(Some(presented), old.parameter("sid"));
    assert_ne!(Some(expected), old.parameter("sid"));
}

#[test]
fn an_altered_answer_to_the_key_is_refused() {
    for (parameter, from, to) in [
        (
            "algorithm",
            "iso-kam3-ec-p256-sha256",
            "iso-kam3-ec-p521-sha512",
        ),
        ("validation", "tls-server-end-point", "host"),
        ("realm", "realm=\"enrolment\"", "realm=\"other\""),
        (
            "auth-scope",
            "https://est.example.net:8443",
            "est.example.net",
        ),
    ] {
        let mut parties = parties();
        let result = parties.request_through(|message| match message {
            Wire::Unauthorized(_) if message.parameter("ks1").is_some() => {
                message.replace(from, to)
            }
            other => other,
        });
        let Err(Error::Altered {
            parameter: found, ..
        }) = result
        else {
            panic!("{parameter}: {result:?}");
        };
        assert_eq!(found, parameter);
    }
}

#[test]
fn altered_numbers_are_refused() {
    // Another kc1, ks1 or vkc of the right form: the server's proof never comes.
    for name in ["kc1", "vkc"] {
        let mut parties = parties();
        let result = parties.request_through(|message| flip(message, name));
        let expected = [
            refused(Reason::AuthFailed),
            refused(Reason::InvalidParameters),
        ];
        assert!(
            result.as_ref().is_err_and(|e| expected.contains(e)),
            "{name}: {result:?}"
        );
    }
    let mut parties_ks1 = parties();
    let result = parties_ks1.request_through(|message| flip(message, "ks1"));
    // The last bit chooses among two points of the same x, so this one is a point.
    assert_eq!(result, Err(refused(Reason::AuthFailed)));
    let mut not_a_point = parties();
    let result = not_a_point.request_through(|message| match message.parameter("ks1") {
        Some(ks1) => message.replace(&ks1, &"f".repeat(66)),
        None => message,
    });
    let expected = ExchangeError::Element {
        parameter: "ks1",
        algorithm: Algorithm::P256,
    };
    assert_eq!(result, Err(Error::Exchange(expected)));
    for wrong in ["00", "", &"f".repeat(68)] {
        let mut parties = parties();
        let result = parties.request_through(|message| match message.parameter("ks1") {
            Some(ks1) => message.replace(&format!("ks1={ks1}"), &format!("ks1=\"{wrong}\"")),
            None => message,
        });
        assert_eq!(result, Err(MessageError::Value { name: "ks1" }.into()));
    }
    let mut number = parties();
    let result = number.request_through(|message| message.replace("nc=1,", "nc=2,"));
    assert_eq!(result, Err(refused(Reason::AuthFailed)));
    let mut session = parties();
    let result = session.request_through(|message| match message {
        Wire::Unauthorized(_) => flip(message, "sid"),
        other => other,
    });
    assert_eq!(result, Err(Error::Stale));
    let mut user = parties();
    let result = user.request_through(|message| message.replace("Ren%C3%A9e", "Rene"));
    assert_eq!(result, Err(refused(Reason::AuthFailed)));
}

#[test]
fn nothing_else_is_spoken_on_an_unverified_connection() {
    let other = vec![
        "Basic realm=\"enrolment\"".to_owned(),
        "Digest nonce=\"x\"".to_owned(),
    ];
    let mut first = parties();
    let result = first.request_through(|_| Wire::Unauthorized(other.clone()));
    assert_eq!(result, Err(Error::NotAsked { status: 401 }));
    let mut later = parties();
    let result = later.request_through(|message| match message {
        Wire::Unauthorized(_) if message.parameter("ks1").is_some() => {
            Wire::Unauthorized(other.clone())
        }
        message => message,
    });
    assert_eq!(result, Err(Error::NotAsked { status: 401 }));
    let mut beside = parties();
    let result = beside.request_through(|message| match message {
        Wire::Unauthorized(fields) => Wire::Unauthorized([other.clone(), fields].concat()),
        message => message,
    });
    assert_eq!(result, Ok(CONTENT));
}

#[test]
fn an_unknown_algorithm_is_told() {
    let mut unknown = parties();
    let result = unknown.request_through(|message| message.replace("p256", "p384"));
    let expected = Error::Algorithm {
        offered: "iso-kam3-ec-p384-sha256".to_owned(),
    };
    assert_eq!(result, Err(expected));
    let mut parties = Parties::new(&[Algorithm::Modp2048], PASSWORD);
    let client = Parties::client(USER, PASSWORD, parties.seen.clone());
    parties.client = client.with_algorithms(P256);
    assert!(matches!(parties.request(), Err(Error::Algorithm { .. })));
}

/// A server that forgot the session gets one more exchange, and not a second one.
#[test]
fn a_stale_session_is_made_anew_once() {
    let mut parties = parties();
    parties.request().unwrap();
    parties.server = Parties::server(P256);
    parties.sent.clear();
    assert_eq!(parties.request(), Ok(CONTENT));
    let proofs = parties.sent.iter().filter(|m| m.parameter("vkc").is_some());
    assert_eq!(proofs.count(), 2);
    let keys = parties.sent.iter().filter(|m| m.parameter("kc1").is_some());
    assert_eq!(keys.count(), 1);
    // A server that forgets at once has the client stop.
    parties.sent.clear();
    let mut stale = None;
    parties.server = Parties::server(P256);
    let result = parties.request_through(|message| match &message {
        Wire::Unauthorized(_)
            if message.parameter("reason").as_deref() == Some("stale-session") =>
        {
            stale = Some(message.clone());
            message
        }
        Wire::Response(..) => stale.clone().unwrap(),
        _ => message,
    });
    assert_eq!(result, Err(Error::Stale));
    let keys = parties.sent.iter().filter(|m| m.parameter("kc1").is_some());
    assert_eq!(keys.count(), 1, "one exchange in a sequence");
}

#[test]
fn a_session_ends_when_the_server_said() {
    let mut parties = parties();
    parties.request().unwrap();
    parties.now += 3_599;
    assert!(parties.client.begin(parties.now).is_some());
    parties.now += 1;
    assert_eq!(parties.client.begin(parties.now), None);
}

#[test]
fn nonce_numbers_end_where_the_server_said() {
    let mut parties = parties();
    let short = |message: Wire| message.replace("nc-max=65535", "nc-max=2");
    parties.request_through(short).unwrap();
    parties.request_through(short).unwrap();
    parties.sent.clear();
    assert_eq!(parties.request_through(short), Ok(CONTENT));
    assert_eq!(parties.sent[0], Wire::Request(None), "a new exchange");
    let none = |message: Wire| message.replace("nc-max=65535", "nc-max=0");
    parties.client = Parties::client(USER, PASSWORD, parties.seen.clone());
    let result = parties.request_through(none);
    assert_eq!(result, Err(MessageError::Value { name: "nc-max" }.into()));
}

/// The content is given away after the proof and never before: with an error it is gone.
#[test]
fn content_without_proof_is_dropped() {
    let content = Rc::new("lies");
    let mut parties = parties();
    parties.client.begin(parties.now);
    let response = Response {
        status: 200,
        www_authenticate: &[],
        authentication_info: &[],
        binding: &parties.seen,
        content: Rc::clone(&content),
    };
    let result = parties.client.receive(response, &random(), parties.now);
    assert_eq!(result, Err(Error::NotAsked { status: 200 }));
    assert_eq!(Rc::strong_count(&content), 1);
    let response = Response {
        status: 200,
        www_authenticate: &[],
        authentication_info: &[],
        binding: &parties.seen,
        content,
    };
    let result = parties.client.receive(response, &random(), parties.now);
    assert!(
        matches!(result, Err(Error::OutOfSequence)),
        "a sequence ends with an error"
    );
}

#[test]
fn nothing_secret_leaves_the_client() {
    let mut parties = parties();
    let Step::Send(_) = ({
        parties.client.begin(parties.now);
        let initial = parties.answer(None);
        parties.receive(&initial).unwrap()
    }) else {
        panic!("no req-KEX-C1");
    };
    let exchanging = format!("{:?}", parties.client);
    parties.request().unwrap();
    let shown = format!(
        "{exchanging} {:?} {:?} {:?} {:?}",
        parties.client, parties.server, parties.sent, parties.denials
    );
    assert!(shown.contains("kc1="), "{shown}");
    let octets = format!("{:?}", PASSWORD.as_bytes());
    let octets = octets.trim_matches(['[', ']']);
    for secret in [PASSWORD, octets] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
