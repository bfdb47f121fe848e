//! A lab, a configuration in a folder of its own, and the daemon over both.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RecordType, rdata::opt::EdnsOption},
};
use resolvet_tests::lab::{Lab, Options, ask};
use serde_json::Value;
use tempfile::TempDir;

/// How long something that must come is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// A name that the lab's server knows.
pub(crate) const ASKED: &str = "www.example.net";
/// The policies that the program carries, as a configuration writes them.
pub(crate) const DEFAULTS: &str = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n";
/// The same with a pin that no server has.
pub(crate) const STRICTER: &str = "[[policy]]\nname = \"pkix\"\nrole = \"authority\"\nsettings = { spki-pins = [\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"] }\n";

/// Where everything of one test is.
pub(crate) struct Home {
    pub(crate) lab: Lab,
    folder: TempDir,
    /// Whether the daemon looks at its files itself.
    watch: bool,
    /// Whom policies from files are believed by, as a configuration writes it.
    trust: String,
    /// Further keys of the section `daemon`.
    keys: &'static str,
}

/// A running daemon; dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
    control: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(Options::new())
    }

    pub(crate) fn with(options: Options) -> Self {
        let home = Self {
            lab: Lab::start(options).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            watch: true,
            trust: "signature-required = false".into(),
            keys: "",
        };
        // Another user must reach the control socket.
        fs::set_permissions(home.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        home.lab.write_files(home.folder.path()).unwrap();
        fs::create_dir(home.path("policies")).unwrap();
        home.configure(DEFAULTS);
        home
    }

    /// The same, where files alone change nothing.
    pub(crate) fn unwatched(mut self) -> Self {
        self.watch = false;
        self.configure(DEFAULTS);
        self
    }

    /// The same, where policies from files must be signed by this key; revisions are kept in the folder `revisions`.
    pub(crate) fn signed(mut self, public_key: &str) -> Self {
        self.trust = format!("keys = [\"{public_key}\"]\nrevisions = \"revisions\"");
        self.configure(DEFAULTS);
        self
    }

    /// The same with further keys of the section `daemon`.
    pub(crate) fn with_keys(mut self, keys: &'static str) -> Self {
        self.keys = keys;
        self.configure(DEFAULTS);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the configuration by one with these policies, as an editor does: another file takes its name.
    pub(crate) fn configure(&self, policies: &str) {
        self.configure_with("", policies);
    }

    /// The same with further keys of the section `network`.
    pub(crate) fn configure_with(&self, network: &str, policies: &str) {
        let text = format!(
            "version = \"v1\"\n[network]\nresolver = \"{}\"\ntrust-anchors = \"anchors.pem\"\nend-entity = [\"example.net.end-entity.pem\"]\n{network}\n\
             [daemon]\ndomain = \"example.net\"\nlisten = [\"127.0.0.1:0\"]\ncontrol = \"control/socket\"\nstate = \"state\"\nwatch = {}\n{}\n\
             [policies]\nfolder = \"policies\"\n{}\n{policies}",
            self.lab.resolver(),
            self.watch,
            self.keys,
            self.trust
        );
        fs::write(self.path("beside.toml"), text).unwrap();
        fs::rename(self.path("beside.toml"), self.path("resolvet.toml")).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resolvetd"));
        command
            .arg("--config")
            .arg(self.path("resolvet.toml"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self) -> Daemon {
        self.started(self.command())
    }

    /// Starts the daemon with its log in the file `log`, where tests read it while it runs.
    pub(crate) fn start_logging(&self) -> Daemon {
        let mut command = self.command();
        command.stderr(fs::File::create(self.path("log")).unwrap());
        self.started(command)
    }

    /// The line of the file `log` that has this text.
    pub(crate) fn logged(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let log = fs::read_to_string(self.path("log")).unwrap();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "`{text}` is not in {log}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Starts this command and waits until it answers on its control socket.
    pub(crate) fn started(&self, mut command: Command) -> Daemon {
        let mut daemon = Daemon {
            child: command.spawn().unwrap(),
            control: self.path("control/socket"),
        };
        let began = Instant::now();
        while !daemon.resolvet(&["status"]).status.success() {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                let log = fs::read_to_string(self.path("log")).unwrap_or_default();
                panic!("{status}: {}{log}", daemon.log());
            }
            assert!(began.elapsed() < PATIENCE, "the daemon does not answer");
            sleep(Duration::from_millis(50));
        }
        daemon
    }
}

impl Daemon {
    /// Runs `resolvet` with these words about this daemon.
    pub(crate) fn resolvet(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_resolvet"))
            .args(words)
            .arg("--control")
            .arg(&self.control)
            .output()
            .unwrap()
    }

    pub(crate) fn control(&self) -> &Path {
        &self.control
    }

    /// What `resolvet policy WORDS` answers as JSON; it must be done.
    pub(crate) fn policy(&self, words: &[&str]) -> Value {
        let output = self.resolvet(&[&["policy", "--format", "json"], words].concat());
        assert!(output.status.success(), "{output:?}");
        document(&output)
    }

    /// The code for which `resolvet policy WORDS` is refused.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.resolvet(&[&["policy", "--format", "json"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        document(&output)["code"].as_str().unwrap().to_owned()
    }

    /// Waits until `resolvet policy status` is as wanted.
    pub(crate) fn life_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let life = self.policy(&["status"]);
            if wanted(&life) {
                return life;
            }
            assert!(began.elapsed() < PATIENCE, "{life:#}");
            sleep(Duration::from_millis(50));
        }
    }

    /// What `resolvet policy history` tells last.
    pub(crate) fn last_entry(&self) -> Value {
        let history = self.policy(&["history"]);
        let last = history["entries"].as_array().unwrap().last();
        last.unwrap_or_else(|| panic!("{history:#}")).clone()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn status(&self) -> Value {
        document(&self.resolvet(&["status", "--format", "json"]))
    }

    /// Waits until the status is as wanted.
    pub(crate) fn status_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{status:#}");
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let status = self.status();
        status["listen"][0].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn ask(&self) -> Message {
        ask_at(self.address())
    }

    /// Asks until the answer has this code.
    pub(crate) fn ask_until(&self, code: ResponseCode) -> Message {
        let began = Instant::now();
        loop {
            let message = self.ask();
            if message.metadata.response_code == code {
                return message;
            }
            assert!(began.elapsed() < PATIENCE, "{message:?}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &process])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end: the exit code and what was logged.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        (status.code(), self.log())
    }

    fn log(&mut self) -> String {
        let mut log = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut log).unwrap();
        }
        log
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A component that `cargo xtask policies` built.
pub(crate) fn built(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("policies").join(name)
}

/// A case that ships with the policy `preference`.
pub(crate) fn shipped_case() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/preference/cases");
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let cases = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    cases.min().unwrap()
}

/// The same policy as another component: a section that says nothing is added.
pub(crate) fn variant(name: &str, number: u8) -> Vec<u8> {
    let mut octets = fs::read(built(name)).unwrap();
    octets.extend([0, 6, 4]);
    octets.extend(b"name");
    octets.push(number);
    octets
}

/// The component under another name that is no longer: spaces stand for what its manifest is shorter by.
pub(crate) fn renamed(mut octets: Vec<u8>, name: &str) -> Vec<u8> {
    let field = b"{\"manifest\":1,\"name\":\"";
    let mut windows = octets.windows(field.len());
    let begin = windows.position(|window| window == field).unwrap() + field.len();
    let length = octets[begin..].iter().position(|&octet| octet == b'"');
    let length = length.unwrap();
    let text = format!("{name}\"{}", " ".repeat(length - name.len()));
    octets[begin..=begin + length].copy_from_slice(text.as_bytes());
    octets
}

/// Asks over UDP for the address of [`ASKED`].
pub(crate) fn ask_at(address: SocketAddr) -> Message {
    let query = ask::query(4_711, ASKED, RecordType::A).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&query.to_vec().unwrap(), address).unwrap();
    let mut buffer = [0; 4_096];
    let (length, _) = loop {
        match socket.recv_from(&mut buffer) {
            // The machine was held and let go.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => break received.unwrap(),
        }
    };
    Message::from_vec(&buffer[..length]).unwrap()
}

/// The text of a message's Extended DNS Error.
pub(crate) fn extended_error(message: &Message) -> Option<String> {
    let edns = message.edns.as_ref()?;
    let mut options = edns.options().as_ref().iter();
    options.find_map(|(code, option)| match option {
        EdnsOption::Unknown(_, data) if u16::from(*code) == 15 => {
            String::from_utf8(data[2..].to_vec()).ok()
        }
        _ => None,
    })
}

pub(crate) fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}
