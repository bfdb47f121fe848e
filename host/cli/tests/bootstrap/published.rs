//! What the program prints for administrators leads devices to EST and DNS.

use std::process::Command;

use resolvet_tests::lab::{
    dns::{Dns, Zone},
    est::{PASSWORD, USER},
};

use crate::device::{DOMAIN, Device, text};

#[test]
fn the_zone_that_is_printed_leads_devices_to_est_and_dns() {
    let device = Device::new();
    let port = device.lab.site().servers()[0].dot.port().to_string();
    let est_port = device.lab.est().addresses()[0].port().to_string();
    let printed = Command::new(env!("CARGO_BIN_EXE_resolvet"))
        .args([
            "publish",
            "zone",
            DOMAIN,
            "--server",
            "a.example.net=127.0.0.1",
            "--port",
            &port,
        ])
        .args([
            "--est",
            "est.example.net=127.0.0.1",
            "--est-port",
            &est_port,
        ])
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed));
    let zone = Zone::read(DOMAIN, &text(&printed)).unwrap();
    let dns = Dns::start(vec![zone]).unwrap();
    let resolver = dns.address().to_string();
    let own = [
        "bootstrap",
        DOMAIN,
        "--trust-network",
        "--user",
        USER,
        "--password-fd",
        "0",
        "--resolver",
        &resolver,
    ];
    let enrolled = device.run(&own, PASSWORD);
    assert_eq!(enrolled.status.code(), Some(0), "{}", text(&enrolled));
    let discovered = device.run(&["discover", DOMAIN, "--resolver", &resolver], "");
    assert_eq!(discovered.status.code(), Some(0), "{}", text(&discovered));
}
