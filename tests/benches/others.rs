//! Queries over a warm connection beside clients that others wrote, dnsperf and kdig, at the same server in one run; and the
//! time to the first vetted answer of a server that is 50 ms away.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints what it measured"
)]

mod shared;

use std::{
    net::SocketAddr,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use hickory_proto::rr::RecordType;
use resolvet::{Attachment, Client};
use resolvet_engine::compile_from_stdin;
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::{
    Lab, Options, Server,
    dns::{Endpoint, Zone},
    doh::TEMPLATE,
    far::Far,
};
use shared::{COMPILE, DOMAIN, client, config};
use tokio::runtime::Runtime;

/// What is asked for.
const ASKED: &str = "www.example.net";
/// How long each client asks; the median of so many turns counts.
const TURN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;
/// Queries of kdig on one connection.
const KDIG: usize = 1_000;
const DISTANCE: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == COMPILE) {
        return compile_from_stdin();
    }
    let filter = arguments.iter().find(|text| !text.starts_with("--"));
    if filter.is_some_and(|filter| !"others".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    warm(&runtime);
    far_away(&runtime);
    ExitCode::SUCCESS
}

fn lab() -> Lab {
    let options = Options::new().site(DOMAIN).also(Client::transports());
    Lab::start(options).unwrap()
}

/// Where a server speaks this, on 127.0.0.1.
fn port(server: &Server, transport: &Transport) -> u16 {
    match transport {
        Transport::Doh => server.doh().port(),
        Transport::Doh3 | Transport::Doq => server.quic().port(),
        Transport::Dtls => server.dtls().port(),
        _ => server.dot.port(),
    }
}

/// Each client in its turn, so that whatever else the machine does falls on all of them.
fn warm(runtime: &Runtime) {
    let lab = lab();
    let client = client(lab.resolver());
    println!("| transport, at once | resolvet | another | resolvet : another |");
    println!("| --- | --- | --- | --- |");
    for transport in Client::transports() {
        let only = client.clone().with_transports([transport.clone()]);
        let attachment = runtime.block_on(async { only.attach(config(&lab)).unwrap() });
        runtime.block_on(attachment.vetted()).unwrap();
        let port = port(lab.site().servers().first().unwrap(), &transport);
        for at_once in [1, 64] {
            let (mut ours, mut others) = (Vec::new(), Vec::new());
            let mut name = "none";
            for _ in 0..TURNS {
                ours.push(ask(runtime, &attachment, at_once));
                if let Some((program, rate)) = other(&transport, port, at_once) {
                    name = program;
                    others.push(rate);
                }
            }
            let (ours, others) = (median(ours), median(others));
            let beside = others.map_or_else(String::new, |rate| told(rate, at_once));
            let ratio = ours.zip(others).map_or_else(String::new, |(ours, others)| {
                format!("{:.2}", ours / others)
            });
            let ours = told(ours.unwrap_or_default(), at_once);
            println!("| {transport}, {at_once} | {ours} | {name} {beside} | {ratio} |");
        }
    }
}

/// Queries a second, and how long each takes when so many are under way.
fn told(rate: f64, at_once: u32) -> String {
    let microseconds = f64::from(at_once) * 1e6 / rate;
    format!("{rate:.0} a second, {microseconds:.0} µs each")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Queries a second of ours.
fn ask(runtime: &Runtime, attachment: &Attachment, at_once: u32) -> f64 {
    let begin = Instant::now();
    let asked: u32 = runtime.block_on(async {
        let asking: Vec<_> = (0..at_once)
            .map(|_| {
                let attachment = attachment.clone();
                tokio::spawn(async move {
                    let mut asked = 0;
                    while begin.elapsed() < TURN {
                        attachment.query(ASKED, RecordType::A).await.unwrap();
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        let mut sum = 0;
        for asked in asking {
            sum += asked.await.unwrap();
        }
        sum
    });
    f64::from(asked) / begin.elapsed().as_secs_f64()
}

/// Queries a second of a client that others wrote, where one speaks this.
fn other(transport: &Transport, port: u16, at_once: u32) -> Option<(&'static str, f64)> {
    match (transport, at_once) {
        // dnsperf waits for milliseconds between two queries that are not under way at once, and ends without a word with 64
        // over HTTPS.
        (Transport::Dot, 64) => Some(("dnsperf", dnsperf(port, at_once))),
        (Transport::Dot, 1) => Some(("kdig", kdig("+tls", port))),
        (Transport::Doh, 1) => Some(("kdig", kdig("+https", port))),
        (Transport::Doq, 1) => Some(("kdig", kdig("+quic", port))),
        _ => None,
    }
}

/// dnsperf on one connection. It verifies nothing and pads nothing.
fn dnsperf(port: u16, at_once: u32) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("queries");
    std::fs::write(&queries, format!("{ASKED} A\n")).unwrap();
    let mut command = Command::new("dnsperf");
    command
        .args(["-m", "dot", "-s", "127.0.0.1", "-p", &port.to_string()])
        .args(["-c", "1", "-T", "1", "-q", &at_once.to_string()])
        .args(["-l", &TURN.as_secs().to_string()])
        .arg("-d")
        .arg(queries);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let lost = value(&text, "Queries lost:");
    assert!(lost < 1.0, "{text}");
    value(&text, "Queries per second:")
}

/// The number behind a label.
fn value(text: &str, label: &str) -> f64 {
    let rest = text.split(label).nth(1);
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("`{label}`: {text}"))
}

/// kdig on one connection, one query after the other, without its start and its handshake.
fn kdig(way: &str, port: u16) -> f64 {
    let run = |queries: usize| {
        let begin = Instant::now();
        let output = Command::new("kdig")
            .args(["@127.0.0.1", "-p", &port.to_string(), way, "+keepopen"])
            .args(std::iter::repeat_n(ASKED, queries))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.matches("status: NOERROR").count(), queries, "{text}");
        begin.elapsed()
    };
    let (one, many) = (run(1), run(1 + KDIG));
    1_000.0 / many.saturating_sub(one).as_secs_f64()
}

/// From nothing to the first vetted answer, everything 50 ms away.
fn far_away(runtime: &Runtime) {
    println!();
    println!("| transport | to the first vetted answer | round trips |");
    println!("| --- | --- | --- |");
    for transport in Client::transports() {
        let turns = (0..TURNS).map(|_| first_answer(runtime, &transport));
        let (times, counts): (Vec<f64>, Vec<u32>) = turns.unzip();
        let (time, count) = (median(times).unwrap(), counts.iter().min().unwrap());
        println!("| {transport} | {time:.0} ms | {count} |");
    }
}

/// Milliseconds and round trips.
fn first_answer(runtime: &Runtime, transport: &Transport) -> (f64, u32) {
    let lab = lab();
    let server = lab.site().servers().first().unwrap();
    let mut far = Far::new(DISTANCE);
    let near = SocketAddr::from(([127, 0, 0, 1], port(server, transport)));
    let place = match transport {
        Transport::Dot | Transport::Doh => far.streams(near),
        _ => far.datagrams(near),
    };
    let place = place.unwrap();
    lab.dns().responder().set_zone(zone(transport, place));
    let resolver = far.datagrams(lab.resolver()).unwrap();
    let client = client(resolver).with_transports([transport.clone()]);
    let begin = Instant::now();
    runtime.block_on(async {
        let attachment = client.attach(config(&lab)).unwrap();
        attachment.vetted().await.unwrap();
        attachment.query(ASKED, RecordType::A).await.unwrap();
    });
    (begin.elapsed().as_secs_f64() * 1e3, far.round_trips())
}

/// A zone that leads there.
fn zone(transport: &Transport, place: SocketAddr) -> Zone {
    let endpoint = Endpoint {
        host: "a".to_owned(),
        addresses: vec![place.ip()],
        port: place.port(),
    };
    let mut zone = Zone::figure_2(DOMAIN, &[endpoint]).unwrap();
    let (alpn, path) = match transport {
        Transport::Doh => ("h2", Some(TEMPLATE)),
        Transport::Doh3 => ("h3", Some(TEMPLATE)),
        Transport::Doq => ("doq", None),
        _ => return zone,
    };
    zone.svcb("_dns", 1, "a", &[alpn], place.port(), path)
        .unwrap();
    zone
}
