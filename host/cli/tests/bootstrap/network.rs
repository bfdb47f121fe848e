//! In which networks a device may enrol: where the user said so, and nowhere else.

use std::{fs, process::Output};

use resolvet_tests::lab::{
    ca::{Fault, Leaf},
    est::{EstFault, PASSWORD, USER},
};

use crate::{
    device::{DOMAIN, Device, json, text},
    person::other_root,
};

impl Device {
    /// Enrols without saying that the network is trusted.
    fn bootstrap_without_consent(&self, words: &[&str]) -> Output {
        let resolver = self.resolver();
        let own = [
            "bootstrap",
            "--user",
            USER,
            "--password-fd",
            "0",
            "--resolver",
            &resolver,
        ];
        self.run(&[&own, words].concat(), PASSWORD)
    }

    fn network(&self, words: &[&str]) -> Output {
        self.run(&[&["network"], words].concat(), "")
    }
}

#[test]
fn nothing_is_asked_of_a_network_that_is_not_trusted() {
    let device = Device::new();
    let output = device.bootstrap_without_consent(&[DOMAIN]);
    device.is_refused(
        &output,
        2,
        "network `example.net` is not one that you trust to enrol in",
    );
    for said in ["`resolvet network trust example.net`", "--trust-network"] {
        assert!(text(&output).contains(said), "{}", text(&output));
    }
    let url = device.lab.est().url();
    let output = device.bootstrap_without_consent(&["--est", &url]);
    device.is_refused(&output, 2, "name it by its DOMAIN or with --network NAME");
    let output = device.bootstrap_without_consent(&[DOMAIN, "--format", "json"]);
    assert_eq!(json(&output)["exit-code"], 2, "{}", text(&output));
    assert_eq!(device.lab.est().connections(), 0);
    assert!(device.lab.dns().journal().is_empty());
}

#[test]
fn a_network_is_trusted_listed_enrolled_in_and_forgotten() {
    let device = Device::new();
    let output = device.network(&["trust", "office", "--domain", DOMAIN, "--by-name"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let hint = "try: resolvet bootstrap example.net --user NAME --network office";
    assert!(text(&output).contains(hint), "{}", text(&output));

    let output = device.bootstrap_without_consent(&["other.example", "--network", "office"]);
    device.is_refused(&output, 2, "trusted for the domain `example.net`");
    assert_eq!(device.lab.est().connections(), 0);

    // By its domain, and under the name that the user gave it.
    let output = device.bootstrap_without_consent(&[DOMAIN]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("enrolled in network office"), "{said}");
    let listed = json(&device.network(&["list", "--format", "json"]));
    let network = &listed["networks"][0];
    assert_eq!(network["network"], "office", "{listed:#}");
    assert_eq!(network["domain"], DOMAIN);
    assert_eq!(network["recognition"]["by"], "by-name");
    assert_eq!(network["identity"], "named");
    assert_eq!(network["enrolled"], true);
    let table = text(&device.network(&["list"]));
    assert!(table.contains("by your word alone"), "{table}");

    let output = device.network(&["forget", "office"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("resolvet trust remove office"), "{said}");
    assert_eq!(device.networks(), 1, "the enrolment stays");
    let queried = device.journey(&["query", "www.example.net"]);
    assert_eq!(queried.status.code(), Some(0), "{}", text(&queried));
    let output = device.network(&["forget", "office"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let output = device.bootstrap_without_consent(&[DOMAIN]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let listed = text(&device.network(&["list"]));
    assert!(listed.contains("no network is trusted"), "{listed}");
}

#[test]
fn consent_that_is_given_with_the_command_is_kept() {
    let device = Device::new();
    // A password that is wrong does not take it back.
    let output = device.bootstrap_as(&[DOMAIN], "wrong");
    device.is_refused(&output, 5, "the password of user `alice` is wrong");
    let anew = "enrol anew: `resolvet bootstrap example.net --user NAME`";
    assert!(text(&output).contains(anew), "{}", text(&output));
    let output = device.bootstrap_as(&[DOMAIN, "--format", "json"], "wrong");
    let choices = &json(&output)["choices"];
    assert_eq!(choices[0]["choice"], "enrol-anew", "{choices:#}");
    let output = device.bootstrap_without_consent(&[DOMAIN]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    // A network that nobody named is trusted under the name that it turns out to have.
    let device = Device::new();
    let url = device.lab.est().url();
    let output = device.bootstrap(&["--est", &url]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let listed = json(&device.network(&["list", "--format", "json"]));
    assert_eq!(listed["networks"][0]["network"], DOMAIN, "{listed:#}");
    assert_eq!(listed["networks"][0]["domain"], DOMAIN);
}

#[test]
fn what_is_no_network_is_not_trusted() {
    let device = Device::new();
    for words in [
        &["trust", "Office Network"][..],
        &["trust", "office", "--domain", "*.example.net"],
        &["trust", "office", "--interface", "no-such-link"],
        &["forget", "office"],
    ] {
        let output = device.network(words);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
    assert!(!device.store().exists());
}

#[test]
fn a_hard_failure_names_the_users_choices() {
    let device = Device::new();
    let anchors = device.folder.path().join("other.pem");
    fs::write(&anchors, other_root()).unwrap();
    let file = anchors.to_str().unwrap();
    let discover = ["discover", DOMAIN, "--trust-anchors", file];
    let output = device.journey(&discover);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    let trust =
        "`resolvet network trust example.net`, then `resolvet bootstrap example.net --user NAME`";
    for said in ["attach to another network", trust] {
        assert!(text(&output).contains(said), "{}", text(&output));
    }
    let output = device.journey(&[&discover[..], &["--format", "json"]].concat());
    let choices = &json(&output)["outcome"]["choices"];
    assert_eq!(choices[0]["choice"], "another-network", "{choices:#}");
    assert_eq!(choices[1]["choice"], "trust-this-network", "{choices:#}");
    assert_eq!(
        choices[1]["commands"][0], "resolvet network trust example.net",
        "{choices:#}"
    );
    let queried = device.journey(&[
        "query",
        "www.example.net",
        "--via",
        DOMAIN,
        "--trust-anchors",
        file,
    ]);
    assert!(text(&queried).contains(trust), "{}", text(&queried));

    // Who is enrolled already has others.
    device.enrol();
    device.lab.est().fail(EstFault::Status(503));
    let other = Leaf::good(DOMAIN).with(Fault::WrongIssuer);
    let other = device.lab.authority().issue(&other).unwrap();
    device.lab.site().servers()[0].dot.present(&other).unwrap();
    let output = device.journey(&["discover", "--format", "json"]);
    let outcome = &json(&output)["outcome"];
    assert_eq!(output.status.code(), Some(5), "{outcome:#}");
    let anew = &outcome["choices"][1];
    assert_eq!(anew["choice"], "enrol-anew", "{outcome:#}");
    let command = "resolvet bootstrap example.net --user NAME --network example.net";
    assert_eq!(anew["commands"][0], command, "{outcome:#}");
}
