//! The daemon on a device that enrolled: it comes back to its network, and obeys what the owner says besides.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use resolvet_tests::lab::{ask, ca::pem};
use serde_json::Value;

use crate::device::{DOMAIN, Device};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// Dropping it kills it.
struct Daemon {
    child: Child,
    control: PathBuf,
}

impl Daemon {
    /// On a device, which has no configuration but where the daemon is reached, and this.
    fn start(device: &Device, network: &str) -> Self {
        configure(device, network);
        let folder = device.folder.path();
        let child = Command::new(env!("CARGO_BIN_EXE_resolvetd"))
            .arg("--config")
            .arg(folder.join("resolvet.toml"))
            .arg("--store")
            .arg(device.store())
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env_remove("NOTIFY_SOCKET")
            .spawn()
            .unwrap();
        Self {
            child,
            control: folder.join("control/socket"),
        }
    }

    /// What it says, when it does.
    fn status(&self) -> Option<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .args(["status", "--format", "json", "--control"])
            .arg(&self.control)
            .output()
            .unwrap();
        let answered = output.status.success();
        answered.then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Asks until the answer has this code, and gives the status of after it.
    fn answers_with(&self, code: ResponseCode) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            let came = status.as_ref().map(|status| {
                let address = status["listen"][0].as_str().unwrap();
                asked(address.parse().unwrap())
            });
            if came == Some(code) {
                // The answer may have waited for the first server, which the status of before did not know.
                return self.status().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{came:?} {status:#?}");
            sleep(LOOK);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn configure(device: &Device, network: &str) {
    let text = format!(
        "version = \"v1\"\n[network]\nresolver = \"{}\"\n{network}\n\
         [daemon]\nlisten = [\"127.0.0.1:0\"]\ncontrol = \"control/socket\"\nstate = \"state\"\n",
        device.resolver()
    );
    let folder = device.folder.path();
    fs::write(folder.join("beside.toml"), text).unwrap();
    fs::rename(folder.join("beside.toml"), folder.join("resolvet.toml")).unwrap();
}

fn asked(address: SocketAddr) -> ResponseCode {
    let query = ask::query(7, "www.example.net", RecordType::A).unwrap();
    let answer = Message::from_vec(&ask::udp(address, &query).unwrap()).unwrap();
    answer.metadata.response_code
}

#[test]
fn a_device_that_enrolled_is_answered_over_its_networks_server_until_that_is_revoked() {
    let device = Device::new();
    device.enrol();
    let daemon = Daemon::start(&device, "");
    let status = daemon.answers_with(ResponseCode::NoError);
    assert_eq!(status["network"], DOMAIN, "{status:#}");
    assert_eq!(status["server"]["authenticated"], true, "{status:#}");
    let server = &device.lab.site().servers()[0].identity;
    let lists = device.lab.authority().crls(&[server]).unwrap();
    let lists = lists.map(|list| pem("X509 CRL", &list));
    fs::write(device.folder.path().join("revoked.pem"), lists.concat()).unwrap();
    configure(&device, "revocation-lists = [\"revoked.pem\"]");
    daemon.answers_with(ResponseCode::ServFail);
    configure(&device, "");
    daemon.answers_with(ResponseCode::NoError);
}
