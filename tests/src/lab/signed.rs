//! Privacy statements that somebody signs (PAT), and those who sign.

use std::fmt;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

/// Octets of each of a signature's numbers (RFC 7518 section 3.4).
const NUMBER: usize = 32;

/// Somebody who signs statements with ES256.
pub struct Signer {
    name: String,
    key: KeyPair,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with a new key.
    ///
    /// # Errors
    /// When no key is to be had.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let name = name.to_owned();
        Ok(Self { name, key })
    }

    /// As the setting `token-signers` of the policy `privacy` has it.
    #[must_use]
    pub fn setting(&self) -> Value {
        json!({
            "name": self.name,
            "key": STANDARD.encode(self.key.subject_public_key_info()),
            "x5u": self.url(),
        })
    }

    fn url(&self) -> String {
        format!("https://{}/pat.cer", self.name)
    }

    /// A token over these claims, in the compact form.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_under(
            &json!({"alg": "ES256", "typ": "pat", "x5u": self.url()}),
            claims,
        )
    }

    /// The same under another header.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub fn sign_under(&self, header: &Value, claims: &Value) -> Result<String> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = numbers(&self.key.sign(signed.as_bytes())?)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The two numbers of an `ECDSA-Sig-Value` (RFC 5480), each as long as the field.
fn numbers(der: &[u8]) -> Result<Vec<u8>> {
    let mut rest = der.get(2..).context("no signature")?;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let length = usize::from(*rest.get(1).context("no number")?);
        let number = rest.get(2..2 + length).context("a short number")?;
        rest = rest.get(2 + length..).unwrap_or_default();
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        let missing = NUMBER.checked_sub(number.len()).context("a long number")?;
        numbers.extend(std::iter::repeat_n(0, missing));
        numbers.extend_from_slice(number);
    }
    Ok(numbers)
}

/// Claims for this server from now on, for so many seconds: little is logged, nothing shared, nothing sold, nothing held back.
#[must_use]
pub fn careful(server: &str, now: u64, seconds: u64) -> Value {
    json!({
        "iat": now,
        "exp": now + seconds,
        "server": { "adn": [server] },
        "privinfo": {
            "ipaddresspii": true,
            "logging": 24,
            "useridentity": 0,
            "sharedata": { "sharepartners": false },
            "transferdata": false,
            "qnameminimization": true,
            "privacyurl": format!("https://{server}/privacy"),
        },
    })
}
