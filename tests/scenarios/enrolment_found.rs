//! How servers are found: by DNS-SD in a domain that was named, proposed by DHCP or listed by another, by multicast DNS, and
//! what a resolver that lies can do (the draft's section 8, RFC 6763, RFC 8995 section 4.1).

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{PTR, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use resolvet::enrolment::{
    EnrolError, EnrolErrorKind, Enroller, EstLocation, Interfaces, Link, Search,
};
use resolvet::{Recursive, leases};
use resolvet_proto::discovery::DomainName;
use resolvet_proto::enrolment::journey::Service;
use resolvet_proto::judgement::UsageProfile;
use resolvet_tests::lab::Lab;
use resolvet_tests::lab::dns::{Behaviour, Dns, TTL, When, Zone, absolute};
use resolvet_tests::lab::mdns::Announcer;

use crate::enrolment_desk::{Device, lab};
use crate::enrolment_iot::Thing;
use crate::journey::{defaults, policies};

const LOOKUP: Duration = Duration::from_millis(400);

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn search(dns: &Dns) -> Search {
    Search::new(Recursive::new(dns.address(), LOOKUP))
}

/// Where the servers are, as text.
fn urls(locations: &[EstLocation]) -> Vec<String> {
    let locations = locations.iter();
    locations
        .map(|location| location.endpoint.to_string())
        .collect()
}

/// The lab's EST server, as it is found.
fn est(lab: &Lab) -> Vec<String> {
    vec![format!("https://est.example.net:{}", lab.est().port())]
}

/// A zone whose `b._dns-sd._udp` lists `example.net`.
fn listing(origin: &str) -> Zone {
    let mut zone = Zone::new(origin).unwrap();
    let other = absolute("example.net").unwrap();
    zone.add("b._dns-sd._udp", TTL, RData::PTR(PTR(other)))
        .unwrap();
    zone
}

/// A root folder with a lease of systemd-networkd.
fn leased(lease: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run/systemd/netif/leases");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("2"), lease).unwrap();
    root
}

fn by_leases(dns: &Dns, root: &Path) -> Search {
    search(dns).by_leases(&leases::read(root))
}

#[tokio::test]
async fn the_named_domain_is_asked_and_its_addresses_are_those_of_the_server() {
    let lab = lab();
    let search = search(lab.dns()).in_domain(domain("example.net"));
    let found = search.find(Service::Est).await.unwrap();
    assert_eq!(urls(&found), est(&lab));
    let mut addresses = search.addresses(&found[0].endpoint).await.unwrap();
    let mut expected = lab.est().addresses().to_vec();
    addresses.sort();
    expected.sort();
    assert_eq!(addresses, expected);
}

#[tokio::test]
async fn a_person_s_device_enrols_where_its_domain_says() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.domain = Some("example.net".to_owned());
    let enrolment = device.bootstrap_at(None).await.unwrap();
    assert_eq!(vec![enrolment.est.endpoint.to_string()], est(&lab));
}

#[tokio::test]
async fn a_person_s_device_enrols_where_dhcp_and_another_domain_say() {
    let lab = lab();
    lab.dns().responder().set_zone(listing("corp.example"));
    for lease in ["DOMAINNAME=example.net\n", "DOMAINNAME=corp.example\n"] {
        let root = leased(lease);
        let search = by_leases(lab.dns(), root.path());
        let mut device = Device::searching(&lab, defaults(), search);
        let enrolment = device.bootstrap_at(None).await.unwrap();
        let domain = enrolment.authentication_domain_name.as_deref();
        assert_eq!(domain, Some("example.net"), "{lease}");
    }
}

#[tokio::test]
async fn why_no_server_was_found_is_told() {
    let lab = lab();
    let mut device = Device::new(&lab);
    device.domain = Some("example.org".to_owned());
    let error = device.bootstrap_at(None).await.unwrap_err();
    assert_eq!(error.kind(), EnrolErrorKind::NotFound);
    let text = error.to_string();
    assert!(
        text.contains("`_est._tcp.example.org` has no records"),
        "{text}"
    );
    device.domain = Some("a b".to_owned());
    let error = device.bootstrap_at(None).await.unwrap_err();
    assert!(matches!(error, EnrolError::Domain { .. }), "{error}");
}

#[tokio::test]
async fn a_thing_joins_at_the_registrar_of_its_domain() {
    let thing = Thing::new();
    let enrolment = thing.join_at(None, Some("example.net")).await.unwrap();
    let port = thing.lab.registrar().addresses()[0].port();
    let expected = format!("https://registrar.example.net:{port}");
    assert_eq!(enrolment.est.endpoint.to_string(), expected);
    let error = thing.join_at(None, Some("example.org")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`_brski-registrar._tcp.example.org`"),
        "{text}"
    );
}

/// Nothing but the link says where it is, under a name that no certificate has; the voucher says that it is the one. A proxy
/// is as good as the registrar (RFC 8995 section 4.1).
#[tokio::test]
async fn a_thing_joins_at_a_registrar_of_the_link() {
    for service in ["_brski-registrar._tcp", "_brski-proxy._tcp"] {
        let mut thing = Thing::new();
        let announcer = Announcer::start().unwrap();
        let at = thing.lab.registrar().addresses()[0];
        announcer
            .announce(service, "Floor 1.5", "join-here", at)
            .unwrap();
        let link = Link::listen_at(Interfaces::Loopback, announcer.port()).unwrap();
        let search = search(thing.lab.dns()).on_link(link);
        let policies = policies(&UsageProfile::Strict, defaults());
        thing.enroller = Enroller::new(policies, search);
        let enrolment = thing.join_at(None, None).await.unwrap();
        let expected = format!("https://join-here.local:{}", at.port());
        assert_eq!(enrolment.est.endpoint.to_string(), expected);
        let local = absolute("local").unwrap();
        let asked = thing.lab.dns().journal().queries();
        assert!(
            asked.iter().all(|query| !local.zone_of(&query.name)),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn servers_come_by_priority_and_each_once() {
    let mut zone = Zone::new("example.net").unwrap();
    let service = absolute("_est._tcp.example.net").unwrap();
    for (label, priority) in [("one.two", 20), ("b", 10), ("c", 30), ("d", 10)] {
        let instance = service.prepend_label(label.as_bytes()).unwrap();
        let host = match label {
            "d" => "b.example.net".to_owned(),
            _ => format!("h{priority}.example.net"),
        };
        zone.add("_est._tcp", TTL, RData::PTR(PTR(instance.clone())))
            .unwrap();
        let data = SRV::new(priority, 0, 443, absolute(&host).unwrap());
        zone.add_at(instance, TTL, RData::SRV(data));
    }
    let dns = Dns::start(vec![zone]).unwrap();
    let search = search(&dns).in_domain(domain("example.net"));
    let mut found = urls(&search.find(Service::Est).await.unwrap());
    // Those of priority 10 have no weight: either may be first.
    found[..2].sort();
    assert_eq!(
        found,
        [
            "https://b.example.net",
            "https://h10.example.net",
            "https://h20.example.net",
            "https://h30.example.net"
        ]
    );
}

#[tokio::test]
async fn a_domain_that_lists_another_leads_there() {
    let lab = lab();
    lab.dns().responder().set_zone(listing("corp.example"));
    let search = search(lab.dns()).in_domain(domain("corp.example"));
    assert_eq!(urls(&search.find(Service::Est).await.unwrap()), est(&lab));
}

#[tokio::test]
async fn a_lease_s_domain_is_looked_in_unless_one_was_named() {
    let lab = lab();
    let root = leased("ADDRESS=10.1.2.3\nNETMASK=255.255.255.0\nDOMAINNAME=example.net\n");
    let proposed = by_leases(lab.dns(), root.path());
    assert_eq!(urls(&proposed.find(Service::Est).await.unwrap()), est(&lab));

    let named = search(lab.dns())
        .in_domain(domain("example.com"))
        .by_leases(&leases::read(root.path()));
    assert_eq!(named.domains(), [domain("example.com")]);
    lab.dns().journal().clear();
    let error = named.find(Service::Est).await.unwrap_err();
    assert_eq!(error.kind(), EnrolErrorKind::NotFound);
    let example_net = absolute("example.net").unwrap();
    let asked = lab.dns().journal().queries();
    assert!(
        asked.iter().all(|query| !example_net.zone_of(&query.name)),
        "{asked:?}"
    );
}

/// The domain has nothing; the network's place in the reverse tree lists one that has (RFC 6763 section 11).
#[tokio::test]
async fn a_lease_s_network_lists_domains() {
    let lab = lab();
    lab.dns()
        .responder()
        .set_zone(listing("0.2.1.10.in-addr.arpa"));
    let root = leased(
        "ADDRESS=10.1.2.77\nNETMASK=255.255.255.0\nDOMAIN_SEARCH_LIST=a.example b.example\n",
    );
    let search = by_leases(lab.dns(), root.path());
    assert_eq!(urls(&search.find(Service::Est).await.unwrap()), est(&lab));
}

#[tokio::test]
async fn without_a_domain_nobody_is_asked() {
    let lab = lab();
    let error = search(lab.dns()).find(Service::Est).await.unwrap_err();
    assert!(lab.dns().journal().is_empty());
    assert!(
        error.to_string().contains("no domain to look in is known"),
        "{error}"
    );
}

#[tokio::test]
async fn servers_of_the_link_are_found_and_never_asked_of_a_resolver() {
    let dns = Dns::start(vec![]).unwrap();
    let announcer = Announcer::start().unwrap();
    let at = (Ipv4Addr::LOCALHOST, 8_443).into();
    announcer
        .announce("_est._tcp", "EST", "est-of-the-link", at)
        .unwrap();
    let link = Link::listen_at(Interfaces::Loopback, announcer.port()).unwrap();
    let search = search(&dns).on_link(link);
    let found = search.find(Service::Est).await.unwrap();
    assert_eq!(urls(&found), ["https://est-of-the-link.local:8443"]);
    let endpoint = &found[0].endpoint;
    assert_eq!(search.addresses(endpoint).await.unwrap(), [at]);
    // A resolver would be glad to say where it is.
    let alone = Search::new(Recursive::new(dns.address(), LOOKUP));
    let error = alone.addresses(endpoint).await.unwrap_err();
    assert!(matches!(error, EnrolError::NoAddress { .. }), "{error}");
    assert!(dns.journal().is_empty());
    let error = search.find(Service::Brski).await.unwrap_err();
    assert!(error.to_string().contains("`_brski-proxy._tcp`"), "{error}");
}

#[tokio::test]
async fn what_the_resolver_knows_comes_before_what_the_link_says() {
    let lab = lab();
    let announcer = Announcer::start().unwrap();
    let at = (Ipv4Addr::LOCALHOST, 8_443).into();
    announcer.announce("_est._tcp", "EST", "rogue", at).unwrap();
    let link = Link::listen_at(Interfaces::Loopback, announcer.port()).unwrap();
    let search = search(lab.dns())
        .in_domain(domain("example.net"))
        .on_link(link);
    let found = urls(&search.find(Service::Est).await.unwrap());
    assert_eq!(found[0], est(&lab)[0]);
}

/// Every lie leads to an error that says what came, after a bounded number of lookups.
#[tokio::test]
async fn a_lying_resolver_wastes_little_and_is_told_as_such() {
    type Lie = fn(&Name, RecordType) -> Vec<RData>;
    fn srv(port: u16, host: &str) -> Vec<RData> {
        vec![RData::SRV(SRV::new(
            0,
            0,
            port,
            Name::from_ascii(host).unwrap(),
        ))]
    }
    fn instances(name: &Name, count: u32) -> Vec<RData> {
        let label = |n: u32| name.prepend_label(format!("n{n}").as_bytes()).unwrap();
        (0..count).map(|n| RData::PTR(PTR(label(n)))).collect()
    }
    let lies: [(&str, Lie); 6] = [
        ("at most 256 are read", |name, rtype| match rtype {
            RecordType::PTR => instances(name, 300),
            _ => Vec::new(),
        }),
        ("lists 16 instances", |name, rtype| match rtype {
            RecordType::PTR => instances(name, 200),
            _ => Vec::new(),
        }),
        ("is at port 0", |name, rtype| match rtype {
            RecordType::PTR => instances(name, 1),
            _ => srv(0, "a.example.net."),
        }),
        ("is not available", |name, rtype| match rtype {
            RecordType::PTR => instances(name, 1),
            _ => srv(443, "."),
        }),
        ("is no instance of the service", |name, _| {
            vec![RData::PTR(PTR(name.clone()))]
        }),
        ("is no instance of the service", |_, _| {
            vec![RData::PTR(PTR(Name::from_ascii(
                "x._ipp._tcp.example.net.",
            )
            .unwrap()))]
        }),
    ];
    for (said, lie) in lies {
        let dns = Dns::start(vec![]).unwrap();
        let synthesis = Behaviour::Synthesise(Arc::new(move |query| {
            let name = query.name();
            if name.iter().next() == Some(b"b") {
                return Vec::new();
            }
            let data = lie(name, query.query_type()).into_iter();
            data.map(|data| Record::from_rdata(name.clone(), TTL, data))
                .collect()
        }));
        dns.responder().behave(When::always(), synthesis);
        let error = search(&dns)
            .in_domain(domain("example.net"))
            .find(Service::Est)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), EnrolErrorKind::NotFound, "{said}");
        assert!(
            error.to_string().contains(said),
            "expected `{said}`: {error}"
        );
        assert!(error.to_string().len() < 1_000, "{error}");
        // UDP and, where an answer is cut, TCP.
        assert!(
            dns.journal().len() <= 2 * 18,
            "{said}: {}",
            dns.journal().len()
        );
    }
}

#[tokio::test]
async fn wrong_owners_and_loops_of_pointers_say_nothing() {
    for (behaviour, said) in [
        (Behaviour::OtherOwner, "has no records"),
        (Behaviour::PointerLoop, "data not prior"),
        (Behaviour::LyingCount(9), "decoding error"),
        (Behaviour::Code(ResponseCode::ServFail), "SERVFAIL"),
    ] {
        let lab = lab();
        lab.dns()
            .responder()
            .behave(When::always(), behaviour.clone());
        let search = search(lab.dns()).in_domain(domain("example.net"));
        let error = search.find(Service::Est).await.unwrap_err().to_string();
        assert!(error.contains(said), "{behaviour:?}: {error}");
    }
}

#[tokio::test]
async fn a_silent_resolver_is_told_as_such() {
    let lab = lab();
    lab.dns()
        .responder()
        .behave(When::always(), Behaviour::Silent);
    let root = leased("DOMAINNAME=example.net\nDOMAIN_SEARCH_LIST=a.example b.example c.example\n");
    let error = by_leases(lab.dns(), root.path())
        .find(Service::Est)
        .await
        .unwrap_err();
    assert!(matches!(error, EnrolError::Lookup(_)), "{error}");
    // The domains, and then not one that they could list.
    assert!(
        lab.dns()
            .journal()
            .queries()
            .iter()
            .all(|q| q.name.iter().next() != Some(b"b"))
    );
}

#[tokio::test]
async fn addresses_that_nobody_has_are_left_out() {
    let mut zone = Zone::new("example.net").unwrap();
    for address in ["0.0.0.0", "224.0.0.251", "::", "ff02::fb"] {
        zone.address("est", address.parse::<IpAddr>().unwrap())
            .unwrap();
    }
    let dns = Dns::start(vec![zone]).unwrap();
    let location = EstLocation::parse("https://est.example.net").unwrap();
    let error = search(&dns)
        .addresses(&location.endpoint)
        .await
        .unwrap_err();
    assert!(matches!(error, EnrolError::NoAddress { .. }), "{error}");
}
