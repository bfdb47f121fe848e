//! Zones that ldns signed, served by NSD, asked for over Unbound: what the program says of their signatures, and what it does
//! about it.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{
    NS, SOA, TLSA,
    tlsa::{CertUsage, Matching, Selector},
};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use resolvet_tests::lab::ca::{Authority, Leaf};
use resolvet_tests::lab::dns::{Endpoint, Zone, absolute};
use serde_json::Value;
use tempfile::TempDir;

use crate::meddler::{Ask, Meddler};
use crate::nsd::Nsd;
use crate::process::{free_address, program, resolvet, write};
use crate::unbound::Unbound;

/// The zone that is anchored.
const PARENT: &str = "example.net";
/// A zone below it, without signatures.
const UNSIGNED: &str = "unsigned.example.net";
/// A zone below it with signatures, whose key the parent vouches for.
const CHILD: &str = "child.example.net";

/// How a zone is signed, and what is in it.
#[derive(Debug, Clone, Copy, Default)]
struct Signing<'a> {
    /// Whose certificate the TLSA record of the server vouches for.
    tlsa: Option<Vouched>,
    /// More arguments of the signer.
    arguments: &'a [&'a str],
    /// Nothing of the signatures is served.
    stripped: bool,
    /// More of the zone, a record a line.
    records: &'a str,
}

/// Whose certificate a TLSA record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vouched {
    /// The server's.
    Own,
    /// Another one's.
    Other,
}

/// Keys of a zone, made by ldns.
struct Key {
    /// Name of the files without their endings.
    stem: PathBuf,
}

impl Key {
    fn generate(folder: &Path, origin: &str) -> Result<Self> {
        let output = Command::new(program("ldns-keygen", "ldnsutils")?)
            .current_dir(folder)
            .args(["-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", origin])
            .output()?;
        ensure!(output.status.success(), "{output:?}");
        let stem = String::from_utf8(output.stdout)?;
        Ok(Self {
            stem: folder.join(stem.trim()),
        })
    }

    /// The file of its DNSKEY record.
    fn record(&self) -> PathBuf {
        self.stem.with_added_extension("key")
    }

    /// Its DS record, which a parent or an anchor has.
    fn digest(&self) -> Result<String> {
        let output = Command::new(program("ldns-key2ds", "ldnsutils")?)
            .args(["-n", "-2"])
            .arg(self.record())
            .output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Signs a master file.
    fn sign(&self, folder: &Path, origin: &str, master: &str, with: Signing<'_>) -> Result<String> {
        if with.stripped {
            return Ok(master.to_owned());
        }
        let plain = write(folder, &format!("{origin}.plain"), master)?;
        let signed = folder.join(format!("{origin}.signed"));
        let output = Command::new(program("ldns-signzone", "ldnsutils")?)
            .args(with.arguments)
            .arg("-f")
            .args([&signed, &plain, &self.stem])
            .output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(std::fs::read_to_string(signed)?)
    }
}

/// Servers of others with signed zones, and what the program is told.
struct Network {
    _nsd: Nsd,
    _dot: Unbound,
    resolver: Unbound,
    /// Who stands between the program and the resolver.
    meddler: Option<Meddler>,
    key: Key,
    folder: TempDir,
}

impl Network {
    /// Starts everything, the zone signed so, its text changed at last.
    fn start(with: Signing<'_>, change: impl Fn(String) -> String) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        let authority = Authority::new()?;
        let names = [PARENT, UNSIGNED, CHILD];
        let leaf = Leaf {
            dns_ids: names.map(str::to_owned).into(),
            ..Leaf::good(PARENT)
        };
        let identity = authority.issue(&leaf)?;
        write(place, "anchors.pem", authority.root_pem())?;
        let address = free_address()?;
        let endpoint = Endpoint {
            host: "a".to_owned(),
            addresses: vec![address.ip()],
            port: address.port(),
        };
        let zone = |origin| Zone::figure_2(origin, std::slice::from_ref(&endpoint));
        let (key, child_key) = (Key::generate(place, PARENT)?, Key::generate(place, CHILD)?);
        let mut parent = zone(PARENT)?;
        for child in ["unsigned", "child"] {
            let server = absolute(&format!("ns.{child}.{PARENT}"))?;
            parent.add(child, 60, RData::NS(NS(server)))?;
            parent.address(&format!("ns.{child}"), [127, 0, 0, 1].into())?;
        }
        if let Some(vouched) = with.tlsa {
            let certificate = match vouched {
                Vouched::Own => identity.end_entity().to_vec(),
                Vouched::Other => authority.root().to_vec(),
            };
            let owner = format!("_{}._tcp", address.port());
            let usage = (CertUsage::DaneEe, Selector::Full, Matching::Raw);
            let tlsa = TLSA::new(usage.0, usage.1, usage.2, certificate);
            parent.add(&owner, 60, RData::TLSA(tlsa))?;
        }
        let (parent, below) = (parent.to_master_file(), child_key.digest()?);
        let parent = format!("{parent}{below}{}", with.records);
        let child = zone(CHILD)?.to_master_file();
        let master = change(key.sign(place, PARENT, &parent, with)?);
        let child = child_key.sign(place, CHILD, &child, Signing::default())?;
        let unsigned = zone(UNSIGNED)?.to_master_file();
        // What it says about itself it has itself.
        let own = write(place, "own.zone", &master)?;
        let files = [(PARENT, master), (CHILD, child), (UNSIGNED, unsigned)];
        let nsd = Nsd::serve(&files.map(|(origin, file)| (format!("{origin}."), file)))?;
        Ok(Self {
            _dot: Unbound::dot_with((PARENT, &own), nsd.address(), address, &identity)?,
            resolver: Unbound::recursive_for(&names, nsd.address())?,
            meddler: None,
            _nsd: nsd,
            key,
            folder,
        })
    }

    /// Somebody on the way changes answers from now on.
    fn meddled_by(
        mut self,
        change: impl Fn(&mut Message, Ask<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        self.meddler = Some(Meddler::start(self.resolver.address(), change)?);
        Ok(self)
    }

    /// Explains a domain with these lines of `[dnssec]`: the exit code and the document.
    fn explain(&self, domain: &str, dnssec: &str) -> Result<(i32, Value)> {
        self.explain_by("anchors.pem", domain, dnssec)
    }

    /// As [`Self::explain`], by these trust anchors for certificates.
    fn explain_by(&self, anchors: &str, domain: &str, dnssec: &str) -> Result<(i32, Value)> {
        let config = format!(
            "version = \"v1\"\n[network]\ntransports = [\"dot\"]\ntrust-anchors = \"{anchors}\"\n\
             discovery = [\"s-naptr\"]\n[dnssec]\n{dnssec}\n"
        );
        let words = ["--format", "json", "explain", domain];
        let output = self.command(&words, &config)?.output()?;
        let document =
            serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
        Ok((output.status.code().unwrap_or_default(), document))
    }

    /// The program with these words, this configuration and the resolver.
    fn command(&self, words: &[&str], config: &str) -> Result<Command> {
        let config = write(self.folder.path(), "config.toml", config)?;
        let mut command = Command::new(resolvet()?);
        let resolver = match &self.meddler {
            Some(meddler) => meddler.address(),
            None => self.resolver.address(),
        };
        command
            .args(words)
            .arg("--resolver")
            .arg(resolver.to_string())
            .arg("--config")
            .arg(config);
        Ok(command)
    }

    /// As [`Self::explain`], with the digest of the zone's key as the anchor.
    fn anchored(&self, domain: &str) -> Result<(i32, Value)> {
        write(self.folder.path(), "zone.ds", self.key.digest()?)?;
        self.explain(domain, "anchors = [\"zone.ds\"]")
    }
}

fn signed() -> Result<Network> {
    Network::start(Signing::default(), |text| text)
}

/// The states of the records that discovery found.
#[track_caller]
fn assert_states(document: &Value, expected: &str) {
    let records = document["records"].as_array().unwrap();
    assert!(records.len() >= 4, "{document:#}");
    for record in records {
        assert_eq!(record["dnssec"], expected, "{document:#}");
    }
    assert_eq!(
        document["candidates"][0]["dnssec"], expected,
        "{document:#}"
    );
}

/// The program refused what it was answered, and said why.
#[track_caller]
fn assert_bogus((code, document): &(i32, Value)) {
    assert_ne!(*code, 0, "{document:#}");
    assert_eq!(
        document["candidates"],
        Value::Array(Vec::new()),
        "{document:#}"
    );
    let notes = document["notes"].as_array().unwrap();
    let is_bogus = |note: &Value| note["code"] == "bogus";
    assert!(notes.iter().any(is_bogus), "{document:#}");
}

#[test]
fn a_signed_zone_is_secure_by_a_digest_and_by_a_key() -> Result<()> {
    let network = signed()?;
    let (code, document) = network.anchored(PARENT)?;
    assert_states(&document, "secure");
    assert_eq!(code, 0, "{document:#}");
    let key = network.key.record();
    let anchors = format!("anchors = [\"{}\"]", key.display());
    let (code, document) = network.explain(PARENT, &anchors)?;
    assert_states(&document, "secure");
    assert_eq!(code, 0, "{document:#}");
    Ok(())
}

#[test]
fn a_zone_with_hashed_denial_is_secure_too() -> Result<()> {
    let hashed = Signing {
        arguments: &["-n"],
        ..Signing::default()
    };
    let (code, document) = Network::start(hashed, |text| text)?.anchored(PARENT)?;
    assert_states(&document, "secure");
    assert_eq!(code, 0, "{document:#}");
    Ok(())
}

#[test]
fn a_zone_that_the_anchored_one_vouches_for_is_secure() -> Result<()> {
    let (code, document) = signed()?.anchored(CHILD)?;
    assert_states(&document, "secure");
    assert_eq!(code, 0, "{document:#}");
    Ok(())
}

#[test]
fn a_zone_that_is_proved_to_be_unsigned_is_insecure() -> Result<()> {
    let network = signed()?;
    let (code, document) = network.anchored(UNSIGNED)?;
    assert_states(&document, "insecure");
    assert_eq!(code, 0, "{document:#}");
    let hashed = Signing {
        arguments: &["-n"],
        ..Signing::default()
    };
    let (code, document) = Network::start(hashed, |text| text)?.anchored(UNSIGNED)?;
    assert_states(&document, "insecure");
    assert_eq!(code, 0, "{document:#}");
    Ok(())
}

#[test]
fn below_no_anchor_or_a_negative_one_nothing_is_validated() -> Result<()> {
    let network = Network::start(
        Signing {
            stripped: true,
            ..Signing::default()
        },
        |text| text,
    )?;
    let elsewhere = network.key.digest()?.replace(PARENT, "example.org");
    write(network.folder.path(), "elsewhere.ds", elsewhere)?;
    for (dnssec, expected) in [
        ("", "indeterminate"),
        ("anchors = [\"elsewhere.ds\"]", "indeterminate"),
        (
            "anchors = [\"root\"]\nnegative-anchors = [\"example.net\"]",
            "insecure",
        ),
    ] {
        let (code, document) = network.explain(PARENT, dnssec)?;
        assert_states(&document, expected);
        assert_eq!(code, 0, "{document:#}");
    }
    Ok(())
}

#[test]
fn a_changed_record_is_bogus() -> Result<()> {
    let moved = |text: String| {
        let lines = text.lines().map(|line| {
            let is_address = line.starts_with("a.example.net.") && line.contains("127.0.0.1");
            match is_address {
                true => line.replace("127.0.0.1", "127.0.0.2"),
                false => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let answer = Network::start(Signing::default(), moved)?.anchored(PARENT)?;
    assert_bogus(&answer);
    Ok(())
}

#[test]
fn signatures_that_are_over_or_missing_are_bogus() -> Result<()> {
    let expired = Signing {
        arguments: &["-i", "20240101", "-e", "20240201"],
        ..Signing::default()
    };
    let early = Signing {
        arguments: &["-i", "20900101", "-e", "20900201"],
        ..Signing::default()
    };
    let stripped = Signing {
        stripped: true,
        ..Signing::default()
    };
    for with in [expired, early, stripped] {
        let answer = Network::start(with, |text| text)?.anchored(PARENT)?;
        assert_bogus(&answer);
    }
    Ok(())
}

#[test]
fn a_zone_signed_by_another_key_is_bogus() -> Result<()> {
    let network = signed()?;
    let other = Key::generate(network.folder.path(), PARENT)?;
    write(network.folder.path(), "other.ds", other.digest()?)?;
    assert_bogus(&network.explain(PARENT, "anchors = [\"other.ds\"]")?);
    Ok(())
}

#[test]
fn an_absence_that_is_not_proved_is_bogus() -> Result<()> {
    let hidden = |text: String| {
        // The proof of what is at the name stays, and it says that there are NAPTR records.
        let is_naptr = |line: &&str| line.contains("\tNAPTR\t") || line.contains("RRSIG\tNAPTR ");
        let lines = text.lines().filter(|line| !is_naptr(line));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let answer = Network::start(Signing::default(), hidden)?.anchored(PARENT)?;
    assert_bogus(&answer);
    Ok(())
}

/// A record of the unsigned zone, which anybody can write.
fn without_bearing() -> Result<Record> {
    let owner = absolute(UNSIGNED)?;
    let soa = SOA::new(owner.clone(), owner.clone(), 1, 3_600, 900, 86_400, 60);
    Ok(Record::from_rdata(owner, 60, RData::SOA(soa)))
}

/// RFC 4035 section 5.4: what an unsigned zone's record says is no proof that something of a signed zone is absent.
#[test]
fn an_absence_beside_which_a_record_of_an_unsigned_zone_stands_is_not_believed() -> Result<()> {
    let hide = |message: &mut Message, _: Ask<'_>| {
        let query = message.queries.first().context("no query")?;
        if query.query_type() == RecordType::TLSA {
            message.answers.clear();
            message.authorities = vec![without_bearing()?];
        }
        Ok(())
    };
    let with = Signing {
        tlsa: Some(Vouched::Other),
        ..Signing::default()
    };
    let network = Network::start(with, |text| text)?;
    let network = network.meddled_by(hide)?;
    let (code, document) = by_tlsa_of(&network, "anchors.pem", "use")?;
    assert_ne!(code, 0, "{document:#}");
    // It cannot be proved either that the name is unsigned: the network has no zone above this one.
    let text = document.to_string();
    assert!(text.contains("what validates `_"), "{document:#}");
    assert_eq!(
        document["candidates"],
        Value::Array(Vec::new()),
        "{document:#}"
    );
    Ok(())
}

/// RFC 4035 section 5.3.4: a wildcard's records for a name that exists need a proof that it does not, which no record of an
/// unsigned zone is.
#[test]
fn what_a_wildcard_made_without_proof_is_bogus_beside_a_record_of_an_unsigned_zone() -> Result<()> {
    let expand = |message: &mut Message, ask: Ask<'_>| {
        let query = message.queries.first().context("no query")?.clone();
        let is_server = query.name().to_lowercase() == absolute("a.example.net")?;
        if is_server && query.query_type() == RecordType::A {
            let made: Name = absolute("nobody.example.net")?;
            message.answers = ask(&made, RecordType::A)?.answers;
            for record in &mut message.answers {
                record.name = query.name().clone();
            }
            message.authorities = vec![without_bearing()?];
        }
        Ok(())
    };
    let with = Signing {
        records: "*.example.net. 60 IN A 127.0.0.9\n",
        ..Signing::default()
    };
    let network = Network::start(with, |text| text)?;
    let (code, document) = network.anchored(PARENT)?;
    assert_eq!(code, 0, "{document:#}");
    let answer = network.meddled_by(expand)?.anchored(PARENT)?;
    assert_bogus(&answer);
    Ok(())
}

/// What the program makes of a TLSA record, by trust anchors that certified nobody here, or by the right ones.
fn by_tlsa(tlsa: Option<Vouched>, anchors: &str, setting: &str) -> Result<(i32, Value)> {
    let with = Signing {
        tlsa,
        ..Signing::default()
    };
    by_tlsa_of(&Network::start(with, |text| text)?, anchors, setting)
}

fn by_tlsa_of(network: &Network, anchors: &str, setting: &str) -> Result<(i32, Value)> {
    let stranger = Authority::new()?;
    write(network.folder.path(), "stranger.pem", stranger.root_pem())?;
    write(network.folder.path(), "zone.ds", network.key.digest()?)?;
    let dnssec = format!(
        "anchors = [\"zone.ds\"]\ntlsa = true\n[[policy]]\nname = \"pkix\"\nrole = \"authority\"\n\
         settings = {{ dane = \"{setting}\" }}\n[[policy]]\nname = \"preference\""
    );
    network.explain_by(anchors, PARENT, &dnssec)
}

#[test]
fn a_certificate_that_the_domain_vouches_for_needs_no_trust_anchor() -> Result<()> {
    let (code, document) = by_tlsa(Some(Vouched::Own), "stranger.pem", "require")?;
    assert_eq!(code, 0, "{document:#}");
    assert_states(&document, "secure");
    let findings = document["candidates"][0]["findings"].as_array().unwrap();
    let is_told = |finding: &Value| finding["code"] == "dane-ee-matched";
    assert!(findings.iter().any(is_told), "{document:#}");
    Ok(())
}

#[test]
fn a_good_certificate_is_refused_when_the_domain_vouches_for_another() -> Result<()> {
    for (tlsa, setting, expected) in [
        (Some(Vouched::Other), "use", 5),
        (None, "require", 5),
        (None, "use", 0),
        (Some(Vouched::Other), "ignore", 0),
    ] {
        let (code, document) = by_tlsa(tlsa, "anchors.pem", setting)?;
        assert_eq!(code, expected, "{tlsa:?} {setting}: {document:#}");
    }
    Ok(())
}

/// What the server says about itself (RFC 9606), as `explain` shows it; its record changed after it was signed, or not.
fn said_of_itself(change: impl Fn(String) -> String) -> Result<String> {
    // `qnamemin`.
    let with = Signing {
        records: "example.net. 60 IN TYPE261 \\# 9 08716e616d656d696e\n",
        ..Signing::default()
    };
    let network = Network::start(with, change)?;
    write(network.folder.path(), "zone.ds", network.key.digest()?)?;
    let config = "version = \"v1\"\n[network]\ntransports = [\"dot\"]\ntrust-anchors = \"anchors.pem\"\n\
                  discovery = [\"s-naptr\"]\nresolver-info = true\n[dnssec]\nanchors = [\"zone.ds\"]\n";
    let output = network.command(&["explain", PARENT], config)?.output()?;
    let text = String::from_utf8(output.stdout)?;
    let said = text.lines().find(|line| line.contains(" says "));
    Ok(said.with_context(|| text.clone())?.to_owned())
}

#[test]
fn what_a_server_says_about_itself_is_not_believed_when_it_is_bogus() -> Result<()> {
    let said = said_of_itself(|text| text)?;
    assert!(said.ends_with("qnamemin"), "{said}");
    let said = said_of_itself(|text| text.replace("716e616d656d696e", "716e616d656d6979"))?;
    assert!(
        said.contains("no valid signature came") && !said.contains("qname"),
        "{said}"
    );
    Ok(())
}

/// Whether an enrolment turns to the EST server that the domain names, and what the program says.
fn looks_for_est(change: impl Fn(String) -> String) -> Result<(bool, String)> {
    let est = TcpListener::bind("127.0.0.1:0")?;
    est.set_nonblocking(true)?;
    let port = est.local_addr()?.port();
    let records = format!(
        "_est._tcp.example.net. 60 IN PTR desk._est._tcp.example.net.\n\
         desk._est._tcp.example.net. 60 IN SRV 0 0 {port} est.example.net.\n\
         desk._est._tcp.example.net. 60 IN TXT \"\"\n\
         est.example.net. 60 IN A 127.0.0.1\n"
    );
    let with = Signing {
        records: &records,
        ..Signing::default()
    };
    let network = Network::start(with, change)?;
    write(network.folder.path(), "zone.ds", network.key.digest()?)?;
    let config = "version = \"v1\"\n[dnssec]\nanchors = [\"zone.ds\"]\n";
    let words = ["bootstrap", "--trust-network", "--user", "alice"];
    let mut command = network.command(&words, config)?;
    let mut child = command
        .args(["--password-fd", "0", PARENT, "--store"])
        .arg(network.folder.path().join("store"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("piped")?
        .write_all(b"secret\n")?;
    let (closer, ended) = mpsc::channel::<()>();
    // Whoever comes is counted and sent away.
    let counting = thread::spawn(move || {
        let mut came = false;
        loop {
            came |= est.accept().is_ok();
            match ended.recv_timeout(Duration::from_millis(10)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return came,
            }
        }
    });
    let output = child.wait_with_output()?;
    drop(closer);
    let came = counting.join().ok().context("the listener panicked")?;
    ensure!(!output.status.success(), "{output:?}");
    Ok((came, String::from_utf8(output.stderr)?))
}

#[test]
fn an_est_server_that_a_bogus_answer_names_is_not_turned_to() -> Result<()> {
    let (came, text) = looks_for_est(|text| text)?;
    assert!(came && !text.contains("bogus"), "{text}");
    // Somebody in between leads to a place of his own: the service, and the host's address.
    let elsewhere = |line: &str| match line.starts_with("desk._est") {
        true => line.replace("SRV\t0 0", "SRV\t0 1"),
        false => line.to_owned(),
    };
    let address = |line: &str| match line.starts_with("est.example.net.") {
        true => line.replace("127.0.0.1", "127.0.0.2"),
        false => line.to_owned(),
    };
    for change in [&elsewhere as &dyn Fn(&str) -> String, &address] {
        let (came, text) = looks_for_est(|text| {
            let lines: Vec<String> = text.lines().map(change).collect();
            lines.join("\n") + "\n"
        })?;
        assert!(!came && text.contains("bogus"), "{text}");
    }
    Ok(())
}
