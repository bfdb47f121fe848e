//! How bodies look on the wire: servers and clients differ in what they write and in what they can read.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The layout of a response's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Base64 in one line, with a final line feed: the one that every known client reads.
    #[default]
    Unfolded,
    /// Base64 in one line without an end.
    Bare,
    /// Base64 in lines of 64 characters.
    Folded64,
    /// Base64 in lines of 76 characters.
    Folded76,
    /// Base64 in lines of 76 characters that end with CR LF.
    Crlf,
    /// Within a PEM armour.
    Pem,
    /// DER as it is.
    Der,
}

impl Layout {
    /// Every layout.
    pub const EVERY: [Self; 7] = [
        Self::Unfolded,
        Self::Bare,
        Self::Folded64,
        Self::Folded76,
        Self::Crlf,
        Self::Pem,
        Self::Der,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfolded => "unfolded",
            Self::Bare => "bare",
            Self::Folded64 => "folded-64",
            Self::Folded76 => "folded-76",
            Self::Crlf => "crlf",
            Self::Pem => "pem",
            Self::Der => "der",
        }
    }

    /// DER in this layout.
    #[must_use]
    pub fn write(self, der: &[u8]) -> Vec<u8> {
        let text = STANDARD.encode(der);
        match self {
            Self::Unfolded => (text + "\n").into_bytes(),
            Self::Bare => text.into_bytes(),
            Self::Folded64 => fold(&text, 64, b"\n"),
            Self::Folded76 => fold(&text, 76, b"\n"),
            Self::Crlf => fold(&text, 76, b"\r\n"),
            Self::Pem => [
                b"-----BEGIN PKCS7-----\n".to_vec(),
                fold(&text, 64, b"\n"),
                b"-----END PKCS7-----\n".to_vec(),
            ]
            .concat(),
            Self::Der => der.to_vec(),
        }
    }
}

/// Which requests a server can read: some know no long lines, some nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reads {
    /// Every layout.
    #[default]
    Any,
    /// Base64 in one line; another is answered with 400.
    Unfolded,
    /// Base64 in lines of at most 64 characters; another is answered with 400.
    Folded64,
}

impl Reads {
    /// Whether this body can be read.
    pub(super) fn accepts(self, body: &[u8]) -> bool {
        let mut lines = body.trim_ascii_end().split(|octet| *octet == b'\n');
        match self {
            Self::Any => true,
            Self::Unfolded => lines.count() == 1,
            Self::Folded64 => lines.all(|line| line.len() <= 64),
        }
    }
}

impl FromStr for Layout {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::EVERY
            .into_iter()
            .find(|layout| layout.as_str() == word)
            .ok_or_else(|| {
                let known: Vec<_> = Self::EVERY.iter().map(|layout| layout.as_str()).collect();
                anyhow::anyhow!(
                    "no layout is called `{word}`; there are: {}",
                    known.join(", ")
                )
            })
    }
}

fn fold(text: &str, width: usize, end: &[u8]) -> Vec<u8> {
    text.as_bytes()
        .chunks(width)
        .flat_map(|line| [line, end].concat())
        .collect()
}
