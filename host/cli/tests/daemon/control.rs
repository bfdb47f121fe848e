//! Who may ask what of the daemon.

use std::{
    io::{Read as _, Write as _},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::Command,
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
fn a_second_daemon_does_not_take_the_socket() {
    let home = Home::new();
    let _daemon = home.start();
    let second = home.command().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let log = String::from_utf8_lossy(&second.stderr);
    assert!(log.contains("another daemon listens"), "{log}");
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
    let open = home
        .command()
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&open.stderr);
    assert!(log.contains("no address of loopback"), "{log}");
}
