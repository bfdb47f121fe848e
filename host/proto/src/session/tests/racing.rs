//! Several attempts at once: who begins when, who is taken, who is given up.

use super::*;

/// Milliseconds of the delay between attempts.
const DELAY: u64 = limits::ATTEMPT_DELAY;

/// Every `Connect` among these actions.
fn connects(actions: &[Action]) -> Vec<Connect> {
    let connect = |action: &Action| match action {
        Action::Connect { .. } => Some(connecting(core::slice::from_ref(action))),
        _ => None,
    };
    actions.iter().filter_map(connect).collect()
}

fn withdrawn(actions: &[Action]) -> Vec<(u32, WithdrawReason)> {
    let withdraw = |action: &Action| match action {
        Action::Withdraw { attempt, reason } => Some((*attempt, *reason)),
        _ => None,
    };
    actions.iter().filter_map(withdraw).collect()
}

fn served(actions: &[Action]) -> Option<Vetted<Server>> {
    actions.iter().find_map(|action| match action {
        Action::Serve { vetted } => Some(vetted.clone()),
        _ => None,
    })
}

impl Play {
    fn wait(&mut self, milliseconds: u64) -> Vec<Action> {
        self.now.boot += milliseconds;
        self.event(Event::Tick)
    }

    /// To attempts at the first so many candidates in this order, each begun since the ones before were silent.
    fn racing(&mut self, order: &[u32], count: usize) -> Vec<Connect> {
        let request = self.discover();
        let mut attempts = vec![connecting(&self.select(&request, order))];
        while attempts.len() < count {
            attempts.push(connecting(&self.wait(DELAY)));
        }
        attempts
    }

    /// Every stage of this attempt accepts.
    fn vet(&mut self, connect: &Connect) -> Vec<Action> {
        let (attempt, request) = assessing(&self.connected(connect, accept));
        self.assessed(
            attempt,
            accept(Stage::Privacy, &request, connect.generation),
        )
    }
}

/// An opportunistic acceptance: no authority said yes.
fn unauthenticated(stage: Stage, request: &Request, generation: u64) -> Judgement<Verdict> {
    judgement(stage, request, generation, Outcome::Accepted, None, vec![])
}

/// So many servers, each with a port and an address of its own.
fn servers(count: u8, edit: fn(&mut Config)) -> Play {
    let server = |last| crate::discovery::ConfiguredServer {
        transport: Transport::Dot,
        name: None,
        addresses: vec![core::net::IpAddr::from([192, 0, 2, last])],
        port: Some(8_000 + u16::from(last)),
        path: None,
        pins: vec![],
    };
    let mut config = Config {
        generation: 1,
        methods: vec![],
        configured: (1..=count).map(server).collect(),
        ..Config::new("example.net", 7)
    };
    edit(&mut config);
    Play::by(config)
}

#[test]
fn the_next_attempt_begins_beside_a_silent_one() {
    let mut play = Play::standard();
    let first = play.connect();
    assert_eq!(play.timer(), play.now.elapsed(DELAY));
    assert!(play.wait(DELAY - 1).is_empty());
    let second = connecting(&play.wait(1));
    assert_ne!(first.server, second.server);
    assert_eq!(play.session.state(), State::Connecting);
    assert_eq!(play.timer(), play.now.elapsed(DELAY));
}

#[test]
fn after_a_failure_the_next_attempt_begins_at_once() {
    let mut play = servers(3, |_| {});
    let [first, second] = &play.racing(&[0, 1, 2], 2)[..] else {
        panic!("two attempts")
    };
    let third = connecting(&play.failed(second, ConnectionFailureKind::Refused));
    assert!(
        play.failed(first, ConnectionFailureKind::TimedOut)
            .is_empty()
    );
    let failure = failing(&play.failed(&third, ConnectionFailureKind::TimedOut));
    assert_eq!(failure.kind, FailureKind::ConnectionFailed);
}

#[test]
fn a_server_ranked_before_has_one_more_delay() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[0, 1], 2);
    assert_eq!(
        play.vet(&attempts[1]),
        vec![],
        "the first may still be vetted"
    );
    assert_eq!(play.timer(), play.now.elapsed(DELAY));
    assert!(play.wait(DELAY - 1).is_empty());
    let since = Timestamp {
        boot: play.now.boot - DELAY + 1,
        ..play.now
    };
    let actions = play.wait(1);
    assert_eq!(
        withdrawn(&actions),
        [(attempts[0].attempt, WithdrawReason::Overtaken)]
    );
    let vetted = served(&actions).unwrap();
    assert_eq!(vetted.server(), &attempts[1].server);
    assert_eq!(
        vetted.since(),
        since,
        "the verdict holds from when it was complete"
    );
}

#[test]
fn the_first_in_the_order_of_selection_is_taken_of_two_that_are_vetted() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[1, 0], 2);
    play.vet(&attempts[1]);
    play.wait(DELAY - 1);
    let actions = play.vet(&attempts[0]);
    assert_eq!(
        withdrawn(&actions),
        [(attempts[1].attempt, WithdrawReason::Overtaken)]
    );
    let vetted = served(&actions).unwrap();
    assert_eq!(vetted.server().port, 8_002, "the selectors' first");
}

#[test]
fn when_those_before_have_failed_nobody_waits() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[0, 1], 2);
    play.vet(&attempts[1]);
    let actions = play.connected(&attempts[0], reject);
    assert_eq!(
        withdrawn(&actions),
        [(attempts[0].attempt, WithdrawReason::ValidationRefused)]
    );
    assert_eq!(
        served(&actions).unwrap().attempt(),
        attempts[1].attempt,
        "{actions:#?}"
    );
}

#[test]
fn the_other_address_of_one_server_is_taken_at_once() {
    let mut play = Play::standard();
    let attempts = play.racing(&[0, 1, 2, 3], 2);
    let addresses = attempts.iter().map(|it| it.server.address.is_ipv6());
    assert_eq!(addresses.collect::<Vec<_>>(), [true, false]);
    let vetted = served(&play.vet(&attempts[1])).unwrap();
    assert_eq!(vetted.attempt(), attempts[1].attempt);
}

#[test]
fn whoever_is_not_authenticated_waits_for_all_before_it() {
    let mut play = servers(2, |config| {
        config.usage_profile = crate::judgement::UsageProfile::Opportunistic;
    });
    let attempts = play.racing(&[0, 1], 2);
    let (attempt, request) = assessing(&play.connected(&attempts[1], unauthenticated));
    let assessed = accept(Stage::Privacy, &request, 1);
    assert!(play.assessed(attempt, assessed).is_empty());
    for _ in 0..40 {
        assert!(play.wait(DELAY).is_empty(), "it waits longer than a delay");
    }
    let actions = play.failed(&attempts[0], ConnectionFailureKind::TimedOut);
    let vetted = served(&actions).unwrap();
    assert!(!vetted.is_authenticated());
    let given_up = |entry: &Entry| matches!(entry.step, Step::GivenUp { .. });
    assert!(play.session.story().iter().any(given_up));
}

#[test]
fn of_a_lifetime_that_ended_while_waiting_nothing_is_left() {
    let mut play = servers(2, |config| {
        config.usage_profile = crate::judgement::UsageProfile::Opportunistic;
    });
    let attempts = play.racing(&[0, 1], 2);
    let brief = |stage, request: &Request, generation| {
        judgement(
            stage,
            request,
            generation,
            Outcome::Accepted,
            Some(2),
            vec![],
        )
    };
    let (attempt, request) = assessing(&play.connected(&attempts[1], brief));
    play.assessed(attempt, accept(Stage::Privacy, &request, 1));
    play.pass(3);
    let actions = play.failed(&attempts[0], ConnectionFailureKind::TimedOut);
    let rejudge = rejudging(&actions);
    assert_eq!((rejudge.attempt, rejudge.serving), (attempt, false));
    assert_eq!(
        served(&play.rejudged(&rejudge, accept)).unwrap().attempt(),
        attempt
    );
}

#[test]
fn a_swap_while_waiting_judges_again() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[0, 1], 2);
    play.vet(&attempts[1]);
    play.event(Event::Swapped { generation: 2 });
    let rejudge = rejudging(&play.wait(DELAY));
    assert_eq!(rejudge.generation, 2);
    assert!(
        withdrawn(&play.actions).is_empty(),
        "nobody is given up for what does not count"
    );
    let again = rejudging(&play.event(Event::Swapped { generation: 3 }));
    assert!(
        play.rejudged(&rejudge, accept).is_empty(),
        "it was overtaken by another set"
    );
    play.rejudged(&again, accept);
    let vetted = served(&play.wait(DELAY)).unwrap();
    assert_eq!(vetted.generation(), 3);
}

#[test]
fn a_refusal_of_what_is_judged_again_leaves_the_others() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[0, 1], 2);
    play.event(Event::Swapped { generation: 2 });
    let rejudge = rejudging(&play.connected(&attempts[1], accept));
    let actions = play.rejudged(&rejudge, reject);
    assert_eq!(
        withdrawn(&actions),
        [(attempts[1].attempt, WithdrawReason::ValidationRefused)]
    );
    let rejudge = rejudging(&play.connected(&attempts[0], accept));
    assert!(served(&play.rejudged(&rejudge, accept)).is_some());
}

#[test]
fn nobody_begins_while_an_attempt_is_judged() {
    let mut play = servers(3, |_| {});
    let attempts = play.racing(&[0, 1, 2], 2);
    let (attempt, request) = assessing(&play.connected(&attempts[1], accept));
    assert!(play.wait(4 * DELAY).is_empty());
    let actions = play.assessed(attempt, reject(Stage::Privacy, &request, 1));
    assert_eq!(connects(&actions).len(), 1);
}

#[test]
fn so_many_at_once_and_no_more() {
    let mut play = servers(16, |_| {});
    let order: Vec<u32> = (0..16).collect();
    let attempts = play.racing(&order, limits::ABREAST);
    assert!(play.wait(4 * DELAY).is_empty());
    let actions = play.failed(&attempts[3], ConnectionFailureKind::TimedOut);
    assert_eq!(
        connects(&actions).len(),
        1,
        "one ended, so another may begin"
    );
}

#[test]
fn one_at_a_time_where_it_is_configured() {
    let mut play = servers(2, |config| config.at_once = AtOnce::One);
    let attempts = play.racing(&[0, 1], 1);
    assert!(play.wait(40 * DELAY).is_empty());
    let actions = play.failed(&attempts[0], ConnectionFailureKind::TimedOut);
    assert_eq!(connects(&actions).len(), 1);
}

#[test]
fn addresses_of_one_server_where_it_is_configured() {
    let transports = vec![Transport::Dot, Transport::Dtls];
    let mut play = Play::new(Config {
        transports,
        generation: 1,
        at_once: AtOnce::Addresses,
        ..Config::new("example.net", 7)
    });
    let attempts = play.racing(&[0, 1, 2, 3], 2);
    assert!(
        play.wait(4 * DELAY).is_empty(),
        "the third is another server"
    );
    let failed = ConnectionFailureKind::TimedOut;
    assert!(play.failed(&attempts[0], failed).is_empty());
    let third = connecting(&play.failed(&attempts[1], failed));
    assert_eq!(third.server.transport, Transport::Dtls);
    connecting(&play.wait(DELAY));
}

#[test]
fn families_take_turns() {
    let zone = |owner: &str, rtype: u16| match (owner, rtype) {
        ("a.example.net.", 1) => (1..4).map(|n| RData::A(A::new(192, 0, 2, n))).collect(),
        ("a.example.net.", 28) => (1..3)
            .map(|n| RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n)))
            .collect(),
        _ => figure_2(owner, rtype),
    };
    for (at_once, expected) in [
        (AtOnce::Servers, "64644"),
        (AtOnce::Addresses, "64644"),
        (AtOnce::One, "66444"),
    ] {
        let mut play = Play::standard();
        play.session.config.at_once = at_once;
        play.zone = zone;
        let request = play.discover();
        // Over one transport, IPv6 before IPv4.
        let mut order: Vec<u32> = (0..request.candidates.len() as u32).collect();
        order.retain(|index| request.candidates[*index as usize].transport == Transport::Dot);
        order.sort_by_key(|index| request.candidates[*index as usize].address.is_ipv4());
        let mut actions = play.select(&request, &order);
        let mut families = alloc::string::String::new();
        while let Some(connect) = connects(&actions).first() {
            families.push(if connect.server.address.is_ipv6() {
                '6'
            } else {
                '4'
            });
            actions = play.failed(connect, ConnectionFailureKind::Unreachable);
        }
        assert_eq!(families, expected, "{at_once:?}");
    }
}

#[test]
fn what_arrives_after_it_was_given_up_is_withdrawn() {
    let mut play = servers(2, |_| {});
    let attempts = play.racing(&[0, 1], 2);
    play.vet(&attempts[1]);
    play.wait(DELAY);
    let actions = play.connected(&attempts[0], accept);
    assert_eq!(
        withdrawn(&actions),
        [(attempts[0].attempt, WithdrawReason::ConnectionLost)]
    );
    assert_eq!(play.session.state(), State::Serving);
}

#[test]
fn a_delay_has_bounds() {
    for (delay, expected) in [
        (9, Err(ConfigError::Delay(9))),
        (10, Ok(())),
        (2_000, Ok(())),
        (2_001, Err(ConfigError::Delay(2_001))),
    ] {
        let config = Config {
            attempt_delay: delay,
            ..Config::new("example.net", 7)
        };
        assert_eq!(Session::new(config).map(|_| ()), expected);
    }
}

#[test]
fn a_server_that_failed_over_quic_is_left_alone_for_an_hour() {
    let mut play = servers(2, |config| {
        config.configured[0].transport = Transport::Doq;
        config.transports = vec![Transport::Doq, Transport::Dot];
    });
    let attempts = play.racing(&[0, 1], 1);
    let second = connecting(&play.failed(&attempts[0], ConnectionFailureKind::TimedOut));
    let vetted = served(&play.vet(&second)).unwrap();
    let lose = |play: &mut Play, attempt| {
        let actions = play.event(Event::Closed { attempt });
        let request = selecting(&actions[1..]);
        play.session.preferred = None;
        connects(&play.select(&request, &[0, 1]))
    };
    play.pass(3_599);
    let again = lose(&mut play, vetted.attempt());
    assert_eq!(again[0].server.transport, Transport::Dot);
    let reason = |entry: &Entry| match &entry.step {
        Step::PassedOver { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    let passed_over: Vec<_> = play.session.story().iter().filter_map(reason).collect();
    assert_eq!(
        passed_over,
        ["it failed over QUIC less than an hour ago (RFC 9250 5.2)"]
    );
    let vetted = served(&play.vet(&again[0])).unwrap();
    play.pass(1);
    let again = lose(&mut play, vetted.attempt());
    assert_eq!(again[0].server.transport, Transport::Doq);
}

/// The policies, not the transport: it may be tried again.
#[test]
fn a_refusal_says_nothing_of_quic() {
    let mut play = servers(2, |config| {
        config.configured[0].transport = Transport::Doq;
        config.transports = vec![Transport::Doq, Transport::Dot];
    });
    let attempts = play.racing(&[0, 1], 1);
    let second = connecting(&play.failed(&attempts[0], ConnectionFailureKind::Refusal));
    let vetted = served(&play.vet(&second)).unwrap();
    let attempt = vetted.attempt();
    let actions = play.event(Event::Closed { attempt });
    let request = selecting(&actions[1..]);
    play.session.preferred = None;
    let again = connects(&play.select(&request, &[0, 1]));
    assert_eq!(again[0].server.transport, Transport::Doq);
}

/// RFC 8094 section 5: streams come first then, and once.
#[test]
fn an_answer_that_was_cut_is_asked_for_over_a_stream() {
    let mut play = servers(2, |config| {
        config.configured[0].transport = Transport::Dtls;
        config.transports = vec![Transport::Dtls, Transport::Dot];
    });
    let attempts = play.racing(&[0, 1], 1);
    let vetted = served(&play.vet(&attempts[0])).unwrap();
    let attempt = vetted.attempt();
    assert!(play.event(Event::Truncated { attempt: 77 }).is_empty());
    let actions = play.event(Event::Truncated { attempt });
    assert_eq!(withdrawn(&actions), [(attempt, WithdrawReason::Truncated)]);
    let request = selecting(&actions[1..]);
    let first = connects(&play.select(&request, &[0, 1]));
    assert_eq!(first[0].server.transport, Transport::Dot);
    let datagrams = connects(&play.failed(&first[0], ConnectionFailureKind::Refused));
    let vetted = served(&play.vet(&datagrams[0])).unwrap();
    assert_eq!(vetted.server().transport, Transport::Dtls);
    let attempt = vetted.attempt();
    assert!(
        play.event(Event::Truncated { attempt }).is_empty(),
        "streams were tried"
    );
}

#[test]
fn where_there_is_no_stream_what_is_cut_goes_on() {
    let mut play = servers(1, |config| {
        config.configured[0].transport = Transport::Dtls;
        config.transports = vec![Transport::Dtls, Transport::Dot];
    });
    let attempts = play.racing(&[0], 1);
    let vetted = served(&play.vet(&attempts[0])).unwrap();
    let attempt = vetted.attempt();
    assert!(play.event(Event::Truncated { attempt }).is_empty());
    assert_eq!(play.session.state(), State::Serving);
}
