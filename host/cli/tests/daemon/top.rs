//! `resolvet policy top`, for scripts and on a terminal.

use std::process::Command;

use hickory_proto::op::ResponseCode;
use serde_json::Value;

use crate::running::{DEFAULTS, Daemon, Home, built, document};

/// Runs a program on a terminal of its own until it has shown the text of the first argument, then types the second. Prints
/// what was shown, how it ended, and whether the terminal is as it was.
const TERMINAL: &str = r#"
import fcntl, json, os, pty, select, struct, subprocess, sys, termios, time
shows, types, program = sys.argv[1], sys.argv[2], sys.argv[3:]
outer, inner = pty.openpty()
fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
before = termios.tcgetattr(inner)
child = subprocess.Popen(program, stdin=inner, stdout=inner, stderr=inner)
shown, typed, end = b"", False, time.time() + 60
while time.time() < end:
    if select.select([outer], [], [], 0.05)[0]:
        shown += os.read(outer, 65536)
    elif child.poll() is not None:
        break
    if not typed and shows.encode() in shown:
        os.write(outer, types.encode())
        typed = True
if child.poll() is None:
    child.kill()
same = termios.tcgetattr(inner) == before
print(json.dumps({"shown": shown.decode(), "code": child.wait(), "same": same}))
"#;

fn on_a_terminal(daemon: &Daemon, types: &str) -> Value {
    let output = Command::new("/usr/bin/python3")
        .args(["-c", TERMINAL, "pkix", types])
        .arg(env!("CARGO_BIN_EXE_resolvet"))
        .args(["policy", "top", "--interval", "0.1", "--control"])
        .arg(daemon.control())
        .output()
        .unwrap();
    document(&output)
}

#[test]
fn scripts_get_one_document() {
    let home = Home::new();
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    let words = ["policy", "top", "--once", "--interval", "0.1"];
    let output = daemon.resolvet(&[&words[..], &["--format", "json"]].concat());
    assert!(output.status.success(), "{output:?}");
    let report = document(&output);
    assert_eq!(report["generation"], 1, "{report:#}");
    let policy = &report["policies"][0];
    assert_eq!(policy["policy"], "pkix", "{report:#}");
    assert!(
        policy["verdicts"]["accept"].as_u64().unwrap() >= 1,
        "{report:#}"
    );
    assert_eq!(policy["evaluations"], policy["verdicts"]["accept"]);
    assert!(policy["median-nanoseconds"].as_u64() <= policy["p99-nanoseconds"].as_u64());
    assert!(policy["p99-nanoseconds"].is_u64());
    assert!(report["seconds"].as_f64().unwrap() >= 0.1);
    let table = daemon.resolvet(&words);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("PER SECOND") && table.contains("pkix"),
        "{table}"
    );
}

#[test]
fn without_a_terminal_it_says_what_to_give() {
    let home = Home::new();
    let daemon = home.start();
    let output = daemon.resolvet(&["policy", "top"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("--once"), "{text}");
}

#[test]
fn a_terminal_is_given_back_as_it_was() {
    let home = Home::new();
    let shadow = "shadow = \"next.wasm\"\n";
    std::fs::copy(built("pkix.wasm"), home.path("next.wasm")).unwrap();
    home.configure(&format!("{DEFAULTS}{shadow}"));
    let daemon = home.start();
    daemon.ask_until(ResponseCode::NoError);
    for types in ["q", "\u{3}"] {
        let seen = on_a_terminal(&daemon, types);
        assert_eq!(seen["code"], 0, "{seen:#}");
        assert_eq!(seen["same"], true, "{seen:#}");
        let shown = seen["shown"].as_str().unwrap();
        for text in [
            "\u{1b}[?1049h",
            "PER SECOND",
            "q ends",
            "\u{1b}[?1049l",
            "\u{1b}[?25h",
        ] {
            assert!(shown.contains(text), "{text:?} is not in {shown:?}");
        }
        assert!(shown.ends_with("\u{1b}[?1049l"), "{shown:?}");
    }
}
