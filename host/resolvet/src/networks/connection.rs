//! Connections of NetworkManager, from its key files.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::FILE_OCTETS;

/// Files of connections that are looked through.
const FILES: usize = 1_024;
/// Where NetworkManager keeps connections.
const FOLDERS: [&str; 2] = [
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
];

/// A connection that is active.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// What NetworkManager tells it by.
    pub uuid: String,
    /// Whether its settings let nobody but the right network authenticate itself: a VPN, or 802.1X whose server is verified.
    /// `false` too where the settings cannot be read, as they mostly can by the system's administrator alone.
    pub authenticates: bool,
}

impl Connection {
    /// The connection that is active on the interface of this index.
    pub(super) fn of(root: &Path, index: u32) -> Option<Self> {
        let device = read(&root.join(format!("run/NetworkManager/devices/{index}")))?;
        let uuid = value(&device, "device", "connection-uuid")?.to_owned();
        let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        if uuid.is_empty() || uuid.len() > 64 || !uuid.bytes().all(good) {
            return None;
        }
        let settings = settings(root, &uuid);
        Some(Self {
            authenticates: settings.is_some_and(|settings| authenticates(&settings)),
            uuid,
        })
    }
}

/// The file of the connection with this UUID, if it can be read.
fn settings(root: &Path, uuid: &str) -> Option<String> {
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries.take(FILES).flatten() {
            if let Some(text) = read(&entry.path())
                && value(&text, "connection", "uuid") == Some(uuid)
            {
                return Some(text);
            }
        }
    }
    None
}

/// Whether a connection with these settings stands only when the network proved who it is.
fn authenticates(settings: &str) -> bool {
    let kind = value(settings, "connection", "type").unwrap_or_default();
    if matches!(kind, "vpn" | "wireguard") {
        return true;
    }
    let port = |key| value(settings, "802-1x", key);
    let Some(methods) = port("eap") else {
        return false;
    };
    // A connection that goes on without it proves nothing.
    if port("optional") == Some("true") {
        return false;
    }
    // By EAP-pwd both sides prove the password, without a certificate.
    let mut methods = methods.split(';').filter(|method| !method.is_empty());
    if methods.all(|method| method == "pwd") {
        return true;
    }
    let names_server = [
        "domain-suffix-match",
        "domain-match",
        "subject-match",
        "altsubject-matches",
    ];
    let names_server = names_server.iter().any(|key| port(key).is_some());
    let own_authority = port("ca-cert").or(port("ca-path")).is_some();
    // Of the authorities that the system came with, any certifies anybody.
    own_authority || (port("system-ca-certs") == Some("true") && names_server)
}

/// A key's value in a section of a key file; an empty one counts as none.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            inside = name.strip_suffix(']') == Some(section);
        } else if inside
            && let Some((found, value)) = line.split_once('=')
            && found.trim_end() == key
        {
            return Some(value.trim_start()).filter(|value| !value.is_empty());
        }
    }
    None
}

fn read(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(FILE_OCTETS).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIFI: &str = "[connection]\nid=Office\nuuid=4f2\ntype=wifi\n\n[wifi]\nssid=Office\n";

    #[test]
    fn only_what_verifies_the_network_authenticates_it() {
        for (port, expected) in [
            ("", false),
            ("[wifi-security]\nkey-mgmt=wpa-psk\npsk=secret\n", false),
            ("[802-1x]\neap=peap;\n", false),
            ("[802-1x]\neap=peap;\nca-cert=/etc/ssl/office.pem\n", true),
            ("[802-1x]\neap=peap;\nca-cert=\n", false),
            ("[802-1x]\neap=tls;\nsystem-ca-certs=true\n", false),
            (
                "[802-1x]\neap=tls;\nsystem-ca-certs=true\ndomain-suffix-match=example.net\n",
                true,
            ),
            (
                "[802-1x]\neap=tls;\nca-cert=/etc/ssl/office.pem\noptional=true\n",
                false,
            ),
            ("[802-1x]\neap=pwd;\n", true),
            ("[802-1x]\neap=pwd;peap;\n", false),
        ] {
            assert_eq!(authenticates(&format!("{WIFI}{port}")), expected, "{port}");
        }
        assert!(authenticates("[connection]\nuuid=1\ntype=wireguard\n"));
        assert!(!authenticates("[connection]\nuuid=1\ntype=ethernet\n"));
    }

    #[test]
    fn a_key_counts_in_its_section_alone() {
        let text = "[wifi]\nuuid=other\n[connection]\n# uuid=comment\nuuid = right\nuuid=late\n";
        assert_eq!(value(text, "connection", "uuid"), Some("right"));
        assert_eq!(value(text, "vpn", "uuid"), None);
        assert_eq!(value("uuid=1", "connection", "uuid"), None);
    }
}
