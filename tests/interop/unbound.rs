//! Unbound as a recursive resolver in clear text, or as a DNS over TLS server with a certificate of the lab.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use resolvet_tests::lab::ca::Identity;
use tempfile::TempDir;

use crate::process::{Server, program, write};

/// A recursive server that asks one authoritative server about everything, so that nothing leaves loopback.
#[derive(Debug)]
pub(crate) struct Unbound {
    clear: SocketAddr,
    server: Server,
    _folder: TempDir,
}

impl Unbound {
    /// A resolver in clear text, over UDP and TCP.
    pub(crate) fn recursive(zone: &str, authority: SocketAddr) -> Result<Self> {
        Self::start(&[zone], authority, None, "")
    }

    /// A resolver in clear text, to which all these zones are given by one authoritative server, whatever they say of their
    /// servers.
    pub(crate) fn recursive_for(zones: &[&str], authority: SocketAddr) -> Result<Self> {
        Self::start(zones, authority, None, "")
    }

    /// A DNS over TLS server at `address` with this identity, which has records of its own besides.
    pub(crate) fn dot(
        zone: &str,
        authority: SocketAddr,
        address: SocketAddr,
        identity: &Identity,
        own: &[&str],
    ) -> Result<Self> {
        let records = own
            .iter()
            .map(|record| format!("  local-data: '{record}'\n"));
        let records = format!("server:\n{}", records.collect::<String>());
        Self::start(
            &[zone],
            authority,
            Some(("tls", address, identity)),
            &records,
        )
    }

    /// A DNS over TLS server at `address` with this identity, which itself has the zone that this master file is of.
    pub(crate) fn dot_with(
        (zone, master): (&str, &Path),
        authority: SocketAddr,
        address: SocketAddr,
        identity: &Identity,
    ) -> Result<Self> {
        let master = master.display();
        let zone_of_its_own = format!("auth-zone:\n  name: \"{zone}\"\n  zonefile: \"{master}\"\n");
        let encrypted = Some(("tls", address, identity));
        Self::start(&[zone], authority, encrypted, &zone_of_its_own)
    }

    /// A DNS over HTTPS server at `address` with this identity.
    pub(crate) fn doh(
        zone: &str,
        authority: SocketAddr,
        address: SocketAddr,
        identity: &Identity,
    ) -> Result<Self> {
        Self::start(&[zone], authority, Some(("https", address, identity)), "")
    }

    fn start(
        zones: &[&str],
        authority: SocketAddr,
        encrypted: Option<(&str, SocketAddr, &Identity)>,
        more: &str,
    ) -> Result<Self> {
        let unbound = program("unbound", "unbound")?;
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        let zone = zones.first().copied().unwrap_or(".");
        let root = stub(".", authority) + "  stub-prime: no\n";
        let stubs = zones.iter().map(|zone| stub(zone, authority));
        let stubs: String = stubs.chain([root]).collect();
        let (server, clear) = Server::start(place, zone, |port| {
            let encrypted = match encrypted {
                Some((kind, address, identity)) => section(kind, place, address, identity)?,
                None => String::new(),
            };
            let configuration = write(
                place,
                "unbound.conf",
                format_args!(
                    "server:\n  directory: \"{here}\"\n  pidfile: \"{here}/unbound.pid\"\n  username: \"\"\n  \
                     chroot: \"\"\n  use-syslog: no\n  logfile: \"\"\n  log-queries: yes\n  num-threads: 1\n  \
                     interface: 127.0.0.1@{port}\n{encrypted}  access-control: 127.0.0.0/8 allow\n  do-ip6: no\n  \
                     do-not-query-localhost: no\n  module-config: \"iterator\"\n\
                     remote-control:\n  control-enable: no\n\
                     {stubs}{more}",
                    here = place.display(),
                ),
            )?;
            let mut command = Command::new(&unbound);
            command.arg("-d").arg("-c").arg(configuration);
            Ok(command)
        })?;
        Ok(Self {
            clear,
            server,
            _folder: folder,
        })
    }

    /// Where it answers in clear text.
    pub(crate) fn address(&self) -> SocketAddr {
        self.clear
    }

    /// Whether it was asked for this name, over whichever transport.
    pub(crate) fn was_asked_for(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.server
            .log()
            .lines()
            .any(|line| line.to_ascii_lowercase().contains(&format!(" {name}. ")))
    }
}

/// The lines that give a zone to a server.
fn stub(zone: &str, authority: SocketAddr) -> String {
    let (address, port) = (authority.ip(), authority.port());
    format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {address}@{port}\n")
}

/// The lines for DNS over TLS or HTTPS, and the files that they name.
fn section(kind: &str, place: &Path, address: SocketAddr, identity: &Identity) -> Result<String> {
    let chain = write(place, "chain.pem", identity.chain_pem())?;
    let key = write(place, "key.pem", identity.key_pem())?;
    Ok(format!(
        "  interface: 127.0.0.1@{port}\n  {kind}-port: {port}\n  tls-service-pem: \"{}\"\n  tls-service-key: \"{}\"\n",
        chain.display(),
        key.display(),
        port = address.port(),
    ))
}
