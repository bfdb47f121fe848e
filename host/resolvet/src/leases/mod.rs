//! What the network told this machine by DHCP, read from the files that its DHCP client keeps: domains that may be looked in
//! for servers, and the options that announce encrypted DNS resolvers.
//!
//! Whoever runs a DHCP server on the link says these things. They are proposals of where to look, and never a reason to
//! trust: a network is one that the user named.

mod dhclient;
mod network_manager;
mod networkd;
mod resolv_conf;
mod text;

use std::{
    fs::File,
    io::Read as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use resolvet_proto::discovery::{
    DomainName,
    dnr::{Carrier, DHCP_V4_CODE, NetworkOption},
    limits::DOMAINS,
    search_list,
};

/// Octets of a file that are read; a lease has a few hundred.
const FILE: u64 = 64 * 1_024;
/// Files of one kind that are read.
const FILES: usize = 32;
/// Leases in all.
const LEASES: usize = 32;
/// Octets of an option that was kept raw: more fits into no message of DHCP.
const OPTION: usize = 4_096;

/// The option of DHCP that lists domains to search (RFC 3397).
const SEARCH_LIST: u8 = 119;

/// Who keeps a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keeper {
    /// systemd-networkd.
    Networkd,
    /// NetworkManager.
    NetworkManager,
    /// dhclient of the Internet Systems Consortium.
    Dhclient,
    /// `resolv.conf`, whoever wrote it.
    ResolvConf,
}

impl Keeper {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Networkd => "systemd-networkd",
            Self::NetworkManager => "NetworkManager",
            Self::Dhclient => "dhclient",
            Self::ResolvConf => "resolv.conf",
        }
    }
}

/// What one network said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who keeps it.
    pub keeper: Keeper,
    /// The file.
    pub file: PathBuf,
    /// The interface, where the file or its name tells: a name, or an index.
    pub interface: Option<String>,
    /// This machine's address and the length of its network's prefix in bits.
    pub address: Option<(Ipv4Addr, u8)>,
    /// The domain (option 15).
    pub domain: Option<DomainName>,
    /// The domains to search (option 119), at most [`DOMAINS`].
    pub search: Vec<DomainName>,
    /// Options that the client kept without reading them: number and data, as they came.
    pub options: Vec<(u8, Vec<u8>)>,
    /// The client's own text about encrypted DNS resolvers (RFC 9463), where it read that option: for a person. systemd-networkd
    /// keeps addresses and names for DNS over TLS and nothing else, which is less than discovery needs; the network tells the
    /// whole when it is asked.
    pub resolvers: Option<String>,
}

impl Lease {
    fn new(keeper: Keeper, file: &Path) -> Self {
        Self {
            keeper,
            file: file.to_owned(),
            interface: None,
            address: None,
            domain: None,
            search: Vec::new(),
            options: Vec::new(),
            resolvers: None,
        }
    }

    /// Reads what a file of this kind says; what makes no sense says nothing.
    #[must_use]
    pub fn parse(keeper: Keeper, file: &Path, text: &str) -> Self {
        let mut lease = Self::new(keeper, file);
        match keeper {
            Keeper::Networkd => networkd::parse(text, &mut lease),
            Keeper::NetworkManager => network_manager::parse(text, &mut lease),
            Keeper::Dhclient => dhclient::parse(text, &mut lease),
            Keeper::ResolvConf => resolv_conf::parse(text, &mut lease),
        }
        lease
    }

    /// The domains that it proposes: the one of option 15 first, then those of option 119.
    pub fn domains(&self) -> impl Iterator<Item = &DomainName> {
        self.domain.iter().chain(&self.search)
    }

    /// The option that designates encrypted resolvers (RFC 9463), where the client kept it as it came.
    #[must_use]
    pub fn network_option(&self) -> Option<NetworkOption> {
        let mut options = self.options.iter();
        let (_, data) = options.find(|(number, _)| *number == DHCP_V4_CODE)?;
        Some(NetworkOption {
            carrier: Carrier::DhcpV4,
            data: data.as_slice().into(),
            lifetime: None,
        })
    }

    /// Takes domains to search; what is no name of a domain is left out.
    fn search_in<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for domain in names.filter_map(|name| DomainName::parse(name).ok()) {
            if self.search.len() < DOMAINS && !self.search.contains(&domain) {
                self.search.push(domain);
            }
        }
    }

    /// Takes an option that the client kept as it came.
    fn raw(&mut self, number: u8, data: Vec<u8>) {
        if number == SEARCH_LIST
            && self.search.is_empty()
            && let Ok(domains) = search_list::parse(&data)
        {
            self.search = domains;
        }
        if self.options.len() < usize::from(u8::MAX) {
            self.options.push((number, data));
        }
    }
}

/// Every lease below this root folder, which is `/` on a running system. systemd-networkd's come first, then
/// NetworkManager's, dhclient's and, since it says least, `resolv.conf`. A file that cannot be read says nothing.
#[must_use]
pub fn read(root: &Path) -> Vec<Lease> {
    let mut leases = networkd::read(root);
    leases.extend(network_manager::read(root));
    leases.extend(dhclient::read(root));
    leases.extend(resolv_conf::read(root));
    leases.truncate(LEASES);
    leases
}

/// The domains that leases propose, each once, at most [`DOMAINS`].
#[must_use]
pub fn domains(leases: &[Lease]) -> Vec<DomainName> {
    let mut domains: Vec<DomainName> = Vec::new();
    for domain in leases.iter().flat_map(Lease::domains) {
        if !domains.contains(domain) {
            domains.push(domain.clone());
        }
    }
    domains.truncate(DOMAINS);
    domains
}

/// The start of a file, as text.
fn content(path: &Path) -> Option<String> {
    let mut octets = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FILE).read_to_end(&mut octets).ok()?;
    Some(String::from_utf8_lossy(&octets).into_owned())
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.take(4 * FILES).filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = paths
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.truncate(FILES);
    paths
}

/// The name of a file.
fn file_name(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str());
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests;
