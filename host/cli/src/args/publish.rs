//! Arguments of `resolvet publish`.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Subcommand};
use resolvet_proto::{certificate::privacy::DEFAULT_OID, discovery::DomainName};

use super::{PolicyTrust, TokenArguments};

#[derive(Debug, Subcommand)]
pub(crate) enum PublishCommand {
    /// The zone's records for DNS over TLS servers, and for the EST server that devices enrol at.
    Zone(Zone),
    /// A request (PKCS #10) for the DNS server's certificate: DNS-ID, SRV-ID `_domain-s.DOMAIN`, privacy statement.
    ///
    /// Give it to the authority that issues your certificates, and have it copy the extensions.
    CertificateRequest(CertificateRequest),
    /// What the EST server gives to devices, `/cacerts` and `/eecerts`, as files for any web server.
    ///
    /// Each certificate is judged by the policies before anything is written, as devices will judge it.
    EstContent(EstContent),
    /// The options of DHCP and router advertisements that announce the DNS server (RFC 9463), and how Kea and dnsmasq take
    /// them.
    Dnr(Dnr),
}

#[derive(Debug, Args)]
pub(crate) struct Zone {
    /// The domain: the authentication domain name.
    pub(crate) domain: String,
    /// A DNS over TLS server, the most wanted first: its host name and its addresses.
    #[arg(long, value_name = "HOST=ADDRESS[,ADDRESS]", required = true, value_parser = named_host)]
    pub(crate) server: Vec<NamedHost>,
    /// The port of the DNS over TLS servers.
    #[arg(long, default_value_t = 853, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The EST server.
    #[arg(long, value_name = "HOST=ADDRESS[,ADDRESS]", value_parser = named_host)]
    pub(crate) est: Option<NamedHost>,
    /// The EST server's port.
    #[arg(long, default_value_t = 443, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) est_port: u16,
    /// The registrar, for things (RFC 8995).
    #[arg(long, value_name = "HOST=ADDRESS[,ADDRESS]", value_parser = named_host)]
    pub(crate) registrar: Option<NamedHost>,
    /// The registrar's port.
    #[arg(long, default_value_t = 443, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) registrar_port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct CertificateRequest {
    /// The domain: the authentication domain name.
    pub(crate) domain: String,
    /// The server's existing key, ECDSA on P-256 or RSA: a file of mode 0600, PEM, or a key in a token (RFC
    /// 7512).
    #[arg(long, value_name = "FILE|pkcs11:URI", conflicts_with = "new_key")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) token: TokenArguments,
    /// Where to write a new key (P-256, PKCS #8), readable by you alone; a file that is there is left alone. Default:
    /// DOMAIN.key in this folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: Option<PathBuf>,
    /// A further name of the server; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) dns_id: Vec<String>,
    /// An address of the server, for clients that learn no name (RFC 9462); may be given more than once.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip_id: Vec<IpAddr>,
    /// What the server states about privacy: a file of TOML or JSON, or `none` to say that there is no policy.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) privacy: Option<PathBuf>,
    /// Object identifier of the privacy extension, of your organisation's arc.
    #[arg(long, value_name = "OID", default_value = DEFAULT_OID)]
    pub(crate) privacy_oid: String,
}

#[derive(Debug, Args)]
pub(crate) struct EstContent {
    /// The domain: the authentication domain name.
    pub(crate) domain: String,
    /// Certificates of the authority: its root, what leads from it to the server's certificate, and from an old root to a
    /// new one. PEM or DER; may be given more than once.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) ca: Vec<PathBuf>,
    /// The DNS server's certificates: the current one, and before it is replaced the next one too. Of a chain the first is
    /// taken. PEM or DER; may be given more than once.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) end_entity: Vec<PathBuf>,
    /// The web server's root: the files are written to `.well-known/est/` in it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Label of the authority, if its EST server has several.
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// Configuration file: the policies that judge.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of more policies.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) policies: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_trust: PolicyTrust,
}

#[derive(Debug, Args)]
pub(crate) struct Dnr {
    /// The domain: the authentication domain name.
    pub(crate) domain: String,
    /// A DNS server, the most wanted first: its host name and its addresses.
    #[arg(long, value_name = "HOST=ADDRESS[,ADDRESS]", required = true, value_parser = named_host)]
    pub(crate) server: Vec<NamedHost>,
    /// Protocols that the servers speak, as ALPN says them: dot, doq, h2, h3.
    #[arg(
        long,
        value_name = "PROTOCOL",
        value_delimiter = ',',
        default_value = "dot"
    )]
    pub(crate) alpn: Vec<String>,
    /// The port, where it is not the protocols' own.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// URI template of DNS over HTTPS, relative: `/dns-query{?dns}`.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) dohpath: Option<String>,
    /// Seconds for which router advertisements let a device use the servers.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    pub(crate) lifetime: u32,
}

/// A host and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedHost {
    pub(crate) name: DomainName,
    pub(crate) addresses: Vec<IpAddr>,
}

fn named_host(text: &str) -> Result<NamedHost, String> {
    let expected =
        || "expected HOST=ADDRESS, such as a.example.net=192.0.2.1,2001:db8::1".to_owned();
    let (name, addresses) = text.split_once('=').ok_or_else(expected)?;
    let name = DomainName::parse(name).map_err(|problem| format!("host {problem}"))?;
    let addresses = addresses
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>();
    Ok(NamedHost {
        name,
        addresses: addresses.map_err(|_| expected())?,
    })
}
