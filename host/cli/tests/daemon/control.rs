//! Who may ask what of the daemon.

use std::{
    io::{Read as _, Write as _},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::running::Home;

/// Sends a line to the socket given as the first argument and prints what comes back.
const CLIENT: &str = "
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(sys.argv[2].encode() + b'\\n')
print(client.makefile().readline())
";
/// Connects more often than may be, and says nothing.
const CROWD: &str = "
import socket, sys, time
crowd = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for one in crowd:
    one.connect(sys.argv[1])
print('ready', flush=True)
time.sleep(60)
";
/// Nobody, on every Linux.
const NOBODY: u32 = 65_534;

/// Whether this process may become another user.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn another_user_may_read_and_change_nothing() {
    let home = Home::new();
    let daemon = home.start();
    let ask = |user: Option<u32>, command: &str| -> Value {
        let question = format!("{{\"version\":1,\"command\":{command}}}");
        let mut client = Command::new("/usr/bin/python3");
        client
            .args(["-c", CLIENT])
            .arg(daemon.control())
            .arg(question);
        client.env_clear().current_dir("/");
        if let Some(user) = user {
            client.uid(user).gid(user);
        }
        let output = client.output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let own = ask(None, "\"reload\"");
    assert!(own["reload"]["generation"].is_u64(), "{own}");
    assert!(
        is_root(),
        "this test becomes another user: run it as root, as in a container"
    );
    let status = ask(Some(NOBODY), "\"status\"");
    assert!(
        status["status"]["policies"]["generation"].is_u64(),
        "{status}"
    );
    for command in ["policy-status", "policy-history"] {
        let answer = ask(Some(NOBODY), &format!("\"{command}\""));
        assert!(answer[command]["generation"].is_u64(), "{answer}");
    }
    for command in [
        "\"reload\"",
        "{\"promote\":{\"policy\":null}}",
        "{\"rollback\":{\"to\":1}}",
        "{\"lift\":{\"policies\":[],\"reason\":\"x\",\"seconds\":1}}",
        "\"end-lift\"",
    ] {
        let refused = ask(Some(NOBODY), command);
        assert_eq!(refused["refused"]["code"], "not-allowed", "{refused}");
        let reason = refused["refused"]["reason"].as_str().unwrap();
        assert!(reason.contains("user 65534 may not change"), "{reason}");
    }
}

#[test]
fn what_is_no_question_is_refused_and_harms_nobody() {
    let home = Home::new();
    let daemon = home.start();
    let long = vec![b'x'; 100_000];
    for octets in [
        &b"\n"[..],
        b"{}\n",
        b"{\"version\":9,\"command\":\"status\"}\n",
        b"\xff\xfe\n",
        &long,
    ] {
        let mut stream = UnixStream::connect(daemon.control()).unwrap();
        // The daemon may close before everything is written.
        let _written = stream.write_all(octets);
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.contains("refused"), "{text}");
    }
    assert!(daemon.status()["listen"][0].is_string());
}

#[test]
fn a_second_daemon_takes_neither_the_state_nor_the_socket() {
    let home = Home::new();
    let daemon = home.start();
    let refused = |arguments: &[&str]| {
        let second = home.command().args(arguments).output().unwrap();
        assert_eq!(second.status.code(), Some(1));
        String::from_utf8_lossy(&second.stderr).into_owned()
    };
    let control = home.path("other").display().to_string();
    let log = refused(&["--control", &control]);
    assert!(log.contains("another daemon has it"), "{log}");
    let state = home.path("other-state").display().to_string();
    let log = refused(&["--state", &state]);
    assert!(log.contains("another daemon listens"), "{log}");
    assert_eq!(daemon.last_entry()["generation"], 1);
}

#[test]
fn a_file_in_the_place_of_the_socket_stays() {
    let home = Home::new();
    let file = home.path("precious");
    std::fs::write(&file, "kept").unwrap();
    let control = file.display().to_string();
    let refused = home.command().args(["--control", &control]).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let log = String::from_utf8_lossy(&refused.stderr);
    assert!(log.contains("no socket"), "{log}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn those_who_may_change_nothing_keep_nobody_out() {
    assert!(is_root(), "this test becomes another user: run it as root");
    let home = Home::new();
    let daemon = home.start();
    let mut crowd = Command::new("/usr/bin/python3");
    crowd.args(["-c", CROWD]).arg(daemon.control());
    crowd.env_clear().current_dir("/").uid(NOBODY).gid(NOBODY);
    let mut crowd = crowd.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    let mut out = crowd.stdout.take().unwrap();
    out.read_exact(&mut ready).unwrap();
    let output = daemon.resolvet(&["policy", "reload"]);
    crowd.kill().unwrap();
    crowd.wait().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_daemon_that_would_ask_itself_does_not_start() {
    let home = Home::new();
    let output = home
        .command()
        .args(["--listen", "127.0.0.1:5399", "--resolver", "127.0.0.1:5399"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("this daemon itself"), "{log}");
}

#[test]
fn what_is_wrong_with_an_address_is_told_before_anything_is_written() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "192.0.2.1:53"] {
        let open = home.command().args(["--listen", address]).output().unwrap();
        assert_eq!(open.status.code(), Some(2), "{open:?}");
        let log = String::from_utf8_lossy(&open.stderr);
        assert!(log.contains("expected an address of loopback"), "{log}");
        assert!(!home.path("state").exists());
    }
}
