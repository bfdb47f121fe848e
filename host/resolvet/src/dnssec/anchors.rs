//! Trust anchors of DNSSEC: the keys of zones, or digests of them.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use hickory_proto::{
    dnssec::{
        DigestType, PublicKeyBuf, TrustAnchors as RootKeys, Verifier as _,
        rdata::{DNSKEY, DNSSECRData, DS},
    },
    rr::{Name, RData, RecordType},
    serialize::txt::trust_anchor::{Entry, Parser},
};
use thiserror::Error;

use crate::lookup;

/// Octets of a file of anchors. The root's take 1 kB.
const FILE_OCTETS: u64 = 64 << 10;
/// Anchors of one zone, those of a rollover included.
const ANCHORS: usize = 16;

/// Anchors could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DnssecAnchorsError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("`{}` is larger than {FILE_OCTETS} octets: expected DNSKEY and DS records", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A line is no anchor.
    #[error("line {line} of `{}` {problem}: expected `zone IN DNSKEY …` or `zone IN DS …` (RFC 4034 sections 2.2 and 5.3)", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The file has no anchor.
    #[error("`{}` has no trust anchor: expected DNSKEY and DS records", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The name is none.
    #[error("negative trust anchor `{name}` is no domain name (RFC 7646)")]
    Name {
        /// The name.
        name: String,
    },
}

/// What the validation of DNSSEC begins at (RFC 4033 section 2). Where no anchor is, records are indeterminate.
///
/// Anchors stay as they were given: automatic updates (RFC 5011) are the affair of whoever keeps the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DnssecAnchors {
    zones: Vec<Zone>,
    negative: Vec<Name>,
}

/// The anchors of one zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Zone {
    pub(super) name: Name,
    keys: Vec<PublicKeyBuf>,
    digests: Vec<DS>,
}

/// Which anchor a name is below.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cover<'a> {
    /// None.
    None,
    /// A negative one: what is there is taken for unsigned.
    Negative,
    /// The one of this zone, by its position.
    Zone(usize, &'a Zone),
}

impl Zone {
    /// Whether this key of the zone is an anchor. One that was revoked is none any more (RFC 5011 section 2.1).
    pub(super) fn trusts(&self, key: &DNSKEY) -> bool {
        let is_usable = key.zone_key() && !key.revoke();
        let is_key = || self.keys.contains(key.public_key());
        let is_digest = || {
            let mut digests = self.digests.iter();
            digests.any(|ds| {
                ds.algorithm() == key.algorithm() && ds.covers(&self.name, key).unwrap_or(false)
            })
        };
        is_usable && (is_key() || is_digest())
    }
}

impl DnssecAnchors {
    /// No anchors: nothing is validated.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same anchors, and those of the root zone that this build came with (IANA's of 2017 and 2024).
    #[must_use]
    pub fn with_root(mut self) -> Self {
        let known = RootKeys::default();
        let keys = (0..known.len()).filter_map(|position| known.get(position).cloned());
        self.grow(Name::root(), keys.collect(), Vec::new());
        self
    }

    /// The same anchors, and those of a file: DNSKEY and DS records, one a line, as unbound and BIND's tools write them.
    ///
    /// # Errors
    /// The file cannot be read, or has something else.
    pub fn with_file(mut self, path: &Path) -> Result<Self, DnssecAnchorsError> {
        let failed = |source| DnssecAnchorsError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        fs::File::open(path)
            .and_then(|file| file.take(FILE_OCTETS + 1).read_to_string(&mut text))
            .map_err(failed)?;
        if text.len() as u64 > FILE_OCTETS {
            return Err(DnssecAnchorsError::TooLarge {
                path: path.to_owned(),
            });
        }
        let mut empty = true;
        for (index, line) in text.lines().enumerate() {
            let line = line.split(';').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            empty = false;
            self.add(line).map_err(|problem| DnssecAnchorsError::Line {
                path: path.to_owned(),
                line: index.saturating_add(1),
                problem,
            })?;
        }
        if empty {
            return Err(DnssecAnchorsError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(self)
    }

    /// The same anchors, and a negative one (RFC 7646): what is at this name and below counts as unsigned, as a network's
    /// own names do that the public tree does not know.
    ///
    /// # Errors
    /// The name is no domain name.
    pub fn without(mut self, name: &str) -> Result<Self, DnssecAnchorsError> {
        let parsed = lookup::parse(name).map_err(|_| DnssecAnchorsError::Name {
            name: name.to_owned(),
        })?;
        self.negative.push(absolute(parsed));
        Ok(self)
    }

    /// Whether there is nothing that validation could begin at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// The closest anchor that a name is at or below.
    pub(super) fn cover(&self, name: &Name) -> Cover<'_> {
        let zones = self.zones.iter().enumerate();
        let zone = zones
            .filter(|(_, zone)| zone.name.zone_of(name))
            .max_by_key(|(_, zone)| zone.name.num_labels());
        let negative = self.negative.iter().filter(|zone| zone.zone_of(name));
        let negative = negative.map(Name::num_labels).max();
        match (zone, negative) {
            (None, _) => Cover::None,
            // As RFC 7646 section 4 has it: an anchor below a negative one counts again.
            (Some((_, zone)), Some(depth)) if depth >= zone.name.num_labels() => Cover::Negative,
            (Some((position, zone)), _) => Cover::Zone(position, zone),
        }
    }

    /// Anchors of a zone, beside those that it has. How many it has then.
    fn grow(&mut self, name: Name, keys: Vec<PublicKeyBuf>, digests: Vec<DS>) -> usize {
        if let Some(zone) = self.zones.iter_mut().find(|zone| zone.name == name) {
            zone.keys.extend(keys);
            zone.digests.extend(digests);
            return zone.keys.len().saturating_add(zone.digests.len());
        }
        let count = keys.len().saturating_add(digests.len());
        self.zones.push(Zone {
            name,
            keys,
            digests,
        });
        count
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is = |word: &str, text: &str| word.eq_ignore_ascii_case(text);
        let place = words
            .iter()
            .position(|word| is(word, "DNSKEY") || is(word, "DS"));
        let (Some(&owner), Some(place)) = (words.first(), place.filter(|place| *place > 0)) else {
            return Err("is neither a DNSKEY nor a DS record".into());
        };
        let owner = lookup::parse(owner).map_err(|error| error.to_string())?;
        let owner = absolute(owner);
        let (_, data) = words.split_at(place);
        let (mut keys, mut digests) = (Vec::new(), Vec::new());
        let said =
            |error: hickory_proto::serialize::txt::ParseError| format!("cannot be read: {error}");
        match data.split_first() {
            Some((kind, data)) if is(kind, "DS") => {
                match RData::try_from_str(RecordType::DS, &data.join(" ")).map_err(said)? {
                    RData::DNSSEC(DNSSECRData::DS(ds)) if is_usable(&ds) => digests.push(ds),
                    _ => return Err("has an algorithm or a digest that is not supported".into()),
                }
            }
            Some((_, data)) => {
                // The library's parser wants the record whole.
                let record = format!(". IN DNSKEY {}\n", data.join(" "));
                for entry in Parser::new(record).parse().map_err(said)? {
                    let Entry::DNSKEY(record) = entry else {
                        return Err("is neither a DNSKEY nor a DS record".into());
                    };
                    let key = record.data();
                    if !key.algorithm().is_supported() || !key.zone_key() || key.revoke() {
                        return Err("has a key that is revoked, no zone's, or of an algorithm that is not supported".into());
                    }
                    keys.push(key.public_key().clone());
                }
            }
            None => return Err("is neither a DNSKEY nor a DS record".into()),
        }
        if self.grow(owner, keys, digests) > ANCHORS {
            return Err(format!(
                "is one too many, a zone has at most {ANCHORS} anchors"
            ));
        }
        Ok(())
    }
}

/// SHA-1 is no digest to begin trust at (RFC 8624 section 3.3).
fn is_usable(ds: &DS) -> bool {
    ds.algorithm().is_supported()
        && ds.digest_type().is_supported()
        && ds.digest_type() != DigestType::SHA1
}

fn absolute(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IANA's digest of the root's key of 2017.
    const ROOT_DS: &str =
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";

    fn read(text: &str) -> Result<DnssecAnchors, DnssecAnchorsError> {
        let folder = std::env::temp_dir();
        let file = folder.join(format!(
            "resolvet-anchors-{}-{:x}",
            std::process::id(),
            text.len()
        ));
        fs::write(&file, text).unwrap();
        let anchors = DnssecAnchors::none().with_file(&file);
        fs::remove_file(&file).unwrap();
        anchors
    }

    fn name(text: &str) -> Name {
        absolute(text.parse().unwrap())
    }

    #[test]
    fn the_closest_anchor_counts() {
        let anchors = read(&format!(
            "; the root's\n{ROOT_DS}\nexample.net. 3600 IN DS 1 13 2 {}\n",
            "ab".repeat(32)
        ))
        .unwrap()
        .without("corp.example.")
        .unwrap()
        .without("lab.example.net")
        .unwrap();
        let zone = |text: &str| match anchors.cover(&name(text)) {
            Cover::Zone(_, zone) => zone.name.to_string(),
            Cover::Negative => "negative".into(),
            Cover::None => "none".into(),
        };
        assert_eq!(zone("dns.example.net."), "example.net.");
        assert_eq!(zone("dns.example.org."), ".");
        assert_eq!(zone("dns.corp.example."), "negative");
        assert_eq!(zone("a.lab.example.net."), "negative");
        assert!(matches!(
            DnssecAnchors::none().cover(&name("example.net.")),
            Cover::None
        ));
    }

    #[test]
    fn the_digest_that_iana_publishes_is_of_the_key_that_came_along() {
        let root = DnssecAnchors::none().with_root();
        let digests = read(ROOT_DS).unwrap();
        let (Cover::Zone(_, keys), Cover::Zone(_, digests)) =
            (root.cover(&name(".")), digests.cover(&name(".")))
        else {
            panic!("both have anchors of the root");
        };
        assert_eq!(keys.keys.len(), 2);
        let trusted = keys.keys.iter().filter(|key| {
            let key = DNSKEY::new(true, true, false, (*key).clone());
            digests.trusts(&key)
        });
        assert_eq!(trusted.count(), 1);
    }

    #[test]
    fn other_lines_are_refused_with_their_number() {
        for (text, expected) in [
            ("", "has no trust anchor"),
            (";\n", "has no trust anchor"),
            ("\nexample.net. IN A 192.0.2.1", "line 2"),
            ("example.net. IN DS 1 13 2 zz", "cannot be read"),
            (
                "example.net. IN DS 1 13 1 abababababababababababababababababababab",
                "not supported",
            ),
            ("example.net. IN DNSKEY 257 3 13 !!", "cannot be read"),
            ("DS", "neither"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
