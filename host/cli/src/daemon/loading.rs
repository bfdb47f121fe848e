//! From files to a policy set: compiled, admitted, its settings checked, its own cases run.

mod asked;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use resolvet::Difference;
use resolvet_engine::{Engine, PolicySet, Reason};
use resolvet_proto::judgement::{Digest, UsageProfile};
use serde::{Deserialize, Serialize};

use super::{
    book::{Book, By, Entry, Generation, Standing},
    kept::Kept,
    refusal::Refusal,
};
use crate::{
    config::Config,
    dates::now,
    delivery::{Answers, Asking},
    exit::NotDone,
    journey::{Described, Wish},
    lives::Step,
    output::Output,
    policies::{Loader, Promoted},
};

/// Why there is a generation where only a lift ended.
pub(super) const BINDS_AGAIN: &str = "what was lifted binds again";

/// Where the active set came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// The configuration as it is.
    Configuration,
    /// The last complete set, since the configured one was refused at the start.
    Kept,
    /// A generation before, since somebody or something went back to it.
    RolledBack,
}

impl Source {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "the configuration",
            Self::Kept => "the last complete set",
            Self::RolledBack => "a generation before",
        }
    }
}

/// How the configuration is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// What was rolled back stays so, as long as the configured policies are the same.
    AsItStands,
    /// The configuration counts.
    Configured,
    /// The configuration counts, with the shadow of this policy, or of all, in its place.
    Promoted(Option<&'a str>),
}

/// Policy sets that were loaded.
pub(super) struct Sets {
    pub(super) set: PolicySet,
    /// The set that is tried beside it.
    pub(super) tried: Option<PolicySet>,
    pub(super) source: Source,
    /// What the configured policies are.
    configured: Digest,
    promoted: Vec<Promoted>,
    standing: Option<Standing>,
    /// The generation that this is again, and the one before that.
    again: Option<(u64, Option<u64>)>,
}

impl Sets {
    /// The generation that this is again.
    pub(super) fn restores(&self) -> Option<u64> {
        self.again.map(|(again, _)| again)
    }
}

/// What a daemon begins with.
pub(super) struct First {
    pub(super) sets: Sets,
    /// The number of its generation.
    pub(super) generation: u64,
    /// Why the configured set was refused.
    pub(super) refusal: Option<Refusal>,
}

/// What loads sets, one after another.
pub(super) struct Loading {
    loader: Loader,
    kept: Option<Kept>,
    book: Book,
    /// What the configured policies were when they were loaded last.
    configured: Option<Digest>,
    /// How many sets became active, each time one was loaded.
    loads: u64,
    /// What the attachment of now was prepared with.
    pub(super) attached: Option<Described>,
}

impl Loading {
    pub(super) fn new(config: &Config, state: Option<PathBuf>) -> anyhow::Result<Self> {
        let kept = state.as_deref().map(Kept::open).transpose()?;
        let book = kept.as_ref().map(Kept::book).transpose()?;
        let book = book.unwrap_or_default();
        Ok(Self {
            loader: Loader::new(config)?,
            kept,
            book,
            configured: None,
            loads: 0,
            attached: None,
        })
    }

    pub(super) const fn engine(&self) -> &Engine {
        self.loader.engine()
    }

    pub(super) const fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Which component failed last, and at which step, if nobody has asked.
    pub(super) fn failed_at(&mut self) -> Option<(String, Step)> {
        self.loader.failed_at()
    }

    pub(super) const fn book(&self) -> &Book {
        &self.book
    }

    /// The first set: the configured one or what stands instead, or, when that is refused, the last complete one with the reason.
    pub(super) fn begin(&mut self, wish: &Wish, output: &Output) -> anyhow::Result<First> {
        let mut first = self.first(wish, Asking::Nothing, output);
        // What is in the cache may be refused where the registry has something good, and without a set there is nothing to go on with.
        if first.is_err() && self.book.active().is_none() && self.loader.is_unasked() {
            first = self.first(wish, Asking::Others, output);
        }
        let error = match first {
            Ok(first) => return Ok(first),
            Err(error) => error,
        };
        let refusal = Refusal::of(&error, Reason::Failed);
        let configured = self.configured(wish, output)?;
        self.configured = Some(configured);
        let failed_at = self.failed_at();
        let (Some(kept), Some(active)) = (&self.kept, self.book.active().cloned()) else {
            return Err(error);
        };
        let rules = kept.load(&active.set, &mut self.loader, output)?;
        let set = self.loader.set(&wish.profile, rules)?;
        let components = set.rules().iter().map(|rule| rule.policy.digest());
        self.loader.activate(components, &active.components);
        let generation = active.number + u64::from(active.is_lifted);
        self.refused((By::Start, None), generation, &refusal, failed_at, output);
        Ok(First {
            sets: Sets {
                set,
                tried: None,
                source: Source::Kept,
                configured,
                promoted: self.book.promoted.clone(),
                standing: self.book.standing.clone(),
                again: None,
            },
            generation,
            refusal: Some(refusal),
        })
    }

    /// What a start begins with when nothing is refused; a set that cannot be kept is refused like one that cannot be loaded.
    fn first(&mut self, wish: &Wish, asking: Asking, output: &Output) -> anyhow::Result<First> {
        let looked_at = (Ask::AsItStands, asking);
        let sets = self.sets_with(wish, looked_at, Answers::new(), output)?;
        let generation = self.keep_first(&sets, output)?;
        Ok(First {
            sets,
            generation,
            refusal: None,
        })
    }

    /// Keeps the set that a start begins with; the number of its generation.
    fn keep_first(&mut self, sets: &Sets, output: &Output) -> anyhow::Result<u64> {
        let generation = self.number(sets)?;
        let active = self.book.active().map(|active| active.number);
        let entry = match (&self.kept, self.book.active()) {
            _ if active == Some(generation) => None,
            (Some(kept), Some(active)) => {
                let difference = kept.difference(&active.set, sets.set.rules());
                let reason = match active.is_lifted {
                    true => BINDS_AGAIN,
                    false => "",
                };
                Some(Entry {
                    reason: reason.into(),
                    ..Entry::done(By::Start, None, generation, &difference)
                })
            }
            _ => Some(Entry::done(By::Start, None, generation, &all(&sets.set))),
        };
        self.keep(sets, generation, false, entry, output)?;
        Ok(generation)
    }

    /// How many sets became active, each time one was loaded.
    pub(super) const fn loads(&self) -> u64 {
        self.loads
    }

    /// The policies of the active generation, which are this set's, that the one before it did not have, and when it became active.
    pub(super) fn news(&self, set: &PolicySet) -> Option<(u64, BTreeSet<Digest>)> {
        let active = self.book.active()?;
        let before = self.book.generation(active.before?)?;
        let difference = self.kept.as_ref()?.difference(&before.set, set.rules());
        Some((active.at, difference.news().collect()))
    }

    /// The number of a set that a start begins with: that of the active generation, if it is the same set, or the next one.
    fn number(&self, sets: &Sets) -> anyhow::Result<u64> {
        let (Some(kept), Some(active)) = (&self.kept, self.book.active()) else {
            return Ok(1);
        };
        // What was lifted is lifted no longer: that ends with the process.
        let is_same = kept.name(sets.set.rules())? == active.set;
        let goes_on = is_same && !active.is_lifted;
        Ok(active.number + u64::from(!goes_on))
    }

    /// The set that shall be active and the one that is tried beside it: whole, or why not.
    fn sets(&mut self, wish: &Wish, ask: Ask<'_>, output: &Output) -> anyhow::Result<Sets> {
        let configured = self.configured(wish, output)?;
        let stands = self.stands(ask, configured);
        if let (Some(standing), Some(kept)) = (stands, &self.kept) {
            let rules = kept.load(&standing.set, &mut self.loader, output)?;
            return Ok(Sets {
                set: self.loader.set(&wish.profile, rules)?,
                tried: None,
                source: Source::RolledBack,
                configured,
                promoted: self.book.promoted.clone(),
                standing: Some(standing),
                again: None,
            });
        }
        self.loader.promote(self.book.promoted.clone());
        if let Ask::Promoted(policy) = ask {
            if self.configured != Some(configured) {
                let text = "the configuration on disk names other policies than those that were loaded: `resolvet policy reload` first, so that what is promoted was tried";
                return Err(not_done(Reason::ConfigurationChanged, text));
            }
            let mut promoted = self.book.promoted.clone();
            promoted.extend(self.shadows(wish, policy)?);
            self.loader.promote(promoted);
        }
        let rules = self.loader.rules(&wish.config, output)?;
        let promoted = self.loader.stood().to_vec();
        let tried = self.loader.shadowed(&wish.config, &rules, output)?;
        let set = self.loader.set(&wish.profile, rules)?;
        let tried = tried.map(|tried| self.loader.set(&wish.profile, tried));
        let tried = tried.transpose()?;
        self.loader.run_cases(output)?;
        // Registries have been asked since: what they gave is what is configured.
        let configured = self
            .loader
            .configured(&wish.config, &wish.profile, true, output)?;
        Ok(Sets {
            set,
            tried,
            source: Source::Configuration,
            configured,
            promoted,
            standing: None,
            again: None,
        })
    }

    /// What stands instead of this configuration.
    fn stands(&self, ask: Ask<'_>, configured: Digest) -> Option<Standing> {
        let standing = self.book.standing.as_ref();
        let standing = standing.filter(|standing| standing.configured == configured);
        standing.filter(|_| ask == Ask::AsItStands).cloned()
    }

    /// The shadows that this configuration has beside what is used now: of this policy, or all.
    fn shadows(&mut self, wish: &Wish, policy: Option<&str>) -> anyhow::Result<Vec<Promoted>> {
        let shadows = self.loader.shadows(&wish.config, policy)?;
        if shadows.is_empty() {
            let text = match policy {
                Some(policy) => format!(
                    "no version of policy `{}` is tried beside it: name one that is not in use already as `shadow` in its `[[policy]]`",
                    policy.escape_debug()
                ),
                None => {
                    "no version is tried beside a policy: name one that is not in use already as `shadow` in its `[[policy]]`"
                        .into()
                }
            };
            return Err(not_done(Reason::NothingShadowed, &text));
        }
        Ok(shadows)
    }

    /// The set of a generation that is kept: of this one, or of the one before.
    pub(super) fn generation(
        &mut self,
        to: Option<u64>,
        (by, profile): (By, &UsageProfile),
        base: &PolicySet,
        configured: Option<Digest>,
        output: &Output,
    ) -> anyhow::Result<Sets> {
        let nothing = |text: &str| not_done(Reason::NothingToReturnTo, text);
        let (Some(kept), Some(active)) = (&self.kept, self.book.active()) else {
            return Err(nothing(
                "no generation is kept: the daemon has no state folder (`daemon.state`)",
            ));
        };
        let found = match to {
            Some(number) => self.book.generation(number).ok_or_else(|| {
                let all = self.book.generations.iter();
                let all: Vec<String> = all.map(|kept| kept.number.to_string()).collect();
                let text = format!(
                    "generation {number} is not kept: expected one of {}",
                    all.join(", ")
                );
                not_done(Reason::GenerationUnknown, &text)
            })?,
            None => {
                let before = active
                    .before
                    .and_then(|before| self.book.generation(before));
                before.ok_or_else(|| nothing("no generation is kept from before the active one"))?
            }
        };
        if found.set == active.set {
            let text = format!("generation {} is the active set already", found.number);
            return Err(nothing(&text));
        }
        let (found, left) = (found.clone(), active.clone());
        // What is on disk by now may be the mend, which nobody has loaded.
        let configured = self.configured.or(configured);
        let configured = configured.ok_or_else(|| nothing("no configuration was ever loaded"))?;
        let rules = kept.load(&found.set, &mut self.loader, output)?;
        let set = self.loader.set(profile, rules)?;
        // What goes back to `set` leaves what it would be changed by.
        let Difference { added, updated, .. } = Difference::between(&set, base);
        let policies = [added, updated].concat();
        Ok(Sets {
            set,
            tried: None,
            source: Source::RolledBack,
            configured,
            promoted: found.promoted.clone(),
            standing: Some(Standing {
                configured,
                set: found.set,
                generation: found.restores.unwrap_or(found.number),
                left: left.number,
                at: now(),
                by,
                policies,
            }),
            again: Some((found.restores.unwrap_or(found.number), found.before)),
        })
    }

    /// Makes this set the one that the next start has, whatever happens. No older revision of configured policies is taken from
    /// now on; going back changes nothing about that.
    pub(super) fn keep(
        &mut self,
        sets: &Sets,
        number: u64,
        is_lifted: bool,
        entry: Option<Entry>,
        output: &Output,
    ) -> anyhow::Result<()> {
        let is_configured = sets.source == Source::Configuration;
        let kept = self.kept.as_ref();
        let saved = kept.map(|kept| kept.save(sets.set.rules(), &self.loader));
        let saved = saved.transpose()?;
        if is_configured {
            self.loader.advance(output)?;
        }
        let mut book = self.book.clone();
        let active = book.active().cloned();
        let before = active.as_ref().map(|active| active.components.clone());
        let components = sets.set.rules().iter().map(|rule| rule.policy.digest());
        self.loader
            .activate(components, &before.unwrap_or_default());
        book.promoted.clone_from(&sets.promoted);
        book.standing.clone_from(&sets.standing);
        if let Some(saved) = saved
            && active.as_ref().is_none_or(|active| active.number != number)
        {
            let last = active.map(|active| active.number);
            book.push(Generation {
                number,
                at: now(),
                set: saved.name,
                components: saved.components,
                before: sets.again.map_or(last, |(_, before)| before),
                restores: sets.restores(),
                promoted: sets.promoted.clone(),
                is_lifted,
            });
        }
        if let Some(entry) = entry {
            book.note(Entry {
                restores: sets.restores(),
                ..entry
            });
        }
        self.write(book)?;
        match is_configured {
            true => self.loader.keep(),
            false => self.loader.leave(),
        }
        self.configured = Some(sets.configured);
        self.loads += 1;
        Ok(())
    }

    /// Notes that restrictions of the active set are lifted, or no longer, from the generation of this number on. Another may be
    /// active by now.
    pub(super) fn lift(
        &mut self,
        number: u64,
        is_lifted: bool,
        entry: Entry,
    ) -> anyhow::Result<()> {
        let mut book = self.book.clone();
        let active = book.active().filter(|active| active.number < number);
        if let Some(active) = active.cloned() {
            book.push(Generation {
                number,
                at: now(),
                is_lifted,
                ..active
            });
        }
        book.note(entry);
        self.write(book)
    }

    /// Whether these sets end or begin that something stands instead of the configuration.
    pub(super) fn stands_otherwise(&self, sets: &Sets) -> bool {
        sets.standing != self.book.standing
    }

    /// Notes what was refused. A disk that does not take it is told, and nothing else.
    pub(super) fn refused(
        &mut self,
        (by, user): (By, Option<u32>),
        generation: u64,
        refusal: &Refusal,
        failed_at: Option<(String, Step)>,
        output: &Output,
    ) {
        let why = (refusal.code, refusal.reason.as_str());
        let mut book = self.book.clone();
        book.note(Entry::refused(by, user, generation, why, failed_at));
        if let Err(error) = self.write(book) {
            output.log(&format!("the history cannot be written: {error:#}"));
        }
    }

    fn write(&mut self, book: Book) -> anyhow::Result<()> {
        if book != self.book
            && let Some(kept) = &self.kept
        {
            kept.write(&book)?;
            kept.sweep(&book);
        }
        self.book = book;
        Ok(())
    }

    /// Names the policies that this wish has configured, as they are now.
    pub(super) fn configured(&mut self, wish: &Wish, output: &Output) -> anyhow::Result<Digest> {
        self.loader
            .configured(&wish.config, &wish.profile, false, output)
    }

    /// Components of the configuration that go on although their signatures have come to their end.
    pub(super) fn ended(&self) -> &[String] {
        self.loader.ended()
    }

    /// Forgets policies that none of these sets uses.
    pub(super) fn forget_others(&mut self, sets: &[Arc<PolicySet>]) {
        self.loader.retain(sets);
    }
}

/// A first set: everything is new.
fn all(set: &PolicySet) -> Difference {
    Difference {
        added: set.rules().iter().map(resolvet::Use::of).collect(),
        ..Difference::default()
    }
}

fn not_done(code: Reason, reason: &str) -> anyhow::Error {
    let reason = reason.to_owned();
    NotDone { code, reason }.into()
}
