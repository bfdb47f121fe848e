//! Servers that Avahi announces on a link of its own (RFC 6762).

use std::net::SocketAddr;
use std::time::Duration;

use resolvet::Recursive;
use resolvet::enrolment::{Interfaces, Link, Search};
use resolvet_proto::enrolment::journey::Service;

use crate::namespace::{CLIENT, SERVER, run};
use crate::process::{program, write};

/// One service in Avahi's form; the SRV record's priority is always 0 there.
fn service(name: &str, kind: &str, port: u16) -> String {
    format!(
        "<?xml version=\"1.0\" standalone='no'?><!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\n\
         <service-group><name>{name}</name><service><type>{kind}</type><port>{port}</port></service></service-group>\n"
    )
}

#[test]
fn avahi_s_announcements_are_found() {
    program("avahi-daemon", "avahi-daemon").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("services")).unwrap();
    let est = service("EST of floor 1.5", "_est._tcp", 8_443);
    write(folder.path(), "services/est.service", est).unwrap();
    let proxy = service("Proxy", "_brski-proxy._tcp", 9_443);
    write(folder.path(), "services/proxy.service", proxy).unwrap();
    let configuration = format!(
        "[server]\nhost-name=lab\nallow-interfaces={SERVER}\nenable-dbus=no\n[rlimits]\n[publish]\n"
    );
    write(folder.path(), "avahi-daemon.conf", configuration).unwrap();
    let servers = "mount --bind $FOLDER /etc/avahi\n\
         mkdir -p /run/avahi-daemon\n\
         avahi-daemon --no-drop-root --no-chroot --no-rlimits --daemonize --syslog \
         --file=/etc/avahi/avahi-daemon.conf >$FOLDER/server.log 2>&1";
    run(folder.path(), servers, "link_avahi::inside").unwrap();
}

#[tokio::test]
#[ignore = "runs inside of a network namespace, started by the test above"]
async fn inside() {
    let link = Link::listen(Interfaces::Named(vec![CLIENT.to_owned()])).unwrap();
    let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let search = Search::new(Recursive::new(nobody, Duration::from_millis(100))).on_link(link);
    for (service, expected) in [
        (Service::Est, "https://lab.local:8443"),
        (Service::Brski, "https://lab.local:9443"),
    ] {
        // Avahi asks for a while whether its names are free before it answers.
        let mut found = search.find(service).await;
        for _ in 0..8 {
            if found.is_err() {
                found = search.find(service).await;
            }
        }
        let found = found.unwrap();
        assert_eq!(found[0].endpoint.to_string(), expected);
        let addresses = search.addresses(&found[0].endpoint).await.unwrap();
        let four: SocketAddr = format!("192.0.2.1:{}", found[0].endpoint.port())
            .parse()
            .unwrap();
        assert!(addresses.contains(&four), "{addresses:?}");
        assert!(addresses[0].is_ipv6(), "{addresses:?}");
    }
}
