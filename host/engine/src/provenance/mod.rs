//! Where a component comes from: who signed it, how fresh it is, and what it may see. All of it before anything is compiled.
//!
//! Signatures are those of [minisign](https://jedisct1.github.io/minisign/): Ed25519 over the file's BLAKE2b digest, and once more
//! over that signature and its *trusted comment*. The trusted comment is the [`Statement`]: it cannot be changed or left out without
//! the key. Nothing here asks the network.
//!
//! * A [`Source`] is a component's octets and the signatures that came with it, from a file or from elsewhere.
//! * [`Terms`] say what is asked of it: its name, [`Signatories`], [`Marks`], and what it may import. They give an [`Approval`] or an error
//!   with a stable [`code`](ProvenanceError::code).
//! * [`Marks`] keep, for each policy's name, the highest revision that was active and its digest.
//!   [`advance`](Marks::advance) is called when the policy becomes active, not before.

mod error;
mod key;
mod marks;
mod signatories;
mod source;
mod statement;

pub use error::{MarksError, ProvenanceError, SignatoriesError};
pub use key::{KeyId, VerificationKey};
pub use marks::{Mark, Marks};
pub use signatories::Signatories;
pub use source::{SIGNATURE_ENDING, SIGNATURE_OCTETS, SIGNATURES, Source, signature_files};
pub use statement::Statement;

use resolvet_proto::judgement::Digest;

use crate::{AdmissionError, Description, Engine, text::printable};

/// Characters of a configured name in an error.
const NAME_SHOWN: usize = 128;

/// What is asked of a component before it may be compiled.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Terms {
    /// The name that its manifest must say. A signature is over a component and not over the place where it is used: who can put
    /// another one that the same keys signed in its place is held up by this alone. `None` takes any.
    pub name: Option<String>,
    /// Whose signatures are required. `None` is the switch that requires none; then signatures are not looked at.
    pub signatories: Option<Signatories>,
    /// The high-water marks, which signed components alone have.
    pub marks: Option<Marks>,
    /// What it may import: interfaces (`presented`) or functions (`presented.certificate`). `None` grants the whole contract.
    pub sees: Option<Vec<String>>,
}

/// A component that met the terms.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Approval {
    /// What it says about itself and asks for.
    pub description: Description,
    /// What was signed, and by whom. `None` when no signature was required.
    pub signed: Option<(Statement, Vec<KeyId>)>,
}

impl Approval {
    /// What to keep when the policy becomes active: nothing for a component of which no signature was required.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        let (statement, _) = self.signed.as_ref()?;
        Some(Mark {
            name: self.description.manifest.name.clone(),
            revision: statement.revision,
            digest: self.description.digest,
        })
    }
}

impl Terms {
    /// Whether a component meets the terms at this time, seconds since 1970. In this order: size, signatures, freshness,
    /// structure, the name, the high-water mark, imports against the manifest and against the grant. Nothing is compiled and nothing is
    /// written.
    ///
    /// # Errors
    /// The first reason for which it is refused.
    pub fn check(
        &self,
        engine: &Engine,
        source: &Source,
        now: u64,
    ) -> Result<Approval, ProvenanceError> {
        let limit = engine.options().admission.file_octets;
        if source.octets.len() > limit {
            let (came, limit) = (source.octets.len() as u64, limit as u64);
            return Err(ProvenanceError::Admission(AdmissionError::TooLarge {
                what: "octets of the file",
                came,
                limit,
                setting: "file-octets",
            }));
        }
        let signed = self
            .signatories
            .as_ref()
            .map(|signatories| signatories.verify(source, now))
            .transpose()?;
        let description = engine.describe(&source.octets)?;
        let name = self.name.as_deref();
        if let Some(error) = name.and_then(|name| other_policy(name, &description)) {
            return Err(error);
        }
        let approval = Approval {
            description,
            signed,
        };
        if let (Some(mark), Some(marks)) = (approval.mark(), &self.marks) {
            marks.check(&mark)?;
        }
        let sees = self.sees.as_deref();
        match sees.and_then(|sees| not_granted(sees, &approval.description.imports)) {
            Some(error) => Err(error),
            None => Ok(approval),
        }
    }
}

/// Whether this is another policy than the one of this name, as the refusal that it is.
#[must_use]
pub fn other_policy(name: &str, description: &Description) -> Option<ProvenanceError> {
    let came = &description.manifest.name;
    (came != name).then(|| ProvenanceError::OtherPolicy {
        came: came.clone(),
        expected: printable(name, NAME_SHOWN),
    })
}

/// What of these imports is not granted, as the refusal that it is.
#[must_use]
pub fn not_granted(sees: &[String], imports: &[String]) -> Option<ProvenanceError> {
    let beyond = imports.iter().filter(|import| !covers(sees, import));
    let imports: Vec<String> = beyond.cloned().collect();
    (!imports.is_empty()).then_some(ProvenanceError::NotGranted { imports })
}

/// Whether an import, `presented.certificate`, is among these interfaces and functions.
pub(crate) fn covers(entries: &[String], import: &str) -> bool {
    let interface = import.split_once('.').map(|(interface, _)| interface);
    entries
        .iter()
        .any(|entry| entry == import || Some(entry.as_str()) == interface)
}

/// The digest as the first octets that a person compares.
pub(crate) fn short(digest: &Digest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

#[cfg(test)]
mod tests;
