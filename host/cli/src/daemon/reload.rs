//! Another configuration while the daemon runs: all of it, or nothing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use resolvet::{Difference, stub::Evidence};
use resolvet_engine::PolicySet;
use sd_notify::NotifyState;
use tokio::sync::OwnedMutexGuard;

use super::{
    Active, Daemon, addresses,
    loading::{Loading, Source},
    not_itself,
    protocol::{NetworkChange, ReloadReport, VERSION},
    tell, wish,
};
use crate::{
    args::DaemonArguments,
    config::Config,
    dates::now,
    journey::{Prepared, Wish},
};

/// What was loaded and waits for its moment.
struct Loaded {
    set: PolicySet,
    tried: Option<PolicySet>,
    difference: Difference,
    prepared: Prepared,
    folders: BTreeSet<PathBuf>,
    restart: Vec<String>,
}

impl Daemon {
    /// Loads everything anew; in words why nothing changed, when anything is refused.
    pub(super) async fn reload(self: &Arc<Self>, asked_by: &str) -> Result<ReloadReport, String> {
        let loading = Arc::clone(&self.loading).lock_owned().await;
        let state = NotifyState::monotonic_usec_now();
        if let Ok(moment) = state {
            tell(&[NotifyState::Reloading, moment]);
        }
        let result = self.reload_with(loading).await;
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Ok(report) => {
                active.trouble.clear();
                active.source = Source::Configuration;
                if !report.policies.is_none() {
                    active.at = now();
                }
                self.output.log(&format!(
                    "reloaded by {asked_by}: policy generation {}",
                    report.generation
                ));
            }
            Err(reason) => {
                active.trouble.clone_from(reason);
                self.output.log(&format!(
                    "reload by {asked_by} refused, nothing changed: {reason}"
                ));
            }
        }
        drop(active);
        tell(&[NotifyState::Ready]);
        result
    }

    async fn reload_with(
        self: &Arc<Self>,
        mut loading: OwnedMutexGuard<Loading>,
    ) -> Result<ReloadReport, String> {
        let daemon = Arc::clone(self);
        // Compiling and evaluating beside the event loop, which answers meanwhile.
        let work = tokio::task::spawn_blocking(move || {
            let loaded = daemon.load(&mut loading);
            (loading, loaded)
        });
        let (mut loading, loaded) = work.await.map_err(|error| error.to_string())?;
        let Loaded {
            set,
            tried,
            difference,
            prepared,
            folders,
            restart,
        } = loaded.map_err(|error| format!("{error:#}"))?;
        let described = prepared.described();
        let profile = prepared.profile.clone();
        let (client, origin) = prepared
            .for_stub(&self.output)
            .await
            .map_err(|error| format!("{error:#}"))?;
        // From here on nothing can be refused.
        let judge = self.policies.judge();
        let generation = if difference.is_none() {
            judge.generation()
        } else {
            self.policies.swap(set)
        };
        self.try_beside(tried, !difference.is_none());
        let (active, beside) = (judge.set(), self.shadow.set());
        let used: Vec<&PolicySet> = [Some(&*active), beside.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        loading.forget_others(&used);
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
                NetworkChange::Replaced
            }
        };
        loading.attached = Some(described);
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        *active = Active {
            profile,
            ..active.clone()
        };
        drop(active);
        self.folders.send_replace(folders);
        Ok(ReloadReport {
            version: VERSION,
            generation,
            policies: difference,
            network,
            restart,
        })
    }

    /// Tries this set beside the active one; what was counted goes on when neither changed.
    fn try_beside(&self, tried: Option<PolicySet>, active_changed: bool) {
        let before = self.shadow.set();
        let is_same = match (&before, &tried) {
            (Some(before), Some(tried)) => Difference::between(before, tried).is_none(),
            (None, None) => true,
            _ => false,
        };
        if active_changed || !is_same {
            self.shadow.try_set(tried);
        }
    }

    /// An attachment that has ended cannot be given orders: the daemon ends too then.
    fn order(&self, result: Result<(), resolvet::AttachError>) {
        if let Err(error) = result {
            self.output.log(&format!("the attachment: {error}"));
        }
    }

    /// Everything that may be refused.
    fn load(&self, loading: &mut Loading) -> anyhow::Result<Loaded> {
        let wish: Wish = wish(&self.arguments)?;
        let listen = addresses(&self.arguments, &wish.config.daemon)?;
        let mut restart = Vec::new();
        if listen != self.listen {
            restart.push("daemon.listen".to_owned());
        }
        let folders = folders(&self.arguments, &wish.config);
        let (set, tried) = loading.sets(&wish, &self.output)?;
        let prepared = wish.prepare(self.policies.clone())?;
        not_itself(prepared.resolver, &self.listen)?;
        let difference = Difference::between(&self.policies.judge().set(), &set);
        // Kept before it is active: whatever happens in between, the next start has a complete set.
        loading.keep(&set)?;
        Ok(Loaded {
            set,
            tried,
            difference,
            prepared,
            folders,
            restart,
        })
    }
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
                .flat_map(|rule| [rule.file.as_deref(), rule.shadow.as_deref()])
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
