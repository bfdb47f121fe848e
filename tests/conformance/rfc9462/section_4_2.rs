//! Verified and opportunistic discovery (sections 4.2 and 4.3): every cell of a matrix, from the answer of the resolver that
//! is asked to the verdict about what the designated one presents.

use std::{net::IpAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::PublicKeyData as _;
use resolvet_proto::{
    discovery::{Answer, DomainName, Kind, Question, Timestamp, svcb::Params},
    judgement::{
        AnchorDatabase, AnchorSet, Decision, Digest, Judgement, Outcome, Presented, Ranking,
        Request, Stage, UsageProfile,
    },
    session::{Action, Config, Event, Response, Session},
};

use crate::{
    forge::{self, dns, ip},
    world::{World, judge_with},
    zone::Zone,
};

const TARGET: &str = "dns.example.net";

/// What the certificate says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    /// The address of the resolver that was asked.
    Asked,
    /// The address that is connected to, where that is another.
    Connected,
    /// The target's name.
    Name,
    Neither,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pinned {
    No,
    This,
    Another,
}

/// What the session would have judged of the server that this resolver designates at this address.
fn context(asked: IpAddr, designated: IpAddr, profile: &UsageProfile, world: &World) -> Request {
    let start = Timestamp {
        unix: forge::NOW,
        boot: 0,
    };
    let zone = Zone::new()
        .svcb(
            "_dns.resolver.arpa.",
            1,
            "dns.example.net.",
            &Params::new().with_alpn(&["dot"]),
        )
        .address("dns.example.net.", designated);
    let anchors = vec![world.root().sign(&world.root)];
    let mut session = Session::new(Config {
        usage_profile: profile.clone(),
        anchors: Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors)),
        ..Config::of_network(asked, 1)
    })
    .unwrap();
    session.handle(Event::Start, start);
    while let Some(action) = session.next_action() {
        let event = match action {
            Action::Query { id, name, rtype } => {
                let kinds = [Kind::Svcb, Kind::A, Kind::Aaaa];
                let kind = kinds
                    .into_iter()
                    .find(|kind| kind.number() == rtype)
                    .unwrap();
                let name = DomainName::parse(&name).unwrap();
                let question = Question { name, kind };
                let message = zone.answer(&question);
                assert!(Answer::parse(&message, &question).is_ok());
                let response = Response::Message(message.into());
                Event::Answer { id, response }
            }
            Action::Select { request } => Event::Selected {
                judgement: Judgement::<Ranking> {
                    stage: Stage::Selection,
                    request: request.digest(),
                    generation: 0,
                    outcome: Outcome::Accepted,
                    lifetime: None,
                    evaluations: vec![],
                },
            },
            Action::Connect { request, .. } => return (*request).clone(),
            _ => continue,
        };
        session.handle(event, start);
    }
    panic!("no connection was asked for: {:?}", session.story());
}

fn settings(pinned: Pinned, world: &World) -> String {
    let key = match pinned {
        Pinned::No => return "{}".into(),
        Pinned::This => world.server.subject_public_key_info(),
        Pinned::Another => forge::key().subject_public_key_info(),
    };
    format!(
        r#"{{"spki-pins": ["{}"]}}"#,
        STANDARD.encode(Digest::of(&key).as_octets())
    )
}

#[test]
fn every_cell() {
    let world = World::new();
    let mut cells = 0;
    for (asked, same) in [
        ("192.168.1.1", true),
        ("192.168.1.1", false),
        ("fd00::1", true),
        ("fd00::1", false),
        ("192.0.2.53", true),
        ("192.0.2.53", false),
        ("2001:db8::53", true),
        ("2001:db8::53", false),
    ] {
        let asked: IpAddr = asked.parse().unwrap();
        let private = !matches!(asked.to_string().as_str(), "192.0.2.53" | "2001:db8::53");
        let designated = match (same, asked) {
            (true, _) => asked,
            (false, IpAddr::V4(_)) => [198, 51, 100, 7].into(),
            (false, IpAddr::V6(_)) => "2001:db8:7::7".parse().unwrap(),
        };
        for profile in [UsageProfile::Strict, UsageProfile::Opportunistic] {
            let context = context(asked, designated, &profile, &world);
            for says in [Says::Asked, Says::Connected, Says::Name, Says::Neither] {
                let octets = |address: IpAddr| match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let names = match says {
                    Says::Asked => vec![dns(TARGET), ip(&octets(asked))],
                    Says::Connected => vec![dns(TARGET), ip(&octets(designated))],
                    Says::Name => vec![dns(TARGET)],
                    Says::Neither => vec![dns("other.example.org")],
                };
                let chain = vec![
                    world.server_named(&names).sign(&world.authority),
                    world.authority().sign(&world.root),
                ];
                let request = context.presenting(Presented {
                    certificates: chain,
                    ocsp_response: None,
                });
                for pinned in [Pinned::No, Pinned::This, Pinned::Another] {
                    let verified = says == Says::Asked || (same && says == Says::Connected);
                    let fits = verified && pinned != Pinned::Another;
                    let may_go_without = profile == UsageProfile::Opportunistic && same && private;
                    let verdict = judge_with(&request, &settings(pinned, &world));
                    let cell = format!("{asked} → {designated} {profile} {says:?} {pinned:?}");
                    match &verdict.decision {
                        Decision::Accept { .. } => assert!(fits, "{cell}"),
                        Decision::Abstain => assert!(!fits && may_go_without, "{cell}"),
                        Decision::Reject => assert!(!fits && !may_go_without, "{cell}"),
                    }
                    let told = verdict
                        .findings
                        .iter()
                        .any(|finding| finding.code == "name-mismatch");
                    assert_eq!(told, !verified, "{cell}");
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 192);
}
