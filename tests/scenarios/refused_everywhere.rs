//! Ten faults of authentication, each refused over each transport with its own code, before anything is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use resolvet::Probe;
use resolvet_proto::judgement::{Outcome as Judged, Request, Server, Transport};
use resolvet_tests::lab::ca::{Fault, Leaf};
use resolvet_tests::lab::doh::TEMPLATE;
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{Journey, errors, nothing_leaked};

const TRANSPORTS: [Transport; 5] = [
    Transport::Dot,
    Transport::Doh,
    Transport::Doh3,
    Transport::Doq,
    Transport::Dtls,
];

fn lab(fault: Option<Fault>) -> Lab {
    let leaf = Leaf::good("example.net");
    let leaf = match fault {
        Some(fault) => leaf.with(fault),
        None => leaf,
    };
    let options = Options::new().servers("example.net", vec![leaf]);
    Lab::start(options.also(TRANSPORTS)).unwrap()
}

/// Where the lab's server speaks this.
fn place(lab: &Lab, transport: &Transport) -> Server {
    let server = &lab.site().servers()[0];
    let port = match transport {
        Transport::Doh => server.doh().port(),
        Transport::Doh3 | Transport::Doq => server.quic().port(),
        Transport::Dtls => server.dtls().port(),
        _ => server.dot.port(),
    };
    let is_http = matches!(transport, Transport::Doh | Transport::Doh3);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Server {
        ech: None,
        transport: transport.clone(),
        address: address.ip(),
        port: address.port(),
        path: is_http.then(|| TEMPLATE.to_owned()),
    }
}

/// Connects to every transport in turn, in the context that the session would give a server, and closes.
async fn probes(lab: &Lab, journey: Journey<'_>) -> Vec<(Transport, Probe)> {
    let client = journey.client();
    let outcome = journey.attach().await;
    let context = outcome.attachment.context(0).await.unwrap().unwrap();
    let mut probes = Vec::new();
    for transport in TRANSPORTS {
        let context = Request {
            server: Some(place(lab, &transport)),
            ..(*context).clone()
        };
        let probe = client.probe(Arc::new(context)).await;
        probes.push((transport, probe));
    }
    probes
}

#[tokio::test]
async fn every_fault_of_the_certificate_is_refused_over_every_transport() {
    for (fault, code) in Fault::REFUSED {
        let lab = lab(fault);
        let mut journey = Journey::new(&lab);
        if fault.is_none() {
            let identity = &lab.site().servers()[0].identity;
            journey = journey.crls(lab.authority().crls(&[identity]).unwrap());
        }
        for (transport, probe) in probes(&lab, journey).await {
            let Probe::Refused(judgement) = probe else {
                panic!("{fault:?} over {transport}: {probe:?}");
            };
            assert_eq!(judgement.outcome, Judged::Rejected);
            let codes = errors(&judgement);
            assert!(
                codes.contains(&code),
                "{fault:?} over {transport}: {codes:?}"
            );
        }
        nothing_leaked(&lab);
    }
}

#[tokio::test]
async fn without_proof_of_possession_no_verdict_counts_over_any_transport() {
    let lab = lab(Some(Fault::OtherKey));
    for (transport, probe) in probes(&lab, Journey::new(&lab)).await {
        let Probe::Failed(why) = probe else {
            panic!("{transport}: {probe:?}");
        };
        let expected = "did not prove possession of its certificate's key";
        assert!(why.contains(expected), "{transport}: {why}");
    }
    nothing_leaked(&lab);
}

/// The same probes find nothing wrong with a server that has no fault: so it is the fault that is refused.
#[tokio::test]
async fn a_server_without_fault_is_accepted_over_every_transport() {
    let lab = lab(Some(Fault::PrivacyAbsent));
    for (transport, probe) in probes(&lab, Journey::new(&lab)).await {
        assert!(
            matches!(probe, Probe::Judged { .. }),
            "{transport}: {probe:?}"
        );
    }
    nothing_leaked(&lab);
}
