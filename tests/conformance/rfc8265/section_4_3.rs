//! Examples of passwords. What became of one cannot be read: whether two are the same is seen by logging in.

use resolvet::enrolment::{PrepareError, UserError, prepared};
use resolvet_proto::enrolment::opaque::{Client, Error, Server, register};

use crate::rfc9807::{Parties, REALM, random, secrets};

/// Whether one password opens the record of another.
fn is_same(registered: &str, typed: &str) -> bool {
    let user = |password: &str| prepared("alice", password.as_bytes().to_vec().into()).unwrap();
    let record = register(&secrets(), REALM, &user(registered), &random()).unwrap();
    let mut parties = Parties::new("alice", "other");
    parties.client = Client::new(user(typed));
    parties.server = Server::new(REALM, secrets()).unwrap();
    parties.users.records.insert("alice".to_owned(), record);
    match parties.login() {
        Ok(()) => true,
        Err(Error::WrongPassword { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Table 3.
#[test]
fn legal_passwords() {
    let (lower, upper) = (
        "correct horse battery staple",
        "Correct Horse Battery Staple",
    );
    assert!(is_same(lower, lower));
    assert!(!is_same(lower, upper));
    for legal in ["πßå", "Jack of ♦s"] {
        assert!(is_same(legal, legal), "{legal}");
    }
    assert!(is_same("foo\u{1680}bar", "foo bar"));
}

/// 4.2.2: the same letters in another form.
#[test]
fn one_password_has_one_form() {
    assert!(is_same("Rene\u{301}e", "Renée"));
    assert!(!is_same("ｐａｓｓ", "pass"), "width is kept");
}

/// Table 4.
#[test]
fn strings_that_violate_the_rules() {
    let password = |octets: &[u8]| prepared("alice", octets.to_vec().into()).unwrap_err();
    let empty = UserError::Empty { what: "password" };
    assert_eq!(password(b""), empty.into());
    let error = password(b"my cat is a \tby");
    assert_eq!(error, PrepareError::Password);
    assert!(!error.to_string().contains("0009"), "{error}");
    let no_text = UserError::NoText { what: "password" };
    assert_eq!(password(b"\xff"), no_text.into());
}
