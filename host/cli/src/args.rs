//! Arguments and their help.

mod daemon;
mod network;
mod policy;
mod publish;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use resolvet::{
    enrolment::{Enroller, Scheme},
    offers::interface_index,
};

pub(crate) use daemon::{BreakGlass, Control, DaemonArguments};
pub(crate) use network::{NetworkCommand, Trust};
pub(crate) use policy::{
    KeygenArguments, PolicyCommand, PolicyTrust, PullArguments, PushArguments, SignArguments,
    StageName, TopArguments,
};
pub(crate) use publish::{CertificateRequest, Dnr, EstContent, NamedHost, PublishCommand, Zone};

/// Finds the encrypted DNS servers that a network offers, authenticates them, and has every judgement made by sandboxed
/// WebAssembly policies.
#[derive(Debug, Parser)]
#[command(
    name = "resolvet",
    version,
    about,
    long_about = "Finds the encrypted DNS servers that a network offers, authenticates them, and has every \
                  judgement made by sandboxed WebAssembly policies.\n\n\
                  Nothing is sent to a server before the policies accepted what it presented. Only discovery's own \
                  lookups leave in clear text.",
    after_long_help = "EXIT CODES\n  \
        0  done\n  \
        1  failed: the network, a file or the system\n  \
        2  wrong usage: arguments, configuration or settings must change\n  \
        3  denied by policy: selection or privacy refused\n  \
        4  nothing was discovered\n  \
        5  not authenticated: validation refused\n  \
        6  a policy failed; takes precedence over 3 and 5\n\n\
        ENVIRONMENT\n  \
        NO_COLOR         no colour, as --color never\n  \
        XDG_CACHE_HOME   compiled policies are kept in its folder `resolvet` (else ~/.cache/resolvet)\n  \
        XDG_DATA_HOME    enrolments are kept in its folder `resolvet/networks` (else ~/.local/share/…)\n  \
        XDG_STATE_HOME   revisions of policies are kept in its folder `resolvet/policies` (else ~/.local/state/…),\n                   \
                   policies from registries in `resolvet/registry`\n  \
        DOCKER_CONFIG    credentials of registries are looked for in its file `config.json` (else ~/.docker/…)\n\n\
        EXAMPLES\n  \
        resolvet bootstrap example.net --user alice\n  \
        resolvet discover example.net\n  \
        resolvet query www.example.net AAAA --via example.net --trust-anchors ca.pem\n  \
        resolvet explain example.net --format json | jq .story\n  \
        resolvet policy run pkix --request requests.jsonl",
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// What to print: text for people, or JSON in a versioned form for programs.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Whether to use colour; `auto` means on a terminal only.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the servers that a domain offers, what was judged of each, and why.
    Discover {
        /// The domain to begin at: the authentication domain name (RFC 8310). Default: that of the enrolment.
        domain: Option<String>,
        /// Connect to every candidate, even to those that are no longer needed once one is vetted.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        journey: Journey,
    },
    /// Ask a question over a vetted server of a domain.
    Query {
        /// The name to ask for.
        name: String,
        /// The type of record: a mnemonic such as AAAA or MX, or TYPE65.
        #[arg(default_value = "A", value_name = "TYPE")]
        rtype: String,
        /// The domain whose server is asked. Default: that of the enrolment.
        #[arg(long, value_name = "DOMAIN")]
        via: Option<String>,
        #[command(flatten)]
        journey: Journey,
    },
    /// Explain how a domain's server was chosen: each lookup, record, policy and finding, with times.
    Explain {
        /// The domain to begin at. Default: that of the enrolment.
        domain: Option<String>,
        #[command(flatten)]
        journey: Journey,
    },
    /// Explain in plain words what a certificate, a chain or a privacy extension says.
    Inspect {
        /// A file of PEM, or of DER: one certificate, or the value of a privacy extension.
        file: PathBuf,
        /// Object identifier of the privacy extension.
        #[arg(long, value_name = "OID", default_value = resolvet_proto::certificate::privacy::DEFAULT_OID)]
        privacy_oid: String,
    },
    /// Enrol this device in a network: trust anchors and the DNS server's certificate, from nothing but a password or a
    /// manufacturer's voucher.
    ///
    /// The network's EST server proves that it knows the user's password, and so does this device, over a TLS connection whose
    /// certificate is not trusted yet (OPAQUE, RFC 9807, or HTTP Mutual authentication, RFC 8120). A wrong password is refused, and
    /// so is anybody in between. What the server then conveys is judged by policies and stored; `discover`, `query` and `explain` use it.
    Bootstrap(Bootstrap),
    /// Say which networks this device may enrol in. Nothing is bootstrapped in any other.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Show, export, renew and remove enrolments: what each network is trusted by.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Print what a network's administrator has to publish.
    #[command(subcommand)]
    Publish(PublishCommand),
    /// Show what the daemon `resolvetd` is doing: its server, its policies, its answers.
    Status {
        #[command(flatten)]
        control: Control,
    },
    /// Lift restrictions for a time, in an emergency: they are still asked and recorded, but bind nobody.
    ///
    /// Whatever authenticates a server stays in force, and so does what the host itself insists on: proof that the server has its
    /// key, no clear text, no server that was not discovered. The lift ends by itself, and when the daemon ends. Only root and the
    /// daemon's own user may do so.
    BreakGlass(BreakGlass),
    /// List, run, test, sign and compare policies; have the daemon reload them.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Write a configuration template, or check a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Compiles a component from standard input (used by the program itself).
    #[command(hide = true, name = crate::COMPILE)]
    CompilePolicy,
}

/// What a journey begins with. Every option can be set in the configuration too; an option that is given wins.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Journey {
    /// Configuration file (see `resolvet config template`).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Recursive resolver for discovery's lookups, in clear text and without trust; a link-local address with its interface,
    /// fe80::1%eth0. Default: the first `nameserver` of /etc/resolv.conf.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = socket_address)]
    pub(crate) resolver: Option<SocketAddr>,
    /// Trust anchors: a file of PEM or DER, or `system`. Default: `system`.
    #[arg(long, value_name = "FILE|system")]
    pub(crate) trust_anchors: Option<String>,
    /// End-entity certificates of this network's DNS server, as an enrolment conveys them: a server must present one of
    /// them. PEM or DER; may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) end_entity: Vec<PathBuf>,
    /// The network whose enrolment is used (see `resolvet trust show`). Default: the one of the domain, unless
    /// --trust-anchors or --end-entity say otherwise.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["trust_anchors", "end_entity"])]
    pub(crate) network: Option<String>,
    /// Folder of enrolments. Default: `resolvet/networks` in the user's data folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) store: Option<PathBuf>,
    /// Instead of a domain: the resolver that this network itself designates (RFC 9462, RFC 9463), authenticated by what the
    /// network says.
    #[arg(long, conflicts_with = "network")]
    pub(crate) designated: bool,
    /// Interface on which the network is asked which resolvers it designates (RFC 9463).
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// Usage profile (RFC 8310): `strict` takes an authenticated server or none.
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// Folder of more policies: each *.wasm file in it is added as a restriction that enforces.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) policies: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_trust: PolicyTrust,
}

/// What enrolling begins with.
#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// The network's domain. Its EST server is looked for at `_est._tcp.DOMAIN`, its registrar at
    /// `_brski-registrar._tcp.DOMAIN`, and the DNS server's certificate must be of this domain. Default, where --network
    /// names the network: the domains that DHCP proposes are looked in.
    pub(crate) domain: Option<String>,
    /// The EST server: `https://HOST[:PORT]`, also with the path `/.well-known/est/LABEL`.
    #[arg(long, value_name = "URL")]
    pub(crate) est: Option<String>,
    /// The user's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// File descriptor whose first line is the password. Default: ask on the terminal.
    #[arg(long, value_name = "N")]
    pub(crate) password_fd: Option<u32>,
    /// How the password may be proved. `any` prefers OPAQUE, and takes HTTP Mutual where the server offers nothing else.
    #[arg(long, value_enum, default_value_t = Authentication::Any)]
    pub(crate) authentication: Authentication,
    /// Enrol a thing by its manufacturer's certificate and voucher (BRSKI, RFC 8995) instead of a password.
    #[arg(long, requires_all = ["idevid", "idevid_key", "manufacturer_anchors", "network"],
          conflicts_with_all = ["est", "user", "password_fd", "authentication", "login"])]
    pub(crate) brski: bool,
    /// The registrar: `https://HOST[:PORT]`. Default: one that is found by DNS-SD or on the link.
    #[arg(long, value_name = "URL", requires = "brski")]
    pub(crate) registrar: Option<String>,
    /// Look on the link too, by multicast DNS: on `all` interfaces, on one, or on `none`. Default: `all` for --brski without
    /// --registrar and for a network without DOMAIN, otherwise `none`.
    #[arg(long, value_name = "INTERFACE|all|none")]
    pub(crate) link: Option<String>,
    /// Folder below which DHCP clients keep their leases (run/, var/, etc/).
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    pub(crate) leases: PathBuf,
    /// The device's certificate (IDevID), PEM or DER, and what leads from it to the manufacturer.
    #[arg(long, value_name = "FILE", requires = "brski")]
    pub(crate) idevid: Option<PathBuf>,
    /// The certificate's key: a file of mode 0600, PEM, or a key in a token (RFC 7512).
    #[arg(long, value_name = "FILE|pkcs11:URI", requires = "brski")]
    pub(crate) idevid_key: Option<String>,
    /// The manufacturer's trust anchors: a voucher's signer must lead to one of them.
    #[arg(long, value_name = "FILE", requires = "brski")]
    pub(crate) manufacturer_anchors: Option<PathBuf>,
    /// Have the EST server make a key and a certificate for this device too (RFC 7030 section 4.4). Whoever makes a key
    /// knows it: only for devices that cannot make a good one.
    #[arg(long, conflicts_with = "brski")]
    pub(crate) server_key: bool,
    /// Where the key of the network's own certificate (LDevID) is made: `folder` is a file beside the enrolment, a token
    /// never gives it away. Default: where the network's key is already, else `folder`.
    #[arg(long, value_name = "folder|pkcs11:URI")]
    pub(crate) key_store: Option<String>,
    #[command(flatten)]
    pub(crate) token: TokenArguments,
    #[command(flatten)]
    pub(crate) own: OwnArguments,
    /// Which network, by the name that you gave it. Default: the one that is trusted for the domain, else the domain of the DNS
    /// server's certificate.
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
    /// Trust the network that this device is attached to now to enrol in, as `resolvet network trust` does. Default: ask
    /// on the terminal, unless it is trusted already.
    #[arg(long)]
    pub(crate) trust_network: bool,
    /// Show whom this would contact and in which order, which keys it would use, and what it would store where; contact nobody.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not fall back on the system's trust anchors where the server gives none of its own.
    #[arg(long)]
    pub(crate) no_system_anchors: bool,
    /// Folder of enrolments. Default: `resolvet/networks` in the user's data folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) store: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Recursive resolver for lookups, in clear text and without trust. Default: the first `nameserver` of
    /// /etc/resolv.conf.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = socket_address)]
    pub(crate) resolver: Option<SocketAddr>,
    /// Folder of more policies.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) policies: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_trust: PolicyTrust,
}

/// What a device wants of an EST server that the policies accept.
#[derive(Debug, Default, Args)]
pub(crate) struct OwnArguments {
    /// Ask for a certificate of this device's own with this subject, such as `CN=laptop,O=Example` (RFC 4514), where there is
    /// none yet. Default: a thing asks with its manufacturer's subject, another device for none.
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Log in as this user, by HTTP Digest or Basic, where the EST server asks for it (RFC 7030 section 3.2.3). Only a server
    /// whose certificate the policies have accepted is answered; with Basic it gets the password.
    #[arg(long, value_name = "USER")]
    pub(crate) login: Option<String>,
    /// File descriptor whose first line is the password of --login. Default: the password of --user, where that is the same
    /// name; else ask on the terminal.
    #[arg(long, value_name = "N", requires = "login")]
    pub(crate) login_password_fd: Option<u32>,
    /// First ask the EST server what it offers, and where (`/pal`, RFC 8295 section 2).
    #[arg(long)]
    pub(crate) pal: bool,
}

/// How tokens are spoken to that keep keys (PKCS#11).
#[derive(Debug, Default, Args)]
pub(crate) struct TokenArguments {
    /// PKCS#11 module for tokens whose URI has no `module-path`.
    #[arg(long, value_name = "FILE")]
    pub(crate) pkcs11_module: Option<PathBuf>,
    /// File descriptor whose first line is the token's PIN, where its URI has no `pin-source`. Default: ask on the terminal.
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Show the enrolled networks, what each is trusted by, and until when.
    Show {
        /// One network.
        network: Option<String>,
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
    },
    /// Print certificates of a network as PEM: what `--trust-anchors` and `--end-entity` take.
    Export {
        /// The network.
        network: String,
        /// Which certificates.
        #[arg(value_enum, default_value_t = Exported::Anchors)]
        what: Exported,
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
    },
    /// Ask the EST server again. It is recognised by what is stored, so no password is needed.
    Renew {
        /// The network.
        network: String,
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Recursive resolver for lookups.
        #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = socket_address)]
        resolver: Option<SocketAddr>,
        #[command(flatten)]
        token: TokenArguments,
        #[command(flatten)]
        own: OwnArguments,
    },
    /// Forget a network, and destroy the keys that were made for it.
    Remove {
        /// The network.
        network: String,
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        token: TokenArguments,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exported {
    Anchors,
    EndEntities,
}

/// By which schemes a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Authentication {
    Any,
    Opaque,
    Mutual,
    /// Inside the handshake of TLS 1.3 (draft-ietf-tls-pake). Experimental.
    #[cfg(feature = "tls-pake")]
    TlsPake,
}

impl Authentication {
    /// What enrols with a password that is proved so.
    pub(crate) fn choose(self, enroller: Enroller) -> Enroller {
        match self {
            Self::Any => enroller.with_schemes(&Scheme::ALL),
            Self::Opaque => enroller.with_schemes(&[Scheme::Opaque]),
            Self::Mutual => enroller.with_schemes(&[Scheme::Mutual]),
            #[cfg(feature = "tls-pake")]
            Self::TlsPake => enroller.with_password_in_handshake(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Profile {
    Strict,
    Opportunistic,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a template with every key, its default and what it is for.
    Template,
    /// Check a configuration: its keys, its files, and the settings of each policy in the sandbox.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// An address with or without a port; the port is 53 when none is given. A link-local address has its interface behind `%`, by
/// name or by number (RFC 4007 section 11).
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let (text, zone) = match text.split_once('%') {
        None => (text.to_owned(), None),
        Some((before, after)) => {
            let end = after.find(']').unwrap_or(after.len());
            let (zone, rest) = after.split_at(end);
            (format!("{before}{rest}"), Some(zone))
        }
    };
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = text
        .parse()
        .or_else(|_| bare.parse().map(|address| SocketAddr::new(address, 53)))
        .map_err(|_| {
            "expected an address such as 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:53 or fe80::1%eth0"
        })?;
    match (address, zone) {
        (SocketAddr::V6(mut address), zone) if address.ip().is_unicast_link_local() => {
            let zone = zone
                .ok_or("expected a link-local address with its interface, such as fe80::1%eth0")?;
            let index = zone.parse::<u32>().ok().filter(|index| *index != 0);
            let index = index.or_else(|| interface_index(zone)).ok_or_else(|| {
                let zone = zone.escape_debug();
                format!("interface `{zone}` is not there or has no address")
            })?;
            address.set_scope_id(index);
            Ok(address.into())
        }
        (address, None) => Ok(address),
        (_, Some(_)) => Err("expected an interface behind a link-local address alone".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn resolvers_have_a_port_or_fifty_three() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:54", "[::1]:54"),
            ("fe80::1%7", "[fe80::1%7]:53"),
            ("[fe80::1%7]", "[fe80::1%7]:53"),
            ("[fe80::1%7]:54", "[fe80::1%7]:54"),
        ] {
            assert_eq!(
                socket_address(text).map(|a| a.to_string()).as_deref(),
                Ok(expected)
            );
        }
        assert!(socket_address("dns.example.net").is_err());
    }

    #[test]
    fn a_link_local_resolver_has_an_interface() {
        let index = interface_index("lo").unwrap();
        let expected = format!("[fe80::1%{index}]:53");
        let came = socket_address("fe80::1%lo").map(|address| address.to_string());
        assert_eq!(came, Ok(expected));
        for text in [
            "fe80::1",
            "[fe80::1]:53",
            "fe80::1%",
            "fe80::1%0",
            "fe80::1%nowhere",
            "::1%lo",
            "192.0.2.1%lo",
            "%lo",
        ] {
            assert!(socket_address(text).is_err(), "{text}");
        }
    }
}
