//! What is written down about policy sets: which is active, which were, what stands instead of the configuration, and what
//! happened. One file has all of it, so that each change of it is one step.

use std::collections::{BTreeSet, VecDeque};

use resolvet::{Difference, Use};
use resolvet_engine::Reason;
use resolvet_proto::judgement::Digest;
use serde::{Deserialize, Serialize};

use crate::{dates::now, lives::Step, policies::Promoted};

/// The only version of the form so far.
pub(super) const VERSION: u32 = 1;
/// Sets that are kept, the active one included. A component of 100 kB and its settings each.
const GENERATIONS: usize = 8;
/// Entries of the history.
const HISTORY: usize = 256;
/// Policies that an entry names of each kind, and characters of its reason.
const USES: usize = 32;
const REASON: usize = 500;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Book {
    pub(super) version: u32,
    /// Complete sets in the order of their numbers. The last one is active.
    pub(super) generations: Vec<Generation>,
    /// Shadows that were promoted, and what they stand for.
    pub(super) promoted: Vec<Promoted>,
    /// What stands instead of the configuration.
    pub(super) standing: Option<Standing>,
    pub(super) history: VecDeque<Entry>,
}

/// A complete set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Generation {
    pub(super) number: u64,
    /// When it became active, seconds since 1970.
    pub(super) at: u64,
    /// Names the file of its rules.
    pub(super) set: Digest,
    /// Its components.
    pub(super) components: Vec<Digest>,
    /// The generation to return to from here.
    pub(super) before: Option<u64>,
    /// The generation whose set this is again.
    pub(super) restores: Option<u64>,
    /// The promotions that it was made with.
    pub(super) promoted: Vec<Promoted>,
    /// Whether an operator had lifted some of its restrictions. The set that is kept is the one without that.
    pub(super) is_lifted: bool,
}

/// A kept generation that stands instead of the configured policies, as long as these are what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Standing {
    /// What the configured policies were. Others end it.
    pub(super) configured: Digest,
    /// Names the file of the rules that stand.
    pub(super) set: Digest,
    /// The generation that they were.
    pub(super) generation: u64,
    /// The generation that was left.
    pub(super) left: u64,
    /// When, seconds since 1970.
    pub(super) at: u64,
    pub(super) by: By,
    /// Policies of the generation that was left, which do not stand.
    pub(super) policies: Vec<Use>,
}

/// Who or what changed something, or wanted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    Start,
    Watch,
    Signal,
    Control,
    Registry,
    Promotion,
    AutomaticPromotion,
    Rollback,
    AutomaticReturn,
    BreakGlass,
    BreakGlassEnd,
}

impl By {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Watch => "watch",
            Self::Signal => "signal",
            Self::Control => "control",
            Self::Registry => "registry",
            Self::Promotion => "promotion",
            Self::AutomaticPromotion => "automatic-promotion",
            Self::Rollback => "rollback",
            Self::AutomaticReturn => "automatic-return",
            Self::BreakGlass => "break-glass",
            Self::BreakGlassEnd => "break-glass-end",
        }
    }

    /// In a sentence.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Start => "the start",
            Self::Watch => "a change of files",
            Self::Signal => "SIGHUP",
            Self::Control => "`resolvet policy reload`",
            Self::Registry => "a registry",
            Self::Promotion => "`resolvet policy promote`",
            Self::AutomaticPromotion => "the configured promotion",
            Self::Rollback => "`resolvet policy rollback`",
            Self::AutomaticReturn => "the configured return",
            Self::BreakGlass => "`resolvet break-glass`",
            Self::BreakGlassEnd => "the end of `resolvet break-glass`",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Came {
    Done,
    Refused,
}

/// Something that happened to the policy set, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// When, seconds since 1970; the last time of several.
    pub(crate) at: u64,
    /// The generation that was active afterwards.
    pub(crate) generation: u64,
    pub(crate) by: By,
    /// The user who asked, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<u32>,
    pub(crate) outcome: Came,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Reason>,
    /// Why it was refused, or done by itself; empty where somebody wanted it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// The component that stopped it, and the step at which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) added: Vec<Use>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<Use>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) updated: Vec<Use>,
    /// The generation whose set is active again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restores: Option<u64>,
    /// How often the same was refused in a row.
    pub(crate) times: u32,
}

impl Entry {
    /// What was done now.
    pub(super) fn done(
        by: By,
        user: Option<u32>,
        generation: u64,
        difference: &Difference,
    ) -> Self {
        let few = |uses: &[Use]| uses.iter().take(USES).cloned().collect();
        Self {
            at: now(),
            generation,
            by,
            user,
            outcome: Came::Done,
            code: None,
            reason: String::new(),
            policy: None,
            step: None,
            added: few(&difference.added),
            removed: few(&difference.removed),
            updated: few(&difference.updated),
            restores: None,
            times: 1,
        }
    }

    /// What was refused now.
    pub(super) fn refused(
        by: By,
        user: Option<u32>,
        generation: u64,
        (code, reason): (Reason, &str),
        at: Option<(String, Step)>,
    ) -> Self {
        let (policy, step) = at.unzip();
        Self {
            outcome: Came::Refused,
            code: Some(code),
            reason: reason.chars().take(REASON).collect(),
            policy,
            step,
            ..Self::done(by, user, generation, &Difference::default())
        }
    }

    /// Whether another is the same at another time.
    fn is_like(&self, other: &Self) -> bool {
        let timeless = |entry: &Self| Self {
            at: 0,
            times: 0,
            ..entry.clone()
        };
        self.outcome == Came::Refused && timeless(self) == timeless(other)
    }
}

impl Default for Book {
    fn default() -> Self {
        Self {
            version: VERSION,
            generations: Vec::new(),
            promoted: Vec::new(),
            standing: None,
            history: VecDeque::new(),
        }
    }
}

impl Book {
    /// The generation that is active, where one ever was.
    pub(super) fn active(&self) -> Option<&Generation> {
        self.generations.last()
    }

    /// The generation with this number, while its set is kept.
    pub(super) fn generation(&self, number: u64) -> Option<&Generation> {
        let mut all = self.generations.iter();
        all.find(|generation| generation.number == number)
    }

    /// Makes this one the active one. Those that are too many go: first those to which no way leads back, then the oldest.
    pub(super) fn push(&mut self, generation: Generation) {
        self.generations
            .retain(|before| before.number < generation.number);
        self.generations.push(generation);
        while self.generations.len() > GENERATIONS {
            let way = self.way_back();
            let mut all = self.generations.iter();
            let unreachable = all.position(|generation| !way.contains(&generation.number));
            self.generations.remove(unreachable.unwrap_or(0));
        }
    }

    /// The active generation, the one before it, and so on.
    fn way_back(&self) -> BTreeSet<u64> {
        let mut way = BTreeSet::new();
        let mut next = self.active();
        while let Some(generation) = next {
            // Numbers only grow, so a way that goes up is none.
            let before = generation.before.filter(|&b| b < generation.number);
            way.insert(generation.number);
            next = before.and_then(|number| self.generation(number));
        }
        way
    }

    /// Notes it. The same refusal again is counted.
    pub(super) fn note(&mut self, entry: Entry) {
        match self.history.back_mut().filter(|last| last.is_like(&entry)) {
            Some(last) => {
                last.at = entry.at;
                last.times = last.times.saturating_add(1);
            }
            None => self.history.push_back(entry),
        }
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    fn generation(number: u64, before: Option<u64>) -> Generation {
        let set = Digest::of(&number.to_be_bytes());
        Generation {
            number,
            at: 0,
            set,
            components: Vec::new(),
            before,
            restores: None,
            promoted: Vec::new(),
            is_lifted: false,
        }
    }

    fn numbers(book: &Book) -> Vec<u64> {
        let all = book.generations.iter();
        all.map(|generation| generation.number).collect()
    }

    #[test]
    fn few_generations_are_kept_and_those_that_one_can_return_to_longest() {
        let mut book = Book::default();
        book.push(generation(1, None));
        book.push(generation(2, Some(1)));
        book.push(generation(3, Some(2)));
        // Back to 2, as generation 4; then on from there.
        book.push(generation(4, Some(1)));
        for number in 5..=9 {
            book.push(generation(number, Some(number - 1)));
        }
        assert_eq!(numbers(&book), [1, 3, 4, 5, 6, 7, 8, 9]);
        book.push(generation(10, Some(9)));
        assert_eq!(numbers(&book), [1, 4, 5, 6, 7, 8, 9, 10]);
        book.push(generation(11, Some(10)));
        assert_eq!(numbers(&book), [4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn the_same_refusal_is_counted_and_the_history_bounded() {
        let mut book = Book::default();
        let refused = |text: &str| {
            let why = (Reason::Configuration, text);
            Entry::refused(By::Watch, None, 1, why, None)
        };
        for _ in 0..1_000 {
            book.note(refused("no"));
        }
        assert_eq!(book.history.len(), 1);
        assert_eq!(book.history.back().unwrap().times, 1_000);
        for number in 0..1_000 {
            book.note(refused(&format!("{number}")));
        }
        assert_eq!(book.history.len(), HISTORY);
        assert_eq!(book.history.back().unwrap().reason, "999");
        let long = refused(&"x".repeat(100_000));
        assert_eq!(long.reason.len(), REASON);
    }

    #[test]
    fn it_reads_as_it_is_written_and_nothing_else() {
        let mut book = Book::default();
        book.push(generation(1, None));
        book.note(Entry::done(By::Start, None, 1, &Difference::default()));
        let text = serde_json::to_string(&book).unwrap();
        assert_eq!(serde_json::from_str::<Book>(&text).unwrap(), book);
        for length in 0..text.len() {
            let part = text.get(..length).unwrap();
            assert!(serde_json::from_str::<Book>(part).is_err(), "{part}");
        }
    }
}
