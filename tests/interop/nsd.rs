//! NSD as the authoritative server of zones that the lab made.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;
use resolvet_tests::lab::dns::Zone;
use tempfile::TempDir;

use crate::process::{Server, program, write};

/// An authoritative server.
#[derive(Debug)]
pub(crate) struct Nsd {
    address: SocketAddr,
    _server: Server,
    _folder: TempDir,
}

impl Nsd {
    /// Starts NSD with these zones.
    pub(crate) fn start(zones: &[Zone]) -> Result<Self> {
        let files: Vec<_> = zones
            .iter()
            .map(|zone| (zone.origin().to_string(), zone.to_master_file()))
            .collect();
        Self::serve(&files)
    }

    /// Starts NSD with zones that are written down: the origin of each, with its final dot, and its master file.
    pub(crate) fn serve(zones: &[(String, String)]) -> Result<Self> {
        let nsd = program("nsd", "nsd")?;
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        let mut sections = String::new();
        for (origin, master) in zones {
            let file = format!("{origin}zone");
            write(place, &file, master)?;
            sections += &format!("zone:\n  name: \"{origin}\"\n  zonefile: \"{file}\"\n");
        }
        let first = zones.first().map_or(".", |(origin, _)| origin);
        let (server, address) = Server::start(place, first, |port| {
            let here = place.display();
            let configuration = write(
                place,
                "nsd.conf",
                format_args!(
                    "server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  \
                     zonesdir: \"{here}\"\n  pidfile: \"{here}/nsd.pid\"\n  zonelistfile: \"{here}/zones\"\n  \
                     xfrdfile: \"\"\n  xfrdir: \"{here}\"\n  database: \"\"\n  rrl-ratelimit: 0\n\
                     remote-control:\n  control-enable: no\n{sections}"
                ),
            )?;
            let mut command = Command::new(&nsd);
            command.arg("-d").arg("-c").arg(configuration);
            Ok(command)
        })?;
        Ok(Self {
            address,
            _server: server,
            _folder: folder,
        })
    }

    /// Where it listens, over UDP and TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
