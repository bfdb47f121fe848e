//! A network that proves who it is by 802.1X: hostapd asks, wpa_supplicant answers, on a wire of their own.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use resolvet::networks::{Link, Recognition, System, TrustedNetwork, identity};
use resolvet_proto::judgement::NetworkIdentity;
use resolvet_tests::lab::ca::{Authority, Leaf};

use crate::namespace::{CLIENT, SERVER, run};
use crate::process::{program, write};

/// The name of the server that authenticates.
const NAME: &str = "radius.example.net";
/// How long the two may take: wpa_supplicant begins when it is asked for the second time.
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn a_network_is_recognised_by_the_server_that_authenticated_it() {
    program("hostapd", "hostapd").unwrap();
    program("wpa_supplicant", "wpasupplicant").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let server = authority.issue(&Leaf::good(NAME)).unwrap();
    let place = folder.path();
    let file = |name: &str, content: &str| write(place, name, content).unwrap();
    let ca = file("ca.pem", &authority.root_pem());
    let chain = file("server.pem", &server.chain_pem());
    let key = file("server.key", &server.key_pem());
    let users = file(
        "users",
        "\"alice\" TTLS\n\"alice\" TTLS-PAP \"secret\" [2]\n",
    );
    file(
        "hostapd.conf",
        &format!(
            "interface={SERVER}\ndriver=wired\nieee8021x=1\neapol_version=2\neap_server=1\nuse_pae_group_addr=1\n\
             eap_user_file={}\nca_cert={}\nserver_cert={}\nprivate_key={}\n",
            users.display(),
            ca.display(),
            chain.display(),
            key.display()
        ),
    );
    file(
        "supplicant.conf",
        &format!(
            "ctrl_interface=/run/wpa_supplicant\nap_scan=0\nnetwork={{\n  key_mgmt=IEEE8021X\n  eap=TTLS\n  \
             identity=\"alice\"\n  password=\"secret\"\n  ca_cert=\"{}\"\n  domain_suffix_match=\"{NAME}\"\n  \
             phase2=\"auth=PAP\"\n  eapol_flags=0\n}}\n",
            ca.display()
        ),
    );
    let servers = "hostapd -B -f $FOLDER/server.log $FOLDER/hostapd.conf";
    run(place, servers, "dot1x::inside").unwrap();
}

#[test]
#[ignore = "runs inside of a network namespace, started by the test above"]
fn inside() {
    let folder = std::env::var("FOLDER").unwrap();
    let system = System::default();
    let before = system.link(Some(CLIENT)).unwrap();
    assert!(!before.is_authenticated());
    assert_eq!(before.recognition(), Recognition::ByName);
    let started = Command::new(program("wpa_supplicant", "wpasupplicant").unwrap())
        .args(["-B", "-i", CLIENT, "-D", "wired", "-c"])
        .arg(format!("{folder}/supplicant.conf"))
        .arg("-f")
        .arg(format!("{folder}/supplicant.log"))
        .status()
        .unwrap();
    assert!(started.success());
    let begin = Instant::now();
    let link = loop {
        let link = system.link(Some(CLIENT)).unwrap();
        if link.is_authenticated() {
            break link;
        }
        assert!(begin.elapsed() < PATIENCE, "{link:?}");
        sleep(Duration::from_millis(100));
    };
    let Recognition::AuthenticationServer(server) = link.recognition() else {
        unreachable!("{link:?}")
    };
    assert_eq!(server.authority, format!("{folder}/ca.pem"));
    assert_eq!(server.name.as_deref(), Some(NAME));
    let network = TrustedNetwork::new(None, link.recognition(), 0);
    let known = |link: &Link| identity(&network, Some(link));
    assert_eq!(known(&link), Some(NetworkIdentity::Authenticated));
    assert_eq!(known(&before), None, "it is another network without it");
}
