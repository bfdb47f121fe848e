//! A network that designates another resolver while the daemon runs (RFC 9463): Scapy is the router, Unbound the resolvers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use resolvet_proto::discovery::{
    DomainName,
    dnr::{Designation, Service, write_router_advertisement},
    svcb::Params,
};
use resolvet_tests::lab::ask;
use resolvet_tests::lab::ca::{Authority, Leaf};

use crate::namespace::{CLIENT, SERVER, run};
use crate::process::{program, resolvet, write};

/// The resolvers: a name, a port, and the address that each gives for every name.
const RESOLVERS: [(&str, u16, &str); 2] = [
    ("first.test", 853, "198.51.100.1"),
    ("second.test", 8853, "198.51.100.2"),
];
/// Where the daemon answers.
const STUB: &str = "127.0.0.1:5300";
const PATIENCE: Duration = Duration::from_secs(60);

fn designation(name: &str, port: u16) -> String {
    let option = write_router_advertisement(&Designation {
        priority: 1,
        name: DomainName::parse(name).unwrap(),
        lifetime: Some(3_600),
        service: Some(Service {
            addresses: vec!["2001:db8::1".parse().unwrap()],
            params: Params::new().with_alpn(&["dot"]).with_port(port),
        }),
    });
    let octets = option.unwrap();
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn the_daemon_goes_where_the_network_designates_another_resolver() {
    let python = Path::new("/usr/bin/python3");
    let unbound = program("unbound", "unbound").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let authority = Authority::new().unwrap();
    write(place, "anchors.pem", authority.root_pem()).unwrap();
    let mut servers = String::new();
    for (name, port, address) in RESOLVERS {
        let identity = authority.issue(&Leaf::good(name)).unwrap();
        let chain = write(place, &format!("{name}.pem"), identity.chain_pem()).unwrap();
        let key = write(place, &format!("{name}.key"), identity.key_pem()).unwrap();
        let configuration = format!(
            "server:\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  ip-freebind: yes\n  logfile: \"{log}\"\n  \
             interface: 2001:db8::1@{port}\n  tls-port: {port}\n  tls-service-pem: \"{chain}\"\n  \
             tls-service-key: \"{key}\"\n  access-control: ::/0 allow\n  local-zone: \"asked.test.\" redirect\n  \
             local-data: \"asked.test. 0 IN A {address}\"\nremote-control:\n  control-enable: no\n",
            log = place.join(name).display(),
            chain = chain.display(),
            key = key.display(),
        );
        let configuration = write(place, &format!("{name}.conf"), configuration).unwrap();
        let (unbound, configuration) = (unbound.display(), configuration.display());
        servers += &format!("{unbound} -c {configuration}\n");
    }
    let [first, second] = RESOLVERS.map(|(name, port, _)| designation(name, port));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/router.py");
    servers += &format!(
        "{} {script} {SERVER} {first} $FOLDER/second {second} > $FOLDER/server.log 2>&1 &",
        python.display()
    );
    run(place, &servers, "redesignated::inside").unwrap();
}

/// A running daemon; dropping it kills it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// The address that the daemon gives for a name; `None` as long as it gives none.
fn asked(name: &str) -> Option<String> {
    let stub: SocketAddr = STUB.parse().unwrap();
    let answer = ask::udp(stub, &ask::query(1, name, RecordType::A).unwrap()).ok()?;
    let answer = Message::from_vec(&answer).unwrap();
    match &answer.answers.first()?.data {
        RData::A(address) => Some(address.to_string()),
        _ => None,
    }
}

/// Asks for one name after the other, which no cache has, until the answer is this one's; all before are the other's.
fn asked_until(wanted: &str, before: Option<&str>, folder: &Path) {
    let began = Instant::now();
    for number in 0.. {
        let address = asked(&format!("{wanted}-{number}.asked.test"));
        if address.as_deref() == Some(wanted) {
            return;
        }
        if let (Some(address), Some(before)) = (address, before) {
            assert_eq!(address, before);
        }
        let log = std::fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
        assert!(began.elapsed() < PATIENCE, "{wanted}: {log}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "runs inside of network namespaces, started by the test above"]
fn inside() {
    let folder = PathBuf::from(std::env::var_os("FOLDER").unwrap());
    let config = format!(
        "version = \"v1\"\n[network]\ninterface = \"{CLIENT}\"\ntrust-anchors = \"anchors.pem\"\ndiscovery = [\"dnr\"]\n\
         resolver = \"192.0.2.1:53\"\n[daemon]\nlisten = [\"{STUB}\"]\ncontrol = \"control/socket\"\nstate = \"state\"\ndesignated = true\n"
    );
    let config = write(&folder, "resolvet.toml", config).unwrap();
    let log = std::fs::File::create(folder.join("daemon.log")).unwrap();
    let daemon = Command::new(resolvet().unwrap().with_file_name("resolvetd"))
        .arg("--config")
        .arg(config)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("XDG_DATA_HOME", folder.join("data"))
        .env_remove("NOTIFY_SOCKET")
        .stderr(log)
        .spawn();
    let _daemon = Daemon(daemon.unwrap());
    let [(.., first), (.., second)] = RESOLVERS;
    asked_until(first, None, &folder);

    // Another address is how another network looks: the daemon asks it at once.
    std::fs::write(folder.join("second"), "").unwrap();
    let ip = Command::new(program("ip", "iproute2").unwrap())
        .args(["address", "add", "192.0.2.3/24", "dev", CLIENT])
        .status();
    assert!(ip.unwrap().success());
    asked_until(second, Some(first), &folder);
}
