//! Whose signatures count, and how many must say the same.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign_verify::{Error, Signature};
use resolvet_proto::date;

use super::{KeyId, ProvenanceError, SignatoriesError, Source, Statement, VerificationKey};
use crate::text::printable;

/// Octets of a signature: algorithm, identifier, signature.
const OCTETS: usize = 74;
/// Characters of a comment in an error.
const SHOWN: usize = 200;

/// The keys whose signatures count, and of how many of them a component needs one (*m of n*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatories {
    keys: Vec<VerificationKey>,
    needed: usize,
}

impl Signatories {
    /// These keys, of which so many must have signed. A key that is given twice counts once.
    ///
    /// # Errors
    /// So many can never have signed, or none must.
    pub fn new(
        keys: impl IntoIterator<Item = VerificationKey>,
        needed: usize,
    ) -> Result<Self, SignatoriesError> {
        let mut distinct: Vec<VerificationKey> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        let count = distinct.len();
        if needed == 0 || needed > count {
            return Err(SignatoriesError::Needed {
                needed,
                keys: count,
            });
        }
        Ok(Self {
            keys: distinct,
            needed,
        })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// What enough of the keys say of these octets, and which do. A signature by another key counts for nothing; one that
    /// claims to be by a key that counts, and is wrong, refuses.
    ///
    /// # Errors
    /// Why there are not enough.
    pub fn verify(
        &self,
        source: &Source,
        now: u64,
    ) -> Result<(Statement, Vec<KeyId>), ProvenanceError> {
        if source.signatures.is_empty() {
            let name = source.name.clone();
            return Err(ProvenanceError::Missing { name });
        }
        let mut unknown = Vec::new();
        // For each statement the keys, by their place in the configuration, that make it.
        let mut said: Vec<(Statement, Vec<usize>)> = Vec::new();
        for text in &source.signatures {
            let (id, signature) = read(text)?;
            let candidates = self.keys.iter().enumerate();
            let mut candidates = candidates.filter(|(_, key)| key.id == id).peekable();
            if candidates.peek().is_none() {
                unknown.push(id);
                continue;
            }
            let mut verified = None;
            for (place, key) in candidates {
                match key.key.verify(&source.octets, &signature, false) {
                    Ok(()) => verified = Some(place),
                    Err(Error::UnexpectedAlgorithm | Error::UnsupportedLegacyMode) => {
                        return Err(ProvenanceError::Legacy { key: id });
                    }
                    Err(_) => {}
                }
            }
            let place = verified.ok_or(ProvenanceError::Wrong { key: id })?;
            let comment = signature.trusted_comment();
            let statement =
                Statement::parse(comment).ok_or_else(|| ProvenanceError::Statement {
                    comment: printable(comment, SHOWN),
                })?;
            match said.iter_mut().find(|(same, _)| *same == statement) {
                Some((_, places)) if places.contains(&place) => {}
                Some((_, places)) => places.push(place),
                None => said.push((statement, vec![place])),
            }
        }
        if said.is_empty() {
            let expected = self.keys.iter().map(|key| key.id).collect();
            let came = unknown;
            return Err(ProvenanceError::UnknownKeys { came, expected });
        }
        self.enough(said, now)
    }

    /// The newest statement that enough keys make.
    fn enough(
        &self,
        said: Vec<(Statement, Vec<usize>)>,
        now: u64,
    ) -> Result<(Statement, Vec<KeyId>), ProvenanceError> {
        let needed = self.needed;
        let most = said.iter().map(|(_, places)| places.len()).max();
        let newest = said
            .into_iter()
            .filter(|(_, places)| places.len() >= needed)
            .max_by_key(|(statement, _)| (statement.revision, statement.not_after));
        let Some((statement, places)) = newest else {
            let came = most.unwrap_or_default();
            return Err(ProvenanceError::TooFew { came, needed });
        };
        if now > statement.not_after {
            let not_after = date::to_rfc3339(statement.not_after);
            return Err(ProvenanceError::Expired { not_after });
        }
        let ids = places.iter().filter_map(|&place| self.keys.get(place));
        Ok((statement, ids.map(|key| key.id).collect()))
    }
}

/// A signature, and the identifier of the key that it claims to be by.
fn read(octets: &[u8]) -> Result<(KeyId, Signature), ProvenanceError> {
    let wrong = |reason| ProvenanceError::Unreadable { reason };
    let text = std::str::from_utf8(octets).map_err(|_| wrong("it is no text"))?;
    let signature =
        Signature::decode(text).map_err(|_| wrong("expected four lines, as minisign writes"))?;
    let line = text.lines().nth(1).unwrap_or_default();
    let octets = STANDARD.decode(line).unwrap_or_default();
    let id = KeyId::within(&octets).filter(|_| octets.len() == OCTETS);
    let id = id.ok_or_else(|| wrong("its second line is no signature"))?;
    Ok((id, signature))
}
