//! Servers that others wrote, each with the lab's certificate, over every transport that it speaks: Unbound, Knot Resolver,
//! dnsdist, socat with OpenSSL before Unbound, and a server of aioquic's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::ca::{Authority, Fault, Identity, Leaf};
use resolvet_tests::lab::dns::{Endpoint, Zone};
use tempfile::TempDir;

use crate::network::DOMAIN;
use crate::nsd::Nsd;
use crate::process::{Server, free_address, program, resolvet, write};
use crate::trace::Trace;
use crate::unbound::Unbound;

/// How long a port may stay closed after a server was started.
const PATIENCE: Duration = Duration::from_secs(20);
/// The path of every web server's URI template.
const TEMPLATE: &str = "/dns-query{?dns}";
/// The name that is asked for: Figure 2's zone has it, and discovery never asks for it.
const ASKED: &str = "www.example.net";
const ADDRESS: &str = "192.0.2.80";

/// A domain whose server speaks one transport, at a port that was chosen before: the zone has it.
struct Place {
    identity: Identity,
    nsd: Nsd,
    resolver: Unbound,
    transport: Transport,
    address: SocketAddr,
    files: Files,
    _folder: TempDir,
}

/// What programs read.
struct Files {
    chain: PathBuf,
    key: PathBuf,
    trust_anchors: PathBuf,
    end_entity: PathBuf,
    configuration: PathBuf,
    place: PathBuf,
}

impl Place {
    /// A zone that leads to this transport alone, authoritative and recursive servers in clear text, and what an enrolment
    /// conveys.
    fn new(transport: Transport, fault: Option<Fault>) -> Result<Self> {
        let authority = Authority::new()?;
        let leaf = Leaf::good(DOMAIN);
        let identity = authority.issue(&match fault {
            Some(fault) => leaf.with(fault),
            None => leaf,
        })?;
        let address = free_address()?;
        let endpoint = Endpoint {
            host: "a".to_owned(),
            addresses: vec![address.ip()],
            port: address.port(),
        };
        let mut zone = Zone::figure_2(DOMAIN, &[endpoint])?;
        let alpn = match transport {
            Transport::Doh => Some("h2"),
            Transport::Doh3 => Some("h3"),
            Transport::Doq => Some("doq"),
            _ => None,
        };
        if let Some(alpn) = alpn {
            let path = (alpn != "doq").then_some(TEMPLATE);
            zone.svcb("_dns", 1, "a", &[alpn], address.port(), path)?;
        }
        let nsd = Nsd::start(&[zone])?;
        let resolver = Unbound::recursive(DOMAIN, nsd.address())?;
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        let files = Files {
            chain: write(place, "chain.pem", identity.chain_pem())?,
            key: write(place, "key.pem", identity.key_pem())?,
            trust_anchors: write(place, "anchors.pem", authority.root_pem())?,
            end_entity: write(place, "end-entity.pem", identity.conveyed_pem())?,
            configuration: write(
                place,
                "resolvet.toml",
                format_args!("version = \"v1\"\n[network]\ntransports = [\"{transport}\"]\n"),
            )?,
            place: place.to_owned(),
        };
        Ok(Self {
            identity,
            nsd,
            resolver,
            transport,
            address,
            files,
            _folder: folder,
        })
    }

    /// Asks over it with the program, and sees that nothing but discovery's lookups left in clear text.
    fn ask(&self) -> Result<Trace> {
        let trace = Trace::of(
            resolvet()?,
            [
                "query".as_ref(),
                ASKED.as_ref(),
                "A".as_ref(),
                "--via".as_ref(),
                DOMAIN.as_ref(),
                "--resolver".as_ref(),
                self.resolver.address().to_string().as_ref() as &std::ffi::OsStr,
                "--config".as_ref(),
                self.files.configuration.as_ref(),
                "--trust-anchors".as_ref(),
                self.files.trust_anchors.as_ref(),
                "--end-entity".as_ref(),
                self.files.end_entity.as_ref(),
            ],
        )?;
        for leak in trace.in_clear(&[self.address]) {
            let name = leak
                .name
                .as_deref()
                .unwrap_or_default()
                .to_ascii_lowercase();
            if leak.to != self.resolver.address() || name.trim_end_matches('.') == ASKED {
                bail!("{leak}");
            }
        }
        if trace.octets_to(self.address) == 0 {
            bail!("nothing was sent to {}", self.address);
        }
        Ok(trace)
    }

    /// The answer comes over this transport.
    fn answers(&self) -> Result<()> {
        let trace = self.ask()?;
        let told = format!("{}: {}{}", self.transport, trace.stdout(), trace.stderr());
        let over = format!("over {} {}", self.transport, self.address);
        if !trace.stdout().contains(ADDRESS) || !trace.stdout().contains(&over) {
            bail!("{told}");
        }
        Ok(())
    }

    /// It is not authenticated: exit code 5, and nothing leaked.
    fn refuses(&self) -> Result<()> {
        let trace = self.ask()?;
        let told = format!("{}: {}{}", self.transport, trace.stdout(), trace.stderr());
        if trace.output.status.code() != Some(5) || trace.stdout().contains(ADDRESS) {
            bail!("{told}");
        }
        Ok(())
    }

    fn knot_resolver(&self) -> Result<Server> {
        let (kresd, kind) = (
            program("kresd", "knot-resolver")?,
            self.kind("tls", "doh2")?,
        );
        let (address, authority) = (self.address, self.nsd.address());
        let (server, _) = Server::start(&self.files.place, DOMAIN, |port| {
            let text = format!(
                "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n\
                 net.listen('127.0.0.1', {}, {{ kind = '{kind}' }})\n\
                 net.tls('{}', '{}')\n\
                 modules = {{ 'policy', 'hints > iterate' }}\n\
                 modules.unload('detect_time_skew'); modules.unload('detect_time_jump'); modules.unload('priming')\n\
                 cache.size = 10*MB\n\
                 trust_anchors.remove('.')\n\
                 policy.add(policy.all(policy.STUB('{}@{}')))\n",
                address.port(),
                self.files.chain.display(),
                self.files.key.display(),
                authority.ip(),
                authority.port(),
            );
            let configuration = write(&self.files.place, "kresd.conf", text)?;
            let mut command = Command::new(&kresd);
            command
                .args(["-n", "-c"])
                .arg(configuration)
                .arg(&self.files.place);
            Ok(command)
        })?;
        Ok(server)
    }

    fn dnsdist(&self) -> Result<Server> {
        let dnsdist = program("dnsdist", "dnsdist")?;
        let (address, authority) = (self.address, self.nsd.address());
        let (chain, key) = (self.files.chain.display(), self.files.key.display());
        let listen = match self.transport {
            Transport::Doh => {
                format!("addDOHLocal('{address}', '{chain}', '{key}', '/dns-query')")
            }
            _ => format!("addTLSLocal('{address}', '{chain}', '{key}', {{ provider='openssl' }})"),
        };
        let (server, _) = Server::start(&self.files.place, DOMAIN, |port| {
            let text = format!(
                "setLocal('127.0.0.1:{port}')\n{listen}\n\
                 newServer({{ address='{authority}', checkName='{DOMAIN}.' }})\n\
                 setSecurityPollSuffix('')\nsetACL('127.0.0.0/8')\n"
            );
            let configuration = write(&self.files.place, "dnsdist.conf", text)?;
            let mut command = Command::new(&dnsdist);
            command
                .args(["--supervised", "--disable-syslog", "-C"])
                .arg(configuration);
            Ok(command)
        })?;
        Ok(server)
    }

    /// A word for each of TLS and HTTPS.
    fn kind(&self, tls: &'static str, https: &'static str) -> Result<&'static str> {
        match self.transport {
            Transport::Dot => Ok(tls),
            Transport::Doh => Ok(https),
            ref other => bail!("it does not speak `{other}`"),
        }
    }

    fn unbound(&self) -> Result<Unbound> {
        match self.transport {
            Transport::Doh => {
                Unbound::doh(DOMAIN, self.nsd.address(), self.address, &self.identity)
            }
            _ => Unbound::dot(
                DOMAIN,
                self.nsd.address(),
                self.address,
                &self.identity,
                &[],
            ),
        }
    }

    /// OpenSSL's DTLS before a resolver in clear text (RFC 8094 has no length before a message, so datagrams pass as they
    /// are).
    fn socat(&self) -> Result<Running> {
        let listen = format!(
            "OPENSSL-DTLS-SERVER:{},bind=127.0.0.1,reuseaddr,cert={},key={},verify=0,openssl-min-proto-version=DTLS1.2,fork",
            self.address.port(),
            self.files.chain.display(),
            self.files.key.display(),
        );
        let child = Command::new(program("socat", "socat")?)
            .args([
                "-T",
                "30",
                &listen,
                &format!("UDP4:{}", self.resolver.address()),
            ])
            .stdin(Stdio::null())
            .spawn()?;
        Running::once(child, || udp_is_bound(self.address))
    }

    /// aioquic's DNS over QUIC and over HTTP/3.
    fn aioquic(&self) -> Result<Running> {
        let python = aioquic()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/aioquic_server.py");
        let child = Command::new(python)
            .arg(script)
            .arg(self.address.port().to_string())
            .args([&self.files.chain, &self.files.key])
            .arg(self.resolver.address().port().to_string())
            .stdin(Stdio::null())
            .spawn()?;
        Running::once(child, || udp_is_bound(self.address))
    }
}

/// A program that runs until this value is dropped.
struct Running(Child);

impl Running {
    /// Waits until it is ready.
    fn once(child: Child, is_ready: impl Fn() -> bool) -> Result<Self> {
        let mut running = Self(child);
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = running.0.try_wait()? {
                bail!("it ended with {status}");
            }
            if is_ready() {
                return Ok(running);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("it was not ready within {PATIENCE:?}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether somebody listens for datagrams there.
fn udp_is_bound(address: SocketAddr) -> bool {
    std::net::UdpSocket::bind(address).is_err()
}

/// A Python with aioquic, in a folder of the build's; installed at its first use.
fn aioquic() -> Result<PathBuf> {
    static INSTALLED: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = INSTALLED.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aioquic");
    let python = folder.join("bin/python");
    let has = |python: &Path| {
        let mut import = Command::new(python);
        let status = import
            .args(["-c", "import aioquic"])
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if has(&python) {
        return Ok(python);
    }
    let run = |command: &mut Command| -> Result<()> {
        let output = command.output()?;
        if !output.status.success() {
            bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    };
    run(Command::new(program("python3", "python3")?)
        .args(["-m", "venv"])
        .arg(&folder))
    .context("install Debian's package `python3-venv`")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "aioquic==1.7.2"]))?;
    Ok(python)
}

#[test]
fn unbound_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport, None)?;
        let _server = place.unbound()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn knot_resolver_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport, None)?;
        let _server = place.knot_resolver()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn dnsdist_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport, None)?;
        let _server = place.dnsdist()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn openssl_answers_over_dtls() -> Result<()> {
    let place = Place::new(Transport::Dtls, None)?;
    let _server = place.socat()?;
    place.answers()
}

#[test]
fn aioquic_answers_over_quic_and_http_3() -> Result<()> {
    for transport in [Transport::Doq, Transport::Doh3] {
        let place = Place::new(transport, None)?;
        let _server = place.aioquic()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn the_wrong_certificate_is_refused_over_each_and_nothing_leaks() -> Result<()> {
    for fault in [Fault::Expired, Fault::WrongName, Fault::WrongIssuer] {
        for transport in [
            Transport::Doh,
            Transport::Dtls,
            Transport::Doq,
            Transport::Doh3,
        ] {
            let place = Place::new(transport.clone(), Some(fault))?;
            let told = format!("{fault} over {transport}");
            match transport {
                Transport::Doh => {
                    let _server = place.unbound()?;
                    place.refuses().context(told)?;
                }
                Transport::Dtls => {
                    let _server = place.socat()?;
                    place.refuses().context(told)?;
                }
                _ => {
                    let _server = place.aioquic()?;
                    place.refuses().context(told)?;
                }
            }
        }
    }
    Ok(())
}
