//! The program on a device whose wall clock says 1970 and whose boot clock has just begun: Debian's `faketime`, and a time
//! namespace where one may be made.

use std::fs;

use resolvet_tests::lab::est::{PASSWORD, USER};

use crate::{
    device::{DOMAIN, Device, json, text},
    thing::thing,
};

/// What runs a program a minute after its clock began.
fn in_1970() -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let seconds: u64 = uptime.split('.').next().unwrap().parse().unwrap();
    let boot = format!("--boottime=-{}", seconds.saturating_sub(5));
    let namespace = ["unshare", "--time", &boot];
    let allowed = std::process::Command::new(namespace[0])
        .args(&namespace[1..])
        .arg("true")
        .output();
    if allowed.is_ok_and(|output| output.status.success()) {
        words.extend(namespace.map(str::to_owned));
    }
    words.extend(["faketime", "-m", "-f", "@1970-01-01 00:01:00"].map(str::to_owned));
    words
}

#[test]
fn a_laptop_in_1970_enrols_and_says_what_is_uncertain() {
    let device = Device::new();
    let output = device.bootstrap_in(&in_1970(), &[DOMAIN], PASSWORD);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("warning: `clock-not-trusted`"), "{said}");
    assert!(said.contains("RFC 8995 2.6.1"), "{said}");
    // What was enrolled so serves a program with a clock.
    let queried = device.journey(&["query", "www.example.net", "--format", "json"]);
    assert_eq!(queried.status.code(), Some(0), "{}", text(&queried));

    let device = Device::new();
    let output = device.bootstrap_in(&in_1970(), &[DOMAIN, "--format", "json"], PASSWORD);
    let report = json(&output);
    let warnings = report["warnings"].as_array().unwrap();
    assert!(
        warnings.iter().any(|warning| {
            warning["code"] == "clock-not-trusted"
                && warning["severity"] == "warning"
                && warning["purpose"] == "est-server"
        }),
        "{report:#}"
    );
}

#[test]
fn a_thing_in_1970_joins_and_says_what_is_uncertain() {
    let thing = thing();
    let output = thing.join_in(&in_1970(), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report = json(&output);
    assert_eq!(report["warnings"][0]["purpose"], "registrar", "{report:#}");
    assert_eq!(report["warnings"][0]["code"], "clock-not-trusted");
    let waived = report["waived"].to_string();
    assert!(waived.contains("without a clock"), "{waived}");
}

/// The password still has to be right, and the voucher the device's own: only dates are uncertain.
#[test]
fn in_1970_nobody_is_believed_more() {
    let device = Device::new();
    let output = device.bootstrap_in(&in_1970(), &[DOMAIN], "wrong");
    device.is_refused(
        &output,
        5,
        &format!("the password of user `{USER}` is wrong"),
    );
    let thing = thing();
    thing
        .lab
        .masa()
        .fail(resolvet_tests::lab::masa::MasaFault::OtherSerial);
    let output = thing.join_in(&in_1970(), &[]);
    thing.is_refused(&output, 5, "serial");
}
