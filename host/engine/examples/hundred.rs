//! A hundred policies on one engine: what loading them costs, in time and memory, and what a judgement by all of them does.
//!
//! `cargo xtask bench` runs it. The policies are one company's rule under a hundred names, so each is a component of its own with
//! machine code of its own; they are compiled once, then loaded by an engine that finds them in its cache.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool of developers may fail loudly and prints what it measured"
)]

mod shared;

use std::{
    env,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use resolvet_engine::{Engine, Judge, Policy, PolicySet, Rule, compile_from_stdin};
use resolvet_proto::judgement::{Outcome, UsageProfile};
use shared::{COMPILE, component, good_path, options, resident};

/// How many policies, unless the argument says otherwise.
const MANY: usize = 100;
/// The name of the rule, and the beginning of the others, which are as long.
const NAME: &[u8] = b"\"company-rule\"";
/// Judgements that are timed.
const TIMES: usize = 200;

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    if argument.as_deref() == Some(COMPILE) {
        return compile_from_stdin();
    }
    let many = argument.map_or(MANY, |number| number.parse().unwrap());
    let rule = component("fixtures/company-rule.wasm");
    let files: Vec<Vec<u8>> = (0..many).map(|number| named(&rule, number)).collect();
    let (mut request, _) = good_path();
    request.usage_profile = UsageProfile::Opportunistic;
    let request = Arc::new(request);

    let (options, _folder) = options();
    let admitted = |engine: &Engine| {
        let began = Instant::now();
        let policies = files.iter().map(|file| engine.admit(file).unwrap());
        (policies.collect::<Vec<Policy>>(), began.elapsed())
    };
    // The first engine is dropped, and with it what it had loaded.
    let (_, compiled) = admitted(&Engine::new(options.clone()).unwrap());
    let engine = Engine::new(options).unwrap();
    let before = resident();
    let (policies, loaded) = admitted(&engine);
    assert_eq!(engine.cache_statistics().hits, many as u64);
    let after = resident();
    let began = Instant::now();
    let rules = policies.into_iter().map(Rule::new).collect();
    let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, rules).unwrap();
    let made = began.elapsed();
    let judge = Judge::new(&engine, set);
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            let judgement = judge.validate(&request);
            assert_ne!(judgement.outcome, Outcome::Faulted, "{judgement:?}");
            assert_eq!(judgement.evaluations.len(), many);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!(
        "{many} policies of {} octets: compiled and admitted in {} ms, from the cache in {:.1} ms; the set made in {:.1} ms; \
         resident memory {} kB more when loaded, {} kB more after {TIMES} judgements; a judgement by all of them {} µs (median)",
        rule.len(),
        compiled.as_millis(),
        loaded.as_secs_f64() * 1e3,
        made.as_secs_f64() * 1e3,
        after.saturating_sub(before) / 1_000,
        resident().saturating_sub(after) / 1_000,
        times[TIMES / 2].as_micros()
    );
    ExitCode::SUCCESS
}

/// The rule under another name.
fn named(rule: &[u8], number: usize) -> Vec<u8> {
    let at = rule.windows(NAME.len()).position(|part| part == NAME);
    let at = at.unwrap_or_else(|| panic!("the manifest has no name {}", NAME.escape_ascii()));
    let name = format!("\"company-{number:04}\"");
    let mut named = rule.to_vec();
    named[at..at + NAME.len()].copy_from_slice(name.as_bytes());
    named
}
