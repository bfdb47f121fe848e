//! The ClientHello encrypted (RFC 9849) for a server that others wrote: BoringSSL's, before a resolver in clear text. Every octet that
//! passes is kept, so that it can be seen that the server's name is not among them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hickory_proto::rr::{RData, RecordType, rdata::NULL};
use resolvet_proto::discovery::{DomainName, svcb::Params};
use resolvet_tests::lab::ca::Leaf;
use resolvet_tests::lab::dns::absolute;
use resolvet_tests::lab::{Lab, Options};
use tempfile::TempDir;

use crate::process::{free_address, program, resolvet, write};

const DOMAIN: &str = "example.net";
/// What an observer sees.
const PUBLIC: &str = "public.example";
/// The name that is asked for.
const ASKED: &str = "www.example.net";
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A key for encrypted ClientHellos, and its configuration alone and as a list.
struct Key {
    private: PathBuf,
    configuration: PathBuf,
    list: Vec<u8>,
}

impl Key {
    fn new(folder: &Path, id: u8) -> Result<Self> {
        let file = |kind: &str| folder.join(format!("{kind}-{id}"));
        let (private, configuration, list) = (file("key"), file("configuration"), file("list"));
        let status = Command::new(program("bssl-tool", "android-boringssl")?)
            .args(["generate-ech", "-public-name", PUBLIC, "-config-id"])
            .arg(id.to_string())
            .arg("-out-private-key")
            .arg(&private)
            .arg("-out-ech-config")
            .arg(&configuration)
            .arg("-out-ech-config-list")
            .arg(&list)
            .status()?;
        ensure!(status.success(), "no key was made: {status}");
        let list = std::fs::read(list)?;
        Ok(Self {
            private,
            configuration,
            list,
        })
    }
}

/// A domain whose SVCB record leads to a server through a recorder.
struct Place {
    lab: Lab,
    address: SocketAddr,
    passed: Passed,
    server: SocketAddr,
    folder: TempDir,
}

/// What clients sent, a connection each.
type Passed = Arc<Mutex<Vec<Vec<u8>>>>;

impl Place {
    /// The certificate has these names; the record has these configurations.
    fn new(names: &[&str], list: impl FnOnce(&Path) -> Result<Vec<u8>>) -> Result<Self> {
        let leaf = Leaf {
            dns_ids: names.iter().map(|&name| name.to_owned()).collect(),
            ..Leaf::good(DOMAIN)
        };
        let lab = Lab::start(Options::new().servers(DOMAIN, vec![leaf]))?;
        let folder = tempfile::tempdir()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, server) = (listener.local_addr()?, free_address()?);
        let params = Params::new()
            .with_alpn(&["dot"])
            .with_port(address.port())
            .with_ech(&list(folder.path())?);
        let target = DomainName::parse("a.example.net").map_err(anyhow::Error::msg)?;
        let params = params.encode().map_err(anyhow::Error::msg)?;
        let rdata = NULL::with([&[0, 1][..], &target.to_wire(), &params].concat());
        let code = RecordType::from(64);
        let origin = absolute(DOMAIN)?;
        lab.dns().responder().change_zone(&origin, |zone| {
            zone.remove("@", RecordType::NAPTR)?;
            zone.add("_dns", 300, RData::Unknown { code, rdata })
                .map(|_| ())
        })?;
        let passed = Passed::default();
        record(listener, server, Arc::clone(&passed));
        Ok(Self {
            lab,
            address,
            passed,
            server,
            folder,
        })
    }

    fn file(&self, name: &str, text: String) -> Result<PathBuf> {
        write(self.folder.path(), name, text)
    }

    /// BoringSSL's server with this key, or with none.
    fn serve(&self, key: Option<&Key>) -> Result<Bssl> {
        let identity = &self.lab.site().servers()[0].identity;
        let log = self.folder.path().join("bssl.log");
        let mut command = Command::new(program("bssl-tool", "android-boringssl")?);
        command
            .args(["server", "-loop", "-accept"])
            .arg(self.server.port().to_string())
            .arg("-cert")
            .arg(self.file("chain.pem", identity.chain_pem())?)
            .arg("-key")
            .arg(self.file("key.pem", identity.key_pem())?);
        if let Some(key) = key {
            command.arg("-ech-key").arg(&key.private);
            command.arg("-ech-config").arg(&key.configuration);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?);
        let mut child = command.spawn()?;
        // What it reads out of TLS is DNS over TCP, with the same lengths before messages (RFC 7858 section 3.3).
        let resolver = TcpStream::connect(self.lab.resolver())?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        copy(output.context("its output")?, resolver.try_clone()?);
        copy(resolver, input.context("its input")?);
        Ok(Bssl { child, log })
    }

    /// Runs the program with this command before the rest.
    fn run(&self, command: &[&str]) -> Result<Output> {
        let identity = &self.lab.site().servers()[0].identity;
        let anchors = self.file("anchors.pem", self.lab.authority().root_pem())?;
        let end_entity = self.file("end-entity.pem", identity.conveyed_pem())?;
        let output = Command::new(resolvet()?)
            .args(command)
            .arg("--resolver")
            .arg(self.lab.resolver().to_string())
            .arg("--trust-anchors")
            .arg(anchors)
            .arg("--end-entity")
            .arg(end_entity)
            .output()?;
        Ok(output)
    }

    fn ask(&self) -> Result<Output> {
        self.run(&["query", ASKED, "A", "--via", DOMAIN])
    }

    /// How many connections came; in none of them the domain was named.
    fn connections(&self) -> Result<usize> {
        let passed = self
            .passed
            .lock()
            .map_err(|_| anyhow::anyhow!("the recorder failed"))?;
        for octets in passed.iter() {
            ensure!(has(octets, PUBLIC), "the public name is missing");
            ensure!(!has(octets, DOMAIN), "the domain was named");
        }
        Ok(passed.len())
    }
}

fn has(octets: &[u8], name: &str) -> bool {
    octets
        .windows(name.len())
        .any(|window| window == name.as_bytes())
}

/// Passes connections on, and keeps what clients send.
fn record(listener: TcpListener, server: SocketAddr, passed: Passed) {
    spawn(move || {
        for client in listener.incoming() {
            let client = client?;
            let server = connected(server)?;
            let number = {
                let mut passed = passed.lock().map_err(|_| io::ErrorKind::Other)?;
                passed.push(Vec::new());
                passed.len() - 1
            };
            let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
            let kept = Arc::clone(&passed);
            spawn(move || {
                let mut octets = [0; 4_096];
                while let Ok(count @ 1..) = from.read(&mut octets) {
                    if let Ok(mut kept) = kept.lock() {
                        kept[number].extend_from_slice(&octets[..count]);
                    }
                    if to.write_all(&octets[..count]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
            });
            copy(server, client);
        }
        Ok::<(), io::Error>(())
    });
}

fn connected(server: SocketAddr) -> io::Result<TcpStream> {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(server) {
            Err(_) if begin.elapsed() < PATIENCE => sleep(Duration::from_millis(20)),
            tried => return tried,
        }
    }
}

fn copy(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    spawn(move || {
        let mut octets = [0; 4_096];
        while let Ok(count @ 1..) = from.read(&mut octets) {
            if to
                .write_all(&octets[..count])
                .and_then(|()| to.flush())
                .is_err()
            {
                return;
            }
        }
    });
}

/// A server that runs until this value is dropped.
struct Bssl {
    child: Child,
    log: PathBuf,
}

impl Bssl {
    /// What it told of each connection.
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Bssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(output: &Output) -> String {
    let text = |octets| String::from_utf8_lossy(octets).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn answered(output: &Output) -> Result<()> {
    let told = told(output);
    ensure!(
        output.status.success() && told.contains("192.0.2."),
        "{told}"
    );
    Ok(())
}

#[test]
fn the_name_is_not_sent_in_clear_text() -> Result<()> {
    let mut key = None;
    let place = Place::new(&[DOMAIN, PUBLIC], |folder| {
        let made = key.insert(Key::new(folder, 1)?);
        Ok(made.list.clone())
    })?;
    let server = place.serve(key.as_ref())?;
    answered(&place.ask()?)?;
    assert_eq!(place.connections()?, 1);
    let log = server.log();
    ensure!(log.contains("Encrypted ClientHello: yes"), "{log}");

    let output = place.run(&["explain", DOMAIN])?;
    let told = told(&output);
    ensure!(
        told.contains(&format!("an observer sees `{PUBLIC}`")),
        "{told}"
    );
    Ok(())
}

/// RFC 9849 section 6.1.6: configurations that a server gives who proves to be the public name's are used, once.
#[test]
fn a_server_that_changed_its_key_is_asked_once_more() -> Result<()> {
    let place = Place::new(&[DOMAIN, PUBLIC], |folder| Ok(Key::new(folder, 1)?.list))?;
    let key = Key::new(place.folder.path(), 2)?;
    let server = place.serve(Some(&key))?;
    answered(&place.ask()?)?;
    assert_eq!(place.connections()?, 2);
    let log = server.log();
    ensure!(log.contains("Encrypted ClientHello: yes"), "{log}");
    Ok(())
}

/// Its configurations are an attacker's, as far as anybody knows.
#[test]
fn a_server_that_is_not_the_public_names_is_not_asked_again() -> Result<()> {
    let place = Place::new(&[DOMAIN], |folder| Ok(Key::new(folder, 1)?.list))?;
    let key = Key::new(place.folder.path(), 2)?;
    let _server = place.serve(Some(&key))?;
    refused(&place)
}

/// A server that knows nothing of it: the name is not sent in clear text instead.
#[test]
fn a_server_that_does_not_read_it_is_not_used() -> Result<()> {
    let place = Place::new(&[DOMAIN, PUBLIC], |folder| Ok(Key::new(folder, 1)?.list))?;
    let _server = place.serve(None)?;
    let output = refused(&place);
    let told = told(&place.ask()?);
    ensure!(told.contains("refused the encrypted ClientHello"), "{told}");
    output
}

fn refused(place: &Place) -> Result<()> {
    let output = place.ask()?;
    if output.status.success() {
        bail!("{}", told(&output));
    }
    assert_eq!(place.connections()?, 1, "{}", told(&output));
    let address: IpAddr = place.address.ip();
    ensure!(
        told(&output).contains(&address.to_string()),
        "{}",
        told(&output)
    );
    let asked = absolute(ASKED)?;
    ensure!(
        !place.lab.dns().journal().asked_for(&asked),
        "it was asked in clear text"
    );
    Ok(())
}
