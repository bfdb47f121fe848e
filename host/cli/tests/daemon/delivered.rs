//! Policies that a registry delivers, while the daemon runs and when it starts.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::{
    fleet::Fleet,
    registry::{Behaviour, Hostile, Registry, Reply},
    running::{Daemon, PATIENCE, document},
};

/// Waits until the status says that the registry's artefact was not taken for this reason; the set that was active still is.
fn refused(daemon: &Daemon, reason: &str) {
    let status = daemon.status_until(|status| {
        delivered(status)["trouble"]
            .as_str()
            .unwrap_or_default()
            .contains(reason)
    });
    assert_eq!(status["policies"]["generation"], 1, "{status:#}");
    daemon.ask_until(ResponseCode::NoError);
}

fn delivered(status: &Value) -> &Value {
    &status["policies"]["delivered"][0]
}

#[test]
fn a_tag_that_moved_is_taken_and_what_is_older_is_not() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    let before = daemon.status_until(|status| delivered(status)["trouble"] == "");
    // A rule that refuses the server's short chain.
    fleet.ship("fixtures/company-rule.wasm", 0, 2);
    daemon.ask_until(ResponseCode::ServFail);
    let status =
        daemon.status_until(|status| delivered(status)["digest"] != delivered(&before)["digest"]);
    assert_eq!(status["policies"]["generation"], 2, "{status:#}");
    assert_eq!(status["policies"]["source"], "configuration");
    let text = daemon.resolvet(&["status"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("policies/rule:stable"), "{text}");
    // The tag goes back to what has an older revision than was active.
    fleet.ship("preference.wasm", 1, 3);
    daemon.ask_until(ResponseCode::NoError);
    fleet.ship("preference.wasm", 2, 2);
    let status = daemon.status_until(|status| {
        delivered(status)["trouble"]
            .as_str()
            .unwrap_or_default()
            .contains("revision-older")
    });
    assert_eq!(status["policies"]["generation"], 3, "{status:#}");
    daemon.ask_until(ResponseCode::NoError);
}

#[test]
fn a_status_after_a_reload_tells_what_is_in_use() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    // Nobody asks again within this test but a reload.
    fleet.configure("poll-seconds = 3600");
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    let before = daemon.status_until(|status| delivered(status)["digest"].is_string());
    fleet.ship("fixtures/company-rule.wasm", 0, 2);
    daemon.policy(&["reload"]);
    let after = daemon.status();
    assert_ne!(delivered(&after)["digest"], delivered(&before)["digest"]);
    assert_eq!(delivered(&after)["trouble"], "");
}

#[test]
fn what_could_not_be_written_down_is_asked_for_again() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    // In this place the next book would be written.
    let obstacle = fleet.home.path("state/sets/book.new");
    fs::create_dir(&obstacle).unwrap();
    fleet.ship("fixtures/company-rule.wasm", 0, 2);
    let status = daemon.status_until(|status| status["policies"]["code"] == "state-unusable");
    assert_eq!(status["policies"]["generation"], 1, "{status:#}");
    daemon.ask_until(ResponseCode::NoError);
    fs::remove_dir(&obstacle).unwrap();
    // Nobody says anything to the daemon: it asks the registry again.
    daemon.ask_until(ResponseCode::ServFail);
    assert_eq!(daemon.status()["policies"]["generation"], 2);
}

#[test]
fn what_is_not_signed_as_it_should_be_is_refused_and_the_old_set_stays() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    let signature = fleet.home.path("rule.wasm.minisig");
    // By another key.
    fleet.component("preference.wasm", 1);
    fleet.sign("theirs", 2);
    fleet.push(&[]);
    refused(&daemon, "signature-unknown-key");
    // A good signature over other octets.
    fleet.sign("ours", 2);
    fleet.component("preference.wasm", 2);
    fleet.push(&[]);
    refused(&daemon, "signature-wrong");
    // None.
    fs::remove_file(&signature).unwrap();
    let address = fleet.address();
    let unsigned = fleet.try_policy(&[
        "push",
        "rule.wasm",
        &address,
        "--plain-http",
        "--format",
        "json",
    ]);
    assert_eq!(unsigned.status.code(), Some(2), "{unsigned:?}");
    assert_eq!(document(&unsigned)["code"], "signature-missing");
    fleet.policy(&["push", "rule.wasm", &address, "--plain-http", "--unsigned"]);
    refused(&daemon, "signature-missing");
    // No policy at all.
    fleet.component("preference.wasm", 0);
    let mut octets = fs::read(fleet.home.path("rule.wasm")).unwrap();
    octets.truncate(octets.len() / 2);
    fs::write(fleet.home.path("rule.wasm"), octets).unwrap();
    let broken = fleet.try_policy(&["push", "rule.wasm", &address, "--plain-http", "--unsigned"]);
    assert_eq!(broken.status.code(), Some(2), "{broken:?}");
    // What is right again is taken.
    fleet.ship("preference.wasm", 4, 2);
    daemon.status_until(|status| status["policies"]["generation"] == 2);
    daemon.status_until(|status| delivered(status)["trouble"] == "");
}

#[test]
fn another_policy_that_the_same_key_signed_is_not_taken() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    fleet.of_others("fixtures/company-rule.wasm", 2);
    fleet.push(&[]);
    refused(&daemon, "other-policy");
    assert_eq!(daemon.refused(&["reload"]), "other-policy");
    let address = fleet.address();
    let pull = ["pull", &address, "--config", "resolvet.toml"];
    let pulled =
        fleet.try_policy(&[&pull[..], &["--output", "got.wasm", "--format", "json"]].concat());
    assert_eq!(document(&pulled)["code"], "other-policy", "{pulled:?}");
    assert!(!fleet.home.path("got.wasm").exists());
    // Neither when the daemon starts, with what is in its cache or without.
    drop(daemon);
    let daemon = fleet.home.start();
    assert_eq!(daemon.status()["policies"]["source"], "configuration");
    refused(&daemon, "other-policy");
    drop(daemon);
    fs::remove_dir_all(fleet.home.path("state/registry")).unwrap();
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "kept", "{status:#}");
    assert_eq!(status["policies"]["code"], "other-policy", "{status:#}");
    // What is tried, and could be promoted, is no other one either.
    let next = address.replace("stable", "next");
    fleet.policy(&["push", "rule.wasm", &next, "--plain-http"]);
    fleet.ship("preference.wasm", 1, 3);
    assert_eq!(daemon.policy(&["reload"])["generation"], 2);
    let path = fleet.home.path("resolvet.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}shadow = \"{next}\"\n")).unwrap();
    assert_eq!(daemon.refused(&["reload"]), "other-policy");
}

#[test]
fn a_start_without_a_set_asks_when_what_it_has_is_refused() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    drop(fleet.home.start());
    // Other people sign by now, the registry has what they signed, and of the state only the cache is left.
    fs::copy(fleet.home.path("theirs.pub"), fleet.home.path("ours.pub")).unwrap();
    fleet.component("preference.wasm", 1);
    fleet.sign("theirs", 2);
    fleet.push(&[]);
    for entry in fs::read_dir(fleet.home.path("state")).unwrap() {
        let path = entry.unwrap().path();
        match path.ends_with("registry") {
            true => {}
            false if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "configuration", "{status:#}");
    assert_eq!(status["policies"]["trouble"], "", "{status:#}");
    daemon.ask_until(ResponseCode::NoError);
}

#[test]
fn what_was_in_use_judges_when_there_is_no_registry() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    drop(fleet.home.start());
    drop(registry);
    // The registry is asked at once after a start that did not wait for it, whether it is polled or not.
    fleet.configure("poll-seconds = 0");
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "configuration", "{status:#}");
    assert_eq!(status["policies"]["rules"][1]["policy-version"], "0.1.0");
    daemon.ask_until(ResponseCode::NoError);
    let status = daemon.status_until(|status| {
        delivered(status)["trouble"] != Value::Null && delivered(status)["trouble"] != ""
    });
    let trouble = delivered(&status)["trouble"].as_str().unwrap();
    assert!(trouble.contains("registry-unreachable"), "{trouble}");
    daemon.signal("TERM");
    let (_, log) = daemon.ended();
    assert!(log.contains("nothing changed"), "{log}");
    // A component that somebody changed on the disk is none: the last complete set is used.
    let blobs = fleet.home.path("state/registry/blobs/sha256");
    for blob in fs::read_dir(blobs).unwrap() {
        fs::write(blob.unwrap().path(), b"changed").unwrap();
    }
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "kept", "{status:#}");
    let trouble = status["policies"]["trouble"].as_str().unwrap();
    assert!(trouble.contains("policies/rule:stable"), "{trouble}");
    daemon.ask_until(ResponseCode::NoError);
}

#[test]
fn a_registry_that_misbehaves_is_refused_within_bounds_and_the_old_set_stays() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let good = Behaviour::good(&desk.source());
    desk.signed("preference.wasm", 1, 2);
    let next = Behaviour::good(&desk.source());
    let hostile = Hostile::start(good.clone());
    let fleet = desk.served_by(hostile.authority());
    fleet.configure("pull-milliseconds = 1500");
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    let other = |reply: &Reply| match reply {
        Reply::Octets(status, fields, octets) => {
            let mut octets = octets.clone();
            let last = octets.len() - 1;
            octets[last] ^= 1;
            Reply::Octets(*status, fields.clone(), octets)
        }
        reply => reply.clone(),
    };
    let tampered = other(&next.component);
    let mut digest = next.manifest.clone();
    if let Reply::Octets(_, fields, _) = &mut digest {
        *fields = format!("docker-content-digest: sha256:{}\r\n", "a".repeat(64));
    }
    for (name, manifest, component, reason) in [
        (
            "a component that was tampered with",
            next.manifest.clone(),
            tampered,
            "artefact-digest",
        ),
        (
            "another digest",
            digest,
            next.component.clone(),
            "artefact-digest",
        ),
        (
            "a manifest that never ends",
            Reply::Hang,
            next.component.clone(),
            "registry-late",
        ),
        (
            "a component that never ends",
            next.manifest.clone(),
            Reply::Hang,
            "registry-late",
        ),
        (
            "a component that drips",
            next.manifest.clone(),
            Reply::Drip(1 << 20),
            "registry-late",
        ),
        (
            "a manifest of 1 GB",
            Reply::Flood(1 << 30),
            next.component.clone(),
            "artefact-size",
        ),
        (
            "a component of 1 GB",
            next.manifest.clone(),
            Reply::Flood(1 << 30),
            "artefact-size",
        ),
        (
            "a link-local address",
            next.manifest.clone(),
            Reply::redirect("https://169.254.169.254/latest"),
            "registry-address",
        ),
        (
            "a name that leads there",
            next.manifest.clone(),
            Reply::redirect("https://[::ffff:a9fe:a9fe]/"),
            "registry-address",
        ),
        (
            "clear text elsewhere",
            next.manifest.clone(),
            Reply::redirect("http://192.0.2.1/"),
            "registry-address",
        ),
        (
            "a file",
            next.manifest.clone(),
            Reply::redirect("file:///etc/passwd"),
            "registry-address",
        ),
        (
            "a circle",
            Reply::redirect("/v2/a/manifests/b"),
            next.component.clone(),
            "registry-address",
        ),
        (
            "an error",
            Reply::Octets(500, String::new(), Vec::new()),
            next.component.clone(),
            "registry-refuses",
        ),
        (
            "no manifest",
            Reply::Octets(200, String::new(), b"{}".to_vec()),
            next.component.clone(),
            "artefact-unreadable",
        ),
    ] {
        let sent = hostile.sent();
        hostile.behave(|behaviour| {
            *behaviour = Behaviour {
                manifest,
                component,
                ..good.clone()
            };
        });
        refused(&daemon, reason);
        // What the other side's buffers take is sent although nobody reads it.
        let sent = hostile.sent() - sent;
        assert!(sent < 64 << 20, "{name}: {sent} octets");
        // Each refusal is told by itself.
        hostile.behave(|behaviour| *behaviour = good.clone());
        let is_well = |status: &Value| delivered(status)["trouble"] == "";
        daemon.status_until(is_well);
    }
    hostile.behave(|behaviour| *behaviour = next.clone());
    daemon.status_until(|status| status["policies"]["generation"] == 2);
}

#[test]
fn a_kill_in_the_middle_of_a_pull_leaves_the_last_complete_set() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let good = Behaviour::good(&desk.source());
    desk.signed("fixtures/company-rule.wasm", 0, 2);
    let next = Behaviour::good(&desk.source());
    let hostile = Hostile::start(good.clone());
    let fleet = desk.served_by(hostile.authority());
    fleet.configure("");
    for component in [Reply::Hang, Reply::Drip(1 << 20)] {
        let daemon = fleet.home.start();
        daemon.ask_until(ResponseCode::NoError);
        hostile.behave(|behaviour| {
            *behaviour = Behaviour {
                component,
                ..next.clone()
            };
        });
        let (asked, began) = (hostile.requests().len(), Instant::now());
        while !hostile.requests()[asked..]
            .iter()
            .any(|head| head.contains("/blobs/"))
        {
            assert!(began.elapsed() < PATIENCE, "nobody asks for the component");
            sleep(Duration::from_millis(10));
        }
        daemon.signal("KILL");
        daemon.ended();
        // No registry answers at the next start.
        hostile
            .behave(|behaviour| behaviour.manifest = Reply::Octets(503, String::new(), Vec::new()));
        let daemon = fleet.home.start();
        let status = daemon.status();
        assert_eq!(status["policies"]["source"], "configuration", "{status:#}");
        assert_eq!(status["policies"]["rules"][1]["policy-version"], "0.1.0");
        daemon.ask_until(ResponseCode::NoError);
        drop(daemon);
        hostile.behave(|behaviour| *behaviour = good.clone());
    }
}

#[test]
fn what_the_registry_has_now_stops_no_other_change() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let good = Behaviour::good(&desk.source());
    let hostile = Hostile::start(good.clone());
    let fleet = desk.served_by(hostile.authority());
    fleet.configure("");
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    // Nothing is new: the registry says so in a word, and is asked for nothing else.
    let asked = hostile.requests().len();
    let unchanged = Reply::Octets(304, String::new(), Vec::new());
    hostile.behave(|behaviour| behaviour.manifest = unchanged);
    daemon.status_until(|status| {
        delivered(status)["trouble"] == "" && hostile.requests().len() > asked + 1
    });
    let etag = format!(
        "if-none-match: \"sha256:{}\"",
        delivered(&daemon.status())["digest"].as_str().unwrap()
    );
    let later = &hostile.requests()[asked..];
    assert!(
        later.iter().all(|head| head.contains("/manifests/")),
        "{later:?}"
    );
    assert!(later.last().unwrap().contains(&etag), "{later:?}");
    // It lies: who asks for it is told, and anything else can be changed.
    hostile
        .behave(|behaviour| behaviour.manifest = Reply::Octets(200, String::new(), b"{}".to_vec()));
    let refused = daemon.resolvet(&["policy", "reload"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let reason = String::from_utf8(refused.stderr).unwrap();
    assert!(reason.contains("artefact-unreadable"), "{reason}");
    let rogue = fleet.home.lab.authority().rogue_root();
    let rogue = resolvet_tests::lab::ca::pem("CERTIFICATE", rogue);
    fs::write(fleet.home.path("anchors.pem"), rogue).unwrap();
    daemon.ask_until(ResponseCode::ServFail);
}

#[test]
fn what_was_rolled_back_stays_so_until_the_tag_moves_again() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    fleet.ship("fixtures/company-rule.wasm", 0, 2);
    daemon.ask_until(ResponseCode::ServFail);
    let rolled_back = daemon.resolvet(&["policy", "rollback"]);
    assert!(rolled_back.status.success(), "{rolled_back:?}");
    daemon.ask_until(ResponseCode::NoError);
    // The registry still has the other one, and is asked every second.
    sleep(Duration::from_secs(3));
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "rolled-back", "{status:#}");
    assert_eq!(delivered(&status)["trouble"], "");
    drop(daemon);
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "rolled-back", "{status:#}");
    daemon.ask_until(ResponseCode::NoError);
    fleet.ship("preference.wasm", 1, 3);
    daemon.status_until(|status| status["policies"]["source"] == "configuration");
    let history = daemon.resolvet(&["policy", "history", "--format", "json"]);
    let history = document(&history).to_string();
    assert!(history.contains("\"by\":\"registry\""), "{history}");
}

#[test]
fn a_shadow_is_delivered_tried_and_promoted() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.ship("preference.wasm", 0, 1);
    let next = fleet.address().replace("stable", "next");
    fleet.signed("fixtures/company-rule.wasm", 0, 2);
    fleet.policy(&["push", "rule.wasm", &next, "--plain-http"]);
    let path = fleet.home.path("resolvet.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}shadow = \"{next}\"\n")).unwrap();
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    let status = daemon.status();
    let tried = &status["policies"]["shadow"]["policies"][0];
    assert_eq!(tried["version"], "1.0.0", "{status:#}");
    let promoted = daemon.resolvet(&["policy", "promote"]);
    assert!(promoted.status.success(), "{promoted:?}");
    daemon.ask_until(ResponseCode::ServFail);
    // It stays so, also without a registry.
    drop((daemon, registry));
    let daemon = fleet.home.start();
    let status = daemon.status();
    assert_eq!(status["policies"]["source"], "configuration", "{status:#}");
    assert_eq!(status["policies"]["rules"][1]["policy-version"], "1.0.0");
    daemon.ask_until(ResponseCode::ServFail);
}
