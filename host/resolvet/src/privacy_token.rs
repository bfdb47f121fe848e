//! Fetches signed privacy statements. The URL is whatever a server says, so what it leads to is guarded: HTTPS alone, whose
//! certificate the policies judge, one request without redirects, bounded in size and time, and no address of this machine, of
//! the link or of ranges that an administrator refuses. Each address is looked at after its name was looked up, and connected to as
//! it is, so a name cannot become another one in between.

use std::{
    iter,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use resolvet_proto::{
    discovery::{DomainName, svcb::is_bad_port},
    endpoint::Endpoint,
    enrolment::est::{HttpReply, HttpRequest},
    judgement::{Der, Request},
    privacy_token::{MEDIA_TYPE, limits::TOKEN_OCTETS},
    session::Fetched,
};
use thiserror::Error;
use tokio::time::timeout;

use crate::{
    Client, LookupError,
    addresses::forms,
    enrolment::{ChannelError, channel::Channel, trust::Trust},
    lookups::Lookups,
};

/// Addresses that are tried.
const ADDRESSES: usize = 4;

/// What nothing is ever fetched from unless an embedding program says otherwise: this machine and network (RFC 1122 section
/// 3.2.1.3), the link (RFC 3927, RFC 4291 section 2.5.6), groups, and what is no address of one host.
const ALWAYS: [&str; 9] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
];

/// Addresses that no signed privacy statement is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAddresses(Vec<IpNet>);

/// A text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no range of addresses, expected an address or `10.0.0.0/8`")]
pub struct RefusedAddressesError(String);

impl Default for RefusedAddresses {
    /// Loopback, the link, groups, and what is no address of one host.
    fn default() -> Self {
        Self(
            ALWAYS
                .iter()
                .filter_map(|range| range.parse().ok())
                .collect(),
        )
    }
}

impl RefusedAddresses {
    /// No address at all is refused. For programs that know their network; the daemon has no such setting.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The same with another range, `10.0.0.0/8`, or a single address.
    ///
    /// # Errors
    /// The text is neither.
    pub fn and(mut self, range: &str) -> Result<Self, RefusedAddressesError> {
        let parsed = range.parse::<IpNet>().ok();
        let parsed = parsed.or_else(|| range.parse::<IpAddr>().ok().map(IpNet::from));
        let wrong = || RefusedAddressesError(range.escape_debug().take(64).collect());
        self.0.push(parsed.ok_or_else(wrong)?);
        Ok(self)
    }

    /// Whether an address is refused. One of IPv4 within IPv6 is that of IPv4 too (RFC 4291 section 2.5.5.2, RFC 6052, RFC 3056).
    #[must_use]
    pub fn refuses(&self, address: IpAddr) -> bool {
        forms(address).any(|form| self.0.iter().any(|range| range.contains(&form)))
    }
}

/// Why nothing was fetched.
#[derive(Debug, Error)]
enum FetchError {
    #[error("{0}")]
    Url(String),
    #[error("port {0} is another protocol's")]
    Port(u16),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error("`{0}` has no address")]
    NoAddress(String),
    #[error("nothing is fetched from {}", list(.0))]
    Refused(Vec<IpAddr>),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("the server answered with status {0}, expected 200; redirects are not followed")]
    Status(u16),
    #[error("the server sent `{0}`, expected `{MEDIA_TYPE}`")]
    MediaType(String),
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// What is at the URL. The certificate of its server is judged in this context.
pub(crate) async fn fetch(client: &Client, url: &str, context: Arc<Request>) -> Fetched {
    let within = client.limits.fetch;
    let fetched = timeout(within, fetched(client, url, context)).await;
    match fetched {
        Ok(Ok(octets)) => Fetched::Octets(octets),
        Ok(Err(error)) => Fetched::Failed {
            detail: error.to_string(),
        },
        Err(_) => Fetched::Failed {
            detail: format!("it took longer than {} ms", within.as_millis()),
        },
    }
}

async fn fetched(client: &Client, url: &str, context: Arc<Request>) -> Result<Der, FetchError> {
    let (endpoint, path) =
        Endpoint::parse(url).map_err(|error| FetchError::Url(error.to_string()))?;
    if is_bad_port(endpoint.port()) {
        return Err(FetchError::Port(endpoint.port()));
    }
    let addresses = addresses(client, &endpoint).await?;
    let trust = Trust::Judged {
        judge: client.policies.judge().clone(),
        context,
    };
    let within = client.limits.handshake;
    let channel = Channel::first(&addresses, &endpoint, &trust, None, within).await;
    let nobody = || FetchError::NoAddress(endpoint.host().to_owned());
    let channel = channel.map_err(|error| error.map_or_else(nobody, FetchError::from))?;
    let mut channel = channel.reading_at_most(TOKEN_OCTETS);
    let request = HttpRequest::get(path, MEDIA_TYPE);
    octets(channel.exchange(&request, None).await?)
}

/// Where the host is, without what is refused.
async fn addresses(client: &Client, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, FetchError> {
    let (host, port) = (endpoint.host(), endpoint.port());
    let nothing = || FetchError::NoAddress(host.to_owned());
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => {
            let name = DomainName::parse(host).map_err(|_| nothing())?;
            let lookups = Lookups::of(client.recursive, client.validator.clone());
            lookups.addresses(&name, port).await?
        }
    };
    let (refused, usable): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| client.refused.refuses(address.ip()));
    match (usable.is_empty(), refused.is_empty()) {
        (true, true) => Err(nothing()),
        (true, false) => {
            let refused = refused.iter().map(SocketAddr::ip);
            Err(FetchError::Refused(refused.collect()))
        }
        (false, _) => Ok(alternating(usable)),
    }
}

/// The first addresses of either family in turns, those of IPv6 first: one that leads nowhere leaves time for the other.
fn alternating(usable: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = usable.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    iter::from_fn(|| match (six.next(), four.next()) {
        (None, None) => None,
        pair => Some([pair.0, pair.1]),
    })
    .flatten()
    .flatten()
    .take(ADDRESSES)
    .collect()
}

fn octets(reply: HttpReply) -> Result<Der, FetchError> {
    if reply.status != 200 {
        return Err(FetchError::Status(reply.status));
    }
    if reply.media_type() != MEDIA_TYPE {
        let named = reply.header("content-type").unwrap_or("none");
        let shown = named.escape_debug().take(64).collect();
        return Err(FetchError::MediaType(shown));
    }
    Ok(reply.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_the_link_are_refused() {
        let refused = RefusedAddresses::default();
        assert_eq!(refused.0.len(), ALWAYS.len());
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "febf::1",
            "ff02::fb",
        ] {
            assert!(refused.refuses(address.parse().unwrap()), "{address}");
        }
        for address in [
            "192.0.2.1",
            "10.0.0.1",
            "fd00::1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "64:ff9b::c000:201",
        ] {
            assert!(!refused.refuses(address.parse().unwrap()), "{address}");
        }
        let refused = refused
            .and("10.0.0.0/8")
            .unwrap()
            .and("2001:db8::1")
            .unwrap();
        for (address, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("::1", true),
        ] {
            assert_eq!(
                refused.refuses(address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
        assert!(RefusedAddresses::default().and("10.0.0.0/33").is_err());
    }
}
