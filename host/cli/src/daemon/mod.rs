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
mod start;
mod status;
mod watch;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use resolvet::{Policies, metrics::Metrics, stub::Stub};
use resolvet_engine::Shadow;
use resolvet_proto::judgement::UsageProfile;
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Notify, watch as channel},
    task::AbortHandle,
    time::interval,
};

pub(crate) use places::{daemon_socket, state as state_folder};

use crate::{
    args::{DaemonArguments, socket_address},
    config,
    exit::UsageError,
    journey::Wish,
    observed,
    output::Output,
    traces,
};
use book::By;
use changing::{Asked, Known, Terms};
use counting::Counting;
use lifting::Lifted;
use loading::{Loading, Source};
use protocol::DeliveryStatus;
use refusal::Refusal;

/// Where it listens when nothing else is said.
const LISTEN: [&str; 2] = ["127.0.0.1:53", "[::1]:53"];
/// How long a query may wait for its answer before the next server is asked: twice this is what clients wait.
const QUERY_MILLISECONDS: u32 = 2_500;
/// How long is waited for what still goes on beside the event loop when it has ended.
const LAST: Duration = Duration::from_secs(2);
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
    /// Components whose signatures have come to their end since they became active.
    ended: Vec<String>,
}

/// Runs until a signal ends it.
pub(crate) fn run(arguments: DaemonArguments, output: &Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the event loop cannot be started")?;
    let served = runtime.block_on(serve(arguments, output.clone()));
    // A registry or a compilation is not waited for to its end: what is on the disk is whole at any moment.
    runtime.shutdown_timeout(LAST);
    served
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
    addresses(&[], &config.daemon)?;
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
    let mut end = End::new()?;
    let started = tokio::select! {
        started = start::start(arguments, output) => started?,
        // What begins has changed nothing that the next start would miss.
        () = end.came() => {
            tell(&[NotifyState::Stopping]);
            return Ok(());
        }
    };
    tell(&[NotifyState::Ready]);
    go_on(&started.daemon, &mut hang_up, &mut end).await;
    tell(&[NotifyState::Stopping]);
    started.end().await;
    Ok(())
}

/// Tells what it does, and reloads when it is told so, until it is told to end.
async fn go_on(daemon: &Arc<Daemon>, hang_up: &mut Signal, end: &mut End) {
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
                let daemon = Arc::clone(daemon);
                tokio::spawn(async move { daemon.reload(Asked::by(By::Signal)).await });
            }
            () = end.came() => break,
        }
    }
}

/// The signals that end it.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: stream(SignalKind::terminate())?,
            interrupt: stream(SignalKind::interrupt())?,
        })
    }

    async fn came(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn stream(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals cannot be received")
}

/// Tells the system's manager, where there is one: without it nothing is lost.
fn tell(states: &[NotifyState<'_>]) {
    let _told = sd_notify::notify(states);
}

/// Where it listens: as arguments or else the configuration say, or the default.
fn addresses(
    arguments: &[SocketAddr],
    settings: &config::Daemon,
) -> anyhow::Result<Vec<SocketAddr>> {
    if !arguments.is_empty() {
        loopback("--listen", arguments)?;
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
    let addresses = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    loopback("daemon.listen", &addresses)?;
    Ok(addresses)
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
