//! HTTP Digest (RFC 7616) with SHA-256 and quality of protection `auth`, from the server's side.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::users::REALM;
use crate::lab::https::Request;

/// The nonce of every challenge: a lab's passwords are known anyway.
const NONCE: &str = "bGFiLW5vbmNl";

/// What asks for it.
pub(super) fn challenge() -> String {
    format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm=SHA-256, nonce=\"{NONCE}\"")
}

/// Whose proof this is, if it is right.
pub(super) fn user(request: &Request, passwords: &HashMap<String, String>) -> Option<String> {
    let (_, fields) = request.header("authorization")?.split_once(' ')?;
    let fields: HashMap<&str, &str> = fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let field = |name| fields.get(name).copied();
    let (user, nc, cnonce) = (field("username")?, field("nc")?, field("cnonce")?);
    let password = passwords.get(user)?;
    let uri = field("uri").filter(|uri| *uri == request.path)?;
    if (field("nonce")?, field("qop")?) != (NONCE, "auth") {
        return None;
    }
    let secret = sha256(&format!("{user}:{REALM}:{password}"));
    let asked = sha256(&format!("{}:{uri}", request.method));
    let proof = sha256(&format!("{secret}:{NONCE}:{nc}:{cnonce}:auth:{asked}"));
    (field("response")? == proof).then(|| user.to_owned())
}

fn sha256(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}
