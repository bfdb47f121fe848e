//! Servers that nobody named: by a domain's records, and in a domain that DHCP proposed for a network that the user named.

use std::fs;

use resolvet_tests::lab::est::{PASSWORD, USER};

use crate::{
    device::{DOMAIN, Device, json, text},
    thing::thing,
};

/// A lease of systemd-networkd with this domain; the folder that `--leases` takes.
fn leased(device: &Device, domain: &str) -> String {
    let root = device.folder.path().join("root");
    let folder = root.join("run/systemd/netif/leases");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("2"), format!("DOMAINNAME={domain}\n")).unwrap();
    root.to_str().unwrap().to_owned()
}

#[test]
fn a_network_that_was_named_is_looked_for_where_dhcp_says() {
    let device = Device::new();
    let root = leased(&device, DOMAIN);
    let output = device.bootstrap(&["--network", "home", "--leases", &root, "--link", "none"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let looked = format!("looking for an EST server at _est._tcp.{DOMAIN}");
    assert!(said.contains(&looked), "{said}");
    assert!(said.contains("enrolled in network home"), "{said}");
}

/// What a network says of itself is no name that a user gave it.
#[test]
fn a_domain_of_dhcp_alone_begins_nothing() {
    let device = Device::new();
    let root = leased(&device, DOMAIN);
    let words = ["--leases", &root, "--link", "none"];
    device.refused(&words, 2, "a network's own word is not enough");
    assert!(device.lab.dns().journal().is_empty());
}

#[test]
fn where_nothing_is_known_nobody_is_asked() {
    let device = Device::new();
    let root = leased(&device, "no domain");
    let words = ["--network", "home", "--leases", &root, "--link", "none"];
    device.refused(&words, 4, "no domain to look in is known");
    assert!(device.lab.dns().journal().is_empty());
}

#[test]
fn a_thing_finds_the_registrar_of_its_domain() {
    let thing = thing();
    let output = thing.join_at(&[DOMAIN, "--link", "none"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let looked = format!("looking for a registrar at _brski-registrar._tcp.{DOMAIN}");
    assert!(said.contains(&looked), "{said}");
    assert!(said.contains("enrolled in network factory"), "{said}");
}

#[test]
fn a_dry_run_tells_every_place() {
    let thing = thing();
    let root = leased(&thing, "plant.example");
    let output = thing.join_at(&["--dry-run", "--leases", &root, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let plan = json(&output);
    let first = plan["lookups"][0].as_str().unwrap();
    assert!(
        first.starts_with("PTR of _brski-registrar._tcp.plant.example"),
        "{plan}"
    );
    assert_eq!(plan["link"], "all interfaces");

    let output = thing.join_at(&[DOMAIN, "--dry-run", "--link", "eth9"]);
    let said = text(&output);
    assert!(
        said.contains("PTR of _brski-registrar._tcp.example.net"),
        "{said}"
    );
    assert!(
        said.contains("ask everybody on eth9 by multicast DNS: _brski-registrar._tcp.local"),
        "{said}"
    );
    assert!(said.contains("at the registrar that is found"), "{said}");
    let output = thing.run(
        &["bootstrap", DOMAIN, "--user", USER, "--dry-run"],
        PASSWORD,
    );
    assert!(!text(&output).contains("multicast"), "{}", text(&output));
    assert!(thing.lab.dns().journal().is_empty());
}

#[test]
fn a_wrong_domain_is_used_wrongly() {
    let device = Device::new();
    device.refused(&["a b"], 2, "domain `a b` is no domain name");
}
