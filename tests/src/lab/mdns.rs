//! Servers that say on the link where they are (RFC 6762, RFC 6763): on loopback's multicast, at a port of their own, so that
//! labs which run at the same time do not hear one another.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::Result;
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// Somebody on the link; dropping it ends it.
#[derive(Debug)]
pub struct Announcer {
    daemon: Daemon,
    port: u16,
}

struct Daemon(ServiceDaemon);

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceDaemon")
    }
}

impl Announcer {
    /// Joins a group of its own on 127.0.0.1.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start() -> Result<Self> {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let daemon = ServiceDaemon::new_with_port(port)?;
        daemon.disable_interface(IfKind::All)?;
        daemon.enable_interface(IfKind::LoopbackV4)?;
        let daemon = Daemon(daemon);
        Ok(Self { daemon, port })
    }

    /// The port of the group.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Announces an instance of a service, `_est._tcp` for example, at a host below `local`.
    ///
    /// # Errors
    /// When a name is none.
    pub fn announce(&self, service: &str, name: &str, host: &str, at: SocketAddr) -> Result<()> {
        let service = format!("{service}.local.");
        let host = format!("{host}.local.");
        let info = ServiceInfo::new(&service, name, &host, at.ip(), at.port(), None)?;
        self.daemon.0.register(info)?;
        Ok(())
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        let _ended = self.daemon.0.shutdown();
    }
}
