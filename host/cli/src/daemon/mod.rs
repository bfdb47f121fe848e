//! `resolvetd`: a stub that goes on, and what an operator may ask of it.

mod automatic;
mod book;
mod changing;
mod control;
mod counting;
mod designated;
mod kept;
mod life;
mod lifting;
mod loading;
mod places;
mod poll;
pub(crate) mod protocol;
mod recorded;
mod refusal;
mod reload;
mod status;
mod watch;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use resolvet::{
    Policies,
    metrics::{self, Metrics},
    stub::{Limits, Statistics, Stub, Upstream},
};
use resolvet_engine::Shadow;
use resolvet_proto::judgement::UsageProfile;
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Notify, watch as channel},
    task::{AbortHandle, JoinHandle},
    time::interval,
};

pub(crate) use places::{control_socket, state as state_folder};

use crate::{
    args::{DaemonArguments, socket_address},
    config,
    dates::now,
    exit::UsageError,
    journey::{Prepared, Wish},
    observed,
    output::Output,
    traces,
};
use book::By;
use changing::{Asked, Known, Terms};
use control::Listener;
use counting::Counting;
use lifting::Lifted;
use loading::{First, Loading, Sets, Source};
use protocol::DeliveryStatus;
use refusal::Refusal;

/// Where it listens when nothing else is said.
const LISTEN: [&str; 2] = ["127.0.0.1:53", "[::1]:53"];
/// How long questions under way have when it ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a query may wait for its answer before the next server is asked: twice this is what clients wait.
const QUERY_MILLISECONDS: u32 = 2_500;
/// How often the system's manager is told what the daemon does.
const TELL: Duration = Duration::from_secs(5);

/// Everything that the daemon's parts share.
struct Daemon {
    arguments: DaemonArguments,
    /// The configuration that it began with: some of it counts until it ends.
    first: config::Config,
    policies: Policies,
    /// What policies did since the start.
    metrics: Metrics,
    /// What tries the versions that are configured as shadows.
    shadow: Shadow,
    /// What the active policies did.
    counting: Counting,
    stub: Stub,
    listen: Vec<SocketAddr>,
    /// Held while a reload goes on, so that one follows another.
    loading: Arc<Mutex<Loading>>,
    /// What the operator is told about the policies that are active.
    active: std::sync::Mutex<Active>,
    /// What an operator lifted for a time.
    lifted: std::sync::Mutex<Option<Lifted>>,
    /// What is told of the sets before it and of single policies.
    known: std::sync::Mutex<Arc<Known>>,
    /// What the configuration says about changes.
    terms: std::sync::Mutex<Terms>,
    /// What registries said when they were asked the last time.
    delivered: std::sync::Mutex<Vec<DeliveryStatus>>,
    /// Everything was loaded anew, and not because a registry had something else.
    loaded: Notify,
    /// Folders whose change means a reload.
    folders: channel::Sender<BTreeSet<PathBuf>>,
    /// Asks the network again which resolvers it designates.
    designating: std::sync::Mutex<Option<AbortHandle>>,
    since: u64,
    began: Instant,
    output: Output,
}

/// Where the active set came from.
#[derive(Debug, Clone)]
struct Active {
    profile: UsageProfile,
    source: Source,
    /// When it became active, seconds since 1970.
    at: u64,
    /// When the set began to be tried that is tried beside it, seconds since 1970.
    tried_at: u64,
    /// Why the last configuration was refused, if it was.
    refusal: Option<Refusal>,
}

/// Runs until a signal ends it.
pub(crate) fn run(arguments: DaemonArguments, output: &Output) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the event loop cannot be started")?
        .block_on(serve(arguments, output.clone()))
}

/// What arguments and configuration say.
fn wish(arguments: &DaemonArguments) -> anyhow::Result<Wish> {
    let mut journey = arguments.journey.clone();
    let mut config = match &journey.config {
        Some(path) => config::Config::read(path)?,
        None => config::Config::default(),
    };
    let daemon = &config.daemon;
    journey.designated |= daemon.designated.unwrap_or(false) && arguments.domain.is_none();
    journey.network = journey.network.or(daemon.enrolment.clone());
    let domain = arguments.domain.clone().or(daemon.domain.clone());
    if config.registry.cache.is_none() {
        let state = places::state(arguments.state.as_deref(), daemon.state.as_deref());
        config.registry.cache = state.map(|state| state.join("registry"));
    }
    config
        .network
        .query_milliseconds
        .get_or_insert(QUERY_MILLISECONDS);
    Wish::of(config, domain.as_deref(), journey)
}

/// Whether a daemon could start with this configuration, as far as that can be said without the machine it would run on.
pub(crate) fn check(config: &config::Config) -> anyhow::Result<()> {
    loopback("daemon.listen", &addresses(&[], &config.daemon)?)?;
    if let Some(metrics) = config.daemon.metrics {
        loopback("daemon.metrics", &[metrics])?;
    }
    traces::check(&config.traces)?;
    observed::check(config)
}

/// What the daemon serves is for this machine alone.
fn loopback(key: &str, addresses: &[SocketAddr]) -> Result<(), UsageError> {
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        None => Ok(()),
        Some(address) => Err(UsageError(format!(
            "`{key}` is {address}: expected an address of loopback, 127.0.0.0/8 or [::1]"
        ))),
    }
}

async fn serve(arguments: DaemonArguments, output: Output) -> anyhow::Result<()> {
    let mut hang_up = stream(SignalKind::hangup())?;
    let mut terminate = stream(SignalKind::terminate())?;
    let mut interrupt = stream(SignalKind::interrupt())?;
    let wish = wish(&arguments)?;
    let settings = wish.config.daemon.clone();
    let first = wish.config.clone();
    check(&wish.config)?;
    let listen = addresses(&arguments.listen, &settings)?;
    let traces = traces::begin(&wish.config, &output)?;
    let folders = reload::folders(&arguments, &wish.config);
    let state = places::state(arguments.state.as_deref(), settings.state.as_deref());
    let mut loading = Loading::new(&wish.config, state)?;
    let First {
        sets,
        generation,
        refusal,
    } = loading.begin(&wish, &output)?;
    if let Some(Refusal { code, reason }) = &refusal {
        output.log(&format!(
            "the last complete policy set is used ({code}): {reason}"
        ));
    }
    let terms = Terms::of(&wish.config);
    let Sets {
        set, tried, source, ..
    } = sets;
    let is_watched = matches!(source, Source::Configuration) && terms.back.faults.is_some();
    let news = is_watched.then(|| loading.news(&set)).flatten();
    let set = (set, generation);
    let (policies, metrics) = observed::served(&wish.config, loading.engine(), set)?;
    let shadow = Shadow::start(loading.engine()).context("no thread for a shadow")?;
    policies.judge().observe(Arc::new(shadow.clone()));
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
    let stub = Stub::bind(&listen, limits(&settings), upstream).await?;
    let control = control_socket(
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
    daemon.try_beside(tried, false);
    daemon.note(&*daemon.loading.lock().await);
    daemon.designated_by(designating);
    let by_itself = tokio::spawn(automatic::run(Arc::clone(&daemon)));
    let lifts = tokio::spawn(automatic::run_lifts(Arc::clone(&daemon)));
    let controlling = tokio::spawn(listener.serve(Arc::clone(&daemon)));
    let watching = settings
        .watch
        .unwrap_or(true)
        .then(|| tokio::spawn(watch::run(Arc::clone(&daemon))));
    let polling = tokio::spawn(poll::run(Arc::clone(&daemon)));
    let serving = match settings.metrics {
        Some(address) => Some(serve_metrics(&daemon, address).await?),
        None => None,
    };
    tell(&[NotifyState::Ready]);
    let mut telling = interval(TELL);
    let mut told = String::new();
    loop {
        tokio::select! {
            _ = telling.tick() => {
                let line = daemon.line();
                if line != told {
                    tell(&[NotifyState::Status(&line)]);
                    daemon.output.log(&line);
                    told = line;
                }
            }
            Some(()) = hang_up.recv() => {
                let daemon = Arc::clone(&daemon);
                tokio::spawn(async move { daemon.reload(Asked::by(By::Signal)).await });
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell(&[NotifyState::Stopping]);
    controlling.abort();
    by_itself.abort();
    lifts.abort();
    polling.abort();
    daemon.designated_by(None);
    if let Some(watching) = watching {
        watching.abort();
    }
    if let Some(serving) = serving {
        serving.abort();
    }
    let drain = settings.drain_milliseconds;
    let drain = drain.map_or(DRAIN, |drain| Duration::from_millis(drain.into()));
    if !daemon.stub.stop(drain).await {
        daemon
            .output
            .log("some questions were not answered in time");
    }
    if let Some(traces) = traces {
        traces.end().await;
    }
    Ok(())
}

/// Answers scrapes, of this daemon's stub too.
async fn serve_metrics(
    daemon: &Arc<Daemon>,
    address: SocketAddr,
) -> anyhow::Result<JoinHandle<Infallible>> {
    let metrics = daemon.metrics.clone();
    // The policies of the daemon hold the metrics: they may not hold the daemon.
    let held = Arc::downgrade(daemon);
    metrics.add_stub(move || {
        let daemon = held.upgrade();
        daemon.map_or_else(Statistics::default, |daemon| daemon.stub.statistics())
    });
    let (address, serving) = metrics::serve(address, metrics).await?;
    daemon
        .output
        .log(&format!("metrics at http://{address}/metrics"));
    Ok(tokio::spawn(serving))
}

fn stream(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals cannot be received")
}

/// Tells the system's manager, where there is one: without it nothing is lost.
fn tell(states: &[NotifyState<'_>]) {
    let _told = sd_notify::notify(states);
}

fn addresses(
    arguments: &[SocketAddr],
    settings: &config::Daemon,
) -> anyhow::Result<Vec<SocketAddr>> {
    if !arguments.is_empty() {
        return Ok(arguments.to_vec());
    }
    let configured = settings.listen.iter().map(String::as_str);
    let texts: Vec<&str> = match settings.listen.is_empty() {
        true => LISTEN.into(),
        false => configured.collect(),
    };
    let read = |text: &&str| {
        socket_address(text)
            .map_err(|expected| UsageError(format!("`daemon.listen` has `{text}`: {expected}")))
    };
    Ok(texts.iter().map(read).collect::<Result<_, _>>()?)
}

/// Discovery must ask somebody else: `/etc/resolv.conf` may name this daemon by now.
fn not_itself(resolver: SocketAddr, listen: &[SocketAddr]) -> Result<(), UsageError> {
    if listen.contains(&resolver) {
        return Err(UsageError(format!(
            "discovery would ask {resolver}, which is this daemon itself: name another resolver by `network.resolver` or --resolver"
        )));
    }
    Ok(())
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
