//! Registries to deliver from: Debian's, and one of our own that does what it should not.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use resolvet::registry::Artefact;
use resolvet_engine::provenance::Source;
use resolvet_tests::lab::ca::Identity;
use tempfile::TempDir;

use crate::running::PATIENCE;

/// Debian's `docker-registry`; dropping it ends it.
pub(crate) struct Registry {
    child: Child,
    address: SocketAddr,
    /// By which name its certificate knows it, where it has one.
    name: &'static str,
    _folder: TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with("127.0.0.1", "", None)
    }

    /// A registry that proves by this certificate that it is `localhost`.
    pub(crate) fn over_tls(identity: &Identity) -> Self {
        let tls = "  tls:\n    certificate: FOLDER/chain.pem\n    key: FOLDER/key.pem\n";
        Self::with("localhost", tls, Some(identity))
    }

    /// A registry that gives nothing to whom it does not know: `fleet` with the password `correct horse`.
    pub(crate) fn guarded() -> Self {
        let guard = "auth:\n  htpasswd:\n    realm: fleet\n    path: FOLDER/passwords\n";
        Self::with("127.0.0.1", guard, None)
    }

    fn with(name: &'static str, keys: &str, identity: Option<&Identity>) -> Self {
        let program = ["/usr/bin/docker-registry", "/usr/local/bin/docker-registry"];
        let program = program.into_iter().find(|path| fs::exists(path).unwrap());
        let program = program.expect("install Debian's package `docker-registry`");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        // Of that password, by bcrypt.
        let hash = "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
        fs::write(folder.path().join("passwords"), format!("fleet:{hash}\n")).unwrap();
        if let Some(identity) = identity {
            fs::write(folder.path().join("chain.pem"), identity.chain_pem()).unwrap();
            fs::write(folder.path().join("key.pem"), identity.key_pem()).unwrap();
        }
        let keys = keys.replace("FOLDER", &path.to_string());
        // A port may be taken by another before the registry has it.
        for _ in 0..3 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let config = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {path}/storage\n\
                 http:\n  addr: {address}\n{keys}"
            );
            fs::write(folder.path().join("config.yml"), config).unwrap();
            let mut child = Command::new(program)
                .arg("serve")
                .arg(folder.path().join("config.yml"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if answers(&mut child, address) {
                return Self {
                    child,
                    address,
                    name,
                    _folder: folder,
                };
            }
        }
        panic!("the registry does not start");
    }

    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }
}

fn answers(child: &mut Child, address: SocketAddr) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// What a hostile registry does with the requests for one artefact.
#[derive(Clone)]
pub(crate) struct Behaviour {
    pub(crate) manifest: Reply,
    pub(crate) component: Reply,
    /// What it says to `/token`.
    pub(crate) token: Reply,
    /// Nothing is given to who does not show this in `Authorization`; others are asked for what this says.
    pub(crate) guard: Option<(String, String)>,
}

/// One way to answer.
#[derive(Clone)]
pub(crate) enum Reply {
    /// With a status, further header fields, and a body.
    Octets(u16, String, Vec<u8>),
    /// With the beginning of an answer, and then nothing for ever.
    Hang,
    /// With so many octets, whose number is not told before.
    Flood(u64),
    /// With so many octets, slowly, a few at a time.
    Drip(u64),
}

/// A registry that does what it should not; it lives as long as the process.
pub(crate) struct Hostile {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    sent: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Behaviour {
    /// What a registry does that delivers this.
    pub(crate) fn good(source: &Source) -> Self {
        let (artefact, _) = Artefact::make(source, Default::default()).unwrap();
        let found = |octets: &[u8]| Reply::Octets(200, String::new(), octets.to_vec());
        Self {
            manifest: found(artefact.manifest()),
            component: found(artefact.component()),
            token: Reply::Octets(404, String::new(), Vec::new()),
            guard: None,
        }
    }
}

impl Reply {
    /// The same, after another place was looked at.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::Octets(307, format!("location: {to}\r\n"), Vec::new())
    }
}

impl Hostile {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hostile = Self {
            address: listener.local_addr().unwrap(),
            behaviour: Arc::new(Mutex::new(behaviour)),
            sent: Arc::default(),
            requests: Arc::default(),
        };
        let (behaviour, sent) = (Arc::clone(&hostile.behaviour), Arc::clone(&hostile.sent));
        let requests = Arc::clone(&hostile.requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (behaviour, sent) = (behaviour.lock().unwrap().clone(), Arc::clone(&sent));
                let requests = Arc::clone(&requests);
                thread::spawn(move || {
                    // Who asks goes away where too much comes.
                    let _gone = answer(stream.unwrap(), &behaviour, &sent, &requests);
                });
            }
        });
        hostile
    }

    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    /// Octets of bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Heads of the requests that came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    stream: TcpStream,
    behaviour: &Behaviour,
    sent: &AtomicU64,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    requests.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let asked_for = behaviour.guard.as_ref().and_then(|(wanted, challenge)| {
        let shown = head.to_ascii_lowercase();
        (!shown.contains(&wanted.to_ascii_lowercase())).then_some(challenge)
    });
    let guarded;
    let reply = match (path.as_str(), asked_for) {
        (path, _) if path.starts_with("/token") => &behaviour.token,
        (_, Some(challenge)) => {
            let field = format!("www-authenticate: {challenge}\r\n");
            guarded = Reply::Octets(401, field, Vec::new());
            &guarded
        }
        (path, None) if path.contains("/manifests/") => &behaviour.manifest,
        _ => &behaviour.component,
    };
    let mut stream = stream;
    match reply {
        Reply::Octets(status, fields, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{fields}\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
            sent.fetch_add(length as u64, Ordering::Relaxed);
        }
        Reply::Hang => {
            stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 5\r\n\r\n{")?;
            // Until who asked goes away.
            reader.read_to_end(&mut Vec::new())?;
        }
        Reply::Flood(octets) => {
            stream.write_all(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let part = vec![b' '; 1 << 16];
            for _ in 0..octets.div_ceil(1 << 16) {
                stream.write_all(b"10000\r\n")?;
                stream.write_all(&part)?;
                stream.write_all(b"\r\n")?;
                sent.fetch_add(1 << 16, Ordering::Relaxed);
            }
            stream.write_all(b"0\r\n\r\n")?;
        }
        Reply::Drip(octets) => {
            let head = format!("HTTP/1.1 200 x\r\ncontent-length: {octets}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            for _ in 0..*octets {
                stream.write_all(b" ")?;
                sent.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
    Ok(())
}
