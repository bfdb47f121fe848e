//! The options that `resolvet publish dnr` prints: taken by Kea, and sent by dnsmasq to a device that reads them.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use resolvet::offers::{self, Source};
use resolvet_proto::discovery::dnr::{self, Carrier};
use serde_json::{Value, json};

use crate::namespace::{CLIENT, SERVER, run};
use crate::network::DOMAIN;
use crate::process::{program, resolvet, write};

const WITHIN: Duration = Duration::from_secs(20);
const SERVERS: [&str; 2] = [
    "a.example.net=192.0.2.1,2001:db8::1",
    "b.example.net=192.0.2.3",
];

fn published(words: &[&str]) -> Output {
    let mut command = Command::new(resolvet().unwrap());
    command.args(["publish", "dnr", DOMAIN]);
    for server in SERVERS {
        command.args(["--server", server]);
    }
    command.args(words).output().unwrap()
}

fn report() -> Value {
    let output = published(&["--format", "json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a program of Kea takes this configuration.
fn kea_takes(folder: &Path, name: &str, configuration: &Value) {
    let file = write(folder, &format!("{name}.conf"), configuration).unwrap();
    let output = Command::new(program(name, &format!("{name}-server")).unwrap())
        .arg("-t")
        .arg(file)
        .env("KEA_PIDFILE_DIR", folder)
        .env("KEA_LOCKFILE_DIR", folder)
        .env("KEA_LOGGER_DESTINATION", "stderr")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{configuration:#}: {said}");
}

#[test]
fn kea_takes_the_options() {
    let report = report();
    let folder = tempfile::tempdir().unwrap();
    for (position, name, section) in [(0, "kea-dhcp4", "Dhcp4"), (1, "kea-dhcp6", "Dhcp6")] {
        let configuration = json!({ section: {
            "interfaces-config": { "interfaces": [] },
            "lease-database": { "type": "memfile", "persist": false },
            "option-data": [report["kea"][position]],
        }});
        kea_takes(folder.path(), name, &configuration);
    }
}

#[test]
fn what_devices_would_discard_is_not_printed() {
    for (words, said) in [
        (
            &["--server", "c.example.net=127.0.0.1"][..],
            "devices would not use this",
        ),
        (&["--alpn", "h2"], "--dohpath"),
        (&["--alpn", "dns"], "`dns` is no protocol"),
        (&["--port", "25"], "another protocol's"),
        (&["--dohpath", "/dns-query{?dns}"], "--alpn h2"),
    ] {
        let output = published(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "expected `{said}`: {error}");
    }
}

#[test]
fn dnsmasq_sends_the_options_to_devices() {
    program("dnsmasq", "dnsmasq-base").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines = report()["dnsmasq"].clone();
    let lines: Vec<&str> = lines
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    write(folder.path(), "dnsmasq.conf", lines.join("\n") + "\n").unwrap();
    let servers = format!(
        "dnsmasq --conf-file=$FOLDER/dnsmasq.conf --port=0 --interface={SERVER} --bind-interfaces --user=root \
         --leasefile-ro --pid-file=$FOLDER/dnsmasq.pid --log-facility=$FOLDER/server.log --log-dhcp \
         --dhcp-range=192.0.2.10,192.0.2.20,1h --dhcp-range=2001:db8::,static"
    );
    run(folder.path(), &servers, "publish_dnr::inside").unwrap();
}

#[tokio::test]
#[ignore = "runs inside of a network namespace, started by the test above"]
async fn inside() {
    let asked = offers::ask(CLIENT, WITHIN).await.unwrap();
    for (source, carrier, expected) in [
        (
            Source::DhcpV4,
            Carrier::DhcpV4,
            &["192.0.2.1", "192.0.2.3"][..],
        ),
        (Source::DhcpV6, Carrier::DhcpV6, &["2001:db8::1"]),
    ] {
        let mut answers = asked.answers.iter().filter(|(from, _)| *from == source);
        let (_, said) = answers.next().unwrap();
        let option = said.options.first().unwrap();
        assert_eq!(option.carrier, carrier);
        let (designations, errors) = dnr::read(option);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(designations.len(), 1, "{designations:?}");
        assert_eq!(designations[0].name.without_dot(), DOMAIN);
        let service = designations[0].service.as_ref().unwrap();
        let addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, expected, "{source:?}");
        assert_eq!(service.params.alpn(), [b"dot"]);
    }
}
