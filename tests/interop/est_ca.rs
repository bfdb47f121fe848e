//! Our EST client at a server that others wrote: est-ca behind socat's or Python's TLS, with a user's password in HTTP Basic. Nobody proves
//! anything by a PAKE there: the device knows the server by the anchor and the name that its administrator configured.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use resolvet::enrolment::{EnrolError, Enroller, NetworkName, Password, Step, Store, User};
use resolvet::{Policies, Recursive};
use resolvet_engine::{Compiler, Engine, Options, PolicySet, Rule};
use resolvet_proto::certificate;
use resolvet_proto::enrolment::est::{Endpoint, Subject, decode};
use resolvet_proto::enrolment::journey::JourneyError;
use resolvet_proto::enrolment::{Anchor, AnchorSource, Enrolment, EstServer, ServerAuthentication};
use resolvet_proto::judgement::{AnchorDatabase, Role, UsageProfile};
use tempfile::TempDir;

use crate::process::{free_address, program};

/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(86_400);
const USER: &str = "gateway-007";
const PASSWORD: &str = "bootstrap-token-of-est-ca";

/// A program that ends with its value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// est-ca, TLS before it, and a device that was told of them.
struct Desk {
    folder: TempDir,
    store: Store,
    network: NetworkName,
    enroller: Enroller,
    _server: Running,
    _tls: Running,
}

/// The programs of this build.
fn programs() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent);
    Ok(folder.context("a test stands in a folder")?.to_owned())
}

fn counterpart() -> Result<PathBuf> {
    let target = programs()?.join("..");
    let program = target.join("est-ca/debug/est-ca-server");
    if !program.is_file() {
        bail!(
            "`{}` is missing: run `cargo build --locked --manifest-path tests/est-ca/Cargo.toml --target-dir target/est-ca`",
            program.display()
        );
    }
    Ok(program)
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + 30 * DAY).into();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Writes an authority, and a certificate by it for `localhost`; answers the authority's.
fn certificates(folder: &Path) -> Result<Vec<u8>> {
    let mut root = params("est-ca's authority");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("authority.key"), key.serialize_pem())?;
    let root = CertifiedIssuer::self_signed(root, key)?;
    std::fs::write(folder.join("authority.pem"), root.pem())?;
    let mut server = params("localhost");
    server.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into()?)];
    server.is_ca = IsCa::ExplicitNoCa;
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &root)?;
    let both = format!("{}{}", certificate.pem(), key.serialize_pem());
    std::fs::write(folder.join("server.pem"), both)?;
    Ok(root.der().to_vec())
}

/// Starts est-ca and says at which port.
fn start_est_ca(folder: &Path) -> Result<(Running, u16)> {
    let child = Command::new(counterpart()?)
        .args(["authority.pem", "authority.key", USER, PASSWORD])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut server = Running(child);
    let output = server.0.stdout.take().context("it has an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let port = line.trim().parse().context("est-ca did not begin")?;
    Ok((server, port))
}

/// Who speaks TLS before est-ca.
#[derive(Clone, Copy)]
enum Tls {
    /// socat, of version 1.3.
    Socat,
    /// Python, of version 1.2; it writes down what names each connection, and what is sent over it.
    Python,
}

impl Tls {
    /// The command that listens at `port` and passes on to `server`.
    fn command(self, port: u16, server: u16) -> Result<Command> {
        let mut command;
        match self {
            Self::Socat => {
                command = Command::new(program("socat", "socat")?);
                command
                    .arg(format!(
                        "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,cert=server.pem,verify=0"
                    ))
                    .arg(format!("TCP:127.0.0.1:{server}"));
            }
            Self::Python => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/tls_1_2.py");
                command = Command::new(program("python3", "python3-venv")?);
                command.arg(script).args([
                    &port.to_string(),
                    "server.pem",
                    &server.to_string(),
                    ".",
                ]);
            }
        }
        Ok(command)
    }
}

/// Starts what speaks TLS and says where.
fn start_tls(tls: Tls, folder: &Path, server: u16) -> Result<(Running, SocketAddr)> {
    let address = free_address()?;
    let mut command = tls.command(address.port(), server)?;
    let tls = Running(command.current_dir(folder).spawn()?);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if TcpStream::connect(address).is_ok() {
            return Ok((tls, address));
        }
        sleep(Duration::from_millis(20));
    }
    bail!("nobody speaks TLS at {address}")
}

/// `pkix` alone, as an authority.
fn policies() -> Result<Policies> {
    let programs = programs()?;
    let mut options = Options::default();
    options.compiler = Compiler::Program {
        path: programs.join("resolvet-compile"),
        arguments: Vec::new(),
    };
    options.cache = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    let engine = Engine::new(options)?;
    let file = programs.join("../policies/pkix.wasm");
    let octets = std::fs::read(file).context("run `cargo xtask policies`")?;
    let mut rule = Rule::new(engine.admit(&octets)?);
    rule.role = Role::Authority;
    let set = PolicySet::new(&engine, &UsageProfile::Strict, vec![rule])?;
    Ok(Policies::new(&engine, set))
}

impl Desk {
    fn behind(tls: Tls) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let anchor = certificates(folder.path())?;
        let (server, port) = start_est_ca(folder.path())?;
        let (tls, address) = start_tls(tls, folder.path(), port)?;
        let store = Store::open(&folder.path().join("enrolments"))?;
        let network: NetworkName = "factory".parse()?;
        let est = EstServer {
            endpoint: Endpoint::new("localhost", address.port())?,
            label: None,
            reference_ids: vec!["localhost".into()],
            authentication: ServerAuthentication::Configured,
            certificate: anchor.as_slice().into(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut known = Enrolment::new(est, AnchorDatabase::Explicit, now);
        known.anchors = vec![Anchor {
            certificate: anchor.as_slice().into(),
            source: AnchorSource::Configured,
        }];
        // est-ca conveys no certificates of peers.
        known.anchors_suffice = true;
        store.save(&network, &known)?;
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let recursive = Recursive::new(nobody, Duration::from_millis(100));
        Ok(Self {
            enroller: Enroller::new(policies()?, recursive)
                .with_subject(Subject::Text(format!("CN={USER}"))),
            folder,
            store,
            network,
            _server: server,
            _tls: tls,
        })
    }

    async fn enrol(&self, password: &str) -> Result<Enrolment, EnrolError> {
        let password = Password::new(password.as_bytes().to_vec().into()).unwrap();
        let enroller = self
            .enroller
            .clone()
            .with_login(User::new(USER, password).unwrap());
        let mut tell = |_: &Step| {};
        enroller.renew(&self.store, &self.network, &mut tell).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn est_ca_gives_its_authority_and_a_certificate() -> Result<()> {
    let desk = Desk::behind(Tls::Socat)?;
    let enrolment = desk.enrol(PASSWORD).await?;
    assert_eq!(enrolment.anchors[0].source, AnchorSource::CaCerts);
    let identity = enrolment.identity.as_ref().context("a certificate")?;
    let facts = certificate::facts(&identity.certificate)?;
    assert_eq!(facts.subject, format!("CN={USER}"));
    // What OpenSSL makes of it: a path from it to the authority.
    std::fs::write(desk.folder.path().join("own.der"), &*identity.certificate)?;
    let openssl = program("openssl", "openssl")?;
    let verified = Command::new(openssl)
        .args(["verify", "-CAfile", "authority.pem", "own.der"])
        .current_dir(desk.folder.path())
        .output()?;
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(said.trim(), "own.der: OK");
    assert_eq!(desk.store.load(&desk.network)?, Some(enrolment));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn est_ca_refuses_a_wrong_password() -> Result<()> {
    let desk = Desk::behind(Tls::Socat)?;
    let before = desk.store.load(&desk.network)?;
    let error = desk.enrol("wrong").await.unwrap_err();
    let EnrolError::Journey(failure) = error else {
        bail!("{error:?}")
    };
    assert!(
        matches!(failure.error, JourneyError::Reply { .. }),
        "{:?}",
        failure.error
    );
    assert_eq!(desk.store.load(&desk.network)?, before);
    Ok(())
}

/// The request is signed over what names its connection: with TLS 1.2 tls-unique (RFC 7030 section 3.5), as OpenSSL has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_tls_1_2_is_bound_by_what_openssl_calls_tls_unique() -> Result<()> {
    let desk = Desk::behind(Tls::Python)?;
    let enrolment = desk.enrol(PASSWORD).await?;
    assert!(enrolment.identity.is_some());
    let mut requests = 0;
    for connection in 0.. {
        let file = |kind| desk.folder.path().join(format!("{connection}.{kind}"));
        // The first connections were made to see whether somebody listens.
        let Ok(unique) = std::fs::read(file("unique")) else {
            if connection > 4 {
                break;
            }
            continue;
        };
        let sent = String::from_utf8(std::fs::read(file("sent"))?)?;
        let Some((_, body)) = sent.split_once("POST /.well-known/est/simpleenroll") else {
            continue;
        };
        let (header, body) = body.split_once("\r\n\r\n").context("a body")?;
        let length = header
            .split("content-length: ")
            .nth(1)
            .context("a length")?;
        let length: usize = length.lines().next().unwrap_or_default().parse()?;
        let body = body.get(..length).context("the whole body")?;
        let request = decode(body.as_bytes(), length)?;
        let is_there = request.windows(unique.len()).any(|part| part == unique);
        assert!(
            is_there,
            "no challengePassword of {}",
            String::from_utf8_lossy(&unique)
        );
        assert_eq!(unique.len(), 16, "base64 of 12 octets");
        requests += 1;
    }
    assert!(requests > 0, "est-ca gave a certificate without a request");
    Ok(())
}
