//! What an EST server does wrong on demand.

use std::str::FromStr;

use anyhow::{Context as _, Result};

/// Octets of [`EstFault::Huge`].
pub(super) const HUGE: usize = 10 << 20;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EstFault {
    /// So many requests are answered by 202 with this Retry-After, in seconds; the next one is served.
    Pending {
        /// What Retry-After says.
        retry_after: String,
        /// How many; `u32::MAX` is for ever.
        times: u32,
    },
    /// This status and a few words of text.
    Status(u16),
    /// 302 to this URI.
    Redirect(String),
    /// The second half of the body's text is missing.
    Truncated,
    /// Ten megabytes of base64.
    Huge,
    /// A CMS message without a certificate.
    NoCertificates,
    /// Text that is no base64.
    NoBase64,
    /// `/eecerts` holds a DNS server's certificate that no trusted authority signed.
    NotAnchored,
    /// `/eecerts` holds a second DNS server's certificate, of another domain.
    TwoDnsServers,
    /// The server's proof (vks, or that of a response) is wrong, as from a server that does not know the password.
    WrongProof,
    /// KE2 of OPAQUE is wrong by one bit, as when somebody in between meddles.
    AlteredKe2,
    /// The same bit, and the digest is made to fit: somebody in between who knows what he does.
    ForgedKe2,
    /// Whoever logs in by OPAQUE, the first KE2 is sent again.
    ReplayedKe2,
    /// Whatever is proved, the first proved response is sent again.
    Replayed,
    /// A certificate began a day ago and ends in six hours: it is to be renewed at once.
    EndsSoon,
    /// A key that the server makes comes encrypted, as nobody asked it to.
    EncryptedKey,
    /// A key that the server makes is another than the one it certified.
    OtherKey,
    /// After each response that is proved the connection is closed.
    Closes,
    /// What was asked for is served without any demand of authentication.
    NotAsked,
}

impl FromStr for EstFault {
    type Err = anyhow::Error;

    /// Reads `pending`, `status-500`, `redirect:URI`, `truncated`, `huge`, `no-certificates`, `no-base64`, `not-anchored`,
    /// `two-dns-servers`, `wrong-proof`, `altered-ke2`, `forged-ke2`, `replayed-ke2`, `replayed`, `closes`, `ends-soon`,
    /// `encrypted-key`, `other-key`, `not-asked`.
    fn from_str(word: &str) -> Result<Self> {
        if let Some(status) = word.strip_prefix("status-") {
            return Ok(Self::Status(status.parse()?));
        }
        if let Some(uri) = word.strip_prefix("redirect:") {
            return Ok(Self::Redirect(uri.to_owned()));
        }
        let fault = match word {
            "pending" => Self::Pending {
                retry_after: "1".to_owned(),
                times: u32::MAX,
            },
            "truncated" => Self::Truncated,
            "huge" => Self::Huge,
            "no-certificates" => Self::NoCertificates,
            "no-base64" => Self::NoBase64,
            "not-anchored" => Self::NotAnchored,
            "two-dns-servers" => Self::TwoDnsServers,
            "wrong-proof" => Self::WrongProof,
            "altered-ke2" => Self::AlteredKe2,
            "forged-ke2" => Self::ForgedKe2,
            "replayed-ke2" => Self::ReplayedKe2,
            "replayed" => Self::Replayed,
            "ends-soon" => Self::EndsSoon,
            "encrypted-key" => Self::EncryptedKey,
            "other-key" => Self::OtherKey,
            "closes" => Self::Closes,
            "not-asked" => Self::NotAsked,
            _ => return None.with_context(|| format!("no fault of EST is called `{word}`")),
        };
        Ok(fault)
    }
}
