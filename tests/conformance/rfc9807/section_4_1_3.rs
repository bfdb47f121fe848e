//! Envelope recovery: what the server keeps opens with the right password alone.

use resolvet_proto::enrolment::opaque::{Error, Server, ServerSecrets, register};

use super::{PASSWORD, Parties, REALM, USER, parties::CONTENT, random, secrets, user};

fn wrong(name: &str) -> Result<&'static str, Error> {
    Err(Error::WrongPassword {
        user: name.to_owned(),
    })
}

#[test]
fn the_right_password_opens_it() {
    let mut parties = Parties::good();
    assert_eq!(parties.request(), Ok(CONTENT));
    assert!(parties.client.has_session());
}

/// The client finds out by itself, and says nothing more: KE3 is never sent.
#[test]
fn a_wrong_password_does_not() {
    let mut parties = Parties::new(USER, "wrong");
    assert_eq!(parties.request(), wrong(USER));
    assert!(!parties.client.has_session());
    assert_eq!(parties.sent.len(), 4);
}

/// A record holds for its user, its realm and its server's secrets (section 10.3).
#[test]
fn it_belongs_to_user_realm_and_server() {
    let mut other_user = Parties::new("Rene", PASSWORD);
    let own = other_user.users.records[USER].clone();
    other_user.users.records.insert("Rene".to_owned(), own);
    assert_eq!(other_user.request(), wrong("Rene"));
    let mut other_realm = Parties::good();
    other_realm.server = Server::new("elsewhere", secrets()).unwrap();
    assert_eq!(other_realm.request(), wrong(USER));
    let mut other_secrets = Parties::good();
    let others = ServerSecrets::generate(&random()).unwrap();
    other_secrets.server = Server::new(REALM, others).unwrap();
    assert_eq!(other_secrets.request(), wrong(USER));
}

/// Two users with one password, and one user of two realms, have records with nothing in common.
#[test]
fn the_same_password_gives_other_records() {
    let record = |name: &str, realm: &str| {
        let record = register(&secrets(), realm, &user(name, PASSWORD), &random());
        record.unwrap().to_octets().to_vec()
    };
    let records = [record("a", "x"), record("b", "x"), record("a", "y")];
    for (at, one) in records.iter().enumerate() {
        for other in &records[at + 1..] {
            // Public key, masking key, nonce and tag of the envelope.
            for part in [0..32, 32..96, 96..128, 128..192] {
                assert_ne!(one[part.clone()], other[part]);
            }
        }
    }
}
