//! What a registry wants of who asks: a token from a server that it names, or a password (Docker's token authentication; RFC 7617).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    credentials::Credentials,
    error::RegistryError,
    http::{Call, Http, Place},
};
use crate::percent;

/// Octets of a token's document. Tokens have up to a few thousand.
const TOKEN_OCTETS: usize = 64 << 10;
/// Challenges that are looked at.
const CHALLENGES: usize = 8;
/// Who we are to a token server.
const CLIENT: &str = "resolvet";

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from a server.
    Bearer {
        realm: String,
        service: Option<String>,
    },
    /// The password itself.
    Basic,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// The challenge of a 401: a token where one is offered.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    let fields = headers.get_all(WWW_AUTHENTICATE).iter().take(CHALLENGES);
    for field in fields.filter_map(|field| field.to_str().ok()) {
        for challenge in http_auth::parse_challenges(field).unwrap_or_default() {
            let parameter = |wanted: &str| {
                let mut parameters = challenge.params.iter();
                let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            } else if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                let service = parameter("service");
                return Some(Challenge::Bearer { realm, service });
            }
        }
    }
    basic
}

/// The value of `Authorization` that answers a challenge of the registry `asked`, for this scope. `may_be_local`: the token server
/// may be on this machine.
pub(super) async fn answer(
    http: &Http,
    asked: &Place,
    challenge: Challenge,
    credentials: Option<&Credentials>,
    scope: &str,
    may_be_local: bool,
) -> Result<HeaderValue, RegistryError> {
    let failed = |reason: &str| RegistryError::Access {
        authority: asked.authority().to_owned(),
        reason: reason.to_owned(),
    };
    let (realm, service) = match (challenge, credentials) {
        (Challenge::Bearer { realm, service }, _) => (realm, service),
        (Challenge::Basic, Some(Credentials::Password(user, password))) => {
            return basic(user, password).ok_or_else(|| failed("the password fits into no header"));
        }
        (Challenge::Basic, _) => {
            return Err(failed("Docker's configuration has no password for it"));
        }
    };
    let realm = Place::read(http, asked.authority(), &realm)?;
    let mut query = format!("scope={}", encoded(scope));
    if let Some(service) = &service {
        query += &format!("&service={}", encoded(service));
    }
    let call = match credentials {
        Some(Credentials::Identity(token)) => {
            let form = Zeroizing::new(format!(
                "grant_type=refresh_token&client_id={CLIENT}&{query}&refresh_token={}",
                encoded(token)
            ));
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            Call::new(Method::POST, realm)
                .with(CONTENT_TYPE, form_type)
                .with_body(Bytes::copy_from_slice(form.as_bytes()))
        }
        Some(Credentials::Password(user, password)) => {
            let basic = basic(user, password);
            let basic = basic.ok_or_else(|| failed("the password fits into no header"))?;
            Call::get(realm.with(http, &query)?).with(AUTHORIZATION, basic)
        }
        None => Call::get(realm.with(http, &query)?),
    };
    // A token server that redirects would get the password to wherever it likes.
    let (reply, _) = http.send(&call, may_be_local).await?;
    let reply = reply.expect("a token", &[StatusCode::OK]).await?;
    let document = Zeroizing::new(reply.read("the token", TOKEN_OCTETS).await?);
    let token: Token = serde_json::from_slice(&document)
        .map_err(|_| failed("the token server's answer is no token"))?;
    let token = token.token.or(token.access_token).map(Zeroizing::new);
    let token = token.ok_or_else(|| failed("the token server's answer has no token"))?;
    secret(&Zeroizing::new(format!("Bearer {}", *token)))
        .ok_or_else(|| failed("its token fits into no header"))
}

/// HTTP Basic (RFC 7617 section 2).
fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let both = Zeroizing::new(format!("{user}:{password}"));
    let encoded = Zeroizing::new(STANDARD.encode(both.as_bytes()));
    secret(&Zeroizing::new(format!("Basic {}", *encoded)))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    let _infallible = percent::encode(&mut encoded, text.as_bytes());
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(field));
        }
        challenge(&headers)
    }

    #[test]
    fn a_token_is_preferred_to_the_password() {
        let bearer = r#"Bearer realm="https://auth.example.net/token",service="registry.example.net",scope="repository:a:pull""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example.net/token".into(),
            service: Some("registry.example.net".into()),
        };
        assert_eq!(of(&[bearer]).as_ref(), Some(&expected));
        assert_eq!(of(&[r#"Basic realm="x""#, bearer]), Some(expected));
        assert_eq!(of(&[r#"Basic realm="x""#]), Some(Challenge::Basic));
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        for fields in [
            &[][..],
            &["Bearer"],
            &["Negotiate"],
            &["Bearer service=\"x\""],
            &["\"\""],
        ] {
            assert_eq!(of(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn what_stands_in_a_query_stays_there() {
        assert_eq!(encoded("a b&c=ü/:~"), "a%20b%26c%3D%C3%BC%2F%3A~");
    }
}
