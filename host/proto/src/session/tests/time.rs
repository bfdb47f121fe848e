//! How long a verdict holds, and what makes a server be judged again.

use super::*;
use crate::judgement::{AnchorDatabase, AnchorSet, Clock};

/// Serves with a judgement of this lifetime.
fn serve_for(play: &mut Play, lifetime: Option<u32>) -> Vec<Action> {
    let connect = play.connect();
    let (attempt, request) = assessing(&play.connected(&connect, accept));
    let privacy = Judgement {
        lifetime,
        ..accept(Stage::Privacy, &request, 1)
    };
    play.assessed(attempt, privacy)
}

#[test]
fn the_policies_lifetime_bounds() {
    let mut play = Play::standard();
    let vetted = serving(&serve_for(&mut play, Some(100)));
    assert_eq!(vetted.expires(), play.now.after_seconds(100));
    assert_eq!(vetted.bound(), LifetimeBound::Policy);
    assert_eq!(play.timer(), vetted.expires());
}

#[test]
fn times_to_live_count_between_a_minute_and_a_day() {
    for (ttl, seconds) in [(0, 60), (59, 60), (61, 61), (86_401, 86_400), (1 << 31, 60)] {
        let mut play = Play::standard();
        play.ttl = ttl;
        assert_eq!(
            play.serve().expires(),
            play.now.after_seconds(seconds),
            "{ttl}"
        );
    }
}

#[test]
fn a_lifetime_of_zero_is_no_acceptance() {
    let mut play = Play::standard();
    let actions = serve_for(&mut play, Some(0));
    assert_eq!(withdrawing(&actions).1, WithdrawReason::Expired);
    connecting(&actions);
}

#[test]
fn at_its_end_a_server_is_judged_again_from_kept_evidence() {
    let mut play = Play::standard();
    let vetted = serving(&serve_for(&mut play, Some(100)));
    play.pass(99);
    assert!(play.event(Event::Tick).is_empty());
    play.pass(1);
    let rejudge = rejudging(&play.event(Event::Tick));
    assert_eq!(
        (rejudge.attempt, rejudge.serving),
        (vetted.attempt(), false)
    );
    assert_eq!(rejudge.request.now, play.now.unix, "the time now");
    assert_eq!(rejudge.request.presented, presented(), "the kept chain");
    let again = serving(&play.rejudged(&rejudge, accept));
    assert_eq!(again.attempt(), vetted.attempt());
    assert_eq!(
        again.expires(),
        vetted.since().after_seconds(3_600),
        "the records' end is where it was"
    );
}

#[test]
fn a_refusal_at_the_end_leads_to_the_others() {
    let mut play = Play::standard();
    serve_for(&mut play, Some(100));
    play.pass(100);
    let rejudge = rejudging(&play.event(Event::Tick));
    let actions = play.rejudged(&rejudge, reject);
    assert_eq!(
        withdrawing(&actions),
        (rejudge.attempt, WithdrawReason::ValidationRefused)
    );
    let request = selecting(&actions[1..]);
    let connect = connecting(&play.select(&request, &[0, 1]));
    assert_eq!(
        connect.server,
        request.candidates[1].server(),
        "the refused one is not tried again"
    );
}

#[test]
fn only_when_the_records_end_the_network_is_asked() {
    let mut play = Play::standard();
    let vetted = play.serve();
    play.pass(3_600);
    let actions = play.event(Event::Tick);
    assert!(
        matches!(actions.as_slice(), [Action::Query { .. }]),
        "{actions:?}"
    );
    let request = selecting(&play.lookups(actions));
    let rejudge = rejudging(&play.select(&request, &[0, 1, 2, 3]));
    assert_eq!(
        rejudge.attempt,
        vetted.attempt(),
        "still the first choice: no new connection"
    );
    let again = serving(&play.rejudged(&rejudge, accept));
    assert_eq!(again.expires(), play.now.after_seconds(3_600));
}

#[test]
fn another_first_choice_replaces_the_server() {
    let mut play = Play::standard();
    let vetted = play.serve();
    play.pass(3_600);
    let actions = play.event(Event::Tick);
    let request = selecting(&play.lookups(actions));
    let actions = play.select(&request, &[1, 0]);
    assert_eq!(
        withdrawing(&actions),
        (vetted.attempt(), WithdrawReason::Replaced)
    );
    assert_eq!(connecting(&actions).server, request.candidates[1].server());
}

#[test]
fn records_that_are_gone_end_the_server() {
    let mut play = Play::standard();
    let vetted = play.serve();
    play.pass(3_600);
    play.zone = |_, _| vec![];
    let actions = play.event(Event::Tick);
    let actions = play.lookups(actions);
    assert_eq!(
        withdrawing(&actions),
        (vetted.attempt(), WithdrawReason::Expired)
    );
    assert_eq!(failing(&actions).kind, FailureKind::NothingDiscovered);
}

#[test]
fn a_swap_asks_selectors_and_judges_again_while_the_server_serves() {
    let mut play = Play::standard();
    let vetted = play.serve();
    play.pass(5);
    let request = selecting(&play.event(Event::Swapped { generation: 2 }));
    let rejudge = rejudging(&play.select(&request, &[3, 0]));
    assert_eq!(
        (rejudge.attempt, rejudge.generation, rejudge.serving),
        (vetted.attempt(), 2, true)
    );
    assert_eq!(rejudge.deadline, play.now.elapsed(2_000));
    let again = serving(&play.rejudged(&rejudge, accept));
    assert_eq!((again.attempt(), again.generation()), (vetted.attempt(), 2));
    assert!(
        play.event(Event::Swapped { generation: 2 }).is_empty(),
        "it is judged by this generation"
    );
}

#[test]
fn a_swap_whose_selectors_forbid_the_server_replaces_it() {
    let mut play = Play::standard();
    let vetted = play.serve();
    let request = selecting(&play.event(Event::Swapped { generation: 2 }));
    let actions = play.select(&request, &[3]);
    assert_eq!(
        withdrawing(&actions),
        (vetted.attempt(), WithdrawReason::SelectionRefused)
    );
    assert_eq!(connecting(&actions).server, request.candidates[3].server());
}

#[test]
fn what_is_not_judged_again_in_time_counts_as_refused() {
    for answer_selection in [false, true] {
        let mut play = Play::standard();
        let vetted = play.serve();
        let request = selecting(&play.event(Event::Swapped { generation: 2 }));
        play.now.boot += 1_500;
        if answer_selection {
            rejudging(&play.select(&request, &[0]));
        }
        play.now.boot += 499;
        assert!(play.event(Event::Tick).is_empty());
        assert_eq!(
            play.timer().boot,
            play.now.boot + 1,
            "both together have two seconds"
        );
        play.now.boot += 1;
        let actions = play.event(Event::Tick);
        let reason = withdrawing(&actions);
        let expected = if answer_selection {
            WithdrawReason::NotJudgedInTime
        } else {
            WithdrawReason::PolicyFault
        };
        assert_eq!(reason, (vetted.attempt(), expected));
    }
}

#[test]
fn a_fault_of_the_new_policies_refuses() {
    let mut play = Play::standard();
    let vetted = play.serve();
    let request = selecting(&play.event(Event::Swapped { generation: 2 }));
    let rejudge = rejudging(&play.select(&request, &[0]));
    let validation = judgement(
        Stage::Validation,
        &rejudge.request,
        2,
        Outcome::Faulted,
        None,
        vec![],
    );
    let attempt = rejudge.attempt;
    let actions = play.event(Event::Rejudged {
        attempt,
        validation,
        privacy: None,
    });
    assert_eq!(
        withdrawing(&actions),
        (vetted.attempt(), WithdrawReason::PolicyFault)
    );
}

#[test]
fn a_judgement_by_the_old_generation_does_not_save_a_server() {
    let mut play = Play::standard();
    play.serve();
    let request = selecting(&play.event(Event::Swapped { generation: 2 }));
    let rejudge = rejudging(&play.select(&request, &[0]));
    let old = Rejudge {
        generation: 1,
        ..rejudge
    };
    assert!(play.rejudged(&old, accept).is_empty());
    assert_eq!(play.session.state(), State::Rejudging);
}

#[test]
fn an_accepted_validation_without_assessment_is_a_fault() {
    let mut play = Play::standard();
    play.serve();
    let anchors = Some(Arc::new(AnchorSet::new(
        AnchorDatabase::Explicit,
        vec![Der::from(b"ca".as_slice())],
    )));
    let rejudge = rejudging(&play.event(changed(anchors, None)));
    let validation = accept(Stage::Validation, &rejudge.request, 1);
    let actions = play.event(Event::Rejudged {
        attempt: rejudge.attempt,
        validation,
        privacy: None,
    });
    assert_eq!(
        withdrawing(&actions),
        (rejudge.attempt, WithdrawReason::PolicyFault)
    );
}

fn changed(anchors: Option<Arc<AnchorSet>>, clock: Option<Clock>) -> Event {
    Event::EvidenceChanged {
        anchors,
        conveyed: None,
        crls: None,
        clock,
        network_identity: None,
    }
}

#[test]
fn new_anchors_are_in_the_new_request() {
    let mut play = Play::standard();
    play.serve();
    let anchors = Arc::new(AnchorSet::new(
        AnchorDatabase::Explicit,
        vec![Der::from(b"ca".as_slice())],
    ));
    let rejudge = rejudging(&play.event(changed(Some(Arc::clone(&anchors)), None)));
    assert_eq!(rejudge.request.anchors, anchors);
    assert!(rejudge.serving);
    serving(&play.rejudged(&rejudge, accept));
}

#[test]
fn evidence_that_changes_during_a_handshake_is_judged() {
    let mut play = Play::standard();
    let connect = play.connect();
    assert!(
        play.event(changed(None, Some(Clock::Unsynchronized)))
            .is_empty()
    );
    let rejudge = rejudging(&play.connected(&connect, accept));
    assert_eq!(rejudge.request.clock, Clock::Unsynchronized);
    assert!(!rejudge.serving);
}

#[test]
fn a_clock_that_was_set_judges_again() {
    let mut play = Play::standard();
    play.serve();
    play.now.unix += 60;
    assert!(play.event(Event::Tick).is_empty(), "a small step");
    play.now.unix -= 1_000;
    let rejudge = rejudging(&play.event(Event::Tick));
    assert_eq!(rejudge.request.now, play.now.unix);
}

#[test]
fn a_wall_clock_that_stands_still_does_not_lengthen_a_verdict() {
    let mut play = Play::standard();
    serve_for(&mut play, Some(50));
    play.now.boot += 50_000;
    assert!(!rejudging(&play.event(Event::Tick)).serving);
}

#[test]
fn a_closed_connection_is_made_and_judged_again() {
    let mut play = Play::standard();
    let first = play.connect();
    let second = connecting(&play.failed(&first, ConnectionFailureKind::Refused));
    let vetted = play.serve_by(&second);
    let attempt = vetted.attempt();
    assert!(
        play.event(Event::Closed {
            attempt: attempt + 1
        })
        .is_empty()
    );
    let actions = play.event(Event::Closed { attempt });
    assert_eq!(
        withdrawing(&actions),
        (attempt, WithdrawReason::ConnectionLost)
    );
    let request = selecting(&actions[1..]);
    let connect = connecting(&play.select(&request, &[0, 1, 2, 3]));
    assert_eq!(
        connect.server,
        *vetted.server(),
        "the server that served comes first"
    );
    assert_ne!(connect.attempt, attempt);
    assert_eq!(play.serve_by(&connect).server(), vetted.server());
}

#[test]
fn actions_that_nobody_answers_end() {
    // Selection.
    let mut play = Play::standard();
    play.discover();
    play.now.boot += 60_000;
    play.now.unix += 60;
    assert_eq!(
        failing(&play.event(Event::Tick)).kind,
        FailureKind::PolicyFault
    );
    // A handshake.
    let mut play = Play::standard();
    let first = play.connect();
    play.pass(60);
    let actions = play.event(Event::Tick);
    assert_eq!(
        withdrawing(&actions),
        (first.attempt, WithdrawReason::ConnectionLost)
    );
    // An assessment.
    let second = connecting(&actions);
    play.connected(&second, accept);
    play.pass(60);
    let actions = play.event(Event::Tick);
    assert_eq!(
        withdrawing(&actions),
        (second.attempt, WithdrawReason::PolicyFault)
    );
}

#[test]
fn the_story_is_bounded() {
    let mut play = Play::standard();
    play.serve();
    for generation in 2..600 {
        let request = selecting(&play.event(Event::Swapped { generation }));
        let rejudge = rejudging(&play.select(&request, &[0]));
        serving(&play.rejudged(&rejudge, accept));
    }
    assert_eq!(play.session.story().len(), ENTRIES);
    assert!(play.session.dropped() > 0);
}

#[test]
fn a_judgement_that_outlasts_the_records_does_not_serve() {
    let mut play = Play::standard();
    play.ttl = 60;
    let connect = play.connect();
    let (attempt, request) = assessing(&play.connected(&connect, accept));
    play.now.unix += 60;
    let actions = play.assessed(attempt, accept(Stage::Privacy, &request, 1));
    assert!(
        matches!(actions.as_slice(), [Action::Query { .. }]),
        "{actions:?}"
    );
    let request = selecting(&play.lookups(actions));
    let rejudge = rejudging(&play.select(&request, &[0, 1]));
    assert_eq!(rejudge.attempt, attempt);
    serving(&play.rejudged(&rejudge, accept));
}

#[test]
fn the_last_part_of_a_second_still_counts() {
    let mut play = Play::standard();
    play.ttl = 60;
    let connect = play.connect();
    let end = play.now.after_seconds(60);
    play.now.boot = end.boot - 1;
    let vetted = play.serve_by(&connect);
    assert_eq!(vetted.expires(), end);
    assert!(!vetted.expires().is_reached(play.now));
}

/// Self-signed, from 2026-01-01 to 2027-01-16T00:00:00Z.
const CERTIFICATE: &str = "MIIBHTCB0KADAgECAhQklhuAWa4yR0JPrgHT8mYHA0Xr1TAFBgMrZXAwITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaW\
     duZWQgY2VydDAeFw0yNjAxMDEwMDAwMDBaFw0yNzAxMTYwMDAwMDBaMCExHzAdBgNVBAMMFnJjZ2VuIHNlbGYgc2ln\
     bmVkIGNlcnQwKjAFBgMrZXADIQDc+w+wAKtRjUfjTyrbd8gmt+4rNBNtPNmIEhI7tsORJKMaMBgwFgYDVR0RBA8wDY\
     ILZXhhbXBsZS5uZXQwBQYDK2VwA0EAbkFkkpEDiEqGDinAh6xuv3jwFSF82WKdCviWGvOXCk5fTfTCDWqx49Z8mgYK\
     9wOowzrTT2zg/gGz3ZwrlykxAw==";
/// Its end.
const NOT_AFTER: u64 = 1_800_057_600;

#[test]
fn the_earliest_end_of_the_chain_bounds() {
    let certificate: Der = serde_json::from_str(&alloc::format!("\"{CERTIFICATE}\"")).unwrap();
    // 100 s before the end, and after it: then what else is in the chain does not make the verdict endless.
    for (now, expires, bound) in [
        (NOT_AFTER - 100, NOT_AFTER, LifetimeBound::Certificate),
        (
            NOT_AFTER + 100,
            NOT_AFTER + 100 + 3_600,
            LifetimeBound::Discovery,
        ),
    ] {
        let mut play = Play::standard();
        play.now.unix = now;
        let connect = play.connect();
        let other = Der::from(b"unreadable".as_slice());
        let certificates = vec![certificate.clone(), other];
        let presented = Presented {
            certificates,
            ocsp_response: None,
        };
        let request = connect.request.presenting(presented.clone());
        let judgement = accept(Stage::Validation, &request, 1);
        let attempt = connect.attempt;
        let actions = play.event(Event::Connected {
            attempt,
            presented,
            judgement,
        });
        let (attempt, request) = assessing(&actions);
        let vetted = serving(&play.assessed(attempt, accept(Stage::Privacy, &request, 1)));
        assert_eq!((vetted.expires().unix, vetted.bound()), (expires, bound));
    }
}

#[test]
fn a_judgement_of_older_evidence_does_not_save_a_server() {
    let mut play = Play::standard();
    play.serve();
    let before = rejudging(&play.event(changed(None, Some(Clock::Unsynchronized))));
    let after = rejudging(&play.event(changed(None, Some(Clock::LowerBound))));
    assert!(
        play.rejudged(&before, accept).is_empty(),
        "it was made over other facts"
    );
    assert_eq!(play.session.state(), State::Rejudging);
    serving(&play.rejudged(&after, accept));
}

/// Discovery may take longer than a server may be used that newer policies have not judged.
#[test]
fn a_swap_while_discovery_is_repeated_withdraws() {
    for swap in [
        Event::Swapped { generation: 2 },
        changed(None, Some(Clock::LowerBound)),
    ] {
        let mut play = Play::standard();
        let vetted = play.serve();
        let option = crate::discovery::dnr::NetworkOption {
            carrier: crate::discovery::dnr::Carrier::DhcpV4,
            data: Der::from(b"?".as_slice()),
            lifetime: None,
        };
        let options = vec![option];
        let actions = play.event(Event::NetworkOptions { options });
        assert!(matches!(actions[..], [Action::Query { .. }]), "{actions:?}");
        let withdrawn = play.event(swap);
        assert_eq!(
            withdrawing(&withdrawn),
            (vetted.attempt(), WithdrawReason::NotJudgedInTime)
        );
        let request = selecting(&play.lookups(actions));
        connecting(&play.select(&request, &[0]));
    }
}
