//! What the system's manager is told (sd_notify), and the unit file that it is started by.

use std::{os::unix::net::UnixDatagram, path::Path, process::Command};

use crate::running::{Home, PATIENCE};

#[test]
fn the_manager_is_told_when_it_is_ready_reloads_and_stops() {
    let home = Home::new();
    let socket = UnixDatagram::bind(home.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let until = |wanted: &str| {
        let mut buffer = [0; 1_024];
        loop {
            let length = socket
                .recv(&mut buffer)
                .unwrap_or_else(|e| panic!("{wanted}: {e}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.contains(wanted) {
                return text;
            }
        }
    };
    let mut command = home.command();
    command.env("NOTIFY_SOCKET", home.path("notify"));
    let daemon = home.started(command);
    until("READY=1");
    until("STATUS=answers over dot");
    daemon.signal("HUP");
    let reloading = until("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until("READY=1");
    daemon.signal("TERM");
    until("STOPPING=1");
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn the_unit_file_is_one() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/resolvetd.service");
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
        .expect("systemd-analyze of the package systemd (tests/packages.txt)");
    let said = String::from_utf8_lossy(&output.stderr);
    // The program is not installed here; everything else must be right.
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("resolvetd.service") && !line.contains("is not executable"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
