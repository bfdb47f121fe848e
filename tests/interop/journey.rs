//! The program `resolvet` against servers that others wrote, with every packet that it sends counted.

use anyhow::{Context as _, Result, ensure};
use resolvet_tests::lab::ca::{Fault, Leaf};

use crate::network::{DOMAIN, Network, ONLY_OVER_TLS, ONLY_OVER_TLS_ADDRESS};
use crate::process::resolvet;
use crate::trace::Trace;

/// Asks for the name that only the server over TLS knows.
fn query(network: &Network, profile: &str) -> Result<Trace> {
    let arguments = [
        "query",
        ONLY_OVER_TLS,
        "A",
        "--via",
        DOMAIN,
        "--resolver",
        &network.resolver.address().to_string(),
        "--profile",
        profile,
        "--trust-anchors",
    ];
    let mut arguments: Vec<_> = arguments
        .into_iter()
        .map(std::ffi::OsString::from)
        .collect();
    arguments.push(network.trust_anchors.clone().into());
    arguments.push("--end-entity".into());
    arguments.push(network.end_entity.clone().into());
    arguments.push("--config".into());
    arguments.push(network.over_tls.clone().into());
    Trace::of(resolvet()?, arguments)
}

/// Nothing left in clear text but discovery's lookups, and those went to the resolver alone.
fn only_discovery_in_clear(trace: &Trace, network: &Network) -> Result<()> {
    let found = trace.in_clear(&[network.tls_address()]);
    for leak in &found {
        ensure!(leak.to == network.resolver.address(), "{leak}");
        let name = leak
            .name
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        ensure!(
            Network::names_of_discovery().contains(&name.as_str()),
            "{leak}"
        );
    }
    ensure!(
        !found.is_empty(),
        "discovery's own lookups are not seen, so no other would be"
    );
    Ok(())
}

#[test]
fn unbound_answers_over_tls_and_nothing_else_leaves_in_clear() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN))?;
    let trace = query(&network, "strict")?;
    let told = format!("{}{}", trace.stdout(), trace.stderr());
    assert_eq!(trace.output.status.code(), Some(0), "{told}");
    assert!(trace.stdout().contains(ONLY_OVER_TLS_ADDRESS), "{told}");
    assert!(network.dot.was_asked_for(ONLY_OVER_TLS));
    assert!(!network.resolver.was_asked_for(ONLY_OVER_TLS));
    assert!(trace.octets_to(network.tls_address()) > 0);
    only_discovery_in_clear(&trace, &network)
}

#[test]
fn the_wrong_certificate_in_unbound_is_refused_and_nothing_leaks() -> Result<()> {
    for (fault, code) in [
        (Fault::WrongIssuer, 5),
        (Fault::Expired, 5),
        (Fault::WrongName, 5),
        (Fault::NotConveyed, 5),
        (Fault::PrivacySells, 3),
    ] {
        for profile in ["strict", "opportunistic"] {
            let network = Network::start(&Leaf::good(DOMAIN).with(fault))?;
            let trace = query(&network, profile)?;
            let told = format!("{fault}, {profile}: {}{}", trace.stdout(), trace.stderr());
            assert_eq!(trace.output.status.code(), Some(code), "{told}");
            assert!(!trace.stdout().contains(ONLY_OVER_TLS_ADDRESS), "{told}");
            assert!(!network.dot.was_asked_for(ONLY_OVER_TLS), "{told}");
            assert!(!network.resolver.was_asked_for(ONLY_OVER_TLS), "{told}");
            only_discovery_in_clear(&trace, &network).context(told)?;
        }
    }
    Ok(())
}
