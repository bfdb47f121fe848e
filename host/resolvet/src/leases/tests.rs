use std::{fs, net::Ipv4Addr};

use super::*;

/// A root folder with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn names<'a>(domains: impl IntoIterator<Item = &'a DomainName>) -> Vec<&'a str> {
    let domains = domains.into_iter();
    domains.map(DomainName::without_dot).collect()
}

/// As systemd-networkd 257 writes it.
const NETWORKD: &str = "\
# This is private data. Do not parse.
ADDRESS=192.168.1.77
NETMASK=255.255.255.0
ROUTER=192.168.1.1
SERVER_ADDRESS=192.168.1.1
NEXT_SERVER=192.168.1.1
T1=1800
T2=3150
LIFETIME=3600
DNS=192.168.1.1
DOMAINNAME=corp.example
DOMAIN_SEARCH_LIST=eng.corp.example corp.example
HOSTNAME=laptop
CLIENTID=ff405663a200020000ab11332859494d7a8b4c
OPTION_245=624c3620
DNR=192.168.1.2:853#dns.corp.example
";

#[test]
fn networkd_s_leases_are_read() {
    let root = root(&[
        ("run/systemd/netif/leases/2", NETWORKD),
        (
            "run/systemd/netif/leases/.#3abc",
            "DOMAINNAME=half.example\n",
        ),
    ]);
    let leases = read(root.path());
    let [lease] = leases.as_slice() else {
        panic!("{leases:?}")
    };
    assert_eq!(lease.keeper, Keeper::Networkd);
    assert_eq!(lease.interface.as_deref(), Some("2"));
    assert_eq!(lease.address, Some((Ipv4Addr::new(192, 168, 1, 77), 24)));
    assert_eq!(
        names(lease.domains()),
        ["corp.example", "eng.corp.example", "corp.example"]
    );
    assert_eq!(lease.options, [(245, b"bL6 ".to_vec())]);
    assert!(
        lease
            .resolvers
            .as_deref()
            .unwrap()
            .contains("#dns.corp.example")
    );
    assert_eq!(
        names(&domains(&leases)),
        ["corp.example", "eng.corp.example"]
    );
}

/// A device's file with what DHCP said, and one of an older version beside the leases of two networks.
#[test]
fn network_manager_s_leases_are_those_of_the_active_connection() {
    let root = root(&[
        (
            "run/NetworkManager/devices/2",
            "# This is private data. Do not parse.\n[device]\nmanaged=true\nconnection-uuid=aaaa-1\n\
             domain_name=no.example\n\n[dhcp4]\ndomain_name=wired.example\ndomain_search=a.example\\sb.example\n\
             ip_address=10.0.0.9\nsubnet_mask=255.0.0.0\n",
        ),
        (
            "run/NetworkManager/devices/3",
            "[device]\nmanaged=true\nconnection-uuid=bbbb-2\n",
        ),
        (
            "var/lib/NetworkManager/internal-bbbb-2-wlan0.lease",
            "# This is private data. Do not parse.\nADDRESS=172.16.5.4\nNETMASK=255.255.0.0\nDOMAINNAME=wifi.example\n",
        ),
        (
            "var/lib/NetworkManager/internal-cccc-3-wlan0.lease",
            "ADDRESS=172.16.5.4\nDOMAINNAME=yesterday.example\n",
        ),
        (
            "var/lib/NetworkManager/dhclient-bbbb-2-wlan1.lease",
            "lease {\n  interface \"wlan1\";\n  option domain-name \"dhclient.example\";\n}\n",
        ),
        (
            "var/lib/NetworkManager/secret_key",
            "DOMAINNAME=x.example\n",
        ),
    ]);
    let leases = read(root.path());
    assert_eq!(
        names(&domains(&leases)),
        [
            "wired.example",
            "a.example",
            "b.example",
            "dhclient.example",
            "wifi.example"
        ]
    );
    assert_eq!(leases[0].address, Some((Ipv4Addr::new(10, 0, 0, 9), 8)));
    assert_eq!(leases[2].interface.as_deref(), Some("wlan0"));
    assert_eq!(leases[2].address, Some((Ipv4Addr::new(172, 16, 5, 4), 16)));
}

const DHCLIENT: &str = r#"default-duid "\000\001";
lease {
  interface "eth0";
  fixed-address 10.1.2.3;
  option subnet-mask 255.255.255.0;
  option domain-name "yesterday.example";
  renew 3 2026/11/25 11:00:00;
}
lease {
  interface "eth0";
  fixed-address 10.1.2.4;
  option subnet-mask 255.255.255.128;
  option domain-name "plant.example annex.example";
  option domain-search "a.plant.example", "b.plant.example";
  option unknown-162 0:4:0:1:1:61;
  option unknown-163 "a\001\\b";
  renew 3 2026/11/25 12:00:00;
}
"#;

#[test]
fn dhclient_s_last_lease_holds() {
    let root = root(&[
        ("var/lib/dhcp/dhclient.eth0.leases", DHCLIENT),
        (
            "var/lib/dhcp/other.leases",
            "lease {\n option domain-name \"x.example\";\n}\n",
        ),
    ]);
    let leases = read(root.path());
    let [lease] = leases.as_slice() else {
        panic!("{leases:?}")
    };
    assert_eq!(
        names(lease.domains()),
        [
            "plant.example",
            "annex.example",
            "a.plant.example",
            "b.plant.example"
        ]
    );
    assert_eq!(lease.address, Some((Ipv4Addr::new(10, 1, 2, 4), 25)));
    assert_eq!(
        lease.options,
        [
            (162, vec![0, 4, 0, 1, 1, 0x61]),
            (163, b"a\x01\\b".to_vec())
        ]
    );
}

#[test]
fn designated_resolvers_are_given_as_they_came() {
    let root = root(&[("var/lib/dhcp/dhclient.leases", DHCLIENT)]);
    let option = read(root.path())[0].network_option().unwrap();
    assert_eq!(
        (option.carrier, &*option.data),
        (Carrier::DhcpV4, [0, 4, 0, 1, 1, 0x61].as_slice())
    );
}

/// A client that does not know the option keeps it as it came, pointers included.
#[test]
fn a_search_list_that_was_kept_raw_is_read() {
    let raw = "lease {\n  option unknown-119 3:65:6e:67:5:61:70:70:6c:65:3:63:6f:6d:0:4:6d:61:6b:65:c0:4;\n}\n";
    let root = root(&[("var/lib/dhclient/dhclient.lease", raw)]);
    assert_eq!(
        names(&domains(&read(root.path()))),
        ["eng.apple.com", "make.apple.com"]
    );
}

#[test]
fn resolv_conf_comes_last() {
    let root = root(&[
        (
            "etc/resolv.conf",
            "domain old.example\nnameserver 192.0.2.1\nsearch home.example corp.example\n",
        ),
        ("run/systemd/netif/leases/2", NETWORKD),
    ]);
    assert_eq!(
        names(&domains(&read(root.path()))),
        ["corp.example", "eng.corp.example", "home.example"]
    );
}

#[test]
fn nonsense_says_nothing_and_no_file_is_too_long() {
    let long = format!("DOMAINNAME={}.example\n", "a".repeat(70_000));
    let many = "DOMAIN_SEARCH_LIST=".to_owned()
        + &(0..500)
            .map(|n| format!("d{n}.example "))
            .collect::<String>();
    let root = root(&[
        ("run/systemd/netif/leases/1", &long),
        ("run/systemd/netif/leases/2", &many),
        (
            "run/systemd/netif/leases/3",
            "DOMAINNAME=*.example\nDOMAIN_SEARCH_LIST=. 192.0.2.1 a..b \u{fffd}\nOPTION_256=00\nOPTION_7=0\n",
        ),
        (
            "var/lib/dhcp/dhclient.leases",
            "lease {\n  option domain-name",
        ),
        ("etc/resolv.conf", "search\n"),
    ]);
    let leases = read(root.path());
    assert_eq!(domains(&leases).len(), DOMAINS);
    assert!(
        leases.iter().all(|lease| lease.options.is_empty()),
        "{leases:?}"
    );
    assert_eq!(read(&root.path().join("nowhere")), []);
}
