//! The beginning, from what arguments and configuration say to a daemon that answers; and the end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use resolvet::{
    metrics,
    stub::{Limits, Statistics, Stub, Upstream},
};
use resolvet_engine::Shadow;
use tokio::{
    sync::{Mutex, Notify, watch as channel},
    task::{JoinSet, spawn_blocking},
};

use super::{
    Active, Daemon, addresses, automatic,
    changing::{Terms, begin_trial},
    check,
    control::Listener,
    counting::Counting,
    loading::{First, Loading, Sets, Source},
    not_itself, places, poll,
    refusal::Refusal,
    reload, watch, wish,
};
use crate::{
    args::DaemonArguments,
    config,
    dates::now,
    journey::{Prepared, Wish},
    observed,
    output::Output,
    traces::{self, Traces},
};

/// How long questions under way have when it ends.
const DRAIN: Duration = Duration::from_secs(5);

/// A daemon that answers.
pub(super) struct Started {
    pub(super) daemon: Arc<Daemon>,
    /// What goes on until it ends.
    tasks: JoinSet<()>,
    traces: Option<Traces>,
}

/// Begins. What is wrong with arguments, and with what is listened at, is told before anything is written.
pub(super) async fn start(arguments: DaemonArguments, output: Output) -> anyhow::Result<Started> {
    let wish = wish(&arguments)?;
    let settings = wish.config.daemon.clone();
    let first = wish.config.clone();
    check(&wish.config)?;
    let listen = addresses(&arguments.listen, &settings)?;
    let traces = traces::begin(&wish.config, &output)?;
    let folders = reload::folders(&arguments, &wish.config);
    let terms = Terms::of(&wish.config);
    let state = places::state(arguments.state.as_deref(), settings.state.as_deref());
    let (mut loading, wish, begun) = load(wish, state, &output).await?;
    let First {
        sets,
        generation,
        refusal,
    } = begun;
    if let Some(Refusal { code, reason }) = &refusal {
        output.log(&format!(
            "the last complete policy set is used ({code}): {reason}"
        ));
    }
    let Sets {
        set, tried, source, ..
    } = sets;
    let is_watched = matches!(source, Source::Configuration) && terms.back.faults.is_some();
    let news = is_watched.then(|| loading.news(&set)).flatten();
    let set = (set, generation);
    let (policies, metrics) = observed::served(&wish.config, loading.engine(), set)?;
    let shadow = Shadow::start(loading.engine()).context("no thread for a shadow")?;
    policies.judge().observe(Arc::new(shadow.clone()));
    // Before anything is judged, so that nothing is missed.
    let beside = (tried, policies.judge().set());
    begin_trial(&shadow, beside, &first, terms.promotion.recorded);
    let counting = Counting::default();
    policies.judge().observe(Arc::new(counting.clone()));
    if let Some((since, new)) = news {
        counting.watch(generation, new, since, terms.back);
    }
    let profile = wish.profile.clone();
    let prepared = wish.prepare(policies.clone())?;
    not_itself(prepared.resolver, &listen)?;
    loading.prepared(&prepared);
    let (client, origin, designating) = prepared.for_stub(&output).await?;
    let upstream = Upstream::begin(client, origin);
    let is_default = arguments.listen.is_empty() && settings.listen.is_empty();
    let stub = bind(&listen, is_default, limits(&settings), upstream, &output).await?;
    let control = places::control_socket(
        arguments.control.control.as_deref(),
        settings.control.as_deref(),
    );
    let listener = Listener::bind(&control)?;
    for address in stub.addresses() {
        output.log(&format!("listening at {address}, UDP and TCP"));
    }
    output.log(&format!("control socket {}", control.display()));
    let at = loading.book().active().map_or_else(now, |active| active.at);
    let daemon = Arc::new(Daemon {
        arguments,
        first,
        policies,
        metrics,
        shadow,
        counting,
        listen,
        stub,
        loading: Arc::new(Mutex::new(loading)),
        active: std::sync::Mutex::new(Active {
            profile,
            source,
            at,
            tried_at: now(),
            refusal,
            ended: Vec::new(),
        }),
        lifted: std::sync::Mutex::default(),
        known: std::sync::Mutex::default(),
        terms: std::sync::Mutex::new(terms),
        delivered: std::sync::Mutex::default(),
        loaded: Notify::new(),
        folders: channel::channel(folders).0,
        designating: std::sync::Mutex::default(),
        since: now(),
        began: Instant::now(),
        output,
    });
    daemon.note(&*daemon.loading.lock().await);
    daemon.designated_by(designating);
    let tasks = attend(&daemon, listener, &settings).await?;
    Ok(Started {
        daemon,
        tasks,
        traces,
    })
}

/// The first set, loaded beside the event loop: it may have to be pulled and compiled, and signals are heard meanwhile.
async fn load(
    wish: Wish,
    state: Option<PathBuf>,
    output: &Output,
) -> anyhow::Result<(Loading, Wish, First)> {
    let output = output.clone();
    let load = move || {
        let mut loading = Loading::new(&wish.config, state)?;
        let first = loading.begin(&wish, &output)?;
        anyhow::Ok((loading, wish, first))
    };
    let loaded = spawn_blocking(load).await;
    loaded.context("the first policy set was not loaded")?
}

/// Listens. Of the default addresses those are left out that this machine does not have; what somebody wrote must be there.
async fn bind(
    listen: &[SocketAddr],
    is_default: bool,
    limits: Limits,
    upstream: Upstream,
    output: &Output,
) -> anyhow::Result<Stub> {
    if !is_default {
        return Ok(Stub::bind(listen, limits, upstream).await?);
    }
    let (stub, absent) = Stub::bind_present(listen, limits, upstream).await?;
    for error in absent {
        output.log(&format!("{:#}", anyhow::Error::from(error)));
    }
    Ok(stub)
}

/// Everything that goes on beside the answers.
async fn attend(
    daemon: &Arc<Daemon>,
    listener: Listener,
    settings: &config::Daemon,
) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    tasks.spawn(automatic::run(Arc::clone(daemon)));
    tasks.spawn(automatic::run_lifts(Arc::clone(daemon)));
    tasks.spawn(listener.serve(Arc::clone(daemon)));
    tasks.spawn(poll::run(Arc::clone(daemon)));
    if settings.watch.unwrap_or(true) {
        tasks.spawn(watch::run(Arc::clone(daemon)));
    }
    if let Some(address) = settings.metrics {
        let metrics = daemon.metrics.clone();
        // The policies of the daemon hold the metrics: they may not hold the daemon.
        let held = Arc::downgrade(daemon);
        metrics.add_stub(move || {
            let daemon = held.upgrade();
            daemon.map_or_else(Statistics::default, |daemon| daemon.stub.statistics())
        });
        let (address, serving) = metrics::serve(address, metrics).await?;
        let text = format!("metrics at http://{address}/metrics");
        daemon.output.log(&text);
        tasks.spawn(async move {
            let _never = serving.await;
        });
    }
    Ok(tasks)
}

impl Started {
    /// Answers what is under way, and ends.
    pub(super) async fn end(self) {
        let Self {
            daemon,
            mut tasks,
            traces,
        } = self;
        tasks.shutdown().await;
        daemon.designated_by(None);
        let drain = daemon.first.daemon.drain_milliseconds;
        let drain = drain.map_or(DRAIN, |drain| Duration::from_millis(drain.into()));
        if !daemon.stub.stop(drain).await {
            let text = "some questions were not answered in time";
            daemon.output.log(text);
        }
        if let Some(traces) = traces {
            traces.end().await;
        }
    }
}

fn limits(settings: &config::Daemon) -> Limits {
    let mut limits = Limits::default();
    let size = |value: Option<u32>, default: usize| {
        value.map_or(default, |value| usize::try_from(value).unwrap_or(default))
    };
    limits.queries = size(settings.queries, limits.queries);
    limits.streams = size(settings.streams, limits.streams);
    limits.cache_octets = size(settings.cache_octets, limits.cache_octets);
    limits.longest_ttl = settings.longest_ttl.unwrap_or(limits.longest_ttl);
    limits.longest_negative_ttl = settings
        .longest_negative_ttl
        .unwrap_or(limits.longest_negative_ttl);
    limits
}

impl Loading {
    /// Remembers what the attachment was prepared with.
    fn prepared(&mut self, prepared: &Prepared) {
        self.attached = Some(prepared.described());
    }
}
