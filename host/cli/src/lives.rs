//! How far a policy came on its way from a file to being in use.

use std::collections::BTreeMap;

use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};

use crate::dates::now;

/// The steps of a policy's life, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Its octets were read as a whole.
    Staged,
    /// Signatures, freshness, revision and imports are as the operator wants them.
    Verified,
    /// Its machine code is there.
    Compiled,
    /// The cases hold that it brought along.
    SelfTested,
    /// It is tried beside the active set.
    Shadowed,
    /// Its answers count.
    Active,
    /// Its answers count, and too many faults would bring the generation before back.
    Watched,
}

impl Step {
    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Verified => "verified",
            Self::Compiled => "compiled",
            Self::SelfTested => "self-tested",
            Self::Shadowed => "shadowed",
            Self::Active => "active",
            Self::Watched => "watched",
        }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Taken {
    pub(crate) step: Step,
    /// When, seconds since 1970.
    pub(crate) at: u64,
    /// How many cases held, of [`Step::SelfTested`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cases: Option<usize>,
}

impl Taken {
    pub(crate) const fn new(step: Step, at: u64) -> Self {
        let cases = None;
        Self { step, at, cases }
    }
}

/// What is known of a component.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Life {
    /// The revision that was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<u64>,
    /// In the order in which they were taken.
    pub(crate) steps: Vec<Taken>,
}

impl Life {
    /// Says that a step was taken now, unless it was before.
    pub(crate) fn take(&mut self, step: Step) {
        if self.steps.iter().all(|taken| taken.step != step) {
            self.steps.push(Taken::new(step, now()));
        }
    }
}

/// The lives of components, and the step that is being taken.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    known: BTreeMap<Digest, Life>,
    taking: Option<(String, Step)>,
}

impl Lives {
    /// Says that this component, by its file or name, is about to take this step: should it fail, it failed there.
    pub(crate) fn taking(&mut self, name: &str, step: Step) {
        self.taking = Some((name.to_owned(), step));
    }

    /// Says that no single component is worked on.
    pub(crate) fn rest(&mut self) {
        self.taking = None;
    }

    /// Which component failed, and at which step. It is told once.
    pub(crate) fn failed_at(&mut self) -> Option<(String, Step)> {
        self.taking.take()
    }

    /// The life of this component.
    pub(crate) fn of(&mut self, digest: Digest) -> &mut Life {
        self.known.entry(digest).or_default()
    }

    /// The life of this component, if anything is known of it.
    pub(crate) fn get(&self, digest: &Digest) -> Option<&Life> {
        self.known.get(digest)
    }

    /// Says that the cases of this component held.
    pub(crate) fn held(&mut self, digest: Digest, cases: usize) {
        let steps = &mut self.of(digest).steps;
        steps.retain(|taken| taken.step != Step::SelfTested);
        steps.push(Taken {
            cases: Some(cases),
            ..Taken::new(Step::SelfTested, now())
        });
    }

    /// Forgets all but these.
    pub(crate) fn retain(&mut self, is_used: impl Fn(&Digest) -> bool) {
        self.known.retain(|digest, _| is_used(digest));
    }
}
