//! The program `resolvet-compile`, as a process. That this test exists also makes `cargo test` build the program, which
//! the tests of hostile guests start.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

#[test]
fn without_an_engines_order_it_refuses() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_resolvet-compile"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"\0asm\x0d\0\x01\0")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "standard input has no order: this program is started by the engine\n"
    );
}
