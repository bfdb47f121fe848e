//! `resolvet bootstrap --dry-run`: whom it would contact in which order, which keys it would use, and what it would store where.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use resolvet::enrolment::{EstLocation, KeyLocation, KeyPlace};
use resolvet_proto::enrolment::est::Endpoint;
use serde::Serialize;

use crate::{
    args::{Authentication, Bootstrap},
    config::Config,
    consent::{self, Wanted},
    enrolled,
    exit::{Exit, UsageError},
    keys,
    output::Output,
    own,
    places::Places,
    report::VERSION,
};

/// What stands for a network that gets its name by enrolling: the domain of the DNS server's certificate.
const UNNAMED: &str = "DOMAIN";

/// What would be done.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Plan {
    version: u32,
    /// Whether the network is one that the user trusts to enrol in; where not, nothing is done.
    trusted: bool,
    /// The keys that would be opened and made, first of all.
    keys: Vec<KeyUse>,
    resolver: SocketAddr,
    /// What the resolver would be asked, in order.
    lookups: Vec<String>,
    /// The interfaces on which everybody would be asked.
    link: Option<String>,
    /// What would be asked there.
    link_lookups: Vec<String>,
    /// The server, where it is known beforehand.
    est: Option<String>,
    /// What would be done at the server, in order.
    steps: Vec<String>,
    /// What would be stored.
    stored: Vec<Stored>,
    folder: PathBuf,
}

/// A key.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KeyUse {
    what: &'static str,
    /// A file, or the URI of a token (RFC 7512), which never has a PIN in it.
    place: String,
    /// Where the PIN of a token would come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
}

/// A file.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Stored {
    what: &'static str,
    file: PathBuf,
}

/// Says it; nobody is contacted, and nothing is written.
pub(super) fn run(
    arguments: &Bootstrap,
    location: Option<&EstLocation>,
    config: &Config,
    resolver: SocketAddr,
    folder: PathBuf,
    output: &Output,
) -> anyhow::Result<Exit> {
    let named = arguments.network.as_deref().map(enrolled::network_name);
    let named = named.transpose()?;
    let wanted = Wanted {
        network: named.as_ref(),
        domain: arguments.domain.as_deref(),
        trust: arguments.trust_network,
    };
    let store = enrolled::existing(arguments.store.as_deref())?;
    let given = consent::given(store.as_ref(), wanted)?;
    let domain = arguments.domain.clone().or(given.domain);
    let places = Places::of(arguments, domain.as_deref(), resolver)?;
    let registrar = arguments.registrar.as_deref().map(Endpoint::parse);
    let registrar = registrar
        .transpose()
        .map_err(|error| UsageError(format!("--registrar: {error}")))?;
    let server = registrar.map(|(endpoint, _)| endpoint);
    let server = server.or_else(|| location.map(|location| location.endpoint.clone()));
    let (lookups, link, link_lookups) = match &server {
        Some(server) => addresses(server.host()),
        None => {
            let link = places.link().map(str::to_owned);
            let asked = link.as_ref().map(|_| places.names().to_owned());
            (places.lookups(), link, asked.into_iter().collect())
        }
    };
    let network = given.network.map(|network| network.to_string());
    let network =
        network.or_else(|| domain.map(|domain| domain.trim_end_matches('.').to_lowercase()));
    let network = network.unwrap_or_else(|| UNNAMED.into());
    let keys = key_uses(arguments, config, &folder)?;
    let file = |ending: &str| folder.join(format!("{network}.{ending}"));
    let mut stored = Vec::new();
    if !given.kept {
        stored.push(Stored {
            what: "that you trust this network to enrol in",
            file: file("network"),
        });
    }
    if arguments.brski {
        stored.push(Stored {
            what: "the voucher request, while the registrar has not decided",
            file: file("voucher"),
        });
    }
    stored.push(Stored {
        what: "the enrolment: trust anchors, certificates, authentication domain name, the server's names",
        file: file("json"),
    });
    let plan = Plan {
        version: VERSION,
        trusted: given.trusted,
        keys,
        resolver,
        lookups,
        link,
        link_lookups,
        est: server.map(|server| server.to_string()),
        steps: steps(arguments)?,
        stored,
        folder,
    };
    if output.is_json() {
        output.document(&plan)?;
    } else {
        print(&plan, arguments.brski, output)?;
    }
    Ok(Exit::Done)
}

fn print(plan: &Plan, brski: bool, output: &Output) -> anyhow::Result<()> {
    output.line(match plan.trusted {
        true => "nothing is sent; this would be done:",
        false => "nothing is sent, and nothing would be before you trust the network (`resolvet network trust`); this would be done then:",
    })?;
    for KeyUse { what, place, pin } in &plan.keys {
        let pin = pin.as_ref().map(|pin| format!(", with the PIN {pin}"));
        output.line(&format!("  {what}: {place}{}", pin.unwrap_or_default()))?;
    }
    for lookup in &plan.lookups {
        output.line(&format!("  ask {}, in clear text: {lookup}", plan.resolver))?;
    }
    if let Some(link) = &plan.link {
        for lookup in &plan.link_lookups {
            output.line(&format!(
                "  ask everybody on {link} by multicast DNS: {lookup}"
            ))?;
        }
    }
    let found = match brski {
        true => "the registrar that is found",
        false => "the EST server that is found",
    };
    output.line(&format!("  at {}:", plan.est.as_deref().unwrap_or(found)))?;
    for (position, step) in plan.steps.iter().enumerate() {
        output.line(&format!("    {}. {step}", position + 1))?;
    }
    for Stored { what, file } in &plan.stored {
        output.line(&format!("  keep in {}: {what}", file.display()))?;
    }
    Ok(())
}

/// The lookups for a host, at the resolver or on the link; an address needs none.
fn addresses(host: &str) -> (Vec<String>, Option<String>, Vec<String>) {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return (Vec::new(), None, Vec::new());
    }
    let lookup = vec![format!("A and AAAA of {host}")];
    let name = host.trim_end_matches('.');
    match name.rsplit('.').next() {
        Some(last) if last.eq_ignore_ascii_case("local") => {
            (Vec::new(), Some("all interfaces".into()), lookup)
        }
        _ => (lookup, None, Vec::new()),
    }
}

/// What happens at the server, in order.
fn steps(arguments: &Bootstrap) -> Result<Vec<String>, UsageError> {
    let subject = own::subject(&arguments.own)?.is_some();
    let mut steps: Vec<&str> = Vec::new();
    if arguments.brski {
        steps.extend([
            "connect by TLS with the IDevID, without believing the registrar's certificate; verify only that it has its key",
            "POST a voucher request; the manufacturer's voucher must be for this device, this request and this registrar (RFC 8995)",
            "have policies judge the registrar's certificate by what the voucher pins, and tell the registrar (voucher status)",
        ]);
    } else {
        steps.extend(proof(arguments.authentication));
    }
    steps.push("GET /cacerts: trust anchors");
    if arguments.own.pal {
        steps.push("GET /pal: where the server has what");
    }
    steps.extend([
        "GET /crls: what is revoked",
        "have policies judge the server's certificate by these anchors",
        "GET /eecerts: certificates of the network's DNS server; have policies judge each",
    ]);
    if arguments.brski {
        steps.extend([
            "GET /csrattrs, make a key, POST /simpleenroll: a certificate of the device's own (LDevID)",
            "connect again with that certificate, and tell the registrar (enrol status)",
            "store what came",
        ]);
        return Ok(steps.into_iter().map(Into::into).collect());
    }
    steps.push("store what came");
    if subject {
        steps.push("connect anew, where policies judge the certificate in the handshake; GET the same again");
        steps.push(match arguments.own.login {
            Some(_) => "GET /csrattrs, make a key, POST /simpleenroll: a certificate of this device's own; log in by HTTP Digest or Basic where the server asks",
            None => "prove the password as before; GET /csrattrs, make a key, POST /simpleenroll: a certificate of this device's own",
        });
        steps.push("store the certificate");
    }
    if arguments.server_key {
        steps.push("connect anew, where policies judge the certificate in the handshake, and prove the password as before");
        steps.push("POST /serverkeygen: a key that the server makes, and its certificate");
        steps.push("store both");
    }
    Ok(steps.into_iter().map(Into::into).collect())
}

/// How both sides prove the password.
fn proof(authentication: Authentication) -> Vec<&'static str> {
    let connect =
        "connect by TLS without believing the certificate; verify only that the server has its key";
    match authentication {
        Authentication::Any => vec![
            connect,
            "prove to one another that both know the password: by OPAQUE (RFC 9807), bound to the connection, or by HTTP Mutual (RFC 8120), bound to the certificate; nothing else is sent",
        ],
        Authentication::Opaque => vec![
            connect,
            "prove to one another that both know the password, by OPAQUE (RFC 9807), bound to the connection; nothing else is sent",
        ],
        Authentication::Mutual => vec![
            connect,
            "prove to one another that both know the password, by HTTP Mutual (RFC 8120), bound to the certificate; nothing else is sent",
        ],
        #[cfg(feature = "tls-pake")]
        Authentication::TlsPake => vec![
            "connect by TLS whose handshake proves to one another that both know the password (draft-ietf-tls-pake)",
        ],
    }
}

/// The keys, in the order in which they are used.
fn key_uses(arguments: &Bootstrap, config: &Config, folder: &Path) -> anyhow::Result<Vec<KeyUse>> {
    let pin = |has_source: bool| {
        Some(match (has_source, arguments.token.pin_fd) {
            (true, _) => "in the file of its `pin-source`".to_owned(),
            (false, Some(descriptor)) => format!("from file descriptor {descriptor}"),
            (false, None) => "that you type".to_owned(),
        })
    };
    let mut uses = Vec::new();
    if let Some(key) = &arguments.idevid_key {
        let location: KeyLocation = key
            .parse()
            .map_err(|error| UsageError(format!("--idevid-key: {error}")))?;
        uses.push(match location {
            KeyLocation::Token(uri) => KeyUse {
                what: "open the token of the device's key, which signs there",
                pin: pin(uri.pin_source().is_some()),
                place: uri.to_string(),
            },
            _ => KeyUse {
                what: "read the device's key",
                place: key.clone(),
                pin: None,
            },
        });
    }
    let makes = arguments.brski || arguments.own.subject.is_some();
    if !makes && !arguments.server_key {
        return Ok(uses);
    }
    let what = match makes {
        true => "make the key of the device's own certificate",
        false => "keep the key that the server makes",
    };
    let place = keys::named(&config.keys, arguments.key_store.as_deref())?;
    let file = format!("a file of mode 0600 in {}", folder.display());
    uses.push(match place {
        Some(KeyPlace::Token(uri)) => KeyUse {
            what,
            pin: pin(uri.pin_source().is_some()),
            place: uri.to_string(),
        },
        Some(_) => KeyUse {
            what,
            place: file,
            pin: None,
        },
        None => KeyUse {
            what,
            place: file + ", or the token that the network's key is in already",
            pin: None,
        },
    });
    Ok(uses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_not_looked_up_and_hosts_of_the_link_not_at_the_resolver() {
        for host in ["192.0.2.7", "[2001:db8::7]", "2001:db8::7"] {
            assert_eq!(addresses(host), (vec![], None, vec![]), "{host}");
        }
        let (resolver, link, _) = addresses("est.example.net");
        assert_eq!(resolver, ["A and AAAA of est.example.net"]);
        assert_eq!(link, None);
        for host in ["est.local", "est.LOCAL."] {
            let (resolver, link, asked) = addresses(host);
            assert_eq!((resolver.len(), asked.len()), (0, 1), "{host}");
            assert!(link.is_some());
        }
    }
}
