//! What wpa_supplicant says of 802.1X, over its control interface.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Where the control sockets are, one for each interface.
const FOLDER: &str = "run/wpa_supplicant";
/// How long an answer may take: it comes from a process of this machine.
const PATIENCE: Duration = Duration::from_secs(1);
/// Octets of an answer.
const ANSWER_OCTETS: usize = 4_096;

/// The server that authenticated the network by 802.1X, as the settings of wpa_supplicant tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AuthenticationServer {
    /// Whose certificates it must have: `ca_cert`.
    pub authority: String,
    /// Which name it must have: `domain_suffix_match` or `domain_match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is known of an interface's port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Port {
    /// Whether EAP has succeeded; `None` where nobody says.
    pub(super) authenticated: Option<bool>,
    /// By whom.
    pub(super) server: Option<AuthenticationServer>,
}

impl Port {
    /// Asks the supplicant of an interface. One that is not there or not to be asked by this user says nothing.
    pub(super) fn of(root: &Path, interface: &str) -> Self {
        let path = root.join(FOLDER).join(interface);
        let ask = |question: &str| ask(&path, question);
        let Some(status) = ask("STATUS") else {
            return Self::default();
        };
        let said = |key: &str| {
            let mut lines = status.lines().filter_map(|line| line.split_once('='));
            lines.find(|(found, _)| *found == key).map(|(_, it)| it)
        };
        let succeeded =
            said("wpa_state") == Some("COMPLETED") && said("EAP state") == Some("SUCCESS");
        let number = said("id").filter(|id| id.bytes().all(|octet| octet.is_ascii_digit()));
        let setting = |key: &str| {
            let answer = ask(&format!("GET_NETWORK {} {key}", number?))?;
            let value = answer.trim().trim_matches('"').to_owned();
            let is_set = !value.is_empty() && value != "FAIL" && value != "UNKNOWN COMMAND";
            is_set.then_some(value)
        };
        let server = succeeded.then(|| {
            Some(AuthenticationServer {
                authority: setting("ca_cert")?,
                name: setting("domain_suffix_match").or_else(|| setting("domain_match")),
            })
        });
        Self {
            authenticated: Some(succeeded),
            server: server.flatten(),
        }
    }
}

/// An answer of the control interface, a datagram for a datagram.
fn ask(path: &Path, question: &str) -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // The answer goes to the address of who asks: one without a file, so that none is left behind.
    let name = format!("resolvet-{}-{number}", process::id());
    let own = SocketAddr::from_abstract_name(name).ok()?;
    let socket = UnixDatagram::bind_addr(&own).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    socket.connect(path).ok()?;
    socket.send(question.as_bytes()).ok()?;
    let mut answer = vec![0; ANSWER_OCTETS];
    let length = socket.recv(&mut answer).ok()?;
    answer.truncate(length);
    String::from_utf8(answer).ok()
}
