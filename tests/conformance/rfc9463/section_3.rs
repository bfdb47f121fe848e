//! What is common to the encodings: validation, and what becomes of a designation.

use resolvet_proto::{
    discovery::{
        Discovered, DomainName, NoteCode, Plan, Timestamp,
        dnr::{
            Carrier, Designation, DnrError, NetworkOption, Service, read, write_dhcp_v4,
            write_dhcp_v6,
        },
        svcb::Params,
    },
    judgement::{ReferenceId, Source},
};

use crate::zone::{NOW, Zone, lines, notes};

pub(crate) fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

pub(crate) fn designation(addresses: &[&str], params: Params) -> Designation {
    Designation {
        priority: 1,
        name: name("dns.example.net"),
        lifetime: None,
        service: Some(Service {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            params,
        }),
    }
}

pub(crate) fn option(carrier: Carrier, data: Vec<u8>) -> NetworkOption {
    NetworkOption {
        carrier,
        data: data.into(),
        lifetime: None,
    }
}

fn plan(designations: &[Designation], domain: Option<&str>) -> Plan {
    let end = |designation: &Designation| (designation.clone(), NOW.after_seconds(600));
    Plan {
        domain: domain.map(name),
        methods: vec![Source::Dnr, Source::Ddr],
        resolver: Some([192, 0, 2, 53].into()),
        designations: designations.iter().map(end).collect(),
        ..Plan::nothing()
    }
}

fn dot() -> Params {
    Params::new().with_alpn(&["dot"])
}

#[test]
fn what_is_written_is_read() {
    let path = "/q{?dns}".parse().unwrap();
    let params = Params::new()
        .with_alpn(&["dot", "h2"])
        .with_port(8_443)
        .with_path(&path);
    let six = designation(&["2001:db8::1", "2001:db8::2"], params.clone());
    let read_six = read(&option(Carrier::DhcpV6, write_dhcp_v6(&six).unwrap()));
    assert_eq!(read_six, (vec![six], vec![]));
    let four = designation(&["192.0.2.1"], params);
    let short = Designation {
        priority: 7,
        service: None,
        ..four.clone()
    };
    let data = write_dhcp_v4(&[short.clone(), four.clone()]).unwrap();
    assert_eq!(
        read(&option(Carrier::DhcpV4, data)),
        (vec![four, short], vec![]),
        "by priority"
    );
}

/// Section 3.1.8.
#[test]
fn what_is_discarded() {
    let refused = |designation: &Designation| {
        let (read, mut errors) = read(&option(
            Carrier::DhcpV6,
            write_dhcp_v6(designation).unwrap(),
        ));
        assert_eq!((read.len(), errors.len()), (0, 1));
        errors.remove(0)
    };
    for addresses in [
        &["::1"][..],
        &["ff02::1"],
        &["::"],
        &["::ffff:192.0.2.1"],
        &["::1", "ff02::1"],
    ] {
        assert!(matches!(
            refused(&designation(addresses, dot())),
            DnrError::NoAddress { .. }
        ));
    }
    let hinted = Params::parse(b"\0\x01\0\x04\x03dot\0\x04\0\x04\xc0\0\x02\x01").unwrap();
    assert!(matches!(
        refused(&designation(&["2001:db8::1"], hinted)),
        DnrError::Hints { .. }
    ));

    let mut data = write_dhcp_v6(&designation(&["2001:db8::1"], Params::new())).unwrap();
    data.extend_from_slice(b"\0\x03\0\x02\x03\x55\0\x01\0\x04\x03dot");
    let (_, errors) = read(&option(Carrier::DhcpV6, data));
    assert!(matches!(errors[0], DnrError::Params { .. }));
}

#[test]
fn what_no_server_has_is_left_out_in_silence() {
    let mixed = designation(&["::1", "2001:db8::1", "ff02::1"], dot());
    let (read, errors) = read(&option(Carrier::DhcpV6, write_dhcp_v6(&mixed).unwrap()));
    assert_eq!(errors, []);
    assert_eq!(
        read[0].service.as_ref().unwrap().addresses,
        ["2001:db8::1".parse::<std::net::IpAddr>().unwrap()]
    );
}

fn of_network(designations: &[Designation], zone: &mut Zone) -> Discovered {
    zone.resolve(plan(designations, None))
}

#[test]
fn a_designation_needs_no_lookup_and_says_what_authenticates_it() {
    let mut zone = Zone::new();
    let discovered = of_network(&[designation(&["192.0.2.1"], dot())], &mut zone);
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    let candidate = &discovered.candidates[0];
    assert_eq!(
        candidate.identity,
        Some(ReferenceId::DnsId("dns.example.net".into()))
    );
    assert_eq!(
        (&candidate.source, candidate.ranks.as_slice()),
        (&Source::Dnr, &[1][..])
    );
    assert_eq!(zone.asked, ["_dns.resolver.arpa. SVCB"]);
    assert_eq!(
        discovered.ends[0],
        Timestamp {
            unix: NOW.unix + 600,
            boot: NOW.boot + 600_000
        }
    );
}

/// Section 3.1.6.
#[test]
fn with_a_name_alone_the_rest_is_looked_up() {
    let short = Designation {
        service: None,
        ..designation(&[], dot())
    };
    let mut zone = Zone::new()
        .svcb("_dns.dns.example.net.", 3, "a.example.net.", &dot())
        .a("a.example.net.", 1);
    let discovered = of_network(&[short], &mut zone);
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    let candidate = &discovered.candidates[0];
    assert_eq!(
        candidate.identity,
        Some(ReferenceId::DnsId("dns.example.net".into()))
    );
    assert_eq!(
        candidate.ranks,
        [1, 3],
        "the network's priority before the record's"
    );
}

/// Section 3.1.1: DNR counts before DDR, for the same server and for others.
#[test]
fn dnr_counts_before_ddr() {
    let mut zone = Zone::new()
        .svcb("_dns.resolver.arpa.", 1, "dns.example.net.", &dot())
        .a("dns.example.net.", 1)
        .a("dns.example.net.", 2);
    let discovered = of_network(&[designation(&["192.0.2.1"], dot())], &mut zone);
    assert_eq!(
        lines(&discovered),
        ["dot 192.0.2.1 853", "dot 192.0.2.2 853"]
    );
    let [both, ddr] = discovered.candidates.as_slice() else {
        panic!("two candidates");
    };
    assert_eq!(
        (&both.source, both.also.as_slice()),
        (&Source::Dnr, &[Source::Ddr][..])
    );
    assert_eq!(
        both.identity,
        Some(ReferenceId::DnsId("dns.example.net".into()))
    );
    assert_eq!(
        ddr.identity,
        Some(ReferenceId::IpId([192, 0, 2, 53].into()))
    );
}

/// Two names at one address are two servers, since either may be the one that the server can prove.
#[test]
fn each_name_at_an_address_is_tried() {
    let other = Designation {
        priority: 2,
        name: name("dns.example.org"),
        ..designation(&["192.0.2.1"], dot())
    };
    let mine = designation(&["192.0.2.1"], dot());
    let mut zone = Zone::new()
        .svcb("_dns.resolver.arpa.", 1, "dns.example.net.", &dot())
        .a("dns.example.net.", 1);
    let discovered = of_network(&[mine.clone(), other, mine], &mut zone);
    let names = ["dns.example.net", "dns.example.org"];
    let found = discovered.candidates.iter();
    let found: Vec<_> = found.map(|candidate| candidate.identity.clone()).collect();
    assert_eq!(
        found,
        names.map(|name| Some(ReferenceId::DnsId(name.into())))
    );
    assert_eq!(
        discovered.candidates[0].also,
        [Source::Ddr],
        "what the resolver designates by its address is found before, once"
    );
    assert!(discovered.candidates[1].also.is_empty());
}

/// Two paths of one server are two services (RFC 9461 section 5); one that is not known may be either.
#[test]
fn each_path_at_an_address_is_tried() {
    let at = |path: &str| {
        let params = Params::new().with_alpn(&["h2"]);
        designation(&["192.0.2.1"], params.with_path(&path.parse().unwrap()))
    };
    let designations = [at("/a{?dns}"), at("/b{?dns}"), at("/a{?dns}")];
    let discovered = of_network(&designations, &mut Zone::new());
    let found = discovered.candidates.iter();
    let found: Vec<_> = found.map(|it| it.path.as_deref()).collect();
    assert_eq!(found, [Some("/a{?dns}"), Some("/b{?dns}")]);
}

/// RFC 8310 section 7.3: a name that the network chose is no substitute for the one that the session was asked for.
#[test]
fn a_session_with_a_name_takes_designations_of_that_name_alone() {
    let mine = designation(&["192.0.2.1"], dot());
    let other = Designation {
        name: name("dns.example.org"),
        ..designation(&["192.0.2.2"], dot())
    };
    let mut zone = Zone::new();
    let discovered = zone.resolve(plan(&[mine, other], Some("dns.example.net")));
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(discovered.candidates[0].identity, None);
    assert_eq!(
        notes(&discovered, "dns.example.org."),
        [NoteCode::OtherIdentity]
    );
    assert_eq!(
        zone.asked, [""; 0],
        "nothing is designated by an address either"
    );
}

#[test]
fn an_offer_that_cannot_be_used_is_told() {
    for params in [
        Params::new(),
        dot().with_port(53),
        Params::new().with_alpn(&["h2"]),
    ] {
        let discovered = of_network(&[designation(&["192.0.2.1"], params)], &mut Zone::new());
        assert_eq!(lines(&discovered), [""; 0]);
        assert_eq!(
            notes(&discovered, "dns.example.net."),
            [NoteCode::UnusableService]
        );
    }
}
