//! From a domain name to a vetted server in the lab, and then queries over it, by each transport of the same server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark may fail loudly; the macros of criterion write no documentation"
)]

use std::{ffi::OsString, fs, path::Path, process::ExitCode, sync::Arc, time::Duration};

use criterion::Criterion;
use hickory_proto::rr::RecordType;
use resolvet::{Client, Policies, Recursive};
use resolvet_engine::{Compiler, Engine, Options, PolicySet, Rule, compile_from_stdin};
use resolvet_proto::{
    judgement::{AnchorDatabase, AnchorSet, Role, Transport, UsageProfile},
    session::Config,
};
use resolvet_tests::lab::{Lab, Options as LabOptions};
use tokio::runtime::Runtime;

/// The argument with which this program compiles.
const COMPILE: &str = "compile-from-stdin";
const DOMAIN: &str = "example.net";

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == COMPILE)
    {
        return compile_from_stdin();
    }
    let mut criterion = Criterion::default().configure_from_args();
    let options = LabOptions::new().site(DOMAIN).also(Client::transports());
    let lab = Lab::start(options).unwrap();
    let client = client(&lab);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for transport in Client::transports() {
        let client = client.clone().with_transports([transport.clone()]);
        attach(&mut criterion, &lab, &client, &runtime, &transport);
        query(&mut criterion, &lab, &client, &runtime, &transport);
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// A client with the policies that ship.
fn client(lab: &Lab) -> Client {
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![OsString::from(COMPILE)]).unwrap();
    let engine = Engine::new(options).unwrap();
    let rules = ["pkix", "preference", "privacy"].map(|name| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/policies");
        let file = folder.join(name).with_extension("wasm");
        let octets = fs::read(&file).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: `cargo xtask policies` makes it",
                file.display()
            )
        });
        let mut rule = Rule::new(engine.admit(&octets).unwrap());
        if name == "pkix" {
            rule.role = Role::Authority;
        }
        rule
    });
    let set = PolicySet::new(&engine, &UsageProfile::Strict, rules.into()).unwrap();
    let resolver = Recursive::new(lab.resolver(), Duration::from_secs(5));
    Client::new(Policies::new(&engine, set), resolver)
}

fn config(lab: &Lab) -> Config {
    let mut config = Config::new(DOMAIN, 1);
    let anchors = lab
        .anchors()
        .iter()
        .map(|der| der.as_ref().into())
        .collect();
    config.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors));
    config
}

/// Lookups in three rounds, a selection, a handshake with its validation, a privacy assessment.
fn attach(
    criterion: &mut Criterion,
    lab: &Lab,
    client: &Client,
    runtime: &Runtime,
    transport: &Transport,
) {
    let mut group = criterion.benchmark_group("discovery");
    group.sample_size(30);
    group.bench_function(format!("from nothing to vetted, {transport}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                client.attach(config(lab)).unwrap().vetted().await.unwrap();
            });
        });
    });
    group.finish();
}

/// A query over a warm connection, one at a time and 64 at once.
fn query(
    criterion: &mut Criterion,
    lab: &Lab,
    client: &Client,
    runtime: &Runtime,
    transport: &Transport,
) {
    let attachment = runtime.block_on(async { client.attach(config(lab)).unwrap() });
    runtime.block_on(attachment.vetted()).unwrap();
    let mut group = criterion.benchmark_group("query");
    for at_once in [1_u64, 64] {
        group.throughput(criterion::Throughput::Elements(at_once));
        group.bench_function(format!("{transport}, {at_once} at once"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let ask = |_| {
                        let attachment = attachment.clone();
                        async move { attachment.query("www.example.net", RecordType::A).await }
                    };
                    let asked: Vec<_> =
                        (0..at_once).map(|index| tokio::spawn(ask(index))).collect();
                    for answer in asked {
                        answer.await.unwrap().unwrap();
                    }
                });
            });
        });
    }
    group.finish();
}
