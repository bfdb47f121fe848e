//! Unbound designates itself (RFC 9462) and says something about itself (RFC 9606), by local data as its operators write it.

use anyhow::Result;
use resolvet_tests::lab::ca::Leaf;

use crate::network::{DOMAIN, Network, ONLY_OVER_TLS, ONLY_OVER_TLS_ADDRESS};
use crate::process::{resolvet, write};
use crate::trace::Trace;

/// Asks what RESINFO has, and refuses a server that does not say that it minimizes names.
const CONFIG: &str = r#"version = "v1"
[network]
transports = ["dot"]
resolver-info = true
[[policy]]
name = "pkix"
role = "authority"
[[policy]]
name = "preference"
[[policy]]
name = "privacy"
settings = { require-resolver-info = true, require-query-name-minimization = true }
"#;

fn query(network: &Network) -> Result<Trace> {
    let folder = tempfile::tempdir()?;
    let config = write(folder.path(), "designated.toml", CONFIG)?;
    let resolver = network.dot.address().to_string();
    let mut arguments: Vec<std::ffi::OsString> =
        ["query", ONLY_OVER_TLS, "A", "--designated", "--resolver"]
            .into_iter()
            .map(Into::into)
            .collect();
    arguments.push(resolver.into());
    arguments.push("--trust-anchors".into());
    arguments.push(network.trust_anchors.clone().into());
    arguments.push("--config".into());
    arguments.push(config.into());
    Trace::of(resolvet()?, arguments)
}

#[test]
fn unbound_designates_itself_and_is_verified_by_its_address() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN))?;
    let trace = query(&network)?;
    let told = format!("{}{}", trace.stdout(), trace.stderr());
    assert_eq!(trace.output.status.code(), Some(0), "{told}");
    assert!(trace.stdout().contains(ONLY_OVER_TLS_ADDRESS), "{told}");
    assert!(trace.octets_to(network.tls_address()) > 0);
    for leak in trace.in_clear(&[network.tls_address()]) {
        let name = leak
            .name
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(
            ["_dns.resolver.arpa.", "a.example.net."].contains(&name.as_str()),
            "{leak}"
        );
    }
    Ok(())
}

#[test]
fn unbound_without_the_address_in_its_certificate_is_refused() -> Result<()> {
    let network = Network::start(&Leaf {
        ip_ids: vec![],
        ..Leaf::good(DOMAIN)
    })?;
    let trace = query(&network)?;
    let told = format!("{}{}", trace.stdout(), trace.stderr());
    assert_eq!(trace.output.status.code(), Some(5), "{told}");
    assert!(!trace.stdout().contains(ONLY_OVER_TLS_ADDRESS), "{told}");
    Ok(())
}
