//! Other ways to a server than S-NAPTR, over real sockets and with the policies that ship: SVCB, services, what the resolver
//! designates, what was written down, and the fallback.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::rdata::{NULL, PTR};
use hickory_proto::rr::{Name, RData, RecordType};
use resolvet_proto::discovery::dnr::{self, Carrier, Designation, NetworkOption, Service};
use resolvet_proto::discovery::svcb::Params;
use resolvet_proto::discovery::{ConfiguredServer, DomainName, resinfo};
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Conveyed, Der, Digest, Pin, ReferenceId, Source, Transport,
    UsageProfile,
};
use resolvet_proto::session::{Config, Entry, FailureKind, Step};
use resolvet_tests::lab::ca::Leaf;
use resolvet_tests::lab::dns::{Zone, absolute};
use resolvet_tests::lab::{Lab, Options};
use tokio::time::sleep;

use crate::journey::{ASKED, Journey, Outcome, findings, nothing_leaked, rule, with_settings};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn svcb(target: &str, params: &Params) -> RData {
    let target = DomainName::parse(target).unwrap().to_wire();
    let rdata = [&[0, 1][..], &target, &params.encode().unwrap()].concat();
    raw(64, rdata)
}

fn raw(rtype: u16, rdata: Vec<u8>) -> RData {
    RData::Unknown {
        code: RecordType::from(rtype),
        rdata: NULL::with(rdata),
    }
}

/// A lab whose zone has this instead of S-NAPTR.
fn lab_with(leaf: Leaf, change: impl FnOnce(&mut Zone, u16)) -> Lab {
    let lab = Lab::start(Options::new().servers("example.net", vec![leaf])).unwrap();
    let port = lab.site().servers()[0].dot.port();
    let origin = absolute("example.net").unwrap();
    let responder = lab.dns().responder();
    responder
        .change_zone(&origin, |zone| {
            zone.remove("@", RecordType::NAPTR)?;
            change(zone, port);
            Ok(())
        })
        .unwrap();
    lab
}

/// A lab whose resolver designates its server.
fn designating(leaf: Leaf) -> Lab {
    let lab = lab_with(leaf, |_, _| {});
    let port = lab.site().servers()[0].dot.port();
    let mut zone = Zone::new("resolver.arpa").unwrap();
    let params = Params::new().with_alpn(&["dot"]).with_port(port);
    zone.add("_dns", 300, svcb("a.example.net", &params))
        .unwrap();
    lab.dns().responder().set_zone(zone);
    lab
}

fn dot(lab: &Lab) -> ConfiguredServer {
    let server = &lab.site().servers()[0];
    ConfiguredServer {
        transport: Transport::Dot,
        name: None,
        addresses: vec![LOCALHOST],
        port: Some(server.dot.port()),
        path: None,
        pins: vec![],
    }
}

fn without_address() -> Leaf {
    Leaf {
        ip_ids: vec![],
        ..Leaf::good("example.net")
    }
}

fn sources(outcome: &Outcome) -> Vec<Source> {
    let vetted = outcome.attachment.vetted_now().unwrap();
    vetted.request().sources.clone()
}

fn given_up(outcome: &Outcome) -> Vec<&str> {
    let steps = outcome.story.iter().filter_map(|entry| match &entry.step {
        Step::GivenUp { reference, .. } => Some(reference.as_str()),
        _ => None,
    });
    steps.collect()
}

#[tokio::test]
async fn records_for_dns_servers() {
    let lab = lab_with(Leaf::good("example.net"), |zone, port| {
        let params = Params::new().with_alpn(&["dot"]).with_port(port);
        zone.add("_dns", 300, svcb("a.example.net", &params))
            .unwrap();
    });
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(sources(&outcome), [Source::Svcb]);
    assert_eq!(given_up(&outcome), [""; 0]);
}

/// The instance's label has a space, a dot and letters beyond ASCII, as RFC 6763 section 4.1.1 allows.
#[tokio::test]
async fn a_service_with_a_name_for_people() {
    let lab = lab_with(Leaf::good("example.net"), |zone, port| {
        let label = "Résolveur 1.a".as_bytes();
        let labels: [&[u8]; 5] = [label, b"_dprive", b"_tcp", b"example", b"net"];
        let instance = Name::from_labels(labels).unwrap();
        zone.add("_dprive._tcp", 300, RData::PTR(PTR(instance.clone())))
            .unwrap();
        let mut other = Zone::new("example.net").unwrap();
        other.srv("x", 0, 0, port, "a").unwrap();
        let record = other.find(&absolute("x.example.net").unwrap(), RecordType::SRV);
        let resolvet_tests::lab::dns::Found::Records(records) = record else {
            panic!("the record was just made");
        };
        zone.add_at(instance, 300, records[0].data.clone());
    });
    let outcome = Journey::new(&lab).attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(sources(&outcome), [Source::DnsSd]);
}

#[tokio::test]
async fn what_the_resolver_designates_is_verified_by_its_address() {
    let lab = designating(Leaf::good("example.net"));
    let outcome = Journey::new(&lab).of_network().attach().await;
    outcome.ask().await.unwrap();
    assert_eq!(sources(&outcome), [Source::Ddr]);
    let vetted = outcome.attachment.vetted_now().unwrap();
    assert!(vetted.is_authenticated());
    assert_eq!(
        vetted.request().reference_ids,
        [ReferenceId::IpId(LOCALHOST)]
    );
    assert_eq!(given_up(&outcome), ["RFC 8310 7.3"]);
    let resolver = absolute("resolver.arpa").unwrap();
    assert!(
        !lab.dns().journal().asked_for(&resolver),
        "nobody has its addresses"
    );
}

#[tokio::test]
async fn what_cannot_be_verified_is_refused_under_strict() {
    let lab = designating(without_address());
    let outcome = Journey::new(&lab).of_network().attach().await;
    assert_eq!(outcome.kind(), Some(FailureKind::ValidationRefused));
    nothing_leaked(&lab);
}

/// RFC 9462 section 4.3: at the resolver's own address, a local one, encryption alone may do, and that is told.
#[tokio::test]
async fn what_cannot_be_verified_is_used_opportunistically_at_the_same_address() {
    let lab = designating(without_address());
    let journey = Journey::new(&lab)
        .of_network()
        .profile(UsageProfile::Opportunistic);
    let outcome = journey.attach().await;
    outcome.ask().await.unwrap();
    let vetted = outcome.attachment.vetted_now().unwrap();
    assert!(!vetted.is_authenticated());
    assert_eq!(given_up(&outcome), ["RFC 8310 5"]);
    let last = outcome.validations().into_iter().next_back().unwrap();
    assert!(
        findings(last)
            .iter()
            .any(|finding| finding.code == "name-mismatch")
    );
}

#[tokio::test]
async fn what_was_written_down_needs_no_lookup_and_its_pins_hold() {
    let lab = lab_with(Leaf::good("example.net"), |_, _| {});
    let chain = lab.site().servers()[0].identity.chain();
    let (_, certificate) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let signed = Digest::of(certificate.tbs_certificate.as_ref());
    for (pin, fits) in [(signed, true), (Digest::of(b"another"), false)] {
        let server = ConfiguredServer {
            pins: vec![Pin::TbsSha256(pin)],
            ..dot(&lab)
        };
        let journey = Journey::new(&lab).config(move |config| {
            config.configured = vec![server];
            config.methods = vec![];
        });
        let outcome = journey.attach().await;
        assert_eq!(outcome.lookups(), 0);
        assert_eq!(
            outcome.kind(),
            (!fits).then_some(FailureKind::ValidationRefused)
        );
        if fits {
            outcome.ask().await.unwrap();
            assert_eq!(sources(&outcome), [Source::Configured]);
        }
    }
}

/// The draft's section 7: a server of another name, with its own anchors, when the network's cannot be authenticated.
#[tokio::test]
async fn the_fallback_is_used_when_the_local_server_is_not_authenticated() {
    let bad = Leaf {
        dns_ids: vec!["other.example".into()],
        ..Leaf::good("example.net")
    };
    let lab = Lab::start(Options::new().servers("example.net", vec![bad])).unwrap();
    let public = Lab::start(Options::new().site("dns.public.example")).unwrap();
    let fallback = ConfiguredServer {
        name: Some("dns.public.example".into()),
        ..dot(&public)
    };
    let anchors: Vec<Der> = public
        .anchors()
        .iter()
        .map(|anchor| Der::from(anchor.as_ref()))
        .collect();
    let journey = Journey::new(&lab).config(move |config| {
        config.fallback = vec![fallback];
        config.fallback_anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors));
    });
    let outcome = journey.attach().await;
    let vetted = outcome.attachment.vetted_now().unwrap();
    assert!(vetted.is_authenticated());
    assert_eq!(vetted.request().sources, [Source::Fallback]);
    assert_eq!(vetted.request().conveyed, Conveyed::NotEnrolled);
    assert_eq!(
        given_up(&outcome),
        ["draft-reddy-dprive-bootstrap-dns-server-04 7"]
    );
    nothing_leaked(&lab);
}

/// RFC 9606: asked over the authenticated connection, before anything else, and judged.
#[tokio::test]
async fn a_server_says_something_about_itself_before_it_is_vetted() {
    let lab = Lab::start(Options::new()).unwrap();
    let said = resinfo::write(&[("qnamemin", None), ("exterr", Some("15-17"))]).unwrap();
    let dot = &lab.site().servers()[0].dot;
    let origin = absolute("example.net").unwrap();
    dot.responder()
        .change_zone(&origin, |zone| {
            zone.add("@", 300, raw(261, said)).map(|_| ())
        })
        .unwrap();
    let informed = |config: &mut Config| config.resolver_info = true;

    let outcome = Journey::new(&lab).config(informed).attach().await;
    outcome.ask().await.unwrap();
    let told = outcome.assessments().into_iter().flat_map(findings);
    assert!(
        told.into_iter()
            .any(|finding| finding.code == "resolver-blocks")
    );
    let asked: Vec<_> = dot
        .journal()
        .queries()
        .iter()
        .map(|query| query.record_type)
        .collect();
    assert_eq!(asked, [RecordType::from(261), RecordType::A]);

    let strict = serde_json::json!({"accept-blocking": false});
    let rules = vec![
        rule("pkix"),
        rule("preference"),
        with_settings(rule("privacy"), strict),
    ];
    let outcome = Journey::new(&lab)
        .rules(rules)
        .config(informed)
        .attach()
        .await;
    assert_eq!(outcome.kind(), Some(FailureKind::PrivacyRefused));
    let asked = absolute(ASKED).unwrap();
    assert!(!lab.dns().journal().asked_for(&asked));
}

/// RFC 9463: what the network says later is looked at, and the server that is still the first choice goes on serving.
#[tokio::test]
async fn what_the_network_says_later_counts() {
    let lab = Lab::start(Options::new()).unwrap();
    let port = lab.site().servers()[0].dot.port();
    let outcome = Journey::new(&lab).attach().await;
    let designation = Designation {
        priority: 1,
        name: DomainName::parse("example.net").unwrap(),
        lifetime: None,
        service: Some(Service {
            addresses: vec![LOCALHOST],
            params: Params::new().with_alpn(&["dot"]).with_port(port),
        }),
    };
    let option = NetworkOption {
        carrier: Carrier::DhcpV4,
        data: dnr::write_dhcp_v4(&[designation]).unwrap().into(),
        lifetime: None,
    };
    let attachment = &outcome.attachment;
    attachment.network_options(vec![option]).await.unwrap();
    let discovered = |entry: &&Entry| matches!(entry.step, Step::Discovered { .. });
    while attachment
        .story()
        .await
        .unwrap()
        .iter()
        .filter(discovered)
        .count()
        < 2
    {
        sleep(Duration::from_millis(10)).await;
    }
    outcome.ask().await.unwrap();
    // It may be being judged again at this moment.
    assert_eq!(attachment.vetted().await.unwrap().server().port, port);
}
