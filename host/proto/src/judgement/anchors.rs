//! Trust anchors, found by their subject.

use alloc::{collections::BTreeMap, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Der, Digest, digest::Writer, words::AnchorDatabase};
use crate::certificate;

/// Trust anchors with an index by subject. Made once, shared by every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorSet {
    database: AnchorDatabase,
    certificates: Vec<Der>,
    by_subject: BTreeMap<Vec<u8>, Vec<u32>>,
    digest: Digest,
}

impl AnchorSet {
    /// The set of these certificates. One whose subject cannot be read stays in the set and is found by no subject.
    #[must_use]
    pub fn new(database: AnchorDatabase, certificates: Vec<Der>) -> Self {
        let mut by_subject: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        let mut w = Writer::new("resolvet anchors 1");
        w.text(database.as_str());
        w.number(certificates.len() as u64);
        for (index, der) in (0_u32..).zip(&certificates) {
            w.octets(der);
            if let Some(subject) = certificate::subject(der) {
                by_subject.entry(subject.to_vec()).or_default().push(index);
            }
        }
        Self {
            database,
            certificates,
            by_subject,
            digest: w.finish(),
        }
    }

    /// Which database they come from.
    #[must_use]
    pub const fn database(&self) -> &AnchorDatabase {
        &self.database
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Der] {
        &self.certificates
    }

    /// The positions of those whose subject is this DER `Name`.
    #[must_use]
    pub fn for_subject(&self, name: &[u8]) -> &[u32] {
        self.by_subject.get(name).map_or(&[], Vec::as_slice)
    }

    /// The digest of the whole set.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Default for AnchorSet {
    fn default() -> Self {
        Self::new(AnchorDatabase::None, Vec::new())
    }
}

/// The JSON form of an [`AnchorSet`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnchorList {
    database: AnchorDatabase,
    #[serde(default)]
    certificates: Vec<Der>,
}

impl Serialize for AnchorSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = AnchorList {
            database: self.database.clone(),
            certificates: self.certificates.clone(),
        };
        list.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnchorSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = AnchorList::deserialize(deserializer)?;
        if list.database == AnchorDatabase::None && !list.certificates.is_empty() {
            return Err(D::Error::custom(
                "database `none` has no certificates: expected `explicit` or `implicit`",
            ));
        }
        Ok(Self::new(list.database, list.certificates))
    }
}
