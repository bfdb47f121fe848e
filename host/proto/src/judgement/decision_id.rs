//! The name of a decision, by which a log's record and what a person is shown are found together.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Judgement, digest::Writer};

/// The name of a decision: 16 hexadecimal digits. It is made of the stage, the generation, the request's digest and the
/// policies' digests, so that it needs no counter and is the same in a replay. The same question put twice to the same
/// policies within the same second is the same decision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DecisionId(u64);

impl<A> Judgement<A> {
    /// The name of this decision.
    #[must_use]
    pub fn id(&self) -> DecisionId {
        let mut w = Writer::new("resolvet decision 1");
        w.text(self.stage.as_str());
        w.number(self.generation);
        w.octets(self.request.as_octets());
        w.list(&self.evaluations, |w, evaluation| {
            w.octets(evaluation.digest.as_octets());
        });
        let first = w.finish().as_octets().first_chunk().copied();
        DecisionId(u64::from_be_bytes(first.unwrap_or_default()))
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DecisionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DecisionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        match u64::from_str_radix(&text, 16) {
            Ok(number) if digits => Ok(Self(number)),
            _ => Err(D::Error::custom("expected 16 hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{Digest, Outcome, Stage, Verdict};
    use alloc::vec::Vec;

    fn judgement(stage: Stage, generation: u64, request: &[u8]) -> Judgement<Verdict> {
        Judgement {
            stage,
            request: Digest::of(request),
            generation,
            outcome: Outcome::Accepted,
            lifetime: None,
            evaluations: Vec::new(),
        }
    }

    #[test]
    fn it_names_the_question_and_who_was_asked() {
        let id = judgement(Stage::Validation, 1, b"a").id();
        assert_eq!(id, judgement(Stage::Validation, 1, b"a").id());
        assert_ne!(id, judgement(Stage::Privacy, 1, b"a").id());
        assert_ne!(id, judgement(Stage::Validation, 2, b"a").id());
        assert_ne!(id, judgement(Stage::Validation, 1, b"b").id());
    }

    #[test]
    fn it_reads_as_it_is_written_and_nothing_else() {
        let id = judgement(Stage::Validation, 1, b"a").id();
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<DecisionId>(&text).unwrap(), id);
        for wrong in ["\"\"", "\"+123456789abcdef\"", "\"123\"", "12"] {
            assert!(
                serde_json::from_str::<DecisionId>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
