//! Registries that say nothing, or nothing that can be used: nobody waits for them, and nothing stays refused when they are well again.

use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::{
    fleet::Fleet,
    registry::{Behaviour, Hostile, Reply},
    running::PATIENCE,
};

/// Waits until the registry was asked so often.
fn asked(hostile: &Hostile, times: usize) {
    let began = Instant::now();
    while hostile.requests().len() < times {
        assert!(began.elapsed() < PATIENCE, "{:?}", hostile.requests());
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_silent_registry_holds_up_neither_a_start_nor_another_change() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let hostile = Hostile::start(Behaviour::good(&desk.source()));
    let fleet = desk.served_by(hostile.authority());
    // A pull may take longer than anything is waited for here.
    fleet.configure("pull-milliseconds = 600000");
    drop(fleet.home.start());
    hostile.behave(|behaviour| behaviour.manifest = Reply::Hang);
    let before = hostile.requests().len();
    let daemon = fleet.home.start();
    assert_eq!(daemon.status()["policies"]["source"], "configuration");
    daemon.ask_until(ResponseCode::NoError);
    // Who polls waits for it, and so does who wants to know what it has now.
    asked(&hostile, before + 1);
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args(["policy", "reload", "--control"])
        .arg(daemon.control())
        .spawn()
        .unwrap();
    asked(&hostile, before + 2);
    let rogue = fleet.home.lab.authority().rogue_root();
    let rogue = resolvet_tests::lab::ca::pem("CERTIFICATE", rogue);
    fs::write(fleet.home.path("anchors.pem"), rogue).unwrap();
    daemon.ask_until(ResponseCode::ServFail);
    assert!(waiting.try_wait().unwrap().is_none(), "it still waits");
    daemon.signal("TERM");
    assert_eq!(daemon.ended().0, Some(0));
    assert_eq!(waiting.wait().unwrap().code(), Some(1));
}

#[test]
fn a_signal_ends_a_start_that_waits_for_a_registry() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let hostile = Hostile::start(Behaviour::good(&desk.source()));
    hostile.behave(|behaviour| behaviour.manifest = Reply::Hang);
    let fleet = desk.served_by(hostile.authority());
    fleet.configure("pull-milliseconds = 120000");
    let mut daemon = fleet.home.command().spawn().unwrap();
    asked(&hostile, 1);
    let process = daemon.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &process]).status();
    assert!(sent.unwrap().success());
    let ended = daemon.wait().unwrap();
    assert_eq!(ended.code(), Some(0), "{ended}");
}

#[test]
fn what_was_refused_because_of_a_registry_is_taken_when_that_is_well_again() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let good = Behaviour::good(&desk.source());
    let hostile = Hostile::start(good.clone());
    let fleet = desk.served_by(hostile.authority());
    fleet.configure("");
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    let lie = |behaviour: &mut Behaviour| {
        behaviour.manifest = Reply::Octets(200, String::new(), b"{}".to_vec());
    };
    hostile.behave(lie);
    assert_eq!(daemon.refused(&["reload"]), "artefact-unreadable");
    // It has what is in use, as before: nothing moves.
    hostile.behave(|behaviour| *behaviour = good.clone());
    let status = daemon.status_until(|status| status["policies"]["code"] == Value::Null);
    assert_eq!(status["policies"]["generation"], 1, "{status:#}");
    drop(daemon);
    // The same at a start that has nothing of it.
    fs::remove_dir_all(fleet.home.path("state/registry")).unwrap();
    hostile.behave(lie);
    let daemon = fleet.home.start();
    assert_eq!(daemon.status()["policies"]["source"], "kept");
    hostile.behave(|behaviour| *behaviour = good);
    daemon.status_until(|status| status["policies"]["source"] == "configuration");
}
