//! `resolvet policy push` and `pull`, and who asks.

use std::{fs, process::Command};

use hickory_proto::op::ResponseCode;
use resolvet_tests::lab::ca::Leaf;
use serde_json::Value;

use crate::{
    fleet::Fleet,
    registry::{Behaviour, Hostile, Registry, Reply},
    running::document,
};

#[test]
fn what_is_pushed_is_pulled_with_its_signature() {
    let registry = Registry::start();
    let fleet = Fleet::new(registry.authority());
    fleet.signed("fixtures/company-rule.wasm", 0, 7);
    let address = fleet.address();
    let pushed = fleet.push(&[]);
    let pinned = pushed["pinned"].as_str().unwrap();
    assert!(pinned.contains("/policies/rule@sha256:"), "{pushed:#}");
    assert_eq!(
        fleet.push(&[]),
        pushed,
        "the same again is the same artefact"
    );
    // What lies there from before goes.
    fs::write(fleet.home.path("again.wasm.other.minisig"), b"of another").unwrap();
    let json = ["--output", "again.wasm", "--plain-http", "--format", "json"];
    for address in [&address, pinned] {
        let pull = [&["pull", address, "--policy-key", "ours.pub"][..], &json].concat();
        let pulled = document(&fleet.policy(&pull));
        assert_eq!(pulled["pinned"], pinned);
        assert_eq!(pulled["revision"], 7, "{pulled:#}");
        assert_eq!(pulled["digest"], pushed["digest"]);
        let read = |name| fs::read(fleet.home.path(name)).unwrap();
        assert_eq!(read("again.wasm"), read("rule.wasm"));
        assert_eq!(read("again.wasm.minisig"), read("rule.wasm.minisig"));
        assert!(!fleet.home.path("again.wasm.other.minisig").exists());
    }
    fleet.policy(&["verify", "again.wasm", "--policy-key", "ours.pub"]);
    // By another key nothing is written.
    let output = ["--output", "third.wasm", "--plain-http"];
    let refused = [
        &["pull", &address, "--policy-key", "theirs.pub"][..],
        &output,
    ]
    .concat();
    let refused = fleet.try_policy(&refused);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(!fleet.home.path("third.wasm").exists());
    // A digest is what it is.
    let pushed = fleet.try_policy(&[
        "push",
        "rule.wasm",
        pinned,
        "--plain-http",
        "--format",
        "json",
    ]);
    assert_eq!(document(&pushed)["code"], "artefact-pinned", "{pushed:?}");
    // Without TLS only where that is said, and what is not there is not had.
    for (words, code, exit) in [
        (&["pull", &address][..], "registry-unreachable", 1),
        (
            &["pull", "oci://127.0.0.1:1/rule:stable", "--plain-http"],
            "registry-unreachable",
            1,
        ),
        (
            &["pull", &address.replace("stable", "never"), "--plain-http"],
            "registry-refuses",
            2,
        ),
    ] {
        let failed = fleet.try_policy(&[words, &["--format", "json"]].concat());
        assert_eq!(document(&failed)["code"], code, "{failed:?}");
        assert_eq!(failed.status.code(), Some(exit), "{failed:?}");
    }
}

#[test]
fn credentials_are_those_of_dockers_configuration() {
    let registry = Registry::guarded();
    let fleet = Fleet::new(registry.authority());
    fleet.signed("preference.wasm", 0, 1);
    let address = fleet.address();
    let refused = fleet.try_push(&[]);
    assert_eq!(document(&refused)["code"], "registry-access", "{refused:?}");
    // `fleet:correct horse`
    let auths = format!(
        "{{\"auths\":{{\"{}\":{{\"auth\":\"ZmxlZXQ6Y29ycmVjdCBob3JzZQ==\"}}}}}}",
        registry.authority()
    );
    fs::write(fleet.home.path("docker.json"), auths).unwrap();
    let known = ["--credentials", "docker.json"];
    fleet.push(&known);
    fleet.policy(&[&["pull", &address, "--plain-http"][..], &known].concat());
    // The daemon has them from its configuration.
    fleet.configure("credentials = \"docker.json\"");
    let daemon = fleet.home.start();
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(daemon.status()["policies"]["source"], "configuration");
    daemon.status_until(|status| status["policies"]["delivered"][0]["trouble"] == "");
}

#[test]
fn a_token_is_fetched_for_the_repository_alone_and_told_to_nobody_else() {
    let desk = Fleet::desk();
    desk.signed("preference.wasm", 0, 1);
    let good = Behaviour::good(&desk.source());
    let elsewhere = Hostile::start(good.clone());
    let hostile = Hostile::start(good);
    let authority = hostile.authority();
    hostile.behave(|behaviour| {
        let realm = format!("Bearer realm=\"http://{authority}/token\",service=\"the fleet\"");
        behaviour.guard = Some(("authorization: bearer secret-token".into(), realm));
        let token = b"{\"token\":\"secret-token\"}".to_vec();
        behaviour.token = Reply::Octets(200, String::new(), token);
        let place = format!("http://{}/blobs/x", elsewhere.authority());
        behaviour.component = Reply::redirect(&place);
    });
    let fleet = desk.served_by(authority);
    let plain = format!(
        "version = \"v1\"\n[registry]\nplain-http = [\"{}\", \"{}\"]\n",
        fleet.authority,
        elsewhere.authority()
    );
    fs::write(fleet.home.path("plain.toml"), plain).unwrap();
    let address = fleet.address();
    fleet.policy(&["pull", &address, "--config", "plain.toml"]);
    let asked = hostile.requests();
    let token = asked.iter().find(|head| head.contains("/token")).unwrap();
    assert!(
        token.contains("scope=repository%3Apolicies%2Frule%3Apull&service=the%20fleet"),
        "{token}"
    );
    let led = elsewhere.requests();
    assert_eq!(led.len(), 1, "{led:?}");
    assert!(!led[0].contains("secret-token"), "{led:?}");
}

#[test]
fn a_registry_is_believed_by_its_certificate() {
    let desk = Fleet::desk();
    let authority = desk.home.lab.authority();
    let registry = Registry::over_tls(&authority.issue(&Leaf::good("localhost")).unwrap());
    let fleet = desk.served_by(registry.authority());
    fleet.signed("preference.wasm", 0, 1);
    let address = fleet.address();
    for (anchors, exit) in [("anchors.pem", 0), ("rogue.pem", 1)] {
        let text = format!("version = \"v1\"\n[registry]\ntrust-anchors = \"{anchors}\"\n");
        fs::write(fleet.home.path("tls.toml"), text).unwrap();
        let rogue = fleet.home.lab.authority().rogue_root();
        let rogue = resolvet_tests::lab::ca::pem("CERTIFICATE", rogue);
        fs::write(fleet.home.path("rogue.pem"), rogue).unwrap();
        for words in [&["push", "rule.wasm", &address][..], &["pull", &address]] {
            let done = fleet.try_policy(&[words, &["--config", "tls.toml"]].concat());
            assert_eq!(done.status.code(), Some(exit), "{done:?}");
        }
    }
}

#[test]
fn what_others_copied_has_its_signature_still() {
    let (registry, mirror) = (Registry::start(), Registry::start());
    let fleet = Fleet::new(registry.authority());
    fleet.signed("preference.wasm", 0, 3);
    let address = fleet.address();
    let pushed = fleet.push(&[]);
    let copied = format!("oci://{}/mirror/rule:copied", mirror.authority());
    let skopeo = Command::new("skopeo")
        .args(["copy", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([&address, &copied].map(|address| address.replace("oci://", "docker://")))
        .output()
        .expect("install Debian's package `skopeo`");
    assert!(skopeo.status.success(), "{skopeo:?}");
    let pull = [
        "pull",
        &copied,
        "--policy-key",
        "ours.pub",
        "--output",
        "copied.wasm",
    ];
    let pulled = fleet.policy(&[&pull[..], &["--plain-http", "--format", "json"]].concat());
    let pulled = document(&pulled);
    assert_eq!(pulled["revision"], 3, "{pulled:#}");
    let digest = |report: &Value| {
        let pinned = report["pinned"].as_str().unwrap();
        pinned.split_once('@').unwrap().1.to_owned()
    };
    assert_eq!(digest(&pulled), digest(&pushed));
}
