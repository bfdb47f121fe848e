//! Sessions that go other ways than S-NAPTR: what is found, by what it is authenticated, and what is given up.

use core::net::IpAddr;

use super::*;
use crate::{
    discovery::{
        ConfiguredServer, DomainName, NoteCode,
        dnr::{Carrier, Designation, NetworkOption, Service, write_dhcp_v4},
    },
    judgement::{Conveyed, ReferenceId, UsageProfile},
};

const RESOLVER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 168, 1, 1));

fn network() -> Config {
    Config {
        generation: 1,
        ..Config::of_network(RESOLVER, 1)
    }
}

fn designating(owner: &str, rtype: u16) -> Vec<RData> {
    match (owner, rtype) {
        ("_dns.resolver.arpa.", SVCB) => vec![svcb(1, "dns.example.net.", &offering(&["dot"]))],
        ("dns.example.net.", 1) => vec![RData::A(A::new(192, 168, 1, 1))],
        _ => vec![],
    }
}

fn elsewhere(owner: &str, rtype: u16) -> Vec<RData> {
    match (owner, rtype) {
        ("dns.example.net.", 1) => vec![RData::A(A::new(192, 168, 1, 2))],
        _ => designating(owner, rtype),
    }
}

fn dnr_option(name: &str, address: [u8; 4]) -> NetworkOption {
    let designation = Designation {
        priority: 1,
        name: DomainName::parse(name).unwrap(),
        lifetime: None,
        service: Some(Service {
            addresses: vec![address.into()],
            params: offering(&["dot"]),
        }),
    };
    NetworkOption {
        carrier: Carrier::DhcpV4,
        data: write_dhcp_v4(&[designation]).unwrap().into(),
        lifetime: None,
    }
}

fn public_server() -> ConfiguredServer {
    ConfiguredServer {
        transport: Transport::Dot,
        name: Some("dns.public.example".into()),
        addresses: vec![[203, 0, 113, 1].into()],
        port: None,
        path: None,
        pins: vec![],
    }
}

fn given_up(play: &Play) -> Vec<&str> {
    let references = play
        .session
        .story()
        .iter()
        .filter_map(|entry| match &entry.step {
            Step::GivenUp { reference, .. } => Some(reference.as_str()),
            _ => None,
        });
    references.collect()
}

fn noted(play: &Play, code: NoteCode) -> bool {
    let is = |entry: &Entry| matches!(&entry.step, Step::Note(note) if note.code == code);
    play.session.story().iter().any(is)
}

#[test]
fn ways_are_gone_at_the_same_time() {
    let mut play = Play::by(Config {
        generation: 1,
        ..Config::new("example.net", 1)
    });
    let asked: Vec<_> = play
        .event(Event::Start)
        .iter()
        .map(|action| match action {
            Action::Query { name, rtype, .. } => (name.clone(), *rtype),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(asked.contains(&("example.net.".into(), NAPTR)));
    assert!(asked.contains(&("_dns.example.net.".into(), SVCB)));
}

#[test]
fn a_way_that_found_something_does_not_wait_long_for_another() {
    let mut play = Play::by(Config {
        generation: 1,
        methods: vec![Source::SNaptr, Source::Svcb],
        ..Config::new("example.net", 1)
    });
    let mut actions = play.event(Event::Start);
    let place = actions
        .iter()
        .position(|action| matches!(action, Action::Query { rtype: SVCB, .. }));
    actions.remove(place.unwrap());
    assert_eq!(play.lookups(actions), []);
    assert_eq!(play.session.state(), State::Discovering);
    play.now = play.timer();
    play.now.unix = 1_800_000_002;
    let actions = play.event(Event::Tick);
    assert_eq!(selecting(&actions).candidates.len(), 4);
    assert!(noted(&play, NoteCode::LookupFailed));
}

#[test]
fn what_the_resolver_designates_answers_to_its_address() {
    let mut play = Play::by(network());
    play.zone = designating;
    let connect = play.connect();
    assert_eq!(connect.request.reference_ids, [ReferenceId::IpId(RESOLVER)]);
    assert_eq!(connect.request.authentication_domain_name, None);
    assert_eq!(connect.request.sources, [Source::Ddr]);
    assert_eq!(connect.request.usage_profile, UsageProfile::Strict);
    play.serve_by(&connect);
    assert_eq!(
        given_up(&play),
        ["RFC 8310 7.3"],
        "the network said who it is"
    );
}

/// RFC 9462 section 4.3.
#[test]
fn only_the_resolver_itself_may_go_unauthenticated() {
    for (zone, resolver, expected) in [
        (
            designating as fn(&str, u16) -> Vec<RData>,
            RESOLVER,
            UsageProfile::Opportunistic,
        ),
        (elsewhere, RESOLVER, UsageProfile::Strict),
        (designating, [192, 0, 2, 53].into(), UsageProfile::Strict),
    ] {
        let mut play = Play::by(Config {
            usage_profile: UsageProfile::Opportunistic,
            resolver: Some(resolver),
            ..network()
        });
        play.zone = zone;
        assert_eq!(play.connect().request.usage_profile, expected);
    }
}

/// RFC 9462 section 4.2: a failed verification is remembered as long as the records hold.
#[test]
fn what_failed_its_verification_is_not_asked_for_again() {
    let mut play = Play::by(Config {
        network_options: vec![dnr_option("dns.example.net", [192, 168, 1, 9])],
        ..network()
    });
    play.zone = elsewhere;
    play.ttl = 7_200;
    let request = play.discover();
    let actions = play.select(&request, &[1, 0]);
    let designated = connecting(&actions);
    assert_eq!(designated.request.sources, [Source::Ddr]);
    let connect = connecting(&play.failed(&designated, ConnectionFailureKind::ProofOfPossession));
    assert_eq!(connect.request.sources, [Source::Dnr]);
    play.serve_by(&connect);
    let queries = play.actions.len();
    play.pass(3_600);
    let options = vec![dnr_option("dns.example.net", [192, 168, 1, 8])];
    play.event(Event::NetworkOptions { options });
    let is_query = |action: &Action| matches!(action, Action::Query { .. });
    assert!(!play.actions[queries..].iter().any(is_query));
    assert!(noted(&play, NoteCode::Suppressed));
}

#[test]
fn options_count_at_once_while_discovery_goes_on() {
    let mut play = Play::by(network());
    play.zone = |_, _| vec![];
    let actions = play.event(Event::Start);
    let options = vec![dnr_option("dns.example.net", [192, 168, 1, 9])];
    assert_eq!(play.event(Event::NetworkOptions { options }), []);
    let actions = play.lookups(actions);
    let request = selecting(&actions);
    assert_eq!(request.candidates[0].source, Source::Dnr);
    let connect = connecting(&play.select(&request, &[0]));
    assert_eq!(
        connect.request.reference_ids,
        [ReferenceId::DnsId("dns.example.net".into())]
    );
}

#[test]
fn options_that_come_late_are_tried_before_the_session_ends() {
    let mut play = Play::by(network());
    play.zone = designating;
    let connect = play.connect();
    let options = vec![dnr_option("dns.example.net", [192, 168, 1, 9])];
    assert_eq!(play.event(Event::NetworkOptions { options }), []);
    let actions = play.failed(&connect, ConnectionFailureKind::Refused);
    let actions = play.lookups(actions);
    let sources: Vec<_> = selecting(&actions)
        .candidates
        .iter()
        .map(|c| c.source.clone())
        .collect();
    assert_eq!(sources, [Source::Dnr, Source::Ddr]);
}

/// The draft's section 7.
#[test]
fn the_fallback_is_tried_when_nothing_else_is_left_and_is_told() {
    let mut play = Play::new(Config {
        generation: 1,
        fallback: vec![public_server()],
        conveyed: Conveyed::Certificates {
            certificates: vec![Der::from(b"ee".as_slice())],
        },
        ..Config::new("example.net", 1)
    });
    let mut connect = play.connect();
    assert!(matches!(
        connect.request.conveyed,
        Conveyed::Certificates { .. }
    ));
    let mut actions = play.failed(&connect, ConnectionFailureKind::Refused);
    connect = connecting(&actions);
    actions = play.failed(&connect, ConnectionFailureKind::Refused);
    let request = selecting(&actions);
    assert_eq!(request.candidates.len(), 1);
    connect = connecting(&play.select(&request, &[0]));
    assert_eq!(connect.request.sources, [Source::Fallback]);
    assert_eq!(
        connect.request.reference_ids,
        [ReferenceId::DnsId("dns.public.example".into())]
    );
    assert_eq!(
        connect.request.conveyed,
        Conveyed::NotEnrolled,
        "it says nothing of this server"
    );
    play.serve_by(&connect);
    assert_eq!(
        given_up(&play),
        ["draft-reddy-dprive-bootstrap-dns-server-04 7"]
    );
    let told = |entry: &Entry| matches!(entry.step, Step::Fallback { .. });
    assert!(play.session.story().iter().any(told));
    // The network gets another chance after a while.
    play.pass(limits::FALLBACK_LIFETIME);
    let actions = play.event(Event::Tick);
    assert!(matches!(
        actions.as_slice(),
        [Action::Query { rtype: NAPTR, .. }, ..]
    ));
}

#[test]
fn a_fallback_that_fails_ends_the_session() {
    let mut play = Play::new(Config {
        generation: 1,
        fallback: vec![public_server()],
        ..Config::new("example.net", 1)
    });
    play.zone = |_, _| vec![];
    let connect = play.connect();
    let actions = play.failed(&connect, ConnectionFailureKind::Refused);
    assert_eq!(failing(&actions).kind, FailureKind::ConnectionFailed);
}

#[test]
fn what_was_written_down_is_checked() {
    let check = |server| {
        Session::new(Config {
            configured: vec![server],
            ..network()
        })
        .map(|_| ())
    };
    assert_eq!(check(public_server()), Ok(()));
    for server in [
        ConfiguredServer {
            name: None,
            ..public_server()
        },
        ConfiguredServer {
            name: Some("*.example".into()),
            ..public_server()
        },
        ConfiguredServer {
            transport: Transport::Https,
            ..public_server()
        },
        ConfiguredServer {
            transport: Transport::Doh,
            ..public_server()
        },
        ConfiguredServer {
            path: Some("/q{?dns}".parse().unwrap()),
            ..public_server()
        },
        ConfiguredServer {
            port: Some(53),
            ..public_server()
        },
    ] {
        let error = check(server).unwrap_err();
        assert!(matches!(error, ConfigError::Configured { position: 1, .. }));
    }
    let nameless = ConfiguredServer {
        name: None,
        ..public_server()
    };
    let error = Session::new(Config {
        fallback: vec![public_server(), nameless],
        ..Config::new("example.net", 1)
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "server 2 of `fallback`: server has no name and the session has none (RFC 8310 section 7)"
    );
}

/// RFC 9606: between validation and assessment, and never instead of it.
#[test]
fn a_server_says_something_about_itself() {
    let answer = |authoritative: bool, count: usize| {
        let mut message = Message::response(0, OpCode::Query);
        message.metadata.authoritative = authoritative;
        let code = RecordType::from(261);
        message.add_query(Query::query(name("example.net."), code));
        for _ in 0..count {
            let rdata = NULL::with(b"\x08qnamemin".to_vec());
            let data = RData::Unknown { code, rdata };
            message.add_answer(Record::from_rdata(name("example.net."), 60, data));
        }
        Response::Message(message.to_vec().unwrap().into())
    };
    for (response, told) in [
        (answer(true, 1), true),
        (answer(false, 1), false),
        (answer(true, 2), false),
        (answer(true, 0), false),
        (Response::Failed(LookupFailure::TimedOut), false),
    ] {
        let mut play = Play::new(Config {
            generation: 1,
            resolver_info: true,
            ..Config::new("example.net", 1)
        });
        let connect = play.connect();
        let actions = play.connected(&connect, accept);
        let [
            Action::Inform {
                attempt,
                authenticated,
            },
        ] = actions.as_slice()
        else {
            panic!("{actions:?}");
        };
        assert_eq!(authenticated.name().as_str(), "example.net.");
        let attempt = *attempt;
        let actions = play.event(Event::Informed { attempt, response });
        let [Action::Assess { request, .. }] = actions.as_slice() else {
            panic!("{actions:?}");
        };
        assert_eq!(request.resolver_info.is_some(), told);
        let judgement = accept(Stage::Privacy, request, 1);
        let actions = play.event(Event::Assessed { attempt, judgement });
        assert!(matches!(actions.as_slice(), [Action::Serve { .. }]));
    }
}

#[test]
fn a_server_that_says_nothing_in_time_is_judged_without() {
    let mut play = Play::new(Config {
        generation: 1,
        resolver_info: true,
        ..Config::new("example.net", 1)
    });
    let connect = play.connect();
    play.connected(&connect, accept);
    play.now = play.now.after_seconds(2);
    let actions = play.event(Event::Tick);
    assert!(matches!(actions.as_slice(), [Action::Assess { .. }]));
}
