//! Policies from registries: pulled, or, while no registry can be reached, as they were in use before.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use resolvet::registry::{
    Artefact, Cache, Pulled, Reference, Registry, RegistryError, RegistryOptions,
};
use resolvet_engine::provenance::Source;
use resolvet_proto::judgement::Digest;
use tokio::task::JoinSet;

use crate::{config, daemon::state_folder, output::Output};

/// How often registries are asked whether an address has another artefact, when nothing else is said.
const POLL: Duration = Duration::from_secs(300);

impl config::Registry {
    /// How registries are spoken to.
    pub(crate) fn options(&self) -> RegistryOptions {
        let mut options = RegistryOptions::default();
        options.octets = self.component_octets.unwrap_or(options.octets);
        let within = self.pull_milliseconds;
        options.within = within.map_or(options.within, |within| {
            Duration::from_millis(within.into())
        });
        options.refused.clone_from(&self.refused);
        options.plain_http.clone_from(&self.plain_http);
        let anchors = self.trust_anchors.as_ref().filter(|path| *path != "system");
        options.trust_anchors = anchors.map(PathBuf::from);
        options.credentials = self.credentials.clone().or_else(dockers);
        options
    }

    /// How often registries are asked; `None` when they are not.
    pub(crate) fn poll(&self) -> Option<Duration> {
        let seconds = self
            .poll_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        Some(seconds.unwrap_or(POLL)).filter(|interval| !interval.is_zero())
    }
}

/// Docker's own configuration, where this user has one.
fn dockers() -> Option<PathBuf> {
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".docker"));
    let file = folder.or_else(home)?.join("config.json");
    file.is_file().then_some(file)
}

/// For which addresses of a set registries are asked. What was never in use is asked for in any case, and what an address with a digest
/// means is not, once it is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Asking {
    /// For no other: no registry holds up a start. Whoever polls asks afterwards.
    Nothing,
    /// For those that are not in use.
    #[default]
    Others,
    /// For all.
    Everything,
}

/// What registries deliver to the sets of one loader.
#[derive(Default)]
pub(crate) struct Delivery {
    config: config::Registry,
    registry: Option<Arc<Registry>>,
    cache: Option<Cache>,
    /// What the next set asks for.
    next: Asking,
    /// What this one does.
    asking: Asking,
    /// The addresses of the last configuration.
    wanted: BTreeSet<Reference>,
    /// What registries answered before, for the next set.
    offered: Answers,
    /// What they answered for this one.
    answers: Answers,
    /// What the last set is made of; it may have been refused since.
    taken: BTreeMap<Reference, Artefact>,
    /// What the active set is made of.
    active: BTreeMap<Reference, Artefact>,
    /// Why what was in use before was taken, for addresses whose registry could not be reached.
    out_of_reach: BTreeMap<Reference, String>,
    /// Whether the last set has something that may have moved and that nobody asked for.
    is_unasked: bool,
}

/// What a registry answered for an address.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was known of the address when the registry was asked: the manifest's digest.
    pub(crate) known: Option<Digest>,
    pub(crate) said: Result<Pulled, RegistryError>,
}

/// What registries answered.
pub(crate) type Answers = BTreeMap<Reference, Answer>;

/// Whom to ask, and what for.
pub(crate) struct Questions {
    registry: Arc<Registry>,
    /// Addresses, and what they named.
    pub(crate) addresses: Vec<(Reference, Option<Artefact>)>,
}

/// What registries may have anew.
pub(crate) struct Watched {
    /// Addresses whose artefact may be another one later, and those that could not be had.
    pub(crate) questions: Questions,
    /// Addresses whose registry could not be reached when the set was loaded, and why.
    pub(crate) out_of_reach: BTreeMap<Reference, String>,
}

impl Questions {
    /// Asks for all of it at once, so that what one pull may take is what all of them take.
    pub(crate) async fn ask(self) -> Answers {
        let mut under_way = JoinSet::new();
        for (reference, known) in self.addresses {
            let registry = Arc::clone(&self.registry);
            under_way.spawn(async move {
                let said = registry.pull(&reference, known.as_ref()).await;
                let known = known.map(|known| known.digest());
                (reference, Answer { known, said })
            });
        }
        let mut answers = Answers::new();
        while let Some(answered) = under_way.join_next().await {
            answers.extend(answered);
        }
        answers
    }
}

impl Delivery {
    /// Begins another set by this configuration.
    pub(crate) fn begin(&mut self, config: &config::Config, output: &Output) {
        self.taken.clear();
        self.out_of_reach.clear();
        self.is_unasked = false;
        self.asking = std::mem::take(&mut self.next);
        self.answers = std::mem::take(&mut self.offered);
        self.configure(config, output);
        let Some(questions) = self.questions(self.asking, &self.answers, output) else {
            return;
        };
        for (reference, _) in &questions.addresses {
            output.progress(&format!("pulling {reference}"));
        }
        match block_on(questions.ask()) {
            Ok(answers) => self.answers.extend(answers),
            Err(error) => output.remark(&format!("registries: {error:#}")),
        }
    }

    /// What a set of this configuration will ask registries for; `None` when that is nothing.
    pub(crate) fn before(
        &mut self,
        config: &config::Config,
        asking: Asking,
        output: &Output,
    ) -> Option<Questions> {
        self.configure(config, output);
        self.questions(asking, &Answers::new(), output)
    }

    fn questions(&self, asking: Asking, answered: &Answers, output: &Output) -> Option<Questions> {
        let registry = Arc::clone(self.registry.as_ref()?);
        let open = self
            .wanted
            .iter()
            .filter(|one| self.is_meant(asking, one) && !answered.contains_key(*one));
        let addresses = open.filter_map(|one| {
            let known = self.known(one, output);
            let is_asked = known.is_none() || (asking != Asking::Nothing && one.may_move());
            is_asked.then(|| (one.clone(), known))
        });
        let addresses: Vec<_> = addresses.collect();
        let is_any = !addresses.is_empty();
        is_any.then_some(Questions {
            registry,
            addresses,
        })
    }

    /// Whether what its registry says of an address is wanted, though it may be nothing good.
    fn is_meant(&self, asking: Asking, reference: &Reference) -> bool {
        asking == Asking::Everything || !self.active.contains_key(reference)
    }

    /// Knows what this configuration wants, and whom to ask.
    pub(crate) fn configure(&mut self, config: &config::Config, output: &Output) {
        let rules = config.rules.iter().flatten();
        self.wanted = rules.flat_map(config::Rule::addresses).cloned().collect();
        if self.registry.is_none() || self.config != config.registry {
            self.config.clone_from(&config.registry);
            self.registry = Some(Arc::new(Registry::new(config.registry.options())));
            self.cache = None;
        }
        if self.cache.is_none() && !self.wanted.is_empty() {
            let own = || state_folder(None, None).map(|state| state.join("registry"));
            let folder = config.registry.cache.clone().or_else(own);
            match folder.as_deref().map(Cache::open).transpose() {
                Ok(cache) => self.cache = cache,
                Err(error) => output.remark(&format!("registry cache: {error}")),
            }
        }
    }

    /// A component of a registry, with its signatures.
    pub(crate) fn source(
        &mut self,
        reference: &Reference,
        output: &Output,
    ) -> anyhow::Result<Source> {
        // An address is one artefact in a set, however often it stands there.
        let artefact = match self.taken.get(reference) {
            Some(taken) => taken.clone(),
            None => self.pulled(reference, output)?,
        };
        let source = artefact.source(reference.to_string());
        self.taken.insert(reference.clone(), artefact);
        Ok(source)
    }

    /// What an address means by what its registry answered, or, where that was not asked, by what was in use.
    fn pulled(&mut self, reference: &Reference, output: &Output) -> anyhow::Result<Artefact> {
        let known = self.known(reference, output);
        let is_meant = self.is_meant(self.asking, reference);
        let answer = self.answers.remove(reference);
        // A registry that lies about what is in use stops no change, unless somebody wants what it has now.
        let answer = answer.filter(|answer| is_meant || answer.said.is_ok());
        let Some(answer) = answer else {
            self.is_unasked |= self.asking == Asking::Nothing && reference.may_move();
            return known.with_context(|| format!("the registry of {reference} was not asked"));
        };
        match (answer.said, known) {
            // Another change was faster, and what it brought is newer than this answer.
            (_, Some(known)) if answer.known != Some(known.digest()) => Ok(known),
            (Ok(Pulled::New(artefact)), _) => Ok(*artefact),
            (Ok(Pulled::Unchanged), Some(known)) => Ok(known),
            (Ok(Pulled::Unchanged), None) => bail!("{reference} is unchanged, and was never known"),
            (Err(error), Some(known)) if error.is_out_of_reach() => {
                let trouble = in_words(&error);
                output.remark(&format!(
                    "policy `{reference}` is used as it was in use before: {trouble}"
                ));
                self.out_of_reach.insert(reference.clone(), trouble);
                Ok(known)
            }
            (Err(error), _) => Err(refused(reference, "had", error)),
        }
    }

    /// What was in use for this address.
    fn known(&self, reference: &Reference, output: &Output) -> Option<Artefact> {
        if let Some(active) = self.active.get(reference) {
            return Some(active.clone());
        }
        let kept = self.cache.as_ref()?.get(reference);
        kept.unwrap_or_else(|error| {
            output.remark(&format!("registry cache: {error}"));
            None
        })
    }

    /// The artefact that this address means: in the set that is being loaded, or, when there is none, as far as it is known without
    /// asking.
    pub(crate) fn artefact(&self, reference: &Reference, is_loading: bool) -> Option<Artefact> {
        let taken = self.taken.get(reference).filter(|_| is_loading);
        let offered = || match &self.offered.get(reference)?.said {
            Ok(Pulled::New(artefact)) => Some(&**artefact),
            _ => None,
        };
        let near = taken.or_else(offered);
        let near = near.or_else(|| self.active.get(reference));
        let kept = || self.cache.as_ref()?.get(reference).ok().flatten();
        near.cloned().or_else(kept)
    }

    /// Says that the last set is the active one.
    pub(crate) fn keep(&mut self) {
        self.active = std::mem::take(&mut self.taken);
    }

    /// Keeps what the last set was loaded from, for when no registry can be reached.
    pub(crate) fn store(&self, output: &Output) {
        if let (Some(cache), false) = (&self.cache, self.taken.is_empty())
            && let Err(error) = cache.put(&self.taken)
        {
            // The set is whole all the same; what is missing is what it would be loaded from without a network.
            output.remark(&format!("registry cache: {error}"));
        }
    }

    /// How often to ask for something newer; `None` when there is nothing to ask.
    pub(crate) fn interval(&self) -> Option<Duration> {
        let is_any = self.registry.is_some() && self.wanted.iter().any(|one| self.is_open(one));
        self.config.poll().filter(|_| is_any)
    }

    /// Whether a registry may still say something of this address: another artefact, or the first one.
    fn is_open(&self, reference: &Reference) -> bool {
        reference.may_move() || self.artefact(reference, false).is_none()
    }

    /// Whom to ask for something newer.
    pub(crate) fn watched(&self, output: &Output) -> Option<Watched> {
        let registry = Arc::clone(self.registry.as_ref()?);
        let open = self.wanted.iter().filter(|one| self.is_open(one));
        let addresses = open.map(|one| (one.clone(), self.known(one, output)));
        let addresses = addresses.collect();
        Some(Watched {
            questions: Questions {
                registry,
                addresses,
            },
            out_of_reach: self.out_of_reach.clone(),
        })
    }

    /// Whether the last set has something that may have moved and that nobody asked for.
    pub(crate) const fn is_unasked(&self) -> bool {
        self.is_unasked
    }

    /// What the next set asks for.
    pub(crate) const fn ask(&mut self, asking: Asking) {
        self.next = asking;
    }

    /// What registries answered for the next set; what was offered before is forgotten.
    pub(crate) fn offer(&mut self, answers: Answers) {
        self.offered = answers;
    }
}

/// An error with its code.
pub(crate) fn in_words(error: &RegistryError) -> String {
    format!("{error} ({})", error.code())
}

/// The refusal of what this address names: what was not `done` with it.
pub(crate) fn refused(reference: &Reference, done: &str, error: RegistryError) -> anyhow::Error {
    let code = error.code();
    anyhow::Error::from(error).context(format!("policy `{reference}` was not {done} ({code})"))
}

/// Waits for this, on whatever thread: loading policies is no asynchronous work, and may happen inside an event loop.
pub(crate) fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> anyhow::Result<T> {
    let waiting = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the event loop cannot be started")?;
        let done = runtime.block_on(work);
        // The system may still look a name up that nobody waits for.
        runtime.shutdown_background();
        Ok(done)
    };
    thread::scope(|scope| scope.spawn(waiting).join())
        .unwrap_or_else(|_| bail!("the event loop ended by itself"))
}

/// How many signatures came with a component, in words.
pub(crate) fn signatures(count: usize) -> String {
    match count {
        0 => "no signature".to_owned(),
        1 => "one signature".to_owned(),
        _ => format!("{count} signatures"),
    }
}
