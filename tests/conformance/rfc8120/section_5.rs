//! Authentication realms: a password is used only where it belongs.

use resolvet_proto::enrolment::mutual::{Algorithm, Error};

use super::{Parties, Wire, parties::PASSWORD};

fn with_scope(scope: &str) -> Result<&'static str, Error> {
    let mut parties = Parties::new(&[Algorithm::P256], PASSWORD);
    parties.request_through(|message| match message {
        Wire::Unauthorized(_) => message.replace("\"https://est.example.net:8443\"", scope),
        other => other,
    })
}

#[test]
fn a_password_of_others_is_not_used() {
    for scope in [
        "\"https://est.example.org\"",
        "\"https://est.example.net\"",
        "\"*.example.org\"",
        "\"*.net\"",
        "\"\"",
    ] {
        let error = with_scope(scope).unwrap_err();
        let Error::Scope { auth_scope } = error else {
            panic!("{scope}: {error:?}");
        };
        assert_eq!(auth_scope.as_str(), scope.trim_matches('"'));
    }
}

/// Whoever between them changes the auth-scope to another that contains the server has the client use another pi.
#[test]
fn a_changed_scope_changes_the_password_number() {
    for scope in ["\"est.example.net\"", "\"*.example.net\""] {
        let error = with_scope(scope).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    }
}
