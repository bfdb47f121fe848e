//! Another configuration while the daemon runs: all of it, or nothing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use anyhow::Error;
use resolvet::{Difference, stub::Evidence};
use resolvet_engine::Reason;
use sd_notify::NotifyState;
use tokio::sync::OwnedMutexGuard;

use super::{
    Daemon, addresses,
    book::By,
    changing::{Asked, Terms},
    check, designated,
    loading::{Ask, Loading, Sets},
    not_itself,
    protocol::{NetworkChange, ReloadReport, VERSION},
    refusal::{OrRefuse as _, Refusal},
    tell, wish,
};
use crate::{
    args::DaemonArguments,
    config::{Config, Place},
    delivery::{Answers, Asking},
    journey::{Designating, Prepared, Wish},
};

/// What was loaded and waits for its moment.
struct Loaded {
    sets: Sets,
    difference: Difference,
    prepared: Prepared,
    folders: BTreeSet<PathBuf>,
    restart: Vec<String>,
    terms: Terms,
}

impl Daemon {
    /// Loads everything anew; why nothing changed, when anything is refused.
    pub(super) async fn reload(self: &Arc<Self>, asked: Asked) -> Result<ReloadReport, Refusal> {
        let answers = self.asked_before(asked.by).await;
        self.reload_with(asked, answers).await
    }

    /// What registries say of what a reload will need. A registry that hangs or lies stops no other change: none waits for this.
    async fn asked_before(self: &Arc<Self>, by: By) -> Answers {
        let mut loading = Arc::clone(&self.loading).lock_owned().await;
        let daemon = Arc::clone(self);
        let questions = tokio::task::spawn_blocking(move || {
            // What is wrong with the configuration, the reload tells.
            let wish = wish(&daemon.arguments).ok()?;
            loading.questions(&wish, wanted(by), &daemon.output)
        });
        match questions.await.ok().flatten() {
            Some(questions) => questions.ask().await,
            None => Answers::new(),
        }
    }

    /// Loads everything anew, with what registries answered.
    pub(super) async fn reload_with(
        self: &Arc<Self>,
        asked: Asked,
        answers: Answers,
    ) -> Result<ReloadReport, Refusal> {
        let loading = Arc::clone(&self.loading).lock_owned().await;
        let state = NotifyState::monotonic_usec_now();
        if let Ok(moment) = state {
            tell(&[NotifyState::Reloading, moment]);
        }
        let result = self.reload_now(loading, asked, answers).await;
        tell(&[NotifyState::Ready]);
        result
    }

    async fn reload_now(
        self: &Arc<Self>,
        loading: OwnedMutexGuard<Loading>,
        asked: Asked,
        answers: Answers,
    ) -> Result<ReloadReport, Refusal> {
        let load =
            move |daemon: &Self, loading: &mut Loading| daemon.load(loading, asked.by, answers);
        let (mut loading, loaded) = self.beside(loading, asked, load).await?;
        let Loaded {
            sets,
            difference,
            prepared,
            folders,
            restart,
            terms,
        } = loaded;
        let described = prepared.described();
        let profile = prepared.profile.clone();
        let for_stub = prepared.for_stub(&self.output).await;
        let (client, origin, designating) = match for_stub.or_refuse(Reason::Network) {
            Ok(for_stub) => for_stub,
            Err(refusal) => {
                self.refused(&mut loading, asked, &refusal);
                return Err(refusal);
            }
        };
        let before = std::mem::replace(&mut *self.terms(), terms);
        let changes = difference.clone();
        let activate = move |daemon: &Self, loading: &mut Loading| {
            daemon.activate(loading, sets, &changes, asked, "")
        };
        let activated = self.beside(loading, asked, activate).await;
        // From here on nothing can be refused.
        let (mut loading, generation) = activated.inspect_err(|_| *self.terms() = before)?;
        let network = match loading
            .attached
            .as_ref()
            .map(|before| before.compared(&described))
        {
            Some(NetworkChange::Unchanged) => NetworkChange::Unchanged,
            Some(NetworkChange::JudgedAgain) => {
                let evidence = Evidence::of(described.session());
                self.order(self.stub.upstream().judge_by(evidence).await);
                NetworkChange::JudgedAgain
            }
            Some(NetworkChange::Replaced) | None => {
                self.order(self.stub.upstream().replace(client, origin).await);
                self.designated_by(designating);
                NetworkChange::Replaced
            }
        };
        loading.attached = Some(described);
        // What a registry's answer brought, the one who asked it tells.
        if !matches!(asked.by, By::Registry) {
            self.tell_delivered(&loading, matches!(asked.by, By::Control));
            self.loaded.notify_one();
        }
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.profile = profile;
        active.refusal = None;
        let ended = active.ended.clone();
        drop(active);
        self.folders.send_replace(folders);
        Ok(ReloadReport {
            version: VERSION,
            generation,
            policies: difference,
            network,
            restart,
            ended,
        })
    }

    /// Asks the network so from now on, and in no other way.
    pub(super) fn designated_by(self: &Arc<Self>, designating: Option<Designating>) {
        let begin = |designating| tokio::spawn(designated::run(Arc::clone(self), designating));
        let task = designating.map(|designating| begin(designating).abort_handle());
        let mut current = self
            .designating
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *current, task) {
            before.abort();
        }
    }

    /// An attachment that has ended cannot be given orders: the daemon ends too then.
    pub(super) fn order(&self, result: Result<(), resolvet::AttachError>) {
        if let Err(error) = result {
            self.output.log(&format!("the attachment: {error}"));
        }
    }

    /// Everything that may be refused before the network is asked.
    fn load(&self, loading: &mut Loading, by: By, answers: Answers) -> Result<Loaded, Refusal> {
        let wish: Wish = wish(&self.arguments).or_refuse(Reason::Configuration)?;
        // With what counts from the next start on, too: that start is not to fail.
        check(&wish.config).or_refuse(Reason::Configuration)?;
        let listen = addresses(&self.arguments.listen, &wish.config.daemon);
        let listen = listen.or_refuse(Reason::Configuration)?;
        let mut restart = from_the_next_start(&self.first, &wish.config);
        if listen != self.listen {
            restart.push("daemon.listen".to_owned());
        }
        let folders = folders(&self.arguments, &wish.config);
        let terms = Terms::of(&wish.config);
        let sets = loading.sets_with(&wish, wanted(by), answers, &self.output);
        let sets = sets.or_refuse(Reason::Failed)?;
        let prepared = wish.prepare(self.policies.clone());
        let prepared = prepared.or_refuse(Reason::Network)?;
        let itself = not_itself(prepared.resolver, &self.listen);
        itself
            .map_err(Error::from)
            .or_refuse(Reason::Configuration)?;
        let difference = Difference::between(&self.base(), &sets.set);
        Ok(Loaded {
            sets,
            difference,
            prepared,
            folders,
            restart,
            terms,
        })
    }
}

/// How whoever reloads looks at the configuration, and what registries are asked for.
const fn wanted(by: By) -> (Ask<'static>, Asking) {
    match by {
        // Whoever asks wants what registries have now.
        By::Control => (Ask::Configured, Asking::Everything),
        _ => (Ask::AsItStands, Asking::Others),
    }
}

/// Keys of a configuration that differ from those that the daemon began with, and that nothing but a start takes up.
fn from_the_next_start(began: &Config, now: &Config) -> Vec<String> {
    let (old, new) = (&began.daemon, &now.daemon);
    let differ = [
        ("decisions", began.decisions != now.decisions),
        ("traces", began.traces != now.traces),
        ("daemon.metrics", old.metrics != new.metrics),
        ("daemon.control", old.control != new.control),
        ("daemon.state", old.state != new.state),
        ("daemon.watch", old.watch != new.watch),
        ("daemon.queries", old.queries != new.queries),
        ("daemon.streams", old.streams != new.streams),
        ("daemon.cache-octets", old.cache_octets != new.cache_octets),
        ("daemon.longest-ttl", old.longest_ttl != new.longest_ttl),
        (
            "daemon.longest-negative-ttl",
            old.longest_negative_ttl != new.longest_negative_ttl,
        ),
        (
            "daemon.drain-milliseconds",
            old.drain_milliseconds != new.drain_milliseconds,
        ),
        ("policies.cache", began.policies.cache != now.policies.cache),
        // Less of both counts at once.
        (
            "policies.limits.memory-octets",
            now.policies.limits.memory_octets > began.policies.limits.memory_octets,
        ),
        (
            "policies.limits.table-elements",
            now.policies.limits.table_elements > began.policies.limits.table_elements,
        ),
    ];
    let differ = differ.into_iter().filter(|(_, differs)| *differs);
    differ.map(|(key, _)| key.to_owned()).collect()
}

/// The folders of all files that a configuration rests on.
pub(super) fn folders(arguments: &DaemonArguments, config: &Config) -> BTreeSet<PathBuf> {
    let journey = &arguments.journey;
    let network = &config.network;
    let anchors = [
        &network.trust_anchors,
        &network.fallback_trust_anchors,
        &journey.trust_anchors,
    ];
    let anchors = anchors
        .into_iter()
        .flatten()
        .filter(|text| *text != "system");
    let files = journey.config.iter().map(PathBuf::as_path);
    let files = files
        .chain(journey.end_entity.iter().map(PathBuf::as_path))
        .chain(network.end_entity.iter().map(PathBuf::as_path))
        .chain(network.revocation_lists.iter().map(PathBuf::as_path))
        .chain(anchors.map(Path::new))
        .chain(
            config
                .rules
                .iter()
                .flatten()
                .flat_map(|rule| {
                    let shadow = rule.shadow.as_ref().and_then(Place::file);
                    [rule.file.as_deref(), shadow]
                })
                .flatten(),
        );
    let folder = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders: BTreeSet<PathBuf> = files.map(folder).collect();
    folders.extend(journey.policies.clone().or(config.policies.folder.clone()));
    folders
}
