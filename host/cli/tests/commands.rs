//! Commands that need no network: policies, configuration, inspection, usage.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use resolvet_proto::certificate::privacy::PrivacyStatement;
use resolvet_tests::lab::{Lab, Options};
use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_resolvet"))
}

fn run(words: &[&str]) -> Output {
    program().args(words).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn cases(policy: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../policies")
        .join(policy)
        .join("cases")
}

#[test]
fn every_case_of_every_policy_holds_in_the_sandbox() {
    for policy in ["pkix", "preference", "privacy"] {
        let folder = cases(policy);
        let output = run(&[
            "policy",
            "cases",
            policy,
            folder.to_str().unwrap(),
            "--format",
            "json",
        ]);
        let report = json(&output);
        assert_eq!(output.status.code(), Some(0), "{report:#}");
        assert!(
            report["passed"].as_u64().unwrap() >= 12,
            "{policy}: {}",
            report["passed"]
        );
    }
}

#[test]
fn a_case_that_expects_something_else_fails() {
    let folder = tempfile::tempdir().unwrap();
    let case = fs::read_dir(cases("preference"))
        .unwrap()
        .map(|e| e.unwrap().path());
    let case = case
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .min()
        .unwrap();
    let mut value: Value = serde_json::from_slice(&fs::read(case).unwrap()).unwrap();
    value["expect"]["findings"] = serde_json::json!(["another"]);
    fs::write(folder.path().join("case.json"), value.to_string()).unwrap();
    let output = run(&[
        "policy",
        "cases",
        "preference",
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("0 passed, 1 failed"));
}

#[test]
fn requests_are_answered_a_line_each_by_one_process() {
    let request = r#"{"purpose":"dns-server","now":0}"#;
    let mut child = program()
        .args(["policy", "run", "pkix", "--request", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "{request}\n\nno request\n{request}\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let answers = lines(&output);
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert_eq!(answers[0]["decision"], "reject");
    assert!(
        answers[1]["error"].as_str().unwrap().contains("no request"),
        "{answers:?}"
    );
    assert_eq!(answers[2], answers[0]);
    assert_eq!(output.status.code(), Some(1), "a line was no request");
}

#[test]
fn settings_of_a_line_win_and_wrong_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.jsonl");
    let line = r#"{"request":{"purpose":"dns-server","now":0},"settings":{"no-such-setting":1}}"#;
    fs::write(&file, line).unwrap();
    let output = run(&[
        "policy",
        "run",
        "preference",
        "--request",
        file.to_str().unwrap(),
    ]);
    let answers = lines(&output);
    assert!(
        answers[0]["error"]
            .as_str()
            .unwrap()
            .contains("no-such-setting"),
        "{answers:?}"
    );
}

#[test]
fn the_manual_installs_the_daemon_where_its_unit_looks_for_it() {
    let manual = include_str!("../../../docs/operators.md");
    let unit = include_str!("../../../packaging/resolvetd.service");
    let users = include_str!("../../../packaging/resolvetd.sysusers");
    for (place, installed) in [
        (
            "ExecStart=/usr/bin/resolvetd --config",
            "target/release/resolvetd /usr/bin/\n",
        ),
        (
            "--config /etc/resolvet/resolvet.toml",
            ">/etc/resolvet/resolvet.toml\n",
        ),
        (
            "--control /run/resolvet/control.sock",
            "speak to `/run/resolvet/control.sock`",
        ),
        (
            "XDG_DATA_HOME=/var/lib/resolvet\n",
            "XDG_DATA_HOME=/var/lib/resolvet resolvet bootstrap",
        ),
        (
            "User=resolvet\nGroup=resolvet\n",
            "-o resolvet -g resolvet -m 0700 /var/lib/resolvet\n",
        ),
        ("StateDirectoryMode=0700\n", "-m 0700 /var/lib/resolvet\n"),
    ] {
        assert!(unit.contains(place), "{place}");
        assert!(manual.contains(installed), "{installed}");
    }
    assert!(users.contains("u resolvet ") && users.contains(" /var/lib/resolvet\n"));
}

/// Names and defaults of the settings in the table of this section.
fn settings_of(section: &str) -> Vec<(String, String)> {
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with("| setting |"))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    rows.map(|row| {
        let mut cells = row.split('|').skip(1);
        (cell(cells.next().unwrap()), cell(cells.next().unwrap()))
    })
    .collect()
}

#[test]
fn the_manual_has_every_setting_of_every_policy_and_no_other() {
    let manual = include_str!("../../../docs/policies.md");
    let pkix = include_str!("../../../policies/pkix/src/lib.rs");
    let privacy = include_str!("../../../policies/privacy/src/lib.rs");
    let unknown = ["--request", "-", "--settings", r#"{"no-such-setting":1}"#];
    for (policy, head) in [
        ("pkix", Some(pkix)),
        ("preference", None),
        ("privacy", Some(privacy)),
    ] {
        let (_, section) = manual.split_once(&format!("\n## `{policy}`\n")).unwrap();
        let told = settings_of(section);
        let output = run(&[&["policy", "run", policy], &unknown[..]].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, known, "{policy}");
        // Some say in their own sources, too, what applies when nothing is said.
        if let Some(head) = head {
            let lines = head.lines().filter_map(|line| line.strip_prefix("//! "));
            let head = settings_of(&lines.collect::<Vec<_>>().join("\n"));
            assert_eq!(told, head, "{policy}");
        }
    }
}

#[test]
fn policies_are_listed_with_what_they_see() {
    let output = run(&["policy", "list", "--format", "json"]);
    let report = json(&output);
    let names: Vec<&str> = report["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["pkix", "preference", "privacy"]);
    assert_eq!(report["policies"][0]["role"], "authority");
    let imports = report["policies"][1]["imports"].as_array().unwrap();
    assert!(imports.contains(&"candidates.get".into()), "{imports:?}");
    assert!(
        !imports
            .iter()
            .any(|i| i.as_str().unwrap().starts_with("presented")),
        "{imports:?}"
    );
}

#[test]
fn the_template_passes_its_own_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolvet.toml");
    fs::write(&file, run(&["config", "template"]).stdout).unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    fs::write(
        &file,
        "version = \"v1\"\n[[policy]]\nname = \"preference\"\n",
    )
    .unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "strict without an authority: {output:?}"
    );
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("authority"),
        "{output:?}"
    );
}

#[test]
fn arguments_that_are_not_understood_are_told_as_json_too() {
    for words in [
        &["discover", "--bogus", "--format", "json"][..],
        &["--format=json", "query"],
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["exit-code"], 2, "{document:#}");
        assert!(document["error"].is_string(), "{document:#}");
    }
    let output = run(&["discover", "--bogus"]);
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_no_journey_and_no_daemon_would_start_with_does_not_pass_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolvet.toml");
    for (text, said) in [
        ("[network]\ntransports = [\"dox\"]", "dox"),
        (
            "[decisions]\nlog = \"log\"\nrecord = \"full\"\nredact = [\"names\"]",
            "[decisions]",
        ),
        ("[dnssec]\nanchors = [\"nosuch.ds\"]", "nosuch.ds"),
        (
            "[traces]\ncollector = \"10.0.0.1:4318\"",
            "traces.collector",
        ),
        ("[daemon]\nmetrics = \"0.0.0.0:9153\"", "daemon.metrics"),
        ("[daemon]\nlisten = [\"192.0.2.1:53\"]", "daemon.listen"),
        ("[daemon]\ndomain = \"a..b\"", "a..b"),
        ("[daemon]\nqueries = 0", "expected at least 1"),
        ("[daemon]\nstreams = 0", "expected at least 1"),
        ("[daemon]\nenrolment = \"a b\"", "`daemon.enrolment`"),
        (
            "[daemon]\ndomain = \"example.net\"\ndesignated = true",
            "`daemon.designated = true`",
        ),
        ("[network]\nattempts = 0", "`network.attempts` is 0"),
        ("[network]\nattempts = 99", "`network.attempts` is 99"),
        (
            "[network]\nattempt-delay-milliseconds = 1",
            "`network.attempt-delay-milliseconds` is 1",
        ),
        (
            "[network]\nservers = [{ transport = \"dot\" }, { transport = \"dot\", name = \"x y\" }]",
            "`network.servers`, server 2: server's name `x y`",
        ),
        (
            "[network]\nfallback = [{ transport = \"dot\" }]",
            "`network.fallback`, server 1: server has no name",
        ),
        (
            "[daemon]\ndesignated = true\n[network]\nservers = [{ transport = \"dot\" }]",
            "`network.servers`, server 1: server has no name",
        ),
        (
            "[network]\ntrust-anchors = \"nosuch.pem\"",
            "`network.trust-anchors`: ",
        ),
        (
            "[network]\nend-entity = [\"nosuch.pem\"]",
            "`network.end-entity`: ",
        ),
        (
            "[policies]\nkeys = [\"absent.pub\"]\nkeys-needed = 3",
            "absent.pub",
        ),
        (
            "[policies]\nkeys = [\"RWRbcvqEJnFfQ5Gy2cnjJFa2tV9Pr2C8ICVSC9DqY4HMk1Ykt9aQsLHh\"]\nkeys-needed = 3",
            "`policies.keys-needed`",
        ),
        (
            "[policies.limits]\ntime-milliseconds = 0",
            "limits.time-milliseconds",
        ),
        (
            "[[policy]]\nregistry = \"oci://127.0.0.1:1/rule:stable\"",
            "needs `name`",
        ),
    ] {
        fs::write(&file, format!("version = \"v1\"\n{text}\n")).unwrap();
        let output = run(&["config", "check", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{text}: {output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(!folder.path().join("log").exists(), "nothing is opened");
    fs::write(&file, "version = \"v1\"\n[daemon]\ndesignated = true\n").unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_place_of_keys_that_is_none_does_not_pass_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolvet.toml");
    for (store, said) in [
        ("cellar", "`cellar` is neither `folder` nor a token"),
        ("pkcs11:token=a?pin-value=1", "`pin-value` is refused"),
    ] {
        let text = format!("version = \"v1\"\n[keys]\nstore = \"{store}\"\n");
        fs::write(&file, text).unwrap();
        let output = run(&["config", "check", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains("`keys.store`") && error.contains(said),
            "{error}"
        );
    }
}

#[test]
fn a_policy_folder_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rule.wasm"), b"\0asm").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let output = run(&[
        "policy",
        "list",
        "--policies",
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("may be written by others"),
        "{output:?}"
    );
}

#[test]
fn a_difference_between_components_is_what_the_new_one_asks_for() {
    let output = run(&["policy", "diff", "preference", "pkix", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    assert_eq!(report["grows"], true);
    assert_eq!(report["stages"]["added"][0], "validation");
    assert_eq!(report["stages"]["removed"][0], "selection");
    let added = report["imports"]["added"].to_string();
    assert!(added.contains("presented.certificate"), "{added}");
    let output = run(&["policy", "diff", "pkix", "pkix"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("nothing more than before"), "{text}");
}

#[test]
fn a_key_is_secret_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("author.key");
    let words = ["policy", "keygen", "--no-password", "--secret-key"];
    let words = [&words[..], &[key.to_str().unwrap()]].concat();
    assert_eq!(run(&words).status.code(), Some(0));
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = fs::read(&key).unwrap();
    let again = run(&words);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(said.contains("stays as it is"), "{said}");
    assert_eq!(fs::read(&key).unwrap(), before);
    // Where one of both cannot be written, neither is.
    let other = folder.path().join("other.key");
    let public = folder.path().join("author.pub");
    let other_words = [&words[..4], &[other.to_str().unwrap(), "--public-key"]].concat();
    for public in [&public, &folder.path().join("nowhere/other.pub"), &other] {
        let output = run(&[&other_words[..], &[public.to_str().unwrap()]].concat());
        assert!(!output.status.success(), "{output:?}");
        assert!(!other.exists(), "{output:?}");
    }
    let same = run(&[
        &words[..4],
        &[public.with_file_name("new.pub").to_str().unwrap()],
    ]
    .concat());
    assert_eq!(same.status.code(), Some(2), "{same:?}");
    assert!(!folder.path().join("new.pub").exists());
}

#[test]
fn several_people_sign_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |words: &[&str]| {
        let command = program()
            .arg("policy")
            .args(words)
            .current_dir(folder.path())
            .output();
        command.unwrap()
    };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/policies/pkix.wasm");
    fs::copy(built, folder.path().join("rule.wasm")).unwrap();
    for key in ["a.key", "b.key", "stranger.key"] {
        let output = policy(&["keygen", "--no-password", "--secret-key", key]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let config = "version = \"v1\"\n[policies]\nkeys = [\"a.pub\", \"b.pub\"]\nkeys-needed = 2\n";
    fs::write(folder.path().join("resolvet.toml"), config).unwrap();
    let verify = [
        "verify",
        "rule.wasm",
        "--config",
        "resolvet.toml",
        "--format",
        "json",
    ];
    let sign = |key, words: &[&str]| {
        let sign = ["sign", "rule.wasm", "--format", "json", "--secret-key", key];
        policy(&[&sign[..], words].concat())
    };
    let join = ["--join", "--policy-key", "a.pub"];
    // A stranger's statement is not made valid by those who join.
    sign("stranger.key", &["--revision", "18446744073709551615"]);
    let refused = sign("b.key", &join);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(json(&refused)["code"], "signature-unknown-key");
    assert_eq!(sign("b.key", &["--join"]).status.code(), Some(2));
    // A number that no other follows is joined by those alone who say it.
    let highest = ["--revision", "18446744073709551615"];
    sign("a.key", &highest);
    let refused = sign("b.key", &join);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = json(&refused)["error"].to_string();
    assert!(said.contains("--revision 18446744073709551615"), "{said}");
    let joined = sign("b.key", &[&join[..], &highest].concat());
    assert_eq!(joined.status.code(), Some(0), "{joined:?}");
    sign("a.key", &[]);
    assert_eq!(json(&policy(&verify))["code"], "signatures-too-few");
    let other = sign("b.key", &[&join[..], &["--revision", "7"]].concat());
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    assert_eq!(sign("b.key", &join).status.code(), Some(0));
    let report = json(&policy(&verify));
    assert_eq!(report["keys"].as_array().unwrap().len(), 2, "{report:#}");
    let past = [
        "sign",
        "rule.wasm",
        "--secret-key",
        "a.key",
        "--not-after",
        "2020-01-01T00:00:00Z",
    ];
    assert_eq!(policy(&past).status.code(), Some(2));
}

#[test]
fn a_certificate_is_told_in_plain_words() {
    let lab = Lab::start(Options::new().site("example.net")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    lab.write_files(folder.path()).unwrap();
    let chain = folder.path().join("example.net.chain.pem");
    let output = run(&["inspect", chain.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "certificate 0",
        "_domain-s.example.net",
        "serverAuth",
        "UTC",
        "data is not sold",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
}

#[test]
fn an_extension_by_itself_is_told_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("privacy.der");
    fs::write(&file, PrivacyStatement::None.to_der().unwrap()).unwrap();
    let output = run(&["inspect", file.to_str().unwrap()]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "no privacy policy is provided\n"
    );
    fs::write(&file, b"something else").unwrap();
    assert_eq!(
        run(&["inspect", file.to_str().unwrap()]).status.code(),
        Some(2)
    );
}

#[test]
fn wrong_use_ends_with_two() {
    for words in [
        &["discover"][..],
        &[
            "query",
            "a.example",
            "NOTYPE",
            "--via",
            "example.net",
            "--resolver",
            "127.0.0.1:9",
        ],
        &["discover", "example.net", "--resolver", "no-address"],
        &[
            "discover",
            "example.net",
            "--resolver",
            "127.0.0.1:9",
            "--trust-anchors",
            "/nowhere.pem",
        ],
        &["discover", "example.net", "--config", "/dev/null"],
        &["policy", "run", "no-such-policy", "--request", "-"],
        &["policy", "run", "pkix", "--request", "/nowhere.jsonl"],
        &[
            "policy",
            "run",
            "pkix",
            "--request",
            "-",
            "--settings",
            "/nowhere.json",
        ],
        &["policy", "replay", "/nowhere.jsonl", "--with", "pkix"],
        &["inspect", "/nowhere.pem"],
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    }
}

#[test]
fn an_error_names_no_option_that_nobody_gave_and_a_cause_once() {
    let output = run(&["network", "trust", "a b"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.starts_with("error: `a b` cannot name a network"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolvet.toml");
    fs::write(&file, "version = \"v1\"\n[decisions]\nlog = \"no/log\"\n").unwrap();
    let words = ["discover", "example.net", "--resolver", "127.0.0.1:9"];
    let words = [&words[..], &["--config", file.to_str().unwrap()]].concat();
    let error = String::from_utf8(run(&words).stderr).unwrap();
    assert!(error.contains("decision log"), "{error}");
    assert_eq!(error.matches("No such file").count(), 1, "{error}");
}

#[test]
fn what_the_program_asks_of_itself_is_no_command_for_people() {
    let document = json(&run(&["--format", "json"]));
    let error = document["error"].as_str().unwrap();
    assert!(error.contains("discover"), "{error}");
    assert!(!error.contains("compile-policy"), "{error}");
}
