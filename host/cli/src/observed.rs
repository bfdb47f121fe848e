//! Policies that judge, and who is told of it.

use std::sync::Arc;

use resolvet::{
    Policies,
    decisions::{DecisionLog, LogError},
    metrics::Metrics,
};
use resolvet_engine::{Engine, Observer, PolicySet};

use crate::{config::Config, exit::UsageError};

/// This set, judging, its decisions recorded where the configuration says so.
pub(crate) fn policies(
    config: &Config,
    engine: &Engine,
    set: PolicySet,
) -> anyhow::Result<Policies> {
    let observers = log(config, engine)?.map(observer).into_iter().collect();
    Ok(Policies::observed(engine, set, observers))
}

/// As [`policies`], with metrics (of judgements, of the log, and of the engine's cache) and the set's generation.
pub(crate) fn served(
    config: &Config,
    engine: &Engine,
    (set, generation): (PolicySet, u64),
) -> anyhow::Result<(Policies, Metrics)> {
    let log = log(config, engine)?;
    let metrics = Metrics::new();
    metrics.add_engine(engine.clone());
    if let Some(log) = &log {
        metrics.add_log(log.clone());
    }
    let observers = log.map(observer).into_iter();
    let observers = observers.chain([observer(metrics.clone())]).collect();
    let policies = Policies::resumed(engine, set, generation, observers);
    Ok((policies, metrics))
}

fn observer(observer: impl Observer + 'static) -> Arc<dyn Observer> {
    Arc::new(observer)
}

fn log(config: &Config, engine: &Engine) -> anyhow::Result<Option<DecisionLog>> {
    let log = config.decisions.options().map(|options| {
        DecisionLog::open(options, engine.options().set_milliseconds).map_err(unusable)
    });
    log.transpose()
}

/// Whether the configuration's log can be one, before it is opened.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    let options = config.decisions.options();
    let checked = options.map(|options| options.check().map_err(unusable));
    checked.transpose().map(Option::unwrap_or_default)
}

/// What a configuration must change, or what the system does not give.
fn unusable(error: LogError) -> anyhow::Error {
    match error {
        LogError::FullAndRedacted | LogError::Option { .. } => {
            UsageError(format!("`[decisions]`: {error}")).into()
        }
        error => error.into(),
    }
}
