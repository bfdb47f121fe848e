//! Messages.

use resolvet_proto::enrolment::{
    authentication::HeaderError,
    opaque::{Challenge, Credential, Demand, Denial, Information, MessageError, Reason, Server},
};

use crate::rfc9807::{Parties, REALM, secrets};

const DEMAND: &str = "OPAQUE version=1, realm=\"r\", reason=initial";

fn challenges(field: &str) -> Result<Vec<Challenge>, MessageError> {
    Challenge::read_all(&[field.as_bytes()])
}

fn credential(field: &str) -> Result<Option<Credential>, MessageError> {
    Credential::read(field.as_bytes())
}

/// Base64 of so many octets.
fn octets(count: usize) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(vec![7; count])
}

fn ke1() -> String {
    format!(
        "OPAQUE version=1, realm=\"r\", user=\"u\", ke1=\"{}\"",
        octets(96)
    )
}

fn ke2() -> String {
    format!(
        "OPAQUE version=1, realm=\"r\", ke2=\"{}\", digest=\"{}\"",
        octets(320),
        octets(32)
    )
}

/// What is written is read as it was; the five messages, as they stand in the profile.
#[test]
fn messages_are_written_as_they_are_read() {
    for field in [DEMAND.to_owned(), ke2()] {
        let read = challenges(&field).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].write(), field);
    }
    let ke3 = format!("OPAQUE version=1, realm=\"r\", ke3=\"{}\"", octets(64));
    let proof = format!(
        "OPAQUE version=1, realm=\"r\", nc=2, proof=\"{}\"",
        octets(32)
    );
    for field in [ke1(), ke3, proof] {
        assert_eq!(credential(&field).unwrap().unwrap().write(), field);
    }
    let information = format!("version=1, nc=1, proof=\"{}\"", octets(32));
    let read = Information::read(information.as_bytes()).unwrap();
    assert_eq!(read.write(), information);
}

/// A whole login has no other fields than these, and none is longer than what servers take.
#[test]
fn a_login_is_small() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let longest = parties.sent.iter().flat_map(|m| m.fields());
    let longest = longest.map(|field| field.len()).max().unwrap();
    assert!(longest < 600, "{longest}");
}

#[test]
fn form_is_free_where_http_leaves_it() {
    let other = "opaque REALM=r , Version=\"1\",\treason=\"INITIAL\", colour=\"blue, or not\"";
    assert_eq!(challenges(other), challenges(DEMAND));
    let both = format!("Basic realm=\"x\", {DEMAND}, Mutual version=1");
    assert_eq!(challenges(&both), challenges(DEMAND));
    assert_eq!(challenges("Basic realm=\"x\""), Ok(Vec::new()));
    assert_eq!(credential("Basic dTpw"), Ok(None));
    let extended = ke1().replace("user=\"u\"", "user*=UTF-8''Ren%C3%A9e");
    let Some(Credential::Ke1(read)) = credential(&extended).unwrap() else {
        panic!("no KE1");
    };
    assert_eq!(read.user, "Renée");
    assert_eq!(Credential::Ke1(read).write(), extended);
}

#[test]
fn another_version_is_another_scheme() {
    for version in ["2", "01", "1.0", "\"\""] {
        let field = DEMAND.replace("version=1", &format!("version={version}"));
        let expected = MessageError::Version {
            presented: version.trim_matches('"').to_owned(),
        };
        assert_eq!(challenges(&field), Err(expected.clone()));
        let beside = format!("{field}, {DEMAND}");
        assert_eq!(challenges(&beside), challenges(DEMAND));
        let field = ke1().replace("version=1", &format!("version={version}"));
        assert_eq!(credential(&field), Err(expected));
    }
}

#[test]
fn every_value_has_one_length_and_form() {
    let good = octets(96);
    for wrong in [
        octets(95),
        octets(97),
        String::new(),
        good.replace("Bw", "B\\\\"),
        good.trim_end_matches('H').to_owned(),
        format!("{good}="),
    ] {
        let field = ke1().replace(&good, &wrong);
        let expected = MessageError::Value { name: "ke1" };
        assert_eq!(credential(&field), Err(expected), "{wrong}");
    }
    for nc in ["0", "01", "-1", "4294967296", "1e1", "\"\"", "\" 1\""] {
        let field = format!("version=1, nc={nc}, proof=\"{}\"", octets(32));
        let expected = MessageError::Value { name: "nc" };
        assert_eq!(Information::read(field.as_bytes()), Err(expected), "{nc}");
    }
    for (name, from, to) in [
        ("user", "user=\"u\"".to_owned(), "user=\"\"".to_owned()),
        (
            "user",
            "user=\"u\"".to_owned(),
            format!("user=\"{}\"", "u".repeat(256)),
        ),
        (
            "realm",
            "realm=\"r\"".to_owned(),
            "realm*=UTF-8''r".to_owned(),
        ),
        ("realm", "realm=\"r\"".to_owned(), "realm=\"\"".to_owned()),
    ] {
        let read = credential(&ke1().replace(&from, &to));
        assert_eq!(read, Err(MessageError::Value { name }), "{to}");
    }
}

#[test]
fn parameters_of_two_messages_exclude_one_another() {
    for (field, name) in [
        (format!("{}, ke3=x", ke1()), "ke3"),
        (format!("{}, nc=1, proof=x", ke1()), "proof"),
        (format!("{}, digest=x", ke1()), "digest"),
    ] {
        let expected = MessageError::Exclusive { name };
        assert_eq!(credential(&field), Err(expected));
    }
    for (field, name) in [
        (format!("{}, reason=initial", ke2()), "ke2"),
        (format!("{DEMAND}, proof=x"), "proof"),
        (format!("{DEMAND}, ke1=x"), "ke1"),
    ] {
        let expected = MessageError::Exclusive { name };
        assert_eq!(challenges(&field), Err(expected));
    }
    let twice = challenges(&format!("{DEMAND}, realm=x"));
    let expected = HeaderError::Twice {
        name: "realm".into(),
    };
    assert_eq!(twice, Err(expected.into()));
    for (field, name) in [
        ("OPAQUE version=1, realm=r", "reason"),
        ("OPAQUE version=1, reason=initial", "realm"),
    ] {
        assert_eq!(challenges(field), Err(MessageError::Missing { name }));
    }
}

#[test]
fn an_unknown_reason_is_a_refusal() {
    let read = challenges(&DEMAND.replace("initial", "Out-Of-Coffee")).unwrap();
    let expected = Demand {
        realm: "r".into(),
        reason: Reason::Other("out-of-coffee".into()),
    };
    assert_eq!(read, [Challenge::Demand(expected)]);
}

/// What cannot be read ends with a demand, and the connection.
#[test]
fn credentials_that_cannot_be_read_are_refused() {
    for (field, expected, closes) in [
        ("Basic dTpw", "initial", false),
        ("OPAQUE dTpw", "invalid-parameters", true),
        ("OPAQUE version=1", "invalid-parameters", true),
        ("\u{1}", "invalid-parameters", true),
    ] {
        let mut parties = Parties::good();
        let answer = parties.answer(Some(field));
        assert_eq!(answer.parameter("reason").as_deref(), Some(expected));
        assert_eq!(parties.last_denial().1, closes, "{field}");
        assert_eq!(parties.server.sessions(), 0);
    }
    let mut parties = Parties::good();
    let field = ke1().replace("\"r\"", "\"elsewhere\"");
    parties.answer(Some(&field));
    let expected = Denial::Realm {
        expected: REALM.to_owned(),
        presented: "elsewhere".to_owned(),
    };
    assert_eq!(parties.last_denial(), (expected, true));
}

#[test]
fn a_realm_can_be_written() {
    for wrong in ["", "Réseau", "a\nb", &"r".repeat(256)] {
        assert!(Server::new(wrong, secrets()).is_err(), "{wrong}");
    }
    assert!(Server::new("a \"b\" \\ c", secrets()).is_ok());
}
