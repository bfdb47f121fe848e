//! By what this device is attached, as files of its system say.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    FILE_OCTETS, Recognition,
    connection::Connection,
    supplicant::{AuthenticationServer, Port},
};

/// The route is up (`RTF_UP`).
const UP: u32 = 0x1;
/// The route refuses (`RTF_REJECT`).
const REFUSES: u32 = 0x200;
/// Octets of an interface's name.
const NAME_OCTETS: usize = 15;

/// The files of a system.
#[derive(Debug, Clone)]
pub struct System {
    root: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

/// By what a device is attached to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The interface.
    pub interface: String,
    /// NetworkManager's connection.
    pub connection: Option<Connection>,
    /// Who authenticated the network by 802.1X, where wpa_supplicant says.
    pub server: Option<AuthenticationServer>,
    /// Whether wpa_supplicant says that 802.1X succeeded.
    port: Option<bool>,
}

impl System {
    /// The files below another root, of a container for example.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The link over this interface, or over the one of the default route. `None` when there is no such interface.
    #[must_use]
    pub fn link(&self, interface: Option<&str>) -> Option<Link> {
        let interface = match interface {
            Some(interface) => interface.to_owned(),
            None => self.default_route()?,
        };
        // The name becomes part of a path.
        if interface.is_empty()
            || interface.len() > NAME_OCTETS
            || interface.contains('/')
            || interface.starts_with('.')
        {
            return None;
        }
        let index = self.read(&format!("sys/class/net/{interface}/ifindex"))?;
        let connection = Connection::of(&self.root, index.trim().parse().ok()?);
        let port = Port::of(&self.root, &interface);
        Some(Link {
            interface,
            connection,
            server: port.server,
            port: port.authenticated,
        })
    }

    /// The interface that the default route with the least metric leaves by; of IPv4 before IPv6.
    fn default_route(&self) -> Option<String> {
        self.route("proc/net/route", ipv4)
            .or_else(|| self.route("proc/net/ipv6_route", ipv6))
    }

    fn route(&self, file: &str, read: fn(&[&str]) -> Option<(u32, String)>) -> Option<String> {
        let text = self.read(file)?;
        let routes = text.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            read(&fields)
        });
        routes.min().map(|(_, interface)| interface)
    }

    fn read(&self, file: &str) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.root.join(file)).ok()?;
        file.take(FILE_OCTETS).read_to_string(&mut text).ok()?;
        Some(text)
    }
}

/// Metric and interface of a default route in a line of `/proc/net/route`.
fn ipv4(fields: &[&str]) -> Option<(u32, String)> {
    let [
        interface,
        "00000000",
        _,
        flags,
        _,
        _,
        metric,
        "00000000",
        ..,
    ] = fields
    else {
        return None;
    };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    (flags & UP != 0 && flags & REFUSES == 0)
        .then_some((metric.parse().ok()?, (*interface).to_owned()))
}

/// The same in a line of `/proc/net/ipv6_route`, whose numbers are all hexadecimal.
fn ipv6(fields: &[&str]) -> Option<(u32, String)> {
    let [to, "00", _, _, _, metric, _, _, flags, interface] = fields else {
        return None;
    };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let is_default = to.bytes().all(|digit| digit == b'0') && *interface != "lo";
    (is_default && flags & UP != 0 && flags & REFUSES == 0).then_some((
        u32::from_str_radix(metric, 16).ok()?,
        (*interface).to_owned(),
    ))
}

impl Link {
    /// Whether the network proved who it is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        let connection = self.connection.as_ref();
        let by_connection = connection.is_some_and(|it| it.authenticates);
        // What the supplicant says now wins over what the settings ask for.
        (by_connection && self.port != Some(false)) || self.server.is_some()
    }

    /// By what the network of this link is recognised best.
    #[must_use]
    pub fn recognition(&self) -> Recognition {
        match (&self.connection, &self.server) {
            (Some(connection), _) => Recognition::Connection {
                uuid: connection.uuid.clone(),
            },
            (None, Some(server)) => Recognition::AuthenticationServer(server.clone()),
            (None, None) => Recognition::ByName,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixDatagram, thread};

    use resolvet_proto::judgement::NetworkIdentity;
    use tempfile::TempDir;

    use super::*;
    use crate::networks::{TrustedNetwork, identity};

    const UUID: &str = "4f2b1c9e-0d4c-4b57-8f0e-0a3f0f6f7f11";
    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth9\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        wlan0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        wlan0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    fn write(root: &TempDir, file: &str, text: &str) {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A system as NetworkManager leaves it.
    fn system(settings: &str) -> (TempDir, System) {
        let root = tempfile::tempdir().unwrap();
        write(&root, "proc/net/route", ROUTES);
        write(&root, "sys/class/net/wlan0/ifindex", "3\n");
        let device = format!("[device]\nmanaged=1\nconnection-uuid={UUID}\nnm-owned=0\n");
        write(&root, "run/NetworkManager/devices/3", &device);
        write(
            &root,
            "etc/NetworkManager/system-connections/Office.nmconnection",
            &format!("[connection]\nid=Office\nuuid={UUID}\ntype=wifi\n{settings}"),
        );
        let system = System::below(root.path());
        (root, system)
    }

    fn trusted(link: &Link) -> TrustedNetwork {
        TrustedNetwork::new(None, link.recognition(), 0)
    }

    #[test]
    fn a_connection_that_authenticates_is_told_from_one_that_does_not() {
        let (_root, system) = system("[802-1x]\neap=tls;\nca-cert=/etc/ssl/office.pem\n");
        let link = system.link(None).unwrap();
        assert_eq!(link.interface, "wlan0");
        assert!(link.is_authenticated());
        let network = trusted(&link);
        assert_eq!(
            identity(&network, Some(&link)),
            Some(NetworkIdentity::Authenticated)
        );
        assert_eq!(identity(&network, None), None);

        let (_root, open) = self::system("[wifi]\nssid=Office\n");
        let link = open.link(None).unwrap();
        assert!(!link.is_authenticated());
        assert_eq!(
            identity(&trusted(&link), Some(&link)),
            Some(NetworkIdentity::Named)
        );
    }

    #[test]
    fn another_connection_is_another_network() {
        let (root, system) = system("");
        let network = trusted(&system.link(None).unwrap());
        write(
            &root,
            "run/NetworkManager/devices/3",
            "[device]\nconnection-uuid=9d0c\n",
        );
        let link = system.link(None).unwrap();
        assert_eq!(identity(&network, Some(&link)), None);
    }

    #[test]
    fn without_a_network_manager_the_user_alone_names_the_network() {
        let root = tempfile::tempdir().unwrap();
        let system = System::below(root.path());
        assert_eq!(system.link(None), None);
        write(
            &root,
            "proc/net/ipv6_route",
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
             00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n\
             00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
             fe80000000000000000000000000ffff 00000400 00000001 00000000 00000003     eth0\n",
        );
        write(&root, "sys/class/net/eth0/ifindex", "2\n");
        let link = system.link(None).unwrap();
        assert_eq!((link.interface.as_str(), &link.connection), ("eth0", &None));
        assert_eq!(link.recognition(), Recognition::ByName);
    }

    #[test]
    fn an_interface_is_no_way_out_of_its_folder() {
        let (_root, system) = system("");
        for name in ["../wlan0", "..", "", "a/b", "a-name-that-is-too-long"] {
            assert_eq!(system.link(Some(name)), None, "{name}");
        }
    }

    /// Answers as wpa_supplicant does, to so many questions.
    fn supplicant(root: &TempDir, state: &'static str, questions: usize) -> thread::JoinHandle<()> {
        let folder = root.path().join("run/wpa_supplicant");
        fs::create_dir_all(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("wlan0")).unwrap();
        thread::spawn(move || {
            for _ in 0..questions {
                let mut question = [0; 256];
                let (length, from) = socket.recv_from(&mut question).unwrap();
                let answer = match &question[..length] {
                    b"STATUS" => format!(
                        "bssid=02:00:00:00:01:00\nssid=Office\nid=0\nmode=station\nkey_mgmt=WPA2/IEEE 802.1X/EAP\n\
                         wpa_state=COMPLETED\nSupplicant PAE state=AUTHENTICATED\nsuppPortStatus=Authorized\n\
                         EAP state={state}\nselectedMethod=25 (EAP-PEAP)\n"
                    ),
                    b"GET_NETWORK 0 ca_cert" => "\"/etc/ssl/office.pem\"".into(),
                    b"GET_NETWORK 0 domain_suffix_match" => "\"radius.example.net\"".into(),
                    _ => "FAIL\n".into(),
                };
                socket.send_to_addr(answer.as_bytes(), &from).unwrap();
            }
        })
    }

    #[test]
    fn the_server_of_802_1x_tells_the_network() {
        let root = tempfile::tempdir().unwrap();
        write(&root, "proc/net/route", ROUTES);
        write(&root, "sys/class/net/wlan0/ifindex", "3\n");
        let answers = supplicant(&root, "SUCCESS", 3);
        let link = System::below(root.path()).link(None).unwrap();
        answers.join().unwrap();
        let Recognition::AuthenticationServer(server) = link.recognition() else {
            panic!("{link:?}")
        };
        assert_eq!(server.authority, "/etc/ssl/office.pem");
        assert_eq!(server.name.as_deref(), Some("radius.example.net"));
        let network = trusted(&link);
        assert_eq!(
            identity(&network, Some(&link)),
            Some(NetworkIdentity::Authenticated)
        );
        let (_root, elsewhere) = system("");
        assert_eq!(identity(&network, elsewhere.link(None).as_ref()), None);
    }

    #[test]
    fn a_failure_of_802_1x_wins_over_what_the_settings_ask_for() {
        let (root, system) = system("[802-1x]\neap=tls;\nca-cert=/etc/ssl/office.pem\n");
        let answers = supplicant(&root, "FAILURE", 1);
        let link = system.link(None).unwrap();
        answers.join().unwrap();
        assert!(!link.is_authenticated());
    }
}
