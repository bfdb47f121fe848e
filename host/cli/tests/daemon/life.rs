//! The chain of a policy's life, and what is remembered of it.

use std::{fs, path::Path, process::Command};

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::running::{DEFAULTS, Home, STRICTER, built, shipped_case, variant};

/// A pair of keys: the file of the secret one, and the public one.
pub(crate) fn keys(folder: &Path) -> (String, String) {
    let secret = folder.join("key").display().to_string();
    let words = ["policy", "keygen", "--no-password", "--secret-key", &secret];
    let made = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args(words)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = fs::read_to_string(format!("{secret}.pub")).unwrap();
    (secret, public.lines().last().unwrap().to_owned())
}

pub(crate) fn sign(file: &Path, secret: &str, revision: u32) {
    let signed = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args(["policy", "sign", "--secret-key", secret, "--revision"])
        .arg(revision.to_string())
        .arg(file)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
}

fn steps(life: &Value) -> Vec<&str> {
    let steps = life["steps"].as_array().unwrap().iter();
    steps.map(|taken| taken["step"].as_str().unwrap()).collect()
}

/// A policy of a report, by its name.
pub(crate) fn of<'a>(report: &'a Value, list: &str, policy: &str) -> &'a Value {
    let mut all = report[list].as_array().unwrap().iter();
    all.find(|life| life["policy"] == policy)
        .unwrap_or_else(|| panic!("{policy}: {report:#}"))
}

#[test]
fn every_step_is_told_and_every_refusal_has_its_code() {
    let keys_folder = tempfile::tempdir().unwrap();
    let (secret, public) = keys(keys_folder.path());
    let home = Home::new().unwatched().signed(&public);
    let rule = home.path("policies/rule.wasm");
    fs::copy(built("preference.wasm"), &rule).unwrap();
    sign(&rule, &secret, 5);
    let cases = home.path("policies/rule.cases");
    fs::create_dir(&cases).unwrap();
    fs::copy(shipped_case(), cases.join("case.json")).unwrap();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let report = daemon.policy(&["status"]);
    let life = of(&report, "policies", "preference");
    assert_eq!(
        steps(life),
        ["staged", "verified", "compiled", "self-tested", "active"]
    );
    assert_eq!(life["steps"][3]["cases"], 1);
    assert_eq!(
        (&life["step"], &life["revision"]),
        (&"active".into(), &5.into())
    );
    assert_eq!(
        (&life["evaluations"], &life["faults"]),
        (&1.into(), &0.into()),
        "{report:#}"
    );
    assert_eq!(report["refusal"], Value::Null);
    let carried = of(&report, "policies", "pkix");
    assert_eq!(
        steps(carried),
        ["compiled", "active"],
        "it is part of the program"
    );

    let signature = home.path("policies/rule.wasm.minisig");
    let good = fs::read(&signature).unwrap();
    let whole = fs::read(&rule).unwrap();
    let write = |rule_octets: &[u8], signature_octets: Option<&[u8]>| {
        fs::write(&rule, rule_octets).unwrap();
        match signature_octets {
            Some(octets) => fs::write(&signature, octets).unwrap(),
            None => fs::remove_file(&signature).unwrap(),
        }
    };
    let refusal = |code: &str, step: &str| {
        assert_eq!(daemon.refused(&["reload"]), code);
        let report = daemon.policy(&["status"]);
        let refusal = &report["refusal"];
        assert_eq!(refusal["code"], code, "{refusal:#}");
        assert_eq!(refusal["step"], step, "{refusal:#}");
        assert!(
            refusal["policy"].as_str().unwrap().ends_with("rule.wasm"),
            "{refusal:#}"
        );
        assert_eq!(report["generation"], 1);
        assert_eq!(daemon.status()["policies"]["code"], code);
    };
    write(&whole, None);
    refusal("signature-missing", "verified");
    write(&variant("preference.wasm", 1), Some(&good));
    refusal("signature-wrong", "verified");
    fs::write(&rule, variant("preference.wasm", 1)).unwrap();
    sign(&rule, &secret, 4);
    refusal("revision-older", "verified");
    write(b"no wasm", None);
    sign_anything(&rule, &secret);
    refusal("not-wasm", "verified");
    write(&whole, Some(&good));
    fs::write(cases.join("case.json"), "{}").unwrap();
    assert_eq!(daemon.refused(&["reload"]), "configuration");
    fs::remove_dir_all(&cases).unwrap();
    home.configure("[[policy]]\nname = \"privacy\"\n");
    assert_eq!(daemon.refused(&["reload"]), "no-authority");
    home.configure(
        "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\nsettings = { no-such = 1 }\n",
    );
    assert_eq!(daemon.refused(&["reload"]), "settings-refused");
    home.configure("[[policy\n");
    assert_eq!(daemon.refused(&["reload"]), "configuration");
    home.configure_with("revocation-lists = [\"missing.pem\"]", DEFAULTS);
    assert_eq!(daemon.refused(&["reload"]), "configuration");
    home.configure(DEFAULTS);
    let text = daemon.resolvet(&["policy", "status"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("refused last") && text.contains("configuration"),
        "{text}"
    );
    daemon.policy(&["reload"]);
    assert_eq!(daemon.status()["policies"]["code"], Value::Null);
}

/// Signs octets that `policy sign` would refuse to.
fn sign_anything(file: &Path, secret: &str) {
    let text = fs::read_to_string(secret).unwrap();
    let key = minisign::SecretKeyBox::from_string(&text).unwrap();
    let key = key.into_unencrypted_secret_key().unwrap();
    let comment = "resolvet-policy revision=9 not-after=2099-01-01T00:00:00Z";
    let octets = fs::read(file).unwrap();
    let signature = minisign::sign(None, &key, &*octets, Some(comment), None).unwrap();
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    fs::write(name, signature.into_string()).unwrap();
}

#[test]
fn the_history_outlives_a_restart_and_generations_go_on() {
    let home = Home::new().unwatched();
    let daemon = home.start();
    home.configure(STRICTER);
    assert_eq!(daemon.policy(&["reload"])["generation"], 2);
    home.configure("[[policy\n");
    for _ in 0..3 {
        daemon.refused(&["reload"]);
    }
    daemon.signal("KILL");
    daemon.ended();
    home.configure(DEFAULTS);
    let daemon = home.start();
    let history = daemon.policy(&["history"]);
    assert_eq!(history["generation"], 3, "{history:#}");
    assert_eq!(history["kept"], serde_json::json!([1, 2, 3]));
    let entries = history["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            (
                entry["generation"].as_u64().unwrap(),
                text("by"),
                text("outcome"),
                text("code"),
            )
        })
        .collect();
    let expected = [
        (1, "start", "done", ""),
        (2, "control", "done", ""),
        (2, "control", "refused", "configuration"),
        (3, "start", "done", ""),
    ];
    assert_eq!(told, expected, "{history:#}");
    assert_eq!(entries[2]["times"], 3);
    assert_eq!(entries[1]["updated"][0]["policy"], "pkix");
    assert!(entries[1]["user"].is_u64());
    // The same set again is the same generation.
    drop(daemon);
    let daemon = home.start();
    let again = daemon.policy(&["history"]);
    assert_eq!(
        (&again["generation"], &again["entries"]),
        (&3.into(), &history["entries"])
    );
    let text = String::from_utf8(daemon.resolvet(&["policy", "history"]).stdout).unwrap();
    assert!(
        text.contains("configuration, 3 times") && text.contains("updated pkix"),
        "{text}"
    );
}
