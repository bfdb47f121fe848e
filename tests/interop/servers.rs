//! The servers of others work as the journey needs them, as a client of others sees it.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use resolvet_tests::lab::ask;
use resolvet_tests::lab::ca::{Fault, Leaf};

use crate::network::{DOMAIN, Network, ONLY_OVER_TLS, ONLY_OVER_TLS_ADDRESS};
use crate::process::program;
use crate::trace::Trace;

fn answer(server: SocketAddr, name: &str, record_type: RecordType) -> Result<Message> {
    Ok(Message::from_vec(&ask::udp(
        server,
        &ask::query(1, name, record_type)?,
    )?)?)
}

#[test]
fn nsd_and_unbound_give_figure_2() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN))?;
    for server in [network.nsd.address(), network.resolver.address()] {
        let naptr = answer(server, DOMAIN, RecordType::NAPTR)?;
        let mut services: Vec<_> = naptr
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::NAPTR(data) => Some(String::from_utf8_lossy(&data.services).into_owned()),
                _ => None,
            })
            .collect();
        services.sort();
        assert_eq!(services, ["DPRIVE:dns.dtls", "DPRIVE:dns.tls"], "{server}");
        let terminal = answer(server, "dns1.example.net", RecordType::NAPTR)?;
        let RData::NAPTR(data) = &terminal.answers[0].data else {
            panic!("{terminal}")
        };
        assert_eq!(
            (&*data.flags, data.replacement.to_string()),
            (&b"S"[..], "_domain-s._tcp.example.net.".into())
        );
        let srv = answer(server, "_domain-s._tcp.example.net", RecordType::SRV)?;
        let RData::SRV(data) = &srv.answers[0].data else {
            panic!("{srv}")
        };
        assert_eq!(data.port, network.tls_address().port());
    }
    Ok(())
}

#[test]
fn unbound_answers_kdig_over_tls_with_our_certificate() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN))?;
    let trace = Trace::of(
        program("kdig", "knot-dnsutils")?,
        [
            "@127.0.0.1".to_owned(),
            "-p".to_owned(),
            network.tls_address().port().to_string(),
            format!("+tls-ca={}", network.trust_anchors.display()),
            format!("+tls-hostname={DOMAIN}"),
            "+short".to_owned(),
            ONLY_OVER_TLS.to_owned(),
        ],
    )?;
    assert_eq!(
        trace.stdout().trim(),
        ONLY_OVER_TLS_ADDRESS,
        "{}",
        trace.stderr()
    );
    assert_eq!(
        trace.in_clear(&[network.tls_address()]),
        [],
        "TLS is not taken for clear text"
    );
    assert!(trace.octets_to(network.tls_address()) > 0);
    assert!(network.dot.was_asked_for(ONLY_OVER_TLS));
    assert!(!network.resolver.was_asked_for(ONLY_OVER_TLS));
    Ok(())
}

#[test]
fn kdig_refuses_the_wrong_issuer() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN).with(Fault::WrongIssuer))?;
    let output = Command::new(program("kdig", "knot-dnsutils")?)
        .args([
            "@127.0.0.1",
            "-p",
            &network.tls_address().port().to_string(),
            "+retry=0",
        ])
        .arg(format!("+tls-ca={}", network.trust_anchors.display()))
        .arg(format!("+tls-hostname={DOMAIN}"))
        .args(["+short", ONLY_OVER_TLS])
        .output()?;
    assert!(!String::from_utf8_lossy(&output.stdout).contains(ONLY_OVER_TLS_ADDRESS));
    assert!(!network.dot.was_asked_for(ONLY_OVER_TLS));
    Ok(())
}

#[test]
fn only_the_server_over_tls_knows_its_name() -> Result<()> {
    let network = Network::start(&Leaf::good(DOMAIN))?;
    assert!(
        answer(network.resolver.address(), ONLY_OVER_TLS, RecordType::A)?
            .answers
            .is_empty()
    );
    Ok(())
}

#[test]
fn a_missing_program_is_told_with_its_package() {
    let error = program("no-such-server", "no-such-package").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`no-such-server` is missing: install Debian's package `no-such-package`"
    );
}
