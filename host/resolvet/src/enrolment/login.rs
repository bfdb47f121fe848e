//! HTTP Basic and Digest (RFC 7617, RFC 7616), for EST servers that ask who is there (RFC 7030 section 3.2.3).

use http_auth::{PasswordClient, PasswordParams};
use resolvet_proto::enrolment::{
    authentication::User,
    est::{HttpReply, HttpRequest, limits},
};
use zeroize::Zeroizing;

/// What answers the challenges of this reply to this request: Digest where it is offered, which keeps the password itself from
/// the server, otherwise Basic. None where neither is offered, or the user's name does not fit in.
///
/// Whoever calls this knows that the server is authorized: it gets the password.
pub(super) fn answer(
    user: &User,
    reply: &HttpReply,
    request: &HttpRequest,
) -> Option<Zeroizing<String>> {
    let challenges = reply.headers.iter().take(limits::HEADERS);
    let client = challenges
        .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
        .fold(PasswordClient::builder(), |builder, (_, value)| {
            builder.challenges(value)
        });
    let mut client = client.build().ok()?;
    // A colon ends the name in Basic (RFC 7617 section 2).
    if matches!(client, PasswordClient::Basic(_)) && user.name().contains(':') {
        return None;
    }
    let answer = client.respond(&PasswordParams {
        username: user.name(),
        password: user.reveal(),
        uri: &request.path,
        method: request.method.as_str(),
        body: Some(&request.body),
    });
    answer.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use resolvet_proto::enrolment::authentication::Password;

    use super::*;

    fn asked(challenges: &[&str]) -> HttpReply {
        let headers: Vec<_> = challenges
            .iter()
            .map(|value| ("WWW-Authenticate", *value))
            .collect();
        HttpReply::new(401, &headers, vec![])
    }

    fn answer_as(name: &str, challenges: &[&str]) -> Option<String> {
        let password = Password::new(b"Circle of Life".to_vec().into()).unwrap();
        let user = User::new(name, password).unwrap();
        let request = HttpRequest::get("/dir/index.html", "*/*");
        answer(&user, &asked(challenges), &request).map(|text| text.to_string())
    }

    #[test]
    fn basic_is_answered_by_name_and_password() {
        let came = answer_as("Mufasa", &["Mutual realm=\"x\"", "Basic realm=\"est\""]);
        assert_eq!(came.as_deref(), Some("Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"));
        assert_eq!(answer_as("Mu:fasa", &["Basic realm=\"est\""]), None);
    }

    #[test]
    fn digest_is_preferred_and_hides_the_password() {
        let digest = "Digest realm=\"est\", qop=\"auth\", algorithm=SHA-256, nonce=\"7ypf\"";
        let came = answer_as("Mufasa", &["Basic realm=\"est\"", digest]).unwrap();
        assert!(came.starts_with("Digest "), "{came}");
        assert!(came.contains("username=\"Mufasa\""), "{came}");
        assert!(!came.contains("Circle of Life"), "{came}");
    }

    #[test]
    fn what_is_not_known_or_no_challenge_is_not_answered() {
        for challenges in [
            &[][..],
            &["Bearer realm=\"est\""],
            &["Basic"],
            &["Digest realm=\"est\""],
            &[
                "\u{e4}\u{0}, ,,=\"",
                "Digest algorithm=ROT13, nonce=\"x\", realm=\"y\"",
            ],
        ] {
            assert_eq!(answer_as("Mufasa", challenges), None, "{challenges:?}");
        }
    }
}
