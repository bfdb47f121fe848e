//! Configuration and policies that change while the daemon runs.

use std::fs;

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::running::{DEFAULTS, Daemon, Home, STRICTER, built, document, shipped_case};

fn reload(daemon: &Daemon) -> Value {
    let output = daemon.resolvet(&["policy", "reload", "--format", "json"]);
    assert!(output.status.success(), "{output:?}");
    document(&output)
}

/// Why the daemon refuses to reload.
fn refusal(daemon: &Daemon) -> String {
    let output = daemon.resolvet(&["policy", "reload"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    let uses = value.as_array().unwrap().iter();
    uses.map(|used| used["policy"].as_str().unwrap()).collect()
}

#[test]
fn a_stricter_configuration_ends_what_is_in_use_and_a_milder_one_begins_again() {
    let home = Home::new();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    // The file alone changes: nobody says anything to the daemon.
    home.configure(STRICTER);
    daemon.ask_until(ResponseCode::ServFail);
    home.configure(DEFAULTS);
    daemon.ask_until(ResponseCode::NoError);
    daemon.status_until(|status| status["policies"]["generation"] == 3);
}

#[test]
fn a_reload_says_what_was_added_removed_updated_and_left() {
    let home = Home::new().unwatched();
    let quiet = "[[policy]]\nname = \"privacy\"\nmode = \"monitor\"\n";
    home.configure(&format!("{DEFAULTS}{quiet}"));
    let daemon = home.start();
    let report = reload(&daemon);
    assert_eq!(names(&report["policies"]["unchanged"]), ["pkix", "privacy"]);
    assert_eq!(report["generation"], 1);
    assert_eq!(report["network"], "unchanged");
    home.configure(STRICTER);
    fs::copy(built("preference.wasm"), home.path("policies/rule.wasm")).unwrap();
    let report = reload(&daemon);
    for (word, expected) in [
        ("added", &["preference"][..]),
        ("removed", &["privacy"]),
        ("updated", &["pkix"]),
        ("unchanged", &[]),
    ] {
        assert_eq!(names(&report["policies"][word]), expected, "{word}");
    }
    assert_eq!(report["generation"], 2);
    let text = daemon.resolvet(&["policy", "reload"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("unchanged pkix") && text.contains("generation 2"),
        "{text}"
    );
}

#[test]
fn whatever_is_wrong_with_a_file_the_old_set_stays() {
    let home = Home::new();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let dropped = home.path("policies/rule.wasm");
    let good = fs::read(built("preference.wasm")).unwrap();
    for (octets, expected) in [
        (&good[..good.len() / 2], "is not admitted"),
        (&b"no wasm"[..], "no WebAssembly"),
        (&[][..], "no WebAssembly"),
    ] {
        fs::write(&dropped, octets).unwrap();
        let reason = refusal(&daemon);
        assert!(reason.contains(expected), "{reason}");
        let status = daemon.status();
        assert_eq!(status["policies"]["generation"], 1, "{status:#}");
        let trouble = status["policies"]["trouble"].as_str().unwrap();
        assert!(trouble.contains("rule.wasm"), "{trouble}");
        daemon.ask_until(ResponseCode::NoError);
    }
    fs::write(&dropped, &good).unwrap();
    let status = daemon.status_until(|status| status["policies"]["generation"] == 2);
    assert_eq!(status["policies"]["trouble"], "");
    home.configure("[[policy]]\nname = \"pkix\"\nsettings = { no-such = 1 }\n");
    let reason = refusal(&daemon);
    assert!(
        reason.contains("strict") || reason.contains("no-such"),
        "{reason}"
    );
    assert_eq!(daemon.status()["policies"]["generation"], 2);
    // With this nothing could attach any more.
    home.configure_with("attempts = 99", DEFAULTS);
    let reason = refusal(&daemon);
    assert!(reason.contains("`network.attempts` is 99"), "{reason}");
    daemon.ask_until(ResponseCode::NoError);
}

#[test]
fn a_policy_whose_own_cases_do_not_hold_is_refused() {
    let home = Home::new();
    let daemon = home.start();
    let cases = home.path("policies/rule.cases");
    fs::create_dir(&cases).unwrap();
    let case = fs::read(shipped_case()).unwrap();
    let mut value: Value = serde_json::from_slice(&case).unwrap();
    let held = value.to_string();
    value["expect"]["findings"] = serde_json::json!(["another"]);
    fs::write(cases.join("case.json"), value.to_string()).unwrap();
    fs::copy(built("preference.wasm"), home.path("policies/rule.wasm")).unwrap();
    let reason = refusal(&daemon);
    assert!(reason.contains("does not hold"), "{reason}");
    assert_eq!(daemon.status()["policies"]["generation"], 1);
    fs::write(cases.join("case.json"), held).unwrap();
    let report = reload(&daemon);
    assert_eq!(report["generation"], 2, "{report:#}");
}

#[test]
fn other_anchors_and_a_revocation_are_judged_by_at_once() {
    let home = Home::new();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let anchors = fs::read_to_string(home.path("anchors.pem")).unwrap();
    let rogue = home.lab.authority().rogue_root();
    let rogue = resolvet_tests::lab::ca::pem("CERTIFICATE", rogue);
    fs::write(home.path("anchors.pem"), rogue).unwrap();
    daemon.ask_until(ResponseCode::ServFail);
    fs::write(home.path("anchors.pem"), anchors).unwrap();
    daemon.ask_until(ResponseCode::NoError);
    let server = &home.lab.site().servers()[0];
    let crls = home.lab.authority().crls(&[&server.identity]).unwrap();
    let crls = crls.map(|crl| resolvet_tests::lab::ca::pem("X509 CRL", &crl));
    fs::write(home.path("revoked.pem"), crls.concat()).unwrap();
    home.configure_with("revocation-lists = [\"revoked.pem\"]", DEFAULTS);
    daemon.ask_until(ResponseCode::ServFail);
    assert_eq!(
        daemon.status()["policies"]["generation"],
        1,
        "no policy changed"
    );
}

#[test]
fn a_hang_up_reloads() {
    let home = Home::new();
    let daemon = home.start();
    fs::remove_dir(home.path("policies")).unwrap();
    daemon.signal("HUP");
    let status = daemon.status_until(|status| status["policies"]["trouble"] != "");
    assert!(
        status["policies"]["trouble"]
            .as_str()
            .unwrap()
            .contains("policy folder")
    );
    fs::create_dir(home.path("policies")).unwrap();
    daemon.status_until(|status| status["policies"]["trouble"] == "");
}

#[test]
fn a_shadow_is_tried_on_live_judgements_and_binds_nobody() {
    let home = Home::new();
    // The company's rule judges certificates and refuses a chain that is too short; `pkix` stands in for its older version.
    fs::copy(built("fixtures/company-rule.wasm"), home.path("next.wasm")).unwrap();
    fs::copy(built("pkix.wasm"), home.path("rule.wasm")).unwrap();
    home.configure(
        "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n[[policy]]\nfile = \"rule.wasm\"\nshadow = \"next.wasm\"\n",
    );
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let seen =
        |status: &Value| status["policies"]["shadow"]["trial"]["judgements"].as_u64() >= Some(3);
    let status = daemon.status_until(seen);
    let shadow = &status["policies"]["shadow"];
    assert_eq!(shadow["trial"]["other-outcome"], 1, "{shadow:#}");
    assert_eq!(
        shadow["trial"]["differences"][0]["tried"], "rejected",
        "{shadow:#}"
    );
    assert!(!status["server"].is_null(), "it binds nobody");
    let text = String::from_utf8(daemon.resolvet(&["status"]).stdout).unwrap();
    assert!(text.contains("with another outcome"), "{text}");
    // Without the shadow, nothing is tried any more, and the active set is the same generation.
    home.configure(
        "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n[[policy]]\nfile = \"rule.wasm\"\n",
    );
    let status = daemon.status_until(|status| status["policies"]["shadow"].is_null());
    assert_eq!(status["policies"]["generation"], 1);
}

#[test]
fn what_counts_from_the_next_start_on_is_said() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    home.configure(&format!(
        "[decisions]\nlog = \"decisions.jsonl\"\n{DEFAULTS}"
    ));
    let report = reload(&daemon);
    assert_eq!(
        report["restart"],
        serde_json::json!(["decisions"]),
        "{report:#}"
    );
    let text = fs::read_to_string(home.path("resolvet.toml")).unwrap();
    let text = text.replace(
        "[daemon]",
        "[daemon]\nmetrics = \"127.0.0.1:0\"\nqueries = 7",
    );
    fs::write(home.path("resolvet.toml"), text).unwrap();
    let report = reload(&daemon);
    let expected = serde_json::json!(["decisions", "daemon.metrics", "daemon.queries"]);
    assert_eq!(report["restart"], expected);
    let told = daemon.resolvet(&["policy", "reload"]).stderr;
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.contains("`daemon.metrics` counts from the next start on"),
        "{told}"
    );
    assert!(!home.path("decisions.jsonl").exists());
    // More memory is there from the next start on, and stands in nobody's way until then.
    let text = fs::read_to_string(home.path("resolvet.toml")).unwrap();
    let more = "[policies.limits]\nmemory-octets = 134217728\ntable-elements = 40000\n";
    fs::write(home.path("resolvet.toml"), format!("{text}{more}")).unwrap();
    let report = reload(&daemon)["restart"].to_string();
    for key in [
        "policies.limits.memory-octets",
        "policies.limits.table-elements",
    ] {
        assert!(report.contains(key), "{report}");
    }
    drop(daemon);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    assert!(home.path("decisions.jsonl").exists());
    assert_eq!(reload(&daemon)["restart"], serde_json::json!([]));
}
