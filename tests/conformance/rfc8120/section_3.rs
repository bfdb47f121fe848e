//! Message syntax.

use resolvet_proto::enrolment::mutual::{Challenge, Credential, HeaderError, MessageError, Proof};

const CHALLENGE: &str = "Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, \
    validation=tls-server-end-point, auth-scope=\"https://est.example.net\", realm=\"r\", reason=initial";
const CREDENTIAL: &str = "Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, \
    validation=tls-server-end-point, auth-scope=\"https://est.example.net\", realm=\"r\", user=\"u\", kc1=00";

fn challenge(field: &str) -> Result<Vec<Challenge>, MessageError> {
    Challenge::read_all(&[field.as_bytes()])
}

fn credential(field: &str) -> Result<Option<Credential>, MessageError> {
    Credential::read(field.as_bytes())
}

#[test]
fn unknown_parameters_are_ignored() {
    let with = CHALLENGE.replace("realm", "colour=\"blue, or not\", x*=UTF-8''y, realm");
    assert_eq!(challenge(&with), challenge(CHALLENGE));
    let with = CREDENTIAL.replace("user=", "nonce=abc, user=");
    assert_eq!(credential(&with), credential(CREDENTIAL));
}

/// 3.2: a recipient accepts both forms of every value.
#[test]
fn quoted_and_unquoted_values_are_the_same() {
    let quoted = CHALLENGE
        .replace("version=1", "version=\"1\"")
        .replace("=iso-kam3-ec-p256-sha256", "=\"iso-kam3-ec-p256-sha256\"")
        .replace("=initial", "=\"initial\"");
    assert_ne!(quoted, CHALLENGE);
    assert_eq!(challenge(&quoted), challenge(CHALLENGE));
    let unquoted = CHALLENGE.replace("realm=\"r\"", "realm=r");
    assert_eq!(challenge(&unquoted), challenge(CHALLENGE));
}

/// 3.2.1: tokens do not depend on case.
#[test]
fn tokens_do_not_depend_on_case() {
    let other = CHALLENGE
        .replace("iso-kam3", "ISO-KAM3")
        .replace("tls-server", "TLS-Server")
        .replace("initial", "Initial")
        .replace("Mutual", "mutual")
        .replace("realm", "REALM");
    assert_eq!(challenge(&other), challenge(CHALLENGE));
}

/// 3.1: what is beyond ASCII is written in the extended form, but for the realm, which never is.
#[test]
fn user_names_beyond_ascii_have_the_extended_form() {
    let Some(Credential::Key(mut request)) = credential(CREDENTIAL).unwrap() else {
        panic!("no req-KEX-C1");
    };
    request.user = "Renée \"x\"".to_owned();
    let request = Credential::Key(request);
    assert!(
        request
            .write()
            .contains("user*=UTF-8''Ren%C3%A9e%20%22x%22, ")
    );
    assert_eq!(credential(&request.write()), Ok(Some(request)));
    let realm = CHALLENGE.replace("realm=\"r\"", "realm*=UTF-8''r");
    assert_eq!(
        challenge(&realm),
        Err(MessageError::Value { name: "realm" })
    );
}

#[test]
fn a_realm_is_written_in_quotation_marks() {
    let mut challenges =
        challenge(&CHALLENGE.replace("realm=\"r\"", "realm=\"a \\\"b\\\"\"")).unwrap();
    let written = challenges.remove(0).write();
    assert!(written.contains(r#"realm="a \"b\"","#), "{written}");
}

#[test]
fn numbers_are_decimal_and_bounded() {
    let proof = |nc: &str| {
        credential(&format!(
            "Mutual version=1, algorithm=a, validation=v, realm=\"r\", sid=00, nc={nc}, vkc=00"
        ))
    };
    assert!(matches!(
        proof("4294967295"),
        Ok(Some(Credential::Proof(_)))
    ));
    for wrong in [
        "4294967296",
        "-1",
        "+1",
        "01",
        "1e3",
        "0x1",
        "\" 1\"",
        "\"\"",
    ] {
        assert_eq!(
            proof(wrong),
            Err(MessageError::Value { name: "nc" }),
            "{wrong}"
        );
    }
    for wrong in ["zz", "\"\"", &"0".repeat(129)] {
        let information = format!("version=1, sid={wrong}, vks=00");
        let read = Proof::read(information.as_bytes());
        assert_eq!(read, Err(MessageError::Value { name: "sid" }), "{wrong}");
    }
}

#[test]
fn a_parameter_stands_there_once() {
    let twice = CREDENTIAL.replace("user=\"u\"", "user=\"u\", user*=UTF-8''v");
    let expected = HeaderError::Twice {
        name: "user".into(),
    };
    assert_eq!(credential(&twice), Err(expected.into()));
}
