//! Servers that others wrote, each with the lab's certificate, over every transport that it speaks: Unbound, Knot Resolver,
//! dnsdist, socat with OpenSSL before Unbound, and a server of aioquic's.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::ca::{Authority, Fault, Identity, Leaf, pem};
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
pub(crate) struct Place {
    authority: Authority,
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

impl Files {
    fn write(
        place: &Path,
        transport: &Transport,
        authority: &Authority,
        identity: &Identity,
    ) -> Result<Self> {
        Ok(Self {
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
        })
    }
}

impl Place {
    /// A zone that leads to this transport alone, authoritative and recursive servers in clear text, and what an enrolment
    /// conveys.
    pub(crate) fn new(transport: Transport) -> Result<Self> {
        let authority = Authority::new()?;
        let identity = authority.issue(&Leaf::good(DOMAIN))?;
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
        let files = Files::write(place, &transport, &authority, &identity)?;
        Ok(Self {
            authority,
            identity,
            nsd,
            resolver,
            transport,
            address,
            files,
            _folder: folder,
        })
    }

    /// What servers that are started from now on present: a certificate with this fault, or a good one.
    pub(crate) fn present(&mut self, fault: Option<Fault>) -> Result<()> {
        let leaf = Leaf::good(DOMAIN);
        self.identity = self.authority.issue(&match fault {
            Some(fault) => leaf.with(fault),
            None => leaf,
        })?;
        let (place, transport) = (&self.files.place, &self.transport);
        self.files = Files::write(place, transport, &self.authority, &self.identity)?;
        Ok(())
    }

    /// Gives the program lists that revoke what is presented.
    pub(crate) fn revoke(&self) -> Result<()> {
        let lists = self.authority.crls(&[&self.identity])?;
        let lists = lists.map(|list| pem("X509 CRL", &list)).concat();
        write(&self.files.place, "crls.pem", lists)?;
        let configuration = std::fs::read_to_string(&self.files.configuration)?;
        let configuration = format!("{configuration}revocation-lists = [\"crls.pem\"]\n");
        std::fs::write(&self.files.configuration, configuration)?;
        Ok(())
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
    pub(crate) fn answers(&self) -> Result<()> {
        let trace = self.ask()?;
        let told = format!("{}: {}{}", self.transport, trace.stdout(), trace.stderr());
        let over = format!("over {} {}", self.transport, self.address);
        if !trace.stdout().contains(ADDRESS) || !trace.stdout().contains(&over) {
            bail!("{told}");
        }
        Ok(())
    }

    /// It ends with this exit code and says this on standard error; there is no answer, and nothing leaked.
    pub(crate) fn refuses(&self, exit: i32, says: &str) -> Result<()> {
        let trace = self.ask()?;
        let told = format!("{}: {}{}", self.transport, trace.stdout(), trace.stderr());
        let is_answered = trace.stdout().contains(ADDRESS) || self.was_asked();
        let is_said = trace.stderr().contains(says);
        if trace.output.status.code() != Some(exit) || is_answered || !is_said {
            bail!("expected {exit} and `{says}`: {told}");
        }
        Ok(())
    }

    /// Whether the resolver in clear text knows the name that was asked for: behind DTLS and QUIC it would be asked.
    fn was_asked(&self) -> bool {
        self.resolver.was_asked_for(ASKED)
    }

    pub(crate) fn knot_resolver(&self) -> Result<Server> {
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

    pub(crate) fn dnsdist(&self) -> Result<Server> {
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

    pub(crate) fn unbound(&self) -> Result<Unbound> {
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
    pub(crate) fn socat(&self) -> Result<Running> {
        self.socat_at(self.address)
    }

    /// The same at another address than the one that the zone has.
    pub(crate) fn socat_at(&self, address: SocketAddr) -> Result<Running> {
        let listen = format!(
            "OPENSSL-DTLS-SERVER:{},bind=127.0.0.1,reuseaddr,cert={},key={},verify=0,openssl-min-proto-version=DTLS1.2,fork",
            address.port(),
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
        Running::once(child, || udp_is_bound(address))
    }

    /// Where its server is, by the zone.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// tlslite-ng's TLS, which signs with whichever key it is given. It asks nobody.
    pub(crate) fn tlslite(&self) -> Result<Running> {
        let protocol = self.kind("dot", "h2")?;
        let child = Command::new(python()?)
            .arg(script("tlslite_server.py"))
            .arg(self.address.port().to_string())
            .args([&self.files.chain, &self.files.key])
            .arg(protocol)
            .stdin(Stdio::null())
            .spawn()?;
        Running::once(child, || TcpListener::bind(self.address).is_err())
    }

    /// aioquic's DNS over QUIC and over HTTP/3.
    pub(crate) fn aioquic(&self) -> Result<Running> {
        let child = Command::new(python()?)
            .arg(script("aioquic_server.py"))
            .arg(self.address.port().to_string())
            .args([&self.files.chain, &self.files.key])
            .arg(self.resolver.address().port().to_string())
            .stdin(Stdio::null())
            .spawn()?;
        Running::once(child, || udp_is_bound(self.address))
    }
}

/// A program that runs until this value is dropped.
pub(crate) struct Running(Child);

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

/// One of our scripts.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("interop")
        .join(name)
}

/// A Python with aioquic and tlslite-ng, in a folder of the build's; installed at its first use.
fn python() -> Result<PathBuf> {
    static INSTALLED: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = INSTALLED.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aioquic");
    let python = folder.join("bin/python");
    let has = |python: &Path| {
        let mut import = Command::new(python);
        let status = import
            .args(["-c", "import aioquic, tlslite"])
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
    let packages = ["aioquic==1.7.2", "tlslite-ng==0.8.2"];
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(packages))?;
    Ok(python)
}

#[test]
fn unbound_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport)?;
        let _server = place.unbound()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn knot_resolver_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport)?;
        let _server = place.knot_resolver()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn dnsdist_answers_over_tls_and_https() -> Result<()> {
    for transport in [Transport::Dot, Transport::Doh] {
        let place = Place::new(transport)?;
        let _server = place.dnsdist()?;
        place.answers()?;
    }
    Ok(())
}

#[test]
fn openssl_answers_over_dtls() -> Result<()> {
    let place = Place::new(Transport::Dtls)?;
    let _server = place.socat()?;
    place.answers()
}

#[test]
fn aioquic_answers_over_quic_and_http_3() -> Result<()> {
    for transport in [Transport::Doq, Transport::Doh3] {
        let place = Place::new(transport)?;
        let _server = place.aioquic()?;
        place.answers()?;
    }
    Ok(())
}
