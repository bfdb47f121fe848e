//! The counter of clear text catches a leak that was made on purpose. Only then does its silence mean something.

use anyhow::Result;

use crate::network::nobody;
use crate::process::program;
use crate::trace::{Trace, Transport};

/// Runs kdig, a client that sends in clear text.
fn kdig(arguments: &[&str]) -> Result<Trace> {
    let kdig = program("kdig", "knot-dnsutils")?;
    Trace::of(kdig, ["+timeout=1", "+retry=0"].iter().chain(arguments))
}

#[test]
fn a_datagram_to_a_strange_port_is_caught() -> Result<()> {
    let nobody = nobody()?;
    let trace = kdig(&[
        "@127.0.0.1",
        "-p",
        &nobody.port().to_string(),
        "secret.example.net",
        "A",
    ])?;
    let found = trace.in_clear(&[nobody]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "secret.example.net. A");
    assert_eq!((found[0].to, found[0].transport), (nobody, Transport::Udp));
    Ok(())
}

#[test]
fn a_datagram_of_ipv6_is_caught() -> Result<()> {
    let nobody = nobody()?;
    let trace = kdig(&[
        "@::1",
        "-p",
        &nobody.port().to_string(),
        "secret.example.net",
        "AAAA",
    ])?;
    let found = trace.in_clear(&[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "secret.example.net. AAAA");
    assert!(found[0].to.is_ipv6());
    Ok(())
}

#[test]
fn a_clear_query_on_a_stream_to_the_encrypted_port_is_caught() -> Result<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let trace = kdig(&[
        "@127.0.0.1",
        "+tcp",
        "-p",
        &address.port().to_string(),
        "secret.example.net",
    ])?;
    let found = trace.in_clear(&[address]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "secret.example.net. A");
    assert_eq!(found[0].transport, Transport::Tcp);
    Ok(())
}

#[test]
fn a_child_s_leak_beside_a_good_client_is_caught() -> Result<()> {
    let nobody = nobody()?;
    let kdig = program("kdig", "knot-dnsutils")?;
    let script = format!(
        "true; {} @127.0.0.1 -p {} +timeout=1 +retry=0 secret.example.net & wait",
        kdig.display(),
        nobody.port()
    );
    let trace = Trace::of("/bin/sh", ["-c", &script])?;
    let names: Vec<_> = trace
        .in_clear(&[])
        .into_iter()
        .filter_map(|found| found.name)
        .collect();
    assert_eq!(names, ["secret.example.net."]);
    Ok(())
}

#[test]
fn a_lookup_by_the_c_library_is_caught() -> Result<()> {
    // Whether it goes to a daemon's socket or to a name server, it is seen. Names below `invalid` exist nowhere, and
    // whoever is asked may answer at once (RFC 6761 section 6.4).
    let trace = Trace::of(
        "/bin/sh",
        [
            "-c",
            "RES_OPTIONS='timeout:1 attempts:1' getent ahosts secret.invalid; true",
        ],
    )?;
    assert!(!trace.in_clear(&[]).is_empty());
    Ok(())
}

#[test]
fn a_program_that_sends_nothing_is_silent() -> Result<()> {
    let trace = Trace::of("/bin/sh", ["-c", "echo secret.example.net"])?;
    assert_eq!(trace.in_clear(&[]), []);
    assert_eq!(trace.stdout(), "secret.example.net\n");
    Ok(())
}
