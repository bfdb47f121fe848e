use std::{env, fs, process::Command};

use resolvet_engine::Engine;
use resolvet_proto::judgement::Outcome;

use crate::sandbox::{guest, judge, none, options, request, rule};

/// Evaluations whose system calls are counted.
const STEADY: usize = 500;
/// Evaluations before that: pages are touched, threads have their caches.
const WARM: usize = 50;
/// A system call that nobody makes otherwise: it marks where counting begins and ends.
const MARK: &str = "getppid";
/// Set in the traced process to make one system call on purpose for each evaluation.
const LEAK: &str = "RESOLVET_TEST_LEAK";

/// Leaves a mark in the trace.
fn mark() {
    std::hint::black_box(rustix::process::getppid());
}

/// Evaluates again and again, with a mark before and after.
#[test]
fn steady_evaluations() {
    let engine = Engine::new(options()).unwrap();
    let mut rule = rule(engine.admit(&guest("null")).unwrap(), none());
    rule.role = resolvet_proto::judgement::Role::Restriction;
    let set = resolvet_engine::PolicySet::new(
        &engine,
        &resolvet_proto::judgement::UsageProfile::Opportunistic,
        vec![rule],
    );
    let judge = resolvet_engine::Judge::new(&engine, set.unwrap());
    let request = request();
    let leak = env::var_os(LEAK).is_some();
    let evaluate = |times| {
        for _ in 0..times {
            assert_eq!(judge.validate(&request).outcome, Outcome::NoAuthority);
            if leak {
                std::hint::black_box(rustix::process::getuid());
            }
        }
    };
    evaluate(WARM);
    mark();
    evaluate(STEADY);
    mark();
}

/// The names of the system calls that the evaluating thread makes between the marks, as strace saw them.
fn system_calls(leak: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(env::current_exe().unwrap());
    strace.args(["--exact", "null::steady_evaluations"]);
    if leak {
        strace.env(LEAK, "1");
    }
    let output = strace
        .output()
        .expect("strace is installed: `cargo xtask test` does that");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let trace = fs::read_to_string(trace).unwrap();
    // A line is `thread name(arguments) = result`.
    let calls: Vec<_> = trace
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .collect();
    let is_mark = |call: &str| call.trim_start().starts_with(&format!("{MARK}("));
    let (thread, _) = calls
        .iter()
        .find(|(_, call)| is_mark(call))
        .expect("the first mark is in the trace");
    let own = calls
        .iter()
        .filter(|(of, _)| of == thread)
        .map(|(_, call)| call.trim_start())
        // The end of a call that another thread's line came between: its beginning counts.
        .filter(|call| !call.starts_with("<..."));
    let between: Vec<_> = own.skip_while(|call| !is_mark(call)).skip(1).collect();
    let end = between
        .iter()
        .position(|call| is_mark(call))
        .expect("the second mark is in the trace");
    between[..end]
        .iter()
        .map(|call| call.split('(').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_steady_evaluation_makes_no_system_call() {
    // First that the count would notice one.
    let noticed = system_calls(true);
    assert!(
        noticed.len() == STEADY && noticed.iter().all(|call| call == "getuid"),
        "{noticed:?}"
    );
    assert_eq!(system_calls(false), Vec::<String>::new());
}

#[test]
fn a_null_policy_says_nothing() {
    let engine = Engine::new(options()).unwrap();
    let policy = engine.admit(&guest("null")).unwrap();
    assert_eq!(policy.imports(), ["log.write", "settings.json"]);
    let judgement = judge(&engine, vec![rule(policy, none())]).validate(&request());
    assert_eq!(judgement.outcome, Outcome::NoAuthority);
    assert!(judgement.evaluations[0].log.is_empty());
}

#[test]
fn where_address_space_is_short_policies_are_evaluated_all_the_same() {
    // Enough for slots as large as a memory may become, then not even for those.
    for kibibytes in [4 << 20, 700 << 10] {
        let shell =
            format!("ulimit -v {kibibytes} && exec \"$0\" --exact null::steady_evaluations");
        let output = Command::new("sh")
            .args(["-c", &shell])
            .arg(env::current_exe().unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{kibibytes}: {said}"
        );
    }
}
