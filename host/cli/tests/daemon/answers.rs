//! Clients of others are answered, and told why when they are not.

use std::{process::Command, thread, time::Duration};

use hickory_proto::op::ResponseCode;
use resolvet_tests::lab::{
    Options,
    ca::Fault,
    dns::{Behaviour, When, absolute},
};

use crate::running::{ASKED, Home, ask_at, extended_error};

fn kdig(port: u16, words: &[&str]) -> String {
    let output = Command::new("kdig")
        .args(["@127.0.0.1", "-p", &port.to_string(), ASKED, "A", "+edns"])
        .args(words)
        .output()
        .expect("kdig of the package knot-dnsutils (tests/packages.txt)");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_client_of_others_is_answered_over_both_protocols() {
    let home = Home::new();
    let daemon = home.start();
    let port = daemon.address().port();
    for words in [&[][..], &["+tcp"], &["+dnssec"]] {
        let text = kdig(port, words);
        assert!(text.contains("status: NOERROR"), "{text}");
        assert!(text.contains("192.0.2.80"), "{text}");
    }
    let status = daemon.status();
    assert_eq!(status["server"]["transport"], "dot", "{status:#}");
    assert_eq!(status["server"]["authenticated"], true);
    assert_eq!(
        status["answers"]["misses"], 2,
        "DO has an answer of its own: {status:#}"
    );
    assert_eq!(status["answers"]["hits"], 1);
    let table = daemon.resolvet(&["status"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("vetted") && table.contains("pkix"),
        "{table}"
    );
    assert!(
        !home
            .lab
            .dns()
            .journal()
            .asked_for(&absolute(ASKED).unwrap())
    );
}

#[test]
fn a_refused_network_is_told_and_asked_nothing() {
    let home = Home::with(Options::new().faulty_site("example.net", Fault::Expired));
    home.configure("[decisions]\nlog = \"decisions.jsonl\"\n[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n");
    let daemon = home.start();
    let message = daemon.ask_until(ResponseCode::ServFail);
    let text = extended_error(&message).unwrap();
    assert!(text.contains("validation-refused"), "{text}");
    let text = kdig(daemon.address().port(), &[]);
    assert!(text.contains("status: SERVFAIL"), "{text}");
    assert!(
        text.contains("validation-refused"),
        "kdig shows RFC 8914: {text}"
    );
    assert!(home.lab.site().servers()[0].dot.journal().is_empty());
    assert!(
        !home
            .lab
            .dns()
            .journal()
            .asked_for(&absolute(ASKED).unwrap())
    );
    // The decision's name leads from what a client is told, and from the daemon's own log, to the record. The daemon says what it
    // does every five seconds.
    thread::sleep(Duration::from_secs(6));
    daemon.signal("TERM");
    let (_, said) = daemon.ended();
    let log = std::fs::read_to_string(home.path("decisions.jsonl")).unwrap();
    let records: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for told in [text, said] {
        let (_, name) = told
            .split_once("(decision ")
            .unwrap_or_else(|| panic!("{told}"));
        let name = name.split(')').next().unwrap();
        let record = records.iter().find(|record| record["id"] == *name);
        let record = record.unwrap_or_else(|| panic!("{name}: {log}"));
        assert_eq!(record["stage"], "validation");
        assert_eq!(record["outcome"], "rejected");
    }
}

#[test]
fn a_signal_ends_it_after_what_is_under_way() {
    let home = Home::new();
    let dot = &home.lab.site().servers()[0].dot;
    let name = absolute(ASKED).unwrap();
    let slow = Behaviour::Delayed(Duration::from_millis(800));
    dot.responder().behave(When::name(name.clone()), slow);
    let daemon = home.start();
    daemon.status_until(|status| !status["server"].is_null());
    let address = daemon.address();
    let asking = thread::spawn(move || ask_at(address));
    while !dot.journal().asked_for(&name) {
        thread::sleep(Duration::from_millis(10));
    }
    daemon.signal("TERM");
    let message = asking.join().unwrap();
    assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
}
