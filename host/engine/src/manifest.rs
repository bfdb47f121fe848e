//! What a component says about itself, in its custom section `resolvet:manifest`.

use resolvet_proto::judgement::{Purpose, printable};
use serde::{Deserialize, Serialize};

/// Name of the custom section that holds the manifest as JSON.
pub const MANIFEST_SECTION: &str = "resolvet:manifest";
/// Version of the manifest's form.
pub const MANIFEST_VERSION: u32 = 1;
/// Octets of any text of a manifest but the description.
const NAME_OCTETS: usize = 128;
/// Octets of a purpose. The longest that is known has 20.
const PURPOSE_OCTETS: usize = 64;
/// Octets of the description.
const DESCRIPTION_OCTETS: usize = 1_024;
/// Entries of a list.
const ENTRIES: usize = 32;
/// Entries of the list of imports: more than the contract has functions.
const IMPORTS: usize = 256;

/// What a policy says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Version of this form; 1.
    pub manifest: u32,
    /// The policy's name: a kebab-case word.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence for a person.
    #[serde(default)]
    pub description: String,
    /// Who wrote it.
    #[serde(default)]
    pub authors: Vec<String>,
    /// The purposes that a validator judges; it is not asked about others.
    #[serde(default)]
    pub judges: Vec<Purpose>,
    /// The interfaces (`presented`) or functions (`presented.certificate`) that it imports; no other. `None` says nothing of
    /// it, then the imports themselves do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<String>>,
    /// The contract that it was built for, `resolvet:policy@0.1.0`.
    pub contract: String,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.manifest != MANIFEST_VERSION {
            return Err(format!(
                "`manifest` is {}: expected {MANIFEST_VERSION}",
                self.manifest
            ));
        }
        if !is_contract(&self.contract) {
            let contract = self.contract.escape_debug();
            return Err(format!(
                "`contract` is `{contract}`: expected `resolvet:policy@0.1.x`"
            ));
        }
        if !is_name(&self.name) {
            let name = self.name.escape_debug();
            return Err(format!(
                "`name` is `{name}`: expected a kebab-case word of at most {NAME_OCTETS} octets"
            ));
        }
        let imports = self.imports.as_deref().unwrap_or_default();
        let texts = [&self.version]
            .into_iter()
            .chain(&self.authors)
            .chain(imports);
        for (text, most) in texts
            .map(|text| (text, NAME_OCTETS))
            .chain([(&self.description, DESCRIPTION_OCTETS)])
        {
            if text.len() > most || printable(text) != *text {
                let text = text.escape_debug();
                return Err(format!(
                    "`{text}`: expected printable text of at most {most} octets"
                ));
            }
        }
        let mut purposes = self.judges.iter().map(Purpose::as_str);
        if let Some(purpose) = purposes.find(|purpose| !is_purpose(purpose)) {
            let purpose = purpose.escape_debug();
            return Err(format!(
                "`judges` has `{purpose}`: expected a word of a-z, 0-9 and `-` of at most {PURPOSE_OCTETS} octets"
            ));
        }
        if self.authors.len() > ENTRIES || self.judges.len() > ENTRIES {
            return Err(format!(
                "`authors` and `judges` have at most {ENTRIES} entries each"
            ));
        }
        if imports.len() > IMPORTS {
            return Err(format!("`imports` has at most {IMPORTS} entries"));
        }
        Ok(())
    }

    /// Whether a validator judges requests of this purpose.
    #[must_use]
    pub fn judges(&self, purpose: &Purpose) -> bool {
        self.judges.contains(purpose)
    }
}

fn is_contract(contract: &str) -> bool {
    contract
        .strip_prefix("resolvet:policy@0.1.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|octet| octet.is_ascii_digit()))
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_OCTETS && name.starts_with(|c: char| c.is_ascii_lowercase()) && is_word(name)
}

fn is_purpose(purpose: &str) -> bool {
    (1..=PURPOSE_OCTETS).contains(&purpose.len()) && is_word(purpose)
}

fn is_word(text: &str) -> bool {
    text.bytes()
        .all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"manifest":1,"name":"pkix","version":"0.1.0","judges":["dns-server"],"contract":"resolvet:policy@0.1.0"}"#;

    #[test]
    fn a_manifest_says_what_is_judged() {
        let manifest = Manifest::read(GOOD.as_bytes()).unwrap();
        assert!(manifest.judges(&Purpose::DnsServer));
        assert!(!manifest.judges(&Purpose::Registrar));
        let later = GOOD.replacen("dns-server", &"a".repeat(PURPOSE_OCTETS), 1);
        assert!(Manifest::read(later.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let long = format!("\"{}\"", "a".repeat(PURPOSE_OCTETS + 1));
        for (from, to, expected) in [
            (
                "\"manifest\":1",
                "\"manifest\":2",
                "`manifest` is 2: expected 1",
            ),
            ("@0.1.0", "@0.2.0", "`contract` is `resolvet:policy@0.2.0`"),
            ("\"pkix\"", "\"Pkix\\u001b\"", "`name` is `Pkix\\u{1b}`"),
            ("\"0.1.0\"", "\"0.1\\n\"", "expected printable text"),
            (
                "\"0.1.0\"",
                "\"0.1\\u202e0\"",
                "`0.1\\u{202e}0`: expected printable text",
            ),
            (
                "\"dns-server\"",
                "\"dns\\u001b[2J\"",
                "`judges` has `dns\\u{1b}[2J`",
            ),
            ("\"dns-server\"", "\"\"", "`judges` has ``"),
            ("\"dns-server\"", long.as_str(), "expected a word"),
            ("\"judges\"", "\"judge\"", "unknown field `judge`"),
        ] {
            let error = Manifest::read(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
