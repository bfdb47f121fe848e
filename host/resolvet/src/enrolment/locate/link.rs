//! Multicast DNS (RFC 6762): what servers on the link say of themselves.

use std::{
    collections::BTreeMap,
    fmt,
    net::{SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use hickory_proto::rr::Name;
use if_addrs::Interface;
use mdns_sd::{
    HostnameResolutionEvent, IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent,
};
use resolvet_proto::discovery::{
    Data, DomainName, Kind, Srv,
    dns_sd::{Instance, Lookup, ordered},
    limits::{ADDRESSES, INSTANCES},
    srv::Dice,
};
use thiserror::Error;
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use super::one_shot;

/// The port of multicast DNS.
const PORT: u16 = 5_353;
/// How long the link is listened to: questions leave at once and after one second (section 5.2), and an answer may wait for
/// half a second (section 6).
const WINDOW: Duration = Duration::from_millis(2_500);
/// How long others are waited for after the first answer.
const SETTLE: Duration = Duration::from_millis(400);
/// Records of all kinds that are kept before the library is started anew: everybody on the link can fill its memory.
const CACHE: i64 = 4_096;

/// Where multicast DNS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interfaces {
    /// On every interface but loopback.
    #[default]
    All,
    /// On these.
    Named(Vec<String>),
    /// On 127.0.0.1 alone: this machine with itself.
    Loopback,
}

impl Interfaces {
    /// Whether this address of an interface is one of them.
    pub(super) fn include(&self, interface: &Interface) -> bool {
        match self {
            Self::All => !interface.is_loopback(),
            Self::Named(names) => names.contains(&interface.name),
            Self::Loopback => interface.is_loopback() && interface.ip().is_ipv4(),
        }
    }

    fn select(&self, daemon: &ServiceDaemon) -> Result<(), mdns_sd::Error> {
        match self {
            Self::All => daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6]),
            Self::Named(names) => {
                daemon.disable_interface(IfKind::All)?;
                daemon.enable_interface(names.iter().collect::<Vec<_>>())
            }
            Self::Loopback => {
                daemon.disable_interface(IfKind::All)?;
                daemon.enable_interface(IfKind::LoopbackV4)
            }
        }
    }
}

/// The link cannot be listened on.
#[derive(Debug, Error)]
#[error("multicast DNS cannot be spoken on this machine: {0}")]
pub struct LinkError(#[from] mdns_sd::Error);

/// Listens on the link until it is dropped, and keeps what is announced for as long as the announcement says. Copies listen
/// together.
#[derive(Clone)]
pub struct Link(Arc<Listener>);

struct Listener {
    interfaces: Interfaces,
    port: u16,
    /// One search at a time: the library has one listener for each service. Nobody listens before the first one unless that
    /// was asked for.
    daemon: Mutex<Option<ServiceDaemon>>,
}

impl Link {
    /// Begins to listen when something is looked for.
    #[must_use]
    pub fn when_needed(interfaces: Interfaces) -> Self {
        Self(Arc::new(Listener {
            interfaces,
            port: PORT,
            daemon: Mutex::new(None),
        }))
    }

    /// Begins to listen, so that what is announced from now on is known when it is looked for.
    ///
    /// # Errors
    /// The system gives no thread or no socket.
    pub fn listen(interfaces: Interfaces) -> Result<Self, LinkError> {
        Self::listen_at(interfaces, PORT)
    }

    /// The same at another port than that of multicast DNS, for those who agreed on one.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub fn listen_at(interfaces: Interfaces, port: u16) -> Result<Self, LinkError> {
        let daemon = Mutex::new(Some(start(&interfaces, port)?));
        Ok(Self(Arc::new(Listener {
            interfaces,
            port,
            daemon,
        })))
    }

    /// The instances of these services on the link, in the order in which they are tried. It takes 2.5 seconds when nobody
    /// answers, less when somebody does or `enough` comes, and what was announced before is there at once.
    pub(super) async fn browse(
        &self,
        services: &[&'static str],
        seed: u64,
        enough: &mut oneshot::Receiver<()>,
    ) -> Vec<Instance> {
        let mut kept = self.0.daemon.lock().await;
        let Some(daemon) = self.0.daemon(&mut kept).await else {
            return Vec::new();
        };
        let heard = hear(daemon, services, enough).await;
        drop(kept);
        let mut instances: Vec<Instance> = heard.iter().filter_map(Heard::instance).collect();
        // With one server there is no order to be had.
        if heard.len() > 1 || heard.len() > instances.len() {
            let placed = self.place(&heard).await;
            instances.retain(|known| placed.iter().all(|other| other.name != known.name));
            instances.extend(placed);
        }
        instances.truncate(INSTANCES);
        ordered(&instances, &mut Dice::new(seed, "local."))
    }

    /// Asks for the SRV records themselves.
    async fn place(&self, heard: &[Heard]) -> Vec<Instance> {
        let lookups: Vec<Lookup> = heard
            .iter()
            .map(|heard| Lookup {
                name: heard.name.clone(),
                kind: Kind::Srv,
            })
            .collect();
        let (interfaces, port) = (&self.0.interfaces, self.0.port);
        let mut id = [0; 2];
        if super::random::fill(&mut id).is_err() {
            return Vec::new();
        }
        let until = Instant::now() + SETTLE;
        let answers = one_shot::ask(interfaces, port, &lookups, u16::from_be_bytes(id), until);
        let mut instances: Vec<Instance> = Vec::new();
        for (position, answer) in answers.await {
            let Some(lookup) = lookups.get(position) else {
                continue;
            };
            for record in answer.records {
                if let Data::Srv(srv) = record.data
                    && let Some(instance) = Instance::new(lookup.name.clone(), srv)
                    && !instances.contains(&instance)
                {
                    instances.push(instance);
                }
            }
        }
        instances
    }

    /// The addresses of a host of the link; those of IPv6 first. It takes 2.5 seconds when nobody answers.
    pub(super) async fn addresses(&self, host: &DomainName, port: u16) -> Vec<SocketAddr> {
        let mut kept = self.0.daemon.lock().await;
        let Some(daemon) = self.0.daemon(&mut kept).await else {
            return Vec::new();
        };
        let within = u64::try_from(WINDOW.as_millis()).ok();
        let Ok(events) = daemon.resolve_hostname(host.as_str(), within) else {
            return Vec::new();
        };
        let mut found: Vec<SocketAddr> = Vec::new();
        let mut until = Instant::now() + WINDOW;
        while let Ok(Ok(event)) = timeout_at(until, events.recv_async()).await {
            match event {
                HostnameResolutionEvent::AddressesFound(_, addresses) => {
                    found.extend(addresses.iter().filter_map(|address| at(address, port)));
                    until = until.min(Instant::now() + SETTLE);
                }
                HostnameResolutionEvent::SearchTimeout(_) => break,
                _ => {}
            }
        }
        let _ended = daemon.stop_resolve_hostname(host.as_str());
        found.sort_by_key(|address| (address.is_ipv4(), *address));
        found.dedup();
        let (four, mut six): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
        six.truncate(ADDRESSES);
        six.extend(four.into_iter().take(ADDRESSES));
        six
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("interfaces", &self.0.interfaces)
            .field("port", &self.0.port)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Whoever listens; somebody else when everybody on the link has filled his memory. `None`: the system does not let us.
    async fn daemon<'a>(&self, kept: &'a mut Option<ServiceDaemon>) -> Option<&'a ServiceDaemon> {
        if let Some(daemon) = kept
            && is_crowded(daemon).await
        {
            let _ended = daemon.shutdown();
            *kept = None;
        }
        if kept.is_none() {
            *kept = start(&self.interfaces, self.port).ok();
        }
        kept.as_ref()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.get_mut() {
            let _ended = daemon.shutdown();
        }
    }
}

fn start(interfaces: &Interfaces, port: u16) -> Result<ServiceDaemon, mdns_sd::Error> {
    let daemon = ServiceDaemon::new_with_port(port)?;
    interfaces.select(&daemon)?;
    // Announcements that nobody asked for are kept too (RFC 6762 section 8.3).
    daemon.accept_unsolicited(true)?;
    Ok(daemon)
}

async fn is_crowded(daemon: &ServiceDaemon) -> bool {
    let Ok(metrics) = daemon.get_metrics() else {
        return true;
    };
    let Ok(metrics) = metrics.recv_async().await else {
        return true;
    };
    let kept = metrics
        .iter()
        .filter(|(name, _)| name.starts_with("cached-"));
    kept.map(|(_, count)| count).sum::<i64>() > CACHE
}

/// What was heard of an instance.
struct Heard {
    name: Name,
    resolved: Option<Box<ResolvedService>>,
}

impl Heard {
    /// The name of an instance as the library gives it: labels joined by dots, of which the first label may have some too.
    fn new(service: &str, full: &str) -> Option<Self> {
        let label = full.strip_suffix(service)?.strip_suffix('.')?;
        let service = Name::from_ascii(service).ok()?;
        Some(Self {
            name: service.prepend_label(label.as_bytes()).ok()?,
            resolved: None,
        })
    }

    /// Where it is, with the priority and weight that the library does not give.
    fn instance(&self) -> Option<Instance> {
        let resolved = self.resolved.as_ref()?;
        let srv = Srv {
            priority: 0,
            weight: 0,
            port: resolved.port,
            target: DomainName::parse(&resolved.host).ok()?,
        };
        Instance::new(self.name.clone(), srv)
    }
}

/// Listens until the window is over, or until nobody else seems to answer.
async fn hear(
    daemon: &ServiceDaemon,
    services: &[&'static str],
    enough: &mut oneshot::Receiver<()>,
) -> Vec<Heard> {
    let services = services.iter().map(|service| format!("{service}.local."));
    let services: Vec<String> = services.collect();
    let events = services
        .iter()
        .filter_map(|service| daemon.browse(service).ok());
    let mut events = stream::select_all(events.map(|events| events.into_stream()));
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    let mut until = Instant::now() + WINDOW;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(until) => break,
            Ok(()) = &mut *enough => break,
        };
        match event {
            None => break,
            Some(ServiceEvent::ServiceFound(service, full)) => {
                if heard.len() < INSTANCES
                    && let Some(instance) = Heard::new(&service, &full)
                {
                    heard.entry(full).or_insert(instance);
                    until = until.min(Instant::now() + SETTLE);
                }
            }
            Some(ServiceEvent::ServiceResolved(resolved)) => {
                if let Some(instance) = heard.get_mut(&resolved.fullname) {
                    instance.resolved = Some(resolved);
                    until = until.min(Instant::now() + SETTLE);
                }
            }
            Some(ServiceEvent::ServiceRemoved(_, full)) => {
                heard.remove(&full);
            }
            Some(_) => {}
        }
    }
    drop(events);
    for service in &services {
        let _ended = daemon.stop_browse(service);
    }
    heard.into_values().collect()
}

/// An address with a port; one of a link with the interface where that is.
fn at(address: &ScopedIp, port: u16) -> Option<SocketAddr> {
    let ip = address.to_ip_addr();
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    Some(match address {
        ScopedIp::V6(six) if six.addr().is_unicast_link_local() => {
            SocketAddrV6::new(*six.addr(), port, 0, six.scope_id().index).into()
        }
        _ => (ip, port).into(),
    })
}

#[cfg(test)]
mod tests;
