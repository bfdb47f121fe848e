//! A version that was tried takes the place of the one that it was tried beside.

use std::fs;

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::{
    life::{keys, of, sign},
    running::{Daemon, Home, built, variant},
};

/// Path validation, and a rule beside which another version is tried.
const TRIED: &str = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n[[policy]]\nfile = \"rule.wasm\"\nshadow = \"next.wasm\"\n";

/// The rule says nothing; the next one refuses certificates that are valid for long.
fn home() -> Home {
    let home = Home::new();
    fs::copy(built("guests/null.wasm"), home.path("rule.wasm")).unwrap();
    fs::copy(built("fixtures/company-rule.wasm"), home.path("next.wasm")).unwrap();
    home
}

fn active(daemon: &Daemon) -> Vec<String> {
    let report = daemon.policy(&["status"]);
    let policies = report["policies"].as_array().unwrap().iter();
    policies
        .map(|life| life["policy"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_shadow_is_promoted_by_hand_and_stands_until_the_configuration_names_others() {
    let home = home();
    home.configure(TRIED);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let tried = |life: &Value| life["trial"]["judgements"].as_u64() >= Some(3);
    let report = daemon.life_until(tried);
    let shadow = of(&report, "shadows", "company-rule");
    assert_eq!(shadow["step"], "shadowed");
    assert_eq!(
        (&shadow["evaluations"], &shadow["faults"]),
        (&1.into(), &0.into())
    );
    let come = &report["trial"]["policies"]["company-rule"]["come"];
    assert_eq!(come["validity-too-long"], 1, "{report:#}");
    assert_eq!(active(&daemon), ["pkix", "null"]);
    assert_eq!(daemon.refused(&["promote", "privacy"]), "nothing-shadowed");

    let report = daemon.policy(&["promote", "company-rule"]);
    assert_eq!(report["generation"], 2, "{report:#}");
    assert_eq!(active(&daemon), ["pkix", "company-rule"]);
    daemon.ask_until(ResponseCode::ServFail);
    let report = daemon.policy(&["status"]);
    assert!(
        report["shadows"].as_array().unwrap().is_empty(),
        "{report:#}"
    );
    assert_eq!(daemon.refused(&["promote"]), "nothing-shadowed");
    assert_eq!(
        daemon.policy(&["reload"])["generation"],
        2,
        "a reload changes nothing about it"
    );
    // Neither does a restart.
    daemon.signal("KILL");
    daemon.ended();
    let daemon = home.start();
    assert_eq!(active(&daemon), ["pkix", "company-rule"]);
    assert_eq!(daemon.status()["policies"]["generation"], 2);
    let history = daemon.policy(&["history"]);
    let mut entries = history["entries"].as_array().unwrap().iter();
    let promoted = entries.find(|entry| entry["by"] == "promotion" && entry["outcome"] == "done");
    assert_eq!(
        promoted.unwrap()["added"][0]["policy"],
        "company-rule",
        "{history:#}"
    );
    // Written into `file`, it is there by the configuration's own word, and the same.
    fs::copy(home.path("next.wasm"), home.path("rule.wasm")).unwrap();
    daemon.policy(&["reload"]);
    assert_eq!(daemon.status()["policies"]["generation"], 2);
    // Another pair of components: the promotion is over.
    fs::copy(built("guests/null.wasm"), home.path("rule.wasm")).unwrap();
    fs::write(
        home.path("next.wasm"),
        variant("fixtures/company-rule.wasm", 1),
    )
    .unwrap();
    daemon.ask_until(ResponseCode::NoError);
    assert_eq!(active(&daemon), ["pkix", "null"]);
}

#[test]
fn what_was_not_tried_is_not_promoted() {
    let home = home().unwatched();
    home.configure(TRIED);
    let daemon = home.start();
    fs::write(
        home.path("next.wasm"),
        variant("fixtures/company-rule.wasm", 1),
    )
    .unwrap();
    assert_eq!(daemon.refused(&["promote"]), "configuration-changed");
    assert_eq!(active(&daemon), ["pkix", "null"]);
    daemon.policy(&["reload"]);
    daemon.policy(&["promote"]);
    assert_eq!(active(&daemon), ["pkix", "company-rule"]);
}

#[test]
fn what_a_refused_start_did_not_try_is_not_promoted() {
    let home = home().unwatched();
    drop(home.start());
    home.configure(TRIED);
    // In this place the next book would be written.
    let obstacle = home.path("state/sets/book.new");
    fs::create_dir(&obstacle).unwrap();
    let daemon = home.start();
    assert_eq!(daemon.status()["policies"]["source"], "kept");
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(daemon.refused(&["promote"]), "nothing-shadowed");
    assert_eq!(active(&daemon), ["pkix"]);
    daemon.policy(&["reload"]);
    daemon.policy(&["promote"]);
    assert_eq!(active(&daemon), ["pkix", "company-rule"]);
}

#[test]
fn a_version_without_differences_is_promoted_by_itself_and_no_other() {
    let home = home();
    let after = format!("[policies.promotion]\njudgements = 3\n{TRIED}");
    home.configure(&after);
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    daemon.life_until(|life| life["trial"]["judgements"].as_u64() >= Some(3));
    // It would refuse: several looks later it is still tried.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let report = daemon.policy(&["status"]);
    assert_eq!(
        (&report["generation"], &report["promotion"]),
        (&1.into(), &3.into())
    );
    let next = variant("guests/null.wasm", 1);
    fs::write(home.path("next.wasm"), &next).unwrap();
    let is_tried = |life: &Value| life["shadows"][0]["policy"] == "null";
    daemon.life_until(is_tried);
    // A new attachment is judged anew.
    home.configure_with("attempts = 7", &after);
    let report = daemon.life_until(|life| life["generation"] == 2);
    let digest = resolvet_proto::judgement::Digest::of(&next).to_string();
    assert_eq!(
        of(&report, "policies", "null")["digest"],
        digest,
        "{report:#}"
    );
    let last = daemon.last_entry();
    assert_eq!(last["by"], "automatic-promotion", "{last:#}");
}

#[test]
fn recorded_decisions_are_tried_first() {
    let home = home();
    let log = "[decisions]\nlog = \"decisions.jsonl\"\nrecord = \"full\"\n";
    home.configure(&format!(
        "{log}{}",
        TRIED.replace("shadow = \"next.wasm\"\n", "")
    ));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    assert!(daemon.policy(&["status"])["trial"].is_null());
    home.configure(&format!("{log}{TRIED}"));
    let report = daemon.life_until(|life| life["trial"]["recorded"]["is-complete"] == true);
    let trial = &report["trial"];
    assert_eq!(trial["recorded"]["judgements"], 3, "{trial:#}");
    assert_eq!(trial["recorded"]["other-outcome"], 1, "{trial:#}");
    assert_eq!(
        trial["judgements"], 0,
        "nothing was judged meanwhile: {trial:#}"
    );
    assert_eq!(
        trial["policies"]["company-rule"]["come"]["validity-too-long"],
        1
    );
    let text = String::from_utf8(daemon.resolvet(&["policy", "status"]).stdout).unwrap();
    assert!(text.contains("validity-too-long 1 times"), "{text}");
}

#[test]
fn a_shadow_below_its_mark_is_refused_and_reaches_none_before_it_is_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = keys(folder.path());
    let home = home().unwatched().signed(&public);
    let (rule, next) = (home.path("rule.wasm"), home.path("next.wasm"));
    fs::write(&next, variant("guests/null.wasm", 1)).unwrap();
    sign(&rule, &secret, 5);
    sign(&next, &secret, 4);
    home.configure(TRIED.split("shadow").next().unwrap());
    let daemon = home.start();
    home.configure(TRIED);
    assert_eq!(daemon.refused(&["reload"]), "revision-older");
    // A higher one is tried, and going on with the lower one stays possible.
    sign(&next, &secret, 6);
    daemon.policy(&["reload"]);
    let report = daemon.policy(&["status"]);
    assert_eq!(report["shadows"][0]["revision"], 6, "{report:#}");
    assert_eq!(report["policies"][1]["revision"], 5, "{report:#}");
    sign(&next, &secret, 7);
    daemon.policy(&["reload"]);
    daemon.policy(&["promote"]);
    // Now it was active: what is below is refused, were the promotion over.
    assert_eq!(daemon.policy(&["status"])["policies"][1]["revision"], 7);
    home.configure(TRIED.split("shadow").next().unwrap());
    assert_eq!(daemon.refused(&["reload"]), "revision-older");
    // Going back by hand is another matter, and the mark stays where it is.
    daemon.policy(&["rollback"]);
    assert_eq!(daemon.policy(&["status"])["policies"][1]["revision"], 5);
    assert_eq!(daemon.refused(&["reload"]), "revision-older");
    let mark = fs::read_to_string(home.path("revisions/null.json")).unwrap();
    assert!(mark.contains("\"revision\":7"), "{mark}");
    // And forward again, with the configuration that was loaded last, and with no other.
    assert_eq!(daemon.refused(&["promote"]), "configuration-changed");
    home.configure(TRIED);
    daemon.policy(&["promote"]);
    assert_eq!(daemon.policy(&["status"])["policies"][1]["revision"], 7);
}

/// What a reload was refused for stays told when a promotion succeeds, which looks at policies alone.
#[test]
fn a_promotion_does_not_hide_what_is_wrong_with_the_rest() {
    let home = home();
    home.configure(TRIED);
    let daemon = home.start();
    home.configure_with("revocation-lists = [\"nosuch.crl\"]", TRIED);
    daemon.refused(&["reload"]);
    let trouble = daemon.status()["policies"]["trouble"].clone();
    assert!(
        trouble.as_str().unwrap().contains("nosuch.crl"),
        "{trouble}"
    );
    daemon.policy(&["promote"]);
    assert_eq!(daemon.status()["policies"]["trouble"], trouble);
    home.configure(TRIED);
    daemon.policy(&["reload"]);
    assert_eq!(daemon.status()["policies"]["trouble"], "");
}
