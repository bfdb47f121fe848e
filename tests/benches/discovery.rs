//! From a domain name to a vetted server in the lab, and then queries over it, by each transport of the same server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark may fail loudly; the macros of criterion write no documentation"
)]

mod shared;

use std::process::ExitCode;

use criterion::Criterion;
use hickory_proto::rr::RecordType;
use resolvet::Client;
use resolvet_engine::compile_from_stdin;
use resolvet_proto::judgement::Transport;
use resolvet_tests::lab::{Lab, Options as LabOptions};
use shared::{COMPILE, DOMAIN, client, config};
use tokio::runtime::Runtime;

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
    let client = client(lab.resolver());
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
