//! From nothing to the first vetted answer, counted in round trips, over each transport: no more than its protocols need.

use std::net::SocketAddr;
use std::time::Duration;

use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::dns::{Endpoint, Zone};
use resolvet_tests::lab::doh::TEMPLATE;
use resolvet_tests::lab::far::Far;

use crate::journey::Journey;
use crate::transports::lab;

const DISTANCE: Duration = Duration::from_millis(50);
/// A machine that is busy for longer than the distance adds round trips, and never takes one away: so the least counts.
const ATTEMPTS: usize = 5;
/// NAPTR, the NAPTR that it leads to, SRV, addresses.
const S_NAPTR: u32 = 4;
/// SVCB and addresses are two; but every way is gone before selection, and S-NAPTR's three lookups end last, at addresses that
/// are known by then.
const SVCB: u32 = 3;

/// Round trips until the first answer, with servers that are far away.
async fn counted(transport: Transport) -> u32 {
    let lab = lab();
    let server = &lab.site().servers()[0];
    let mut far = Far::new(DISTANCE);
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let (place, alpn) = match transport {
        Transport::Doh => (far.streams(loopback(server.doh().port())), Some("h2")),
        Transport::Doh3 => (far.datagrams(loopback(server.quic().port())), Some("h3")),
        Transport::Doq => (far.datagrams(loopback(server.quic().port())), Some("doq")),
        Transport::Dtls => (far.datagrams(loopback(server.dtls().port())), None),
        _ => (far.streams(loopback(server.dot.port())), None),
    };
    let place = place.unwrap();
    let endpoint = Endpoint {
        host: "a".to_owned(),
        addresses: vec![place.ip()],
        port: place.port(),
    };
    let mut zone = Zone::figure_2(lab.site().domain(), &[endpoint]).unwrap();
    if let Some(alpn) = alpn {
        let path = (alpn != "doq").then_some(TEMPLATE);
        zone.svcb("_dns", 1, "a", &[alpn], place.port(), path)
            .unwrap();
    }
    lab.dns().responder().set_zone(zone);
    let resolver = far.datagrams(lab.resolver()).unwrap();
    let outcome = Journey::new(&lab)
        .resolver(resolver)
        .over([transport.clone()])
        .attach()
        .await;
    assert_eq!(outcome.failure, None, "{transport}");
    outcome.ask().await.unwrap();
    far.round_trips()
}

async fn at_most(transport: Transport, expected: u32) {
    let mut least = u32::MAX;
    for _ in 0..ATTEMPTS {
        least = least.min(counted(transport.clone()).await);
        if least <= expected {
            break;
        }
    }
    assert!(
        least <= expected,
        "{transport}: {least}, expected {expected}"
    );
}

/// TCP, TLS 1.3, the query.
#[tokio::test]
async fn over_tls() {
    at_most(Transport::Dot, S_NAPTR + 3).await;
}

#[tokio::test]
async fn over_https() {
    at_most(Transport::Doh, SVCB + 3).await;
}

/// QUIC with TLS 1.3, the query.
#[tokio::test]
async fn over_http_3() {
    at_most(Transport::Doh3, SVCB + 2).await;
}

#[tokio::test]
async fn over_quic() {
    at_most(Transport::Doq, SVCB + 2).await;
}

/// A cookie, two flights of DTLS 1.2, the query.
#[tokio::test]
async fn over_dtls() {
    at_most(Transport::Dtls, S_NAPTR + 4).await;
}
