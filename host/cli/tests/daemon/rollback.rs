//! The generation before takes its place again: by hand, and by itself when policies fail.

use std::fs;

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::running::{DEFAULTS, Daemon, Home, STRICTER, built};

fn source(daemon: &Daemon) -> Value {
    daemon.status()["policies"]["source"].clone()
}

#[test]
fn what_nobody_had_loaded_is_not_rolled_back() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    home.configure(STRICTER);
    daemon.policy(&["reload"]);
    // The mend is on disk already, and nobody has looked at it.
    home.configure(&format!("{DEFAULTS}[[policy]]\nname = \"privacy\"\n"));
    daemon.policy(&["rollback"]);
    assert_eq!(source(&daemon), "rolled-back");
    daemon.signal("HUP");
    let status = daemon.status_until(|status| status["policies"]["source"] == "configuration");
    let rules = status["policies"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2, "{status:#}");
}

#[test]
fn what_was_rolled_back_stays_so_until_the_policies_are_others() {
    let home = Home::new();
    let daemon = home.start();
    assert_eq!(daemon.refused(&["rollback"]), "nothing-to-return-to");
    home.configure(STRICTER);
    daemon.ask_until(ResponseCode::ServFail);
    assert_eq!(
        daemon.refused(&["rollback", "--to", "9"]),
        "generation-unknown"
    );
    assert_eq!(
        daemon.refused(&["rollback", "--to", "2"]),
        "nothing-to-return-to"
    );
    let report = daemon.policy(&["rollback"]);
    assert_eq!(
        (&report["generation"], &report["restores"]),
        (&3.into(), &1.into())
    );
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(source(&daemon), "rolled-back");
    let life = daemon.policy(&["status"]);
    let back = &life["rolled-back"];
    assert_eq!(
        (&back["from"], &back["to"], &back["by"]),
        (&2.into(), &1.into(), &"rollback".into())
    );
    assert_eq!(back["policies"][0]["policy"], "pkix", "{life:#}");
    // The rest of the configuration may change meanwhile, and the daemon may be killed.
    home.configure_with("attempts = 7", STRICTER);
    daemon.signal("HUP");
    daemon.signal("KILL");
    daemon.ended();
    let daemon = home.start();
    assert_eq!(source(&daemon), "rolled-back");
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(daemon.status()["policies"]["generation"], 3);
    // A word of the operator ends it.
    daemon.policy(&["reload"]);
    daemon.ask_until(ResponseCode::ServFail);
    assert_eq!(source(&daemon), "configuration");
    daemon.policy(&["rollback", "--to", "1"]);
    daemon.ask_until(ResponseCode::NoError);
    // So do other policies.
    home.configure(&format!("{STRICTER}[[policy]]\nname = \"privacy\"\n"));
    daemon.ask_until(ResponseCode::ServFail);
    assert_eq!(source(&daemon), "configuration");
}

#[test]
fn going_back_twice_goes_further_and_not_forth() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    let with = |name: &str| format!("{DEFAULTS}[[policy]]\nname = \"{name}\"\n");
    for (generation, name) in [(2, "privacy"), (3, "preference")] {
        home.configure(&with(name));
        assert_eq!(daemon.policy(&["reload"])["generation"], generation);
    }
    for restored in [2, 1] {
        assert_eq!(daemon.policy(&["rollback"])["restores"], restored);
    }
    assert_eq!(daemon.refused(&["rollback"]), "nothing-to-return-to");
    let history = daemon.policy(&["history"]);
    assert_eq!(history["generation"], 5, "{history:#}");
    assert_eq!(history["entries"][3]["restores"], 2, "{history:#}");
}

#[test]
fn a_configuration_that_cannot_be_read_does_not_prevent_it() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    home.configure(STRICTER);
    daemon.policy(&["reload"]);
    let good = fs::read(home.path("resolvet.toml")).unwrap();
    home.configure("[[policy\n");
    assert_eq!(daemon.policy(&["rollback"])["restores"], 1);
    // When it is again what it was, nothing was changed by it.
    fs::write(home.path("resolvet.toml"), good).unwrap();
    daemon.signal("HUP");
    drop(daemon);
    assert_eq!(source(&home.start()), "rolled-back");
}

#[test]
fn a_generation_that_fails_makes_way_for_the_one_before() {
    let home = Home::new();
    let watched = "[policies.return]\nfaults = 1\nseconds = 3600\n";
    home.configure(&format!("{watched}{DEFAULTS}"));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    // It judges what is in use, and fails: without a return nothing would be answered any more.
    fs::copy(built("guests/trap.wasm"), home.path("policies/rule.wasm")).unwrap();
    let life = daemon.life_until(|life| life["rolled-back"].is_object());
    assert_eq!(life["generation"], 3, "{life:#}");
    assert_eq!(life["rolled-back"]["by"], "automatic-return");
    assert_eq!(life["rolled-back"]["policies"][0]["policy"], "trap");
    daemon.ask_until(ResponseCode::NoError);
    let last = daemon.last_entry();
    assert!(
        last["reason"].as_str().unwrap().contains("policy `trap`"),
        "{last:#}"
    );
    // The file is still there, and is not tried again until it is another.
    daemon.signal("HUP");
    drop(daemon);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(source(&daemon), "rolled-back");
}

#[test]
fn what_is_new_at_a_start_is_watched_as_well() {
    let home = Home::new().unwatched();
    let watched = "[policies.return]\nfaults = 1\nseconds = 3600\n";
    home.configure(&format!("{watched}{DEFAULTS}"));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    drop(daemon);
    fs::copy(built("guests/trap.wasm"), home.path("policies/rule.wasm")).unwrap();
    let daemon = home.start();
    let life = daemon.life_until(|life| life["rolled-back"].is_object());
    assert_eq!(life["rolled-back"]["by"], "automatic-return");
    daemon.ask_until(ResponseCode::NoError);
}

#[test]
fn without_that_setting_a_policy_that_fails_refuses() {
    let home = Home::new();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    fs::copy(built("guests/trap.wasm"), home.path("policies/rule.wasm")).unwrap();
    daemon.ask_until(ResponseCode::ServFail);
    let life = daemon.policy(&["status"]);
    assert_eq!(
        (&life["generation"], &life["watch"]),
        (&2.into(), &Value::Null)
    );
    assert!(
        life["policies"][1]["faults"].as_u64() >= Some(1),
        "{life:#}"
    );
}
