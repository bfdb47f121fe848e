//! The policies that judge: loaded by a configuration, one after another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use resolvet_engine::{
    AdmissionError, Compiler, Engine, EngineError, Limits, Options, Policy, PolicySet, Reason,
    Rule,
    provenance::{Approval, ProvenanceError, Source},
};
use resolvet_proto::judgement::{Digest, Stage, UsageProfile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    COMPILE,
    commands::cases,
    components::{BUILT_IN, carried, component_files, configured_rule, defaults, describe, source},
    config::{self, Config, Expected, Place},
    delivery::{Answers, Asking, Delivery, Questions, Watched},
    exit::{NotAdmitted, NotDone, Refused, UsageError},
    folders::absolute,
    lives::{Life, Lives, Step},
    output::Output,
    provenance::Reached,
};

/// The engine of this program: it compiles by running itself.
pub(crate) fn engine(config: &config::Policies) -> anyhow::Result<Engine> {
    let mut options = Options::default();
    options.limits = config.limits;
    options.compiler = Compiler::this_program(vec![COMPILE.into()])
        .context("the system does not say which file this program is")?;
    options.cache = config.cache.clone().or_else(cache_folder);
    Engine::new(options).map_err(|error| match error {
        EngineError::Option { .. } => UsageError(format!("[policies]: {error}")).into(),
        error => error.into(),
    })
}

/// Where compiled policies are kept: the user's cache.
fn cache_folder() -> Option<PathBuf> {
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("resolvet"))
}

/// Loads the set of this configuration, to be used: what it reached counts as active, and nothing older will be taken.
pub(crate) fn load(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Engine, PolicySet)> {
    let (mut loader, set) = assemble(config, profile, output)?;
    loader.advance(output)?;
    loader.keep();
    Ok((loader.engine, set))
}

/// Loads the set of this configuration, to be looked at: every check is made, and nothing is kept.
pub(crate) fn preview(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Engine, PolicySet)> {
    let (loader, set) = assemble(config, profile, output)?;
    Ok((loader.engine, set))
}

fn assemble(
    config: &Config,
    profile: &UsageProfile,
    output: &Output,
) -> anyhow::Result<(Loader, PolicySet)> {
    let mut loader = Loader::new(config)?;
    let rules = loader.rules(config, output)?;
    let set = loader.set(profile, rules)?;
    Ok((loader, set))
}

/// Loads policies by configurations, one after another: what was admitted before is not admitted again.
pub(crate) struct Loader {
    engine: Engine,
    admitted: BTreeMap<Key, Admitted>,
    /// The files of the last rules and what was in them.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// What the last rules reached.
    reached: Reached,
    /// Shadows that stand for what they are tried beside.
    promoted: Vec<Promoted>,
    /// Those of them that stood in the last rules.
    stood: Vec<Promoted>,
    lives: Lives,
    delivery: Delivery,
}

/// A shadow that was promoted: where a rule has this component and this shadow, the shadow's component is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Promoted {
    /// The policy's name, of its manifest.
    pub(crate) policy: String,
    /// The component of `file`, `name` or `registry`.
    pub(crate) file: Digest,
    /// The component of `shadow`.
    pub(crate) shadow: Digest,
}

/// A component, and the settings that it has read if its memory was kept: JSON, with stages and limits.
type Key = (Digest, Option<String>);

/// A policy and its component.
struct Admitted {
    policy: Policy,
    octets: Arc<[u8]>,
}

/// Settings that a policy reads once.
#[derive(Clone, Copy)]
pub(crate) struct Settled<'a> {
    pub(crate) settings: &'a Map<String, Value>,
    pub(crate) stages: Option<&'a [Stage]>,
    pub(crate) limits: Option<Limits>,
}

impl Loader {
    /// A loader whose engine has what this configuration says.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self::of(engine(&config.policies)?))
    }

    pub(crate) fn of(engine: Engine) -> Self {
        Self {
            engine,
            admitted: BTreeMap::new(),
            files: Vec::new(),
            reached: Reached::default(),
            promoted: Vec::new(),
            stood: Vec::new(),
            lives: Lives::default(),
            delivery: Delivery::default(),
        }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How far components came, and where one failed.
    pub(crate) const fn lives(&self) -> &Lives {
        &self.lives
    }

    /// Says what is known of a component from another time.
    pub(crate) fn remember(&mut self, digest: Digest, life: Life) {
        *self.lives.of(digest) = life;
    }

    /// Says that these components are about to be used, and when that began for those that were not.
    pub(crate) fn activate(&mut self, components: impl Iterator<Item = Digest>, before: &[Digest]) {
        for digest in components {
            let life = self.lives.of(digest);
            if !before.contains(&digest) {
                life.steps.retain(|taken| taken.step < Step::Shadowed);
            }
            life.take(Step::Active);
        }
    }

    /// Says which shadows stand for what they are tried beside, from the next rules on.
    pub(crate) fn promote(&mut self, promoted: Vec<Promoted>) {
        self.promoted = promoted;
    }

    /// Those promoted shadows that stood in the last rules. The others belong to configurations that are no more.
    pub(crate) fn stood(&self) -> &[Promoted] {
        &self.stood
    }

    /// These rules as a set, whose settings its policies accept.
    pub(crate) fn set(
        &self,
        profile: &UsageProfile,
        rules: Vec<Rule>,
    ) -> Result<PolicySet, Refused> {
        PolicySet::new(&self.engine, profile, rules).map_err(|error| Refused {
            code: error.reason(),
            reason: error.to_string(),
        })
    }

    /// Names what this configuration says about policies and the components that it names, as they are now. Nothing is checked.
    /// `is_loading`: between [`Self::rules`] and [`Self::keep`], where registries have been asked.
    pub(crate) fn configured(
        &mut self,
        config: &Config,
        profile: &UsageProfile,
        is_loading: bool,
        output: &Output,
    ) -> anyhow::Result<Digest> {
        self.delivery.configure(config, output);
        let digest = |file: &Path| source(file).ok().map(|source| Digest::of(&source.octets));
        let components = config.rules.iter().flatten().map(|rule| {
            let own = rule.carried().and_then(carried).map(Digest::of);
            let own = own.or_else(|| rule.file.as_deref().and_then(digest));
            let delivered = |reference| {
                let artefact = self.delivery.artefact(reference, is_loading)?;
                Some(artefact.component_digest())
            };
            let own = own.or_else(|| rule.registry.as_ref().and_then(delivered));
            let shadow = rule.shadow.as_ref().and_then(|shadow| match shadow {
                Place::File(file) => digest(file),
                Place::Registry(reference) => delivered(reference),
            });
            (own, shadow)
        });
        let components: Vec<_> = components.collect();
        let built_in: Vec<Digest> = match config.rules {
            Some(_) => Vec::new(),
            None => BUILT_IN.map(|(_, octets)| Digest::of(octets)).to_vec(),
        };
        let folder = match &config.policies.folder {
            Some(folder) => component_files(folder).unwrap_or_default(),
            None => Vec::new(),
        };
        let folder: Vec<_> = folder.iter().map(|file| (file, digest(file))).collect();
        let config::Policies {
            limits,
            sees,
            keys,
            keys_needed,
            signature_required,
            ..
        } = &config.policies;
        // A key stands there itself, or in a file.
        let keys = keys.iter().map(|key| {
            let octets = fs::read(key).ok();
            (key, octets.map(|octets| Digest::of(&octets)))
        });
        let keys: Vec<_> = keys.collect();
        let terms = (sees, keys, keys_needed, signature_required);
        let all = (
            (profile, limits, terms),
            (&config.rules, components, built_in, folder),
        );
        Ok(Digest::of(&serde_json::to_vec(&all)?))
    }

    /// The rules of this configuration.
    pub(crate) fn rules(&mut self, config: &Config, output: &Output) -> anyhow::Result<Vec<Rule>> {
        self.files.clear();
        self.stood.clear();
        self.lives.rest();
        self.reached.begin();
        self.delivery.begin(config, output);
        let mut rules = Vec::new();
        match &config.rules {
            Some(configured) => {
                for rule in configured {
                    rules.push(configured_rule(self, &config.policies, rule, output)?);
                }
            }
            None => rules.extend(defaults(self, output)?),
        }
        if let Some(folder) = &config.policies.folder {
            for file in component_files(folder)? {
                let expected = Expected {
                    name: None,
                    sees: config.policies.sees.as_deref(),
                };
                let place = Place::File(file);
                let octets = self.read(&config.policies, &place, expected, output)?;
                let policy = self.admit(&place.to_string(), &octets, output)?;
                rules.push(Rule::new(policy));
            }
        }
        for rule in &mut rules {
            // The engine's own are those of the configuration that it began with.
            rule.limits
                .get_or_insert(self.within(config.policies.limits));
        }
        self.lives.rest();
        Ok(rules)
    }

    /// These limits, as far as this engine goes: it reserved memories and tables when it began.
    pub(crate) fn within(&self, limits: Limits) -> Limits {
        let own = self.engine.options().limits;
        Limits {
            memory_octets: limits.memory_octets.min(own.memory_octets),
            table_elements: limits.table_elements.min(own.table_elements),
            ..limits
        }
    }

    /// The same rules with those versions in their places that are to be tried; `None` when there are none. Call it after
    /// [`Loader::rules`] with what that gave.
    pub(crate) fn shadowed(
        &mut self,
        config: &Config,
        rules: &[Rule],
        output: &Output,
    ) -> anyhow::Result<Option<Vec<Rule>>> {
        let configured = config.rules.iter().flatten();
        let mut rules = rules.to_vec();
        let mut is_any = false;
        for (rule, configured) in rules.iter_mut().zip(configured) {
            let Some(shadow) = &configured.shadow else {
                continue;
            };
            let source = self.found(shadow, output)?;
            if Digest::of(&source.octets) == rule.policy.digest() {
                continue;
            }
            is_any = true;
            let expected = configured.expected(&config.policies);
            let checked = self
                .reached
                .check(&self.engine, &config.policies, &source, expected)?;
            self.verified(&checked);
            if let Some(file) = shadow.file() {
                self.files.push((file.to_owned(), source.octets.clone()));
            }
            rule.policy = self.admit_for(configured, &source.name, &source.octets, output)?;
        }
        self.lives.rest();
        Ok(is_any.then_some(rules))
    }

    /// The shadows that this configuration has and that were not promoted yet: of the policy with this name, or all. Nothing of
    /// them is checked.
    pub(crate) fn shadows(
        &self,
        config: &Config,
        policy: Option<&str>,
    ) -> Result<Vec<Promoted>, NotAdmitted> {
        let delivered = |reference| {
            let artefact = self.delivery.artefact(reference, false);
            artefact.map_or_else(Vec::new, |artefact| artefact.component().to_vec())
        };
        let mut shadows = Vec::new();
        for rule in config.rules.iter().flatten() {
            let Some(shadow) = &rule.shadow else {
                continue;
            };
            let own = match (rule.carried(), &rule.file) {
                (Some(name), _) => carried(name).unwrap_or_default().into(),
                (None, Some(file)) => source(file)?.octets,
                (None, None) => rule.registry.as_ref().map_or_else(Vec::new, delivered),
            };
            let tried = match shadow {
                Place::File(file) => source(file)?.octets,
                Place::Registry(reference) => delivered(reference),
            };
            let own = describe(&self.engine, "of the rule", &own)?;
            let tried = describe(&self.engine, &shadow.to_string(), &tried)?;
            let names = [&own.manifest.name, &tried.manifest.name];
            let promoted = Promoted {
                policy: own.manifest.name.clone(),
                file: own.digest,
                shadow: tried.digest,
            };
            let is_meant = policy.is_none_or(|policy| names.iter().any(|name| *name == policy));
            let is_new = promoted.file != promoted.shadow && !self.promoted.contains(&promoted);
            if is_meant && is_new {
                shadows.push(promoted);
            }
        }
        Ok(shadows)
    }

    fn verified(&mut self, approval: &Approval) {
        let life = self.lives.of(approval.description.digest);
        life.revision = approval.signed.as_ref().map(|(signed, _)| signed.revision);
        life.take(Step::Verified);
    }

    /// The component at this place, as the first step of its life.
    fn found(&mut self, place: &Place, output: &Output) -> anyhow::Result<Source> {
        self.lives.taking(&place.to_string(), Step::Staged);
        let source = self.at(place, output)?;
        self.lives.of(Digest::of(&source.octets)).take(Step::Staged);
        self.lives.taking(&source.name, Step::Verified);
        Ok(source)
    }

    /// The component at this place. Nothing of its life begins by that.
    fn at(&mut self, place: &Place, output: &Output) -> anyhow::Result<Source> {
        match place {
            Place::File(file) => Ok(source(file)?),
            Place::Registry(reference) => self.delivery.source(reference, output),
        }
    }

    /// Which component is at this place.
    pub(crate) fn digest(&mut self, place: &Place, output: &Output) -> anyhow::Result<Digest> {
        Ok(Digest::of(&self.at(place, output)?.octets))
    }

    /// The shadow of a rule with its component's digest, where it was promoted: then that is the rule's, whose own this is.
    pub(crate) fn promoted<'a>(
        &mut self,
        rule: &'a config::Rule,
        own: impl FnOnce(&mut Self) -> anyhow::Result<Digest>,
        output: &Output,
    ) -> anyhow::Result<Option<(&'a Place, Digest)>> {
        let Some(shadow) = &rule.shadow else {
            return Ok(None);
        };
        if self.promoted.is_empty() {
            return Ok(None);
        }
        let (own, tried) = (own(self)?, self.digest(shadow, output)?);
        let mut promoted = self.promoted.iter();
        let found = promoted.find(|promoted| promoted.file == own && promoted.shadow == tried);
        self.stood.extend(found.cloned());
        Ok(found.map(|_| (shadow, tried)))
    }

    /// What was promoted, if it is still what was tried.
    pub(crate) fn tried(
        &mut self,
        config: &config::Policies,
        (shadow, digest): (&Place, Digest),
        expected: Expected<'_>,
        output: &Output,
    ) -> anyhow::Result<Vec<u8>> {
        let octets = self.read(config, shadow, expected, output)?;
        if Digest::of(&octets) != digest {
            let reason = format!(
                "`{shadow}` was replaced while it was read: what is there now was not tried, so have it tried first (`resolvet policy reload`)"
            );
            let code = Reason::ConfigurationChanged;
            return Err(NotDone { code, reason }.into());
        }
        Ok(octets)
    }

    /// Says that the set of the last rules becomes the active one: no older revision of its policies is taken from now on.
    pub(crate) fn advance(&self, output: &Output) -> anyhow::Result<()> {
        self.reached.keep()?;
        self.delivery.store(output);
        Ok(())
    }

    /// Says that it is the active one.
    pub(crate) fn keep(&mut self) {
        self.delivery.keep();
        self.reached.judges();
    }

    /// Says that another set is the active one, which no rules of a configuration made.
    pub(crate) fn leave(&mut self) {
        self.reached.leave();
    }

    /// Components of the last rules that go on although their signatures have come to their end, in words.
    pub(crate) fn ended(&self) -> &[String] {
        self.reached.ended()
    }

    /// How often registries are asked; `None` when there is nothing to ask.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.delivery.interval()
    }

    /// What registries may have anew.
    pub(crate) fn watched(&self, output: &Output) -> Option<Watched> {
        self.delivery.watched(output)
    }

    /// Whether the last rules have something of a registry that may have moved and that nobody asked for.
    pub(crate) const fn is_unasked(&self) -> bool {
        self.delivery.is_unasked()
    }

    /// What the next rules ask registries for.
    pub(crate) const fn ask(&mut self, asking: Asking) {
        self.delivery.ask(asking);
    }

    /// What the rules of this configuration will ask registries for.
    pub(crate) fn questions(
        &mut self,
        config: &Config,
        asking: Asking,
        output: &Output,
    ) -> Option<Questions> {
        self.delivery.before(config, asking, output)
    }

    /// What registries answered for the next rules.
    pub(crate) fn offer(&mut self, answers: Answers) {
        self.delivery.offer(answers);
    }

    /// A component from its place, if it meets the terms.
    pub(crate) fn read(
        &mut self,
        config: &config::Policies,
        place: &Place,
        expected: Expected<'_>,
        output: &Output,
    ) -> anyhow::Result<Vec<u8>> {
        let source = self.found(place, output)?;
        let octets = self.take(config, source, expected)?;
        if let Some(file) = place.file() {
            self.files.push((file.to_owned(), octets.clone()));
        }
        Ok(octets)
    }

    /// A component from wherever, if it meets the terms.
    fn take(
        &mut self,
        config: &config::Policies,
        source: Source,
        expected: Expected<'_>,
    ) -> anyhow::Result<Vec<u8>> {
        let approval = self
            .reached
            .approve(&self.engine, config, &source, expected)?;
        self.verified(&approval);
        Ok(source.octets)
    }

    /// Admits a component as this rule wants it: with its memory kept, or without.
    pub(crate) fn admit_for(
        &mut self,
        rule: &config::Rule,
        name: &str,
        octets: &[u8],
        output: &Output,
    ) -> anyhow::Result<Policy> {
        if !rule.snapshot {
            return self.admit(name, octets, output);
        }
        let settled = Settled {
            settings: &rule.settings,
            stages: rule.stages.as_deref(),
            limits: rule.limits,
        };
        self.admit_settled(name, octets, settled, output)
    }

    /// Admits a component, unless it is admitted already.
    pub(crate) fn admit(
        &mut self,
        name: &str,
        octets: &[u8],
        output: &Output,
    ) -> anyhow::Result<Policy> {
        let key = (Digest::of(octets), None);
        self.admit_as(key, (name, octets), output, |engine| engine.admit(octets))
    }

    /// Admits a component and keeps the memory that it has once it has read these settings.
    pub(crate) fn admit_settled(
        &mut self,
        name: &str,
        octets: &[u8],
        settled: Settled<'_>,
        output: &Output,
    ) -> anyhow::Result<Policy> {
        let Settled {
            settings,
            stages,
            limits,
        } = settled;
        let limits = limits.unwrap_or(self.engine.options().limits);
        let read = serde_json::to_string(&(settings, stages, limits))?;
        let key = (Digest::of(octets), Some(read));
        self.admit_as(key, (name, octets), output, |engine| {
            engine.admit_configured(octets, settings, stages, &limits)
        })
    }

    fn admit_as(
        &mut self,
        key: Key,
        (name, octets): (&str, &[u8]),
        output: &Output,
        admit: impl FnOnce(&Engine) -> Result<Policy, AdmissionError>,
    ) -> anyhow::Result<Policy> {
        if let Some(admitted) = self.admitted.get(&key) {
            return Ok(admitted.policy.clone());
        }
        output.progress(&format!("loading policy {name}"));
        self.lives.taking(name, Step::Compiled);
        let policy = admit(&self.engine).map_err(|error| refused(name, &error.into()))?;
        let admitted = Admitted {
            policy: policy.clone(),
            octets: octets.into(),
        };
        self.lives.of(policy.digest()).take(Step::Compiled);
        self.admitted.insert(key, admitted);
        Ok(policy)
    }

    /// Runs the cases that stand beside the files of the last rules: of `rule.wasm` in the folder `rule.cases`. Each case has
    /// settings of its own.
    pub(crate) fn run_cases(&mut self, output: &Output) -> anyhow::Result<()> {
        for (file, octets) in std::mem::take(&mut self.files) {
            let folder = file.with_extension("cases");
            if folder.is_dir() {
                let policy = self.admit(&file.display().to_string(), &octets, output)?;
                output.progress(&format!("running the cases of {}", folder.display()));
                self.lives
                    .taking(&file.display().to_string(), Step::SelfTested);
                let held = cases::hold(&self.engine, &policy, &folder)?;
                self.lives.held(policy.digest(), held);
            }
        }
        self.lives.rest();
        Ok(())
    }

    /// Which component failed last, and at which step, if nobody has asked.
    pub(crate) fn failed_at(&mut self) -> Option<(String, Step)> {
        self.lives.failed_at()
    }

    /// Says that no single component is worked on.
    pub(crate) fn rest(&mut self) {
        self.lives.rest();
    }

    /// The component with this digest, among those that were admitted.
    pub(crate) fn octets(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        let mut from = self.admitted.range((*digest, None)..);
        let found = from.next().filter(|((own, _), _)| own == digest);
        found.map(|(_, admitted)| Arc::clone(&admitted.octets))
    }

    /// Forgets what none of these sets uses.
    pub(crate) fn retain(&mut self, sets: &[Arc<PolicySet>]) {
        let is_used = |policy: &Policy| {
            sets.iter().flat_map(|set| set.rules()).any(|rule| {
                let used = &rule.policy;
                used.digest() == policy.digest() && used.settings() == policy.settings()
            })
        };
        self.admitted
            .retain(|_, admitted| is_used(&admitted.policy));
        let left: BTreeSet<Digest> = self.admitted.keys().map(|(digest, _)| *digest).collect();
        self.lives.retain(|digest| left.contains(digest));
    }
}

/// The refusal of this policy.
pub(crate) fn refused(policy: &str, error: &ProvenanceError) -> NotAdmitted {
    NotAdmitted {
        policy: policy.into(),
        code: error.reason(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;
    use crate::args::{Color, Format};

    #[test]
    fn whatever_is_said_about_whom_to_believe_makes_other_policies() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("author.pub");
        fs::write(&key, "a key").unwrap();
        let mut config = Config::default();
        config.policies.cache = Some(folder.path().join("cache"));
        config.policies.keys = vec![key.display().to_string()];
        let output = Output::new(Format::Text, Color::Never);
        let mut loader = Loader::new(&config).unwrap();
        let mut name = |config: &Config| {
            let configured = loader.configured(config, &UsageProfile::Strict, false, &output);
            configured.unwrap()
        };
        let before = name(&config);
        assert_eq!(name(&config), before);
        let changes: [fn(&mut config::Policies); 4] = [
            |policies| policies.keys.clear(),
            |policies| policies.keys_needed = Some(2),
            |policies| policies.signature_required = Some(false),
            |policies| policies.sees = Some(Vec::new()),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = config.clone();
            change(&mut changed.policies);
            assert_ne!(name(&changed), before, "change {number}");
        }
        fs::write(&key, "another key").unwrap();
        assert_ne!(name(&config), before);
    }

    #[test]
    fn limits_go_as_far_as_the_engine() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.policies.cache = Some(folder.path().join("cache"));
        let loader = Loader::new(&config).unwrap();
        let own = config.policies.limits;
        let mut wider = own;
        wider.memory_octets += 1;
        wider.table_elements += 1;
        assert_eq!(loader.within(wider), own);
        let mut narrower = own;
        narrower.memory_octets -= 1;
        narrower.table_elements -= 1;
        narrower.time_milliseconds += 1;
        assert_eq!(loader.within(narrower), narrower);
    }
}
