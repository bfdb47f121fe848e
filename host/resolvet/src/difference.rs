//! How one policy set differs from another, as an operator is told.

use resolvet_engine::{PolicySet, Rule};
use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};

/// One use of a policy in a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Use {
    /// The policy's name.
    pub policy: String,
    /// Its version.
    pub version: String,
    /// The digest of its component.
    pub digest: Digest,
}

impl Use {
    /// The use that a rule makes of its policy.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        let manifest = rule.policy.manifest();
        Self {
            policy: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: rule.policy.digest(),
        }
    }
}

/// How a new set differs from the one before it. Uses of one policy are told apart by their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// Uses that are new.
    pub added: Vec<Use>,
    /// Uses that are gone.
    pub removed: Vec<Use>,
    /// Uses with another component, other settings, mode, role, stages or limits, as they are now.
    pub updated: Vec<Use>,
    /// Uses that are as they were.
    pub unchanged: Vec<Use>,
    /// Whether those that stayed are evaluated in another order.
    pub reordered: bool,
}

impl Difference {
    /// The components of what is new or another.
    pub fn news(&self) -> impl Iterator<Item = Digest> {
        let news = self.added.iter().chain(&self.updated);
        news.map(|used| used.digest)
    }

    /// How `new` differs from `old`.
    #[must_use]
    pub fn between(old: &PolicySet, new: &PolicySet) -> Self {
        let mut difference = Self::default();
        let mut left: Vec<(usize, &Rule)> = old.rules().iter().enumerate().collect();
        let mut furthest = None;
        for rule in new.rules() {
            let name = &rule.policy.manifest().name;
            let is_same = |(_, old): &(usize, &Rule)| old.policy.manifest().name == *name;
            let Some(found) = left.iter().position(is_same) else {
                difference.added.push(Use::of(rule));
                continue;
            };
            let (position, before) = left.remove(found);
            difference.reordered |= furthest.is_some_and(|furthest| position < furthest);
            furthest = furthest.max(Some(position));
            if is_alike(before, rule) {
                difference.unchanged.push(Use::of(rule));
            } else {
                difference.updated.push(Use::of(rule));
            }
        }
        let removed = left.into_iter().map(|(_, rule)| Use::of(rule));
        difference.removed = removed.collect();
        difference
    }

    /// Whether the sets judge alike.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let changes = [&self.added, &self.removed, &self.updated];
        !self.reordered && changes.iter().all(|uses| uses.is_empty())
    }
}

fn is_alike(old: &Rule, new: &Rule) -> bool {
    old.policy.digest() == new.policy.digest()
        && old.settings == new.settings
        && old.stages() == new.stages()
        && (old.mode, old.role, old.limits) == (new.mode, new.role, new.limits)
        && old.policy.settings() == new.policy.settings()
}
