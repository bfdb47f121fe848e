//! The program asks a network on an interface which resolver it designates (RFC 9463), with servers that others wrote at the
//! other end of the link: dnsmasq or Kea, radvd, and Unbound as the server over TLS and as the resolver in clear text.
//!
//! What they send is what `resolvet publish dnr` prints. radvd has no option for designated resolvers: with it the router's
//! word is that other things are to be asked by DHCPv6 (RFC 4861 section 4.2).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use resolvet_tests::lab::ca::{Authority, Fault, Leaf};
use serde_json::{Value, json};

use crate::namespace::{CLIENT, SERVER, run};
use crate::network::DOMAIN;
use crate::process::{program, resolvet, write};
use crate::trace::Trace;

/// What is asked for: only Unbound knows it, and whoever reads the link must not.
const ASKED: &str = "only-over-tls.example.net";
const ADDRESS: &str = "192.0.2.99";
/// The servers' end of the link.
const RESOLVER: &str = "192.0.2.1:53";
const OVER_TLS: [&str; 2] = ["192.0.2.1:853", "[2001:db8::1]:853"];
/// Names that discovery may ask for in clear text.
const OF_DISCOVERY: [&str; 1] = ["_dns.resolver.arpa."];
/// Ports of DHCP and DHCPv6.
const DHCP: [u16; 2] = [67, 547];

/// Options for a server at an address, as a network's administrator has them printed.
fn published(address: &str) -> Value {
    let output = Command::new(resolvet().unwrap())
        .args(["publish", "dnr", DOMAIN, "--format", "json"])
        .args(["--server", &format!("a.{DOMAIN}={address}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes what Unbound and the program read, and says how the former is started.
fn unbound(folder: &Path, fault: Option<Fault>) -> String {
    program("unbound", "unbound").unwrap();
    let authority = Authority::new().unwrap();
    let leaf = Leaf::good(DOMAIN);
    let leaf = match fault {
        Some(fault) => leaf.with(fault),
        None => leaf,
    };
    let identity = authority.issue(&leaf).unwrap();
    write(folder, "anchors.pem", authority.root_pem()).unwrap();
    write(folder, "chain.pem", identity.chain_pem()).unwrap();
    write(folder, "key.pem", identity.key_pem()).unwrap();
    let here = folder.display();
    let configuration = format!(
        "server:\n  directory: \"{here}\"\n  pidfile: \"{here}/unbound.pid\"\n  username: \"\"\n  chroot: \"\"\n  \
         use-syslog: no\n  logfile: \"{here}/unbound.log\"\n  num-threads: 1\n  ip-freebind: yes\n  \
         interface: 192.0.2.1@53\n  interface: 192.0.2.1@853\n  interface: 2001:db8::1@853\n  \
         tls-service-pem: \"{here}/chain.pem\"\n  tls-service-key: \"{here}/key.pem\"\n  \
         access-control: 0.0.0.0/0 allow\n  access-control: ::0/0 allow\n  module-config: \"iterator\"\n  \
         local-zone: \".\" static\n  local-data: \"{ASKED}. 60 IN A {ADDRESS}\"\n\
         remote-control:\n  control-enable: no\n"
    );
    write(folder, "unbound.conf", configuration).unwrap();
    "unbound -c $FOLDER/unbound.conf\n".to_owned()
}

/// How dnsmasq is started that sends one of the printed options.
fn dnsmasq(folder: &Path, line: &Value) -> String {
    program("dnsmasq", "dnsmasq-base").unwrap();
    let line = line.as_str().unwrap();
    write(folder, "dnsmasq.conf", format_args!("{line}\n")).unwrap();
    format!(
        "dnsmasq --conf-file=$FOLDER/dnsmasq.conf --port=0 --interface={SERVER} --bind-interfaces --user=root \
         --leasefile-ro --pid-file=$FOLDER/dnsmasq.pid --log-facility=$FOLDER/server.log --log-dhcp \
         --dhcp-range=192.0.2.10,192.0.2.20,1h --dhcp-range=2001:db8::,static\n"
    )
}

/// Runs the program at the client's end, which must end as expected: the answer over TLS from this address, or a refusal.
fn asked(folder: &Path, servers: &str, over: Option<&str>) {
    write(folder, "expected", over.unwrap_or_default()).unwrap();
    run(folder, servers, "asked::inside").unwrap();
}

#[test]
fn dnsmasq_designates_by_dhcp() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let line = &published("192.0.2.1")["dnsmasq"][0];
    let servers = unbound(folder, None) + &dnsmasq(folder, line);
    asked(folder, &servers, Some(OVER_TLS[0]));
}

#[test]
fn dnsmasq_and_radvd_designate_by_dhcp_v6() {
    program("radvd", "radvd").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let radvd = format!(
        "interface {SERVER} {{ AdvSendAdvert on; AdvOtherConfigFlag on; prefix 2001:db8::/64 {{ }}; }};\n"
    );
    write(folder, "radvd.conf", radvd).unwrap();
    let line = &published("192.0.2.1,2001:db8::1")["dnsmasq"][1];
    let servers = unbound(folder, None)
        + &dnsmasq(folder, line)
        + "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n\
           radvd --config=$FOLDER/radvd.conf --pidfile=$FOLDER/radvd.pid --logmethod=logfile --logfile=$FOLDER/radvd.log\n";
    asked(folder, &servers, Some(OVER_TLS[1]));
}

#[test]
fn kea_designates_by_dhcp() {
    program("kea-dhcp4", "kea-dhcp4-server").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let configuration = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": [SERVER] },
        "lease-database": { "type": "memfile", "persist": false },
        "option-data": [published("192.0.2.1")["kea"][0]],
        "subnet4": [{
            "id": 1,
            "subnet": "192.0.2.0/24",
            "interface": SERVER,
            "pools": [{ "pool": "192.0.2.10 - 192.0.2.20" }],
        }],
    }});
    write(folder, "kea-dhcp4.conf", configuration).unwrap();
    let servers = unbound(folder, None)
        + "export KEA_PIDFILE_DIR=$FOLDER KEA_LOCKFILE_DIR=$FOLDER KEA_LOGGER_DESTINATION=stderr\n\
           kea-dhcp4 -c $FOLDER/kea-dhcp4.conf > $FOLDER/server.log 2>&1 &\n";
    asked(folder, &servers, Some(OVER_TLS[0]));
}

/// Who sends the option says who is to be believed; the certificate still has to be that one's.
#[test]
fn whoever_is_designated_and_is_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let line = &published("192.0.2.1")["dnsmasq"][0];
    let servers = unbound(folder, Some(Fault::WrongName)) + &dnsmasq(folder, line);
    asked(folder, &servers, None);
}

#[test]
#[ignore = "runs inside of a network namespace, started by the tests above"]
fn inside() {
    let folder = PathBuf::from(std::env::var_os("FOLDER").unwrap());
    let expected = std::fs::read_to_string(folder.join("expected")).unwrap();
    let anchors = folder.join("anchors.pem");
    let trace = Trace::of(
        resolvet().unwrap(),
        [
            "query",
            ASKED,
            "--designated",
            "--interface",
            CLIENT,
            "--resolver",
            RESOLVER,
            "--trust-anchors",
            anchors.to_str().unwrap(),
        ],
    )
    .unwrap();
    let told = format!("{}{}", trace.stdout(), trace.stderr());
    let over_tls = OVER_TLS.map(|address| address.parse::<SocketAddr>().unwrap());
    if expected.is_empty() {
        assert_eq!(trace.output.status.code(), Some(5), "{told}");
        assert!(told.contains("name-mismatch"), "{told}");
        assert!(!trace.stdout().contains(ADDRESS), "{told}");
    } else {
        assert_eq!(trace.output.status.code(), Some(0), "{told}");
        assert!(trace.stdout().contains(ADDRESS), "{told}");
        let over = format!("over dot {expected}");
        assert!(trace.stdout().contains(&over), "{told}");
        assert!(trace.octets_to(expected.parse().unwrap()) > 0);
    }
    for leak in trace.in_clear(&over_tls) {
        let is_dhcp = leak.name.is_none() && DHCP.contains(&leak.to.port());
        let is_solicitation = leak.name.is_none() && leak.to.port() == 0;
        let is_lookup = leak.to.to_string() == RESOLVER
            && leak
                .name
                .as_deref()
                .is_some_and(|name| OF_DISCOVERY.contains(&name.to_ascii_lowercase().as_str()));
        assert!(is_dhcp || is_solicitation || is_lookup, "{leak}");
    }
}
