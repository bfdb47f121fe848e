//! Discovery as the session drives it.

use super::*;
use crate::discovery::{NoteCode, limits::LOOKUPS};
use crate::judgement::{Conveyed, ReferenceId};

fn queries(actions: &[Action]) -> Vec<(u32, &str, u16)> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Query { id, name, rtype } => Some((*id, name.as_str(), *rtype)),
            _ => None,
        })
        .collect()
}

#[test]
fn figure_2_yields_dot_then_dtls() {
    let request = Play::standard().discover();
    let found: Vec<_> = request
        .candidates
        .iter()
        .map(|c| {
            (
                c.transport.as_str(),
                c.address.to_string(),
                c.port,
                c.target.as_str(),
                c.ranks.clone(),
            )
        })
        .collect();
    let dot = vec![100, 10, 100, 10, 0];
    let dtls = vec![200, 10, 100, 10, 0];
    assert_eq!(
        found,
        [
            (
                "dot",
                "2001:db8:8:4::2".to_string(),
                853,
                "a.example.net",
                dot.clone()
            ),
            ("dot", "192.0.2.1".to_string(), 853, "a.example.net", dot),
            (
                "dtls",
                "2001:db8:8:4::2".to_string(),
                853,
                "a.example.net",
                dtls.clone()
            ),
            ("dtls", "192.0.2.1".to_string(), 853, "a.example.net", dtls),
        ]
    );
    assert_eq!(
        request.authentication_domain_name.as_deref(),
        Some("example.net")
    );
    assert_eq!(
        request.reference_ids,
        [ReferenceId::DnsId("example.net".into())]
    );
    let owners: Vec<&str> = request.candidates[1]
        .evidence
        .iter()
        .map(|index| request.records[*index as usize].owner.as_str())
        .collect();
    assert_eq!(
        owners,
        [
            "example.net.",
            "dns1.example.net.",
            "_domain-s._tcp.example.net.",
            "a.example.net."
        ]
    );
}

#[test]
fn branches_are_looked_up_at_the_same_time_and_each_name_once() {
    let mut play = Play::standard();
    let actions = play.event(Event::Start);
    assert_eq!(queries(&actions), [(0, "example.net.", NAPTR)]);
    let data = figure_2("example.net.", NAPTR);
    let response = response("example.net.", NAPTR, ResponseCode::NoError, data, 60);
    let actions = play.event(Event::Answer { id: 0, response });
    assert_eq!(
        queries(&actions),
        [
            (1, "dns1.example.net.", NAPTR),
            (2, "dns2.example.net.", NAPTR)
        ]
    );
    play.lookups(actions);
    let all = queries(&play.actions).len();
    assert_eq!(all, 7, "a host that two services share is looked up once");
}

#[test]
fn an_answer_to_no_query_is_ignored() {
    let mut play = Play::standard();
    play.event(Event::Start);
    let answer = |id| {
        let data = figure_2("example.net.", NAPTR);
        Event::Answer {
            id,
            response: response("example.net.", NAPTR, ResponseCode::NoError, data, 60),
        }
    };
    assert!(play.event(answer(1)).is_empty());
    assert_eq!(play.event(answer(0)).len(), 2);
    assert!(
        play.event(answer(0)).is_empty(),
        "a second answer to the same query"
    );
}

#[test]
fn a_name_that_does_not_exist_ends_with_the_negative_time_to_live() {
    let mut play = Play::standard();
    play.event(Event::Start);
    let response = response("example.net.", NAPTR, ResponseCode::NXDomain, vec![], 0);
    let failure = failing(&play.event(Event::Answer { id: 0, response }));
    assert_eq!(failure.kind, FailureKind::NothingDiscovered);
    assert_eq!(
        failure.retry_after, 900,
        "the lesser of 1200 and the SOA's 900 (RFC 2308 section 5)"
    );
    assert_eq!(
        failure.message,
        "no encrypted DNS server was discovered for `example.net`: `example.net.`: the name does not exist"
    );
    assert_eq!(play.session.state(), State::Failed);
    assert!(play.event(Event::Tick).is_empty(), "nothing follows");
}

#[test]
fn a_timeout_is_repeated_twice_with_growing_waits() {
    let mut play = Play::standard();
    play.event(Event::Start);
    for (id, wait) in [(0, 1_000), (1, 2_000)] {
        let response = Response::Failed(LookupFailure::TimedOut);
        assert!(play.event(Event::Answer { id, response }).is_empty());
        assert_eq!(play.timer().boot, play.now.boot + wait);
        play.now.boot += wait - 1;
        assert!(play.event(Event::Tick).is_empty(), "not yet");
        play.now.boot += 1;
        assert_eq!(
            queries(&play.event(Event::Tick)),
            [(id + 1, "example.net.", NAPTR)]
        );
    }
    let response = Response::Failed(LookupFailure::TimedOut);
    let failure = failing(&play.event(Event::Answer { id: 2, response }));
    assert_eq!(
        (failure.kind, failure.retry_after),
        (FailureKind::Unanswered, 30)
    );
}

#[test]
fn a_longer_row_of_failures_waits_longer() {
    for (previous_failures, wait) in [(0, 30), (1, 60), (6, 1_920), (7, 3_600), (u32::MAX, 3_600)] {
        let mut play = Play::new(Config {
            previous_failures,
            ..Config::new("example.net", 1)
        });
        play.event(Event::Start);
        let response = Response::Failed(LookupFailure::Unreachable {
            detail: "no route".into(),
        });
        let failure = failing(&play.event(Event::Answer { id: 0, response }));
        assert_eq!(failure.retry_after, wait, "after {previous_failures}");
    }
}

#[test]
fn a_server_failure_is_repeated_and_a_refusal_is_not() {
    for (code, repeated) in [
        (ResponseCode::ServFail, true),
        (ResponseCode::Refused, false),
    ] {
        let mut play = Play::standard();
        play.event(Event::Start);
        let response = response("example.net.", NAPTR, code, vec![], 0);
        let actions = play.event(Event::Answer { id: 0, response });
        assert_eq!(actions.is_empty(), repeated, "{code}");
    }
}

#[test]
fn nothing_found_where_a_certificate_was_conveyed_is_a_downgrade() {
    let certificates = vec![Der::from(b"certificate".as_slice())];
    let conveyed = Conveyed::Certificates { certificates };
    let config = Config {
        conveyed,
        ..Config::new("example.net", 1)
    };
    let mut play = Play::new(config.clone());
    play.event(Event::Start);
    let response = response("example.net.", NAPTR, ResponseCode::NoError, vec![], 0);
    let failure = failing(&play.event(Event::Answer { id: 0, response }));
    assert_eq!(failure.kind, FailureKind::Downgrade);
    assert_eq!(
        failure.reference,
        "draft-reddy-dprive-bootstrap-dns-server-04 11"
    );
    let noted =
        play.session.story().iter().any(
            |entry| matches!(&entry.step, Step::Note(note) if note.code == NoteCode::Downgrade),
        );
    assert!(noted);

    let mut play = Play::new(config);
    play.event(Event::Start);
    let response = Response::Failed(LookupFailure::Unreachable {
        detail: "no route".into(),
    });
    let failure = failing(&play.event(Event::Answer { id: 0, response }));
    assert_eq!(
        failure.kind,
        FailureKind::Unanswered,
        "silence says nothing about the server"
    );
}

/// A session with a conveyed certificate that goes these ways, and what each of its first lookups brings.
fn enrolled(methods: &[Source], answer: impl Fn(u16) -> ResponseCode) -> Failure {
    let certificates = vec![Der::from(b"certificate".as_slice())];
    let mut play = Play::by(Config {
        conveyed: Conveyed::Certificates { certificates },
        methods: methods.to_vec(),
        ..Config::new("example.net", 1)
    });
    let mut actions = play.event(Event::Start);
    let asked: Vec<(u32, alloc::string::String, u16)> = queries(&actions)
        .into_iter()
        .map(|(id, owner, rtype)| (id, owner.into(), rtype))
        .collect();
    for (id, owner, rtype) in asked {
        let response = response(&owner, rtype, answer(rtype), vec![], 0);
        actions = play.event(Event::Answer { id, response });
    }
    failing(&actions)
}

#[test]
fn any_way_of_the_domain_shows_a_downgrade() {
    for way in [Source::SNaptr, Source::Svcb, Source::DnsSd] {
        let failure = enrolled(core::slice::from_ref(&way), |_| ResponseCode::NoError);
        assert_eq!(failure.kind, FailureKind::Downgrade, "{way}");
    }
}

#[test]
fn a_resolver_that_is_out_of_order_shows_no_downgrade() {
    let ways = [Source::SNaptr, Source::Svcb];
    let failure = enrolled(&ways, |_| ResponseCode::Refused);
    assert_eq!(failure.kind, FailureKind::NothingDiscovered);
    assert!(
        !failure.message.contains("no lookup was answered"),
        "{}",
        failure.message
    );
    let failure = enrolled(&ways, |rtype| match rtype {
        NAPTR => ResponseCode::Refused,
        _ => ResponseCode::NoError,
    });
    assert_eq!(failure.kind, FailureKind::Downgrade, "one way was answered");
}

/// RFC 4035 section 5: who keeps away the keys that would show a forgery is not taken for a resolver that is silent.
#[test]
fn an_answer_whose_keys_do_not_come_shows_a_downgrade() {
    let certificates = vec![Der::from(b"certificate".as_slice())];
    let mut play = Play::new(Config {
        conveyed: Conveyed::Certificates { certificates },
        ..Config::new("example.net", 1)
    });
    let mut actions = play.event(Event::Start);
    while let Some(&(id, ..)) = queries(&actions).first() {
        let detail = "the keys of `example.net.` did not come".into();
        let response = Response::Failed(LookupFailure::Unvalidated { detail });
        actions = play.event(Event::Answer { id, response });
        if actions.is_empty() {
            play.pass(2);
            actions = play.event(Event::Tick);
        }
    }
    assert_eq!(failing(&actions).kind, FailureKind::Downgrade);
}

#[test]
fn who_did_not_answer_is_named() {
    let mut play = Play::new(Config {
        resolver: Some([192, 0, 2, 53].into()),
        ..Config::new("example.net", 1)
    });
    play.event(Event::Start);
    let response = Response::Failed(LookupFailure::Unreachable {
        detail: "no route".into(),
    });
    let failure = failing(&play.event(Event::Answer { id: 0, response }));
    assert_eq!(
        failure.message,
        "no encrypted DNS server was discovered for `example.net`: no lookup was answered by 192.0.2.53: \
         `example.net.`: the lookup of NAPTR records failed: the resolver cannot be reached: no route"
    );
}

#[test]
fn one_branch_that_fails_leaves_the_other() {
    let mut play = Play::standard();
    play.zone = |owner, rtype| {
        if owner == "dns1.example.net." {
            vec![]
        } else {
            figure_2(owner, rtype)
        }
    };
    let request = play.discover();
    let transports: Vec<&str> = request
        .candidates
        .iter()
        .map(|c| c.transport.as_str())
        .collect();
    assert_eq!(transports, ["dtls", "dtls"]);
}

#[test]
fn lookups_are_bounded() {
    fn endless(owner: &str, rtype: u16) -> Vec<RData> {
        if rtype != NAPTR {
            return vec![];
        }
        let next = |n: u16| alloc::format!("n{n}.{owner}");
        (0..16)
            .map(|n| naptr(n, "", "DPRIVE:dns.tls", &next(n)))
            .collect()
    }
    let mut play = Play::standard();
    play.zone = endless;
    let actions = play.event(Event::Start);
    let failure = failing(&play.lookups(actions));
    assert_eq!(failure.kind, FailureKind::NothingDiscovered);
    assert_eq!(queries(&play.actions).len(), LOOKUPS);
    let codes: Vec<NoteCode> = play
        .session
        .discovered()
        .notes
        .iter()
        .map(|note| note.code)
        .collect();
    assert!(codes.contains(&NoteCode::TooManyLookups));
}

#[test]
fn a_driver_that_lost_a_lookup_does_not_stop_the_session() {
    let mut play = Play::standard();
    let first = play.event(Event::Start);
    let (id, owner, rtype) = queries(&first)[0];
    let response = response(
        owner,
        rtype,
        ResponseCode::NoError,
        figure_2(owner, rtype),
        60,
    );
    play.event(Event::Answer { id, response });
    play.pass(60);
    let failure = failing(&play.event(Event::Tick));
    assert_eq!(failure.kind, FailureKind::NothingDiscovered);
    assert!(
        failure.message.ends_with("discovery took too long"),
        "{}",
        failure.message
    );
}

#[test]
fn a_domain_is_a_name() {
    let error = Session::new(Config::new("192.0.2.1", 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "authentication domain name `192.0.2.1` is an address, expected a domain name (RFC 8310 section 7)"
    );
    for (attempts, is_taken) in [(0, false), (1, true), (16, true), (17, false)] {
        let session = Session::new(Config {
            attempts,
            ..Config::new("example.net", 1)
        });
        let expected = match is_taken {
            true => Ok(()),
            false => Err(ConfigError::Attempts(attempts)),
        };
        assert_eq!(session.map(|_| ()), expected);
    }
    let crls = vec![Der::from(b"".as_slice()); 65];
    let error = Session::new(Config {
        crls,
        ..Config::new("example.net", 1)
    })
    .unwrap_err();
    assert!(matches!(error, ConfigError::TooLarge(_)));
}

/// A failure asks for its own wait, which doubles with each session that failed before.
#[test]
fn the_wait_before_another_session_is_the_error_s() {
    type Answering = fn() -> Response;

    let refused = || response("example.net.", NAPTR, ResponseCode::Refused, vec![], 0);
    let failed = || response("example.net.", NAPTR, ResponseCode::ServFail, vec![], 0);
    let silent = || Response::Failed(LookupFailure::TimedOut);
    let unreadable = || Response::Message(Der::from(b"?".as_slice()));
    let cases: [(Answering, u32, u64); 8] = [
        (silent, 0, 30),
        (silent, 4, 480),
        (silent, 9, 3_600),
        (failed, 0, 30),
        (failed, 9, 300),
        (refused, 0, 300),
        (refused, 5, 960),
        (unreadable, 0, 300),
    ];
    for (answer, previous_failures, expected) in cases {
        let mut play = Play::new(Config {
            previous_failures,
            ..Config::new("example.net", 7)
        });
        play.event(Event::Start);
        let mut id = 0;
        while play.session.state() == State::Discovering {
            let response = answer();
            play.event(Event::Answer { id, response });
            play.pass(2);
            play.event(Event::Tick);
            id += 1;
        }
        assert_eq!(
            failing(&play.actions).retry_after,
            expected,
            "{previous_failures}"
        );
    }
}
