//! The same rule by what a team would use instead, in one run: names of a list and long chains are refused.
//!
//! Everybody gets the same request, three certificates of 1,500 octets and a name, and a list of ten names. Each is measured as
//! it is meant to be used, with the limits of time and memory that it offers; *pristine* is an instance that no evaluation used
//! before, *used* one that goes on. The rounds take turns, so that what else the machine does falls on all of them.

use std::{
    env, fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use resolvet_engine::{Compiler, Engine, Judge, Options, PolicySet, Rule, compile_from_stdin};
use resolvet_proto::judgement::{Outcome, Presented, Purpose, Request, UsageProfile};
use serde_json::{Value, json};
use wapc::WapcHost;
use wasmtime_provider::{EpochDeadlines, ResourceLimits, WasmtimeEngineProviderBuilder};

/// The argument with which this program compiles.
const COMPILE: &str = "compile-from-stdin";
/// Rounds, and evaluations of each in a round.
const ROUNDS: usize = 200;
const CALLS: u32 = 50;
/// A limit that each has: octets of memory.
const MEMORY: usize = 64 << 20;
const TIME: Duration = Duration::from_millis(200);

/// One way to have the rule evaluated: answers whether the request is accepted.
struct Way {
    name: &'static str,
    judge: Box<dyn FnMut(&Case) -> bool>,
    /// Nanoseconds of an evaluation, one for each round.
    measured: Vec<u64>,
}

/// The same request in each form.
struct Case {
    request: Arc<Request>,
    json: String,
    accepted: bool,
}

fn main() -> ExitCode {
    if env::args()
        .nth(1)
        .is_some_and(|argument| argument == COMPILE)
    {
        return compile_from_stdin();
    }
    let settings = settings();
    let mut ways = Vec::new();
    ways.extend(resolvet(&settings));
    ways.extend(extism(&settings));
    ways.extend(wapc(&settings));
    ways.push(rego(&settings));
    // Who answers wrongly is not measured.
    let (good, long) = (
        case("good.example", 3, true),
        case("good.example", 5, false),
    );
    for case in [&good, &long, &case("host-3.example.net", 3, false)] {
        for Way { name, judge, .. } in &mut ways {
            assert_eq!(judge(case), case.accepted, "{name}: {}", case.json);
        }
    }
    for _ in 0..ROUNDS {
        for Way {
            judge, measured, ..
        } in &mut ways
        {
            let began = Instant::now();
            for _ in 0..CALLS {
                black_box(judge(&good));
            }
            let taken = began.elapsed() / CALLS;
            measured.push(u64::try_from(taken.as_nanos()).unwrap());
        }
    }
    let medians: Vec<u64> = ways.iter_mut().map(median).collect();
    let ours = medians[0];
    println!("{:44} {:>10}  {:>6}", "", "median", "ratio");
    for (Way { name, .. }, median) in ways.iter().zip(medians) {
        let ratio = median as f64 / ours as f64;
        println!("{name:44} {:>7.1} µs  {ratio:>6.2}", median as f64 / 1e3);
    }
    ExitCode::SUCCESS
}

fn median(way: &mut Way) -> u64 {
    way.measured.sort_unstable();
    way.measured[way.measured.len() / 2]
}

fn settings() -> Value {
    let names: Vec<String> = (0..10).map(|n| format!("host-{n}.example.net")).collect();
    json!({ "refused": names, "longest": 4 })
}

fn case(name: &str, certificates: usize, accepted: bool) -> Case {
    let mut request = Request::new(Purpose::DnsServer, 1_800_000_000);
    request.usage_profile = UsageProfile::Opportunistic;
    request.authentication_domain_name = Some(name.into());
    let certificates = vec![vec![0x30; 1_500]; certificates];
    let encoded: Vec<String> = certificates
        .iter()
        .map(|der| STANDARD.encode(der))
        .collect();
    request.presented = Presented {
        certificates: certificates
            .iter()
            .map(|der| der.as_slice().into())
            .collect(),
        ocsp_response: None,
    };
    Case {
        request: Arc::new(request),
        json: json!({ "name": name, "certificates": encoded }).to_string(),
        accepted,
    }
}

fn built(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/policies/rivals");
    let path: PathBuf = folder.join(name).with_extension("wasm");
    fs::read(&path).unwrap_or_else(|error| {
        let path = path.display();
        panic!("{path}: {error}: `cargo xtask bench --rivals` makes it")
    })
}

fn way(name: &'static str, judge: impl FnMut(&Case) -> bool + 'static) -> Way {
    let judge = Box::new(judge);
    Way {
        name,
        judge,
        measured: Vec::new(),
    }
}

/// Ours: always a pristine instance, the whole judgement with the request's digest and the record.
fn resolvet(settings: &Value) -> [Way; 2] {
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![COMPILE.into()]).unwrap();
    let engine = Engine::new(options).unwrap();
    let file = built("rule-resolvet");
    let settings = settings.as_object().unwrap();
    let limits = engine.options().limits;
    let read = engine.admit(&file).unwrap();
    let kept = engine
        .admit_configured(&file, settings, None, &limits)
        .unwrap();
    let judging = |policy| {
        let mut rule = Rule::new(policy);
        rule.settings = settings.clone();
        let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, vec![rule]).unwrap();
        let judge = Judge::new(&engine, set);
        move |case: &Case| judge.validate(&case.request).outcome == Outcome::Accepted
    };
    [
        way("resolvet, pristine", judging(read)),
        way("resolvet, pristine, settings in a snapshot", judging(kept)),
    ]
}

fn accepts(verdict: &[u8]) -> bool {
    let verdict: Value = serde_json::from_slice(verdict).unwrap();
    verdict["decision"] == "accept"
}

fn extism(settings: &Value) -> [Way; 2] {
    let pages = u32::try_from(MEMORY / 65_536).unwrap();
    let manifest = Manifest::new([Wasm::data(built("rule-extism"))])
        .with_config_key("settings", settings.to_string())
        .with_memory_max(pages)
        .with_timeout(TIME);
    let compiled = CompiledPlugin::new(PluginBuilder::new(manifest)).unwrap();
    let ask = |plugin: &mut Plugin, case: &Case| {
        let verdict: Vec<u8> = plugin.call("validate", case.json.as_bytes()).unwrap();
        accepts(&verdict)
    };
    let mut used = Plugin::new_from_compiled(&compiled).unwrap();
    [
        way("extism, pristine", move |case| {
            ask(&mut Plugin::new_from_compiled(&compiled).unwrap(), case)
        }),
        way("extism, used", move |case| ask(&mut used, case)),
    ]
}

fn wapc(settings: &Value) -> [Way; 2] {
    let module = built("rule-wapc");
    let deadlines = EpochDeadlines {
        wapc_init: 1_000,
        wapc_func: 1_000,
    };
    let limits = ResourceLimits {
        max_memory_size: Some(MEMORY),
        max_table_elements: Some(20_000),
    };
    // Whoever embeds it counts the ticks; nothing here runs into one.
    let pre = WasmtimeEngineProviderBuilder::new()
        .module_bytes(&module)
        .enable_epoch_interruptions(deadlines)
        .enable_resource_limits(limits)
        .build_pre()
        .unwrap();
    let host = move || {
        let provider = pre.rehydrate(Some(deadlines)).unwrap();
        WapcHost::new(Box::new(provider), None).unwrap()
    };
    let settings = settings.to_string();
    let ask = move |host: &WapcHost, case: &Case| {
        let payload = format!("{{\"request\":{},\"settings\":{settings}}}", case.json);
        accepts(&host.call("validate", payload.as_bytes()).unwrap())
    };
    let (used, again) = (host(), ask.clone());
    [
        way("waPC, pristine", move |case| ask(&host(), case)),
        way("waPC, used", move |case| again(&used, case)),
    ]
}

fn rego(settings: &Value) -> Way {
    let mut engine = regorus::Engine::new();
    let rule = include_str!("../rule.rego");
    engine.add_policy("rule.rego".into(), rule.into()).unwrap();
    engine.add_data_json(&settings.to_string()).unwrap();
    let rule = "data.company.verdict".into();
    let compiled = engine.compile_with_entrypoint(&rule).unwrap();
    way("regorus, natively", move |case| {
        let input = regorus::Value::from_json_str(&case.json).unwrap();
        let verdict = compiled.eval_with_input(input).unwrap();
        verdict["decision"].as_string().unwrap().as_ref() == "accept"
    })
}
