//! A machine without IPv6: the daemon listens at what is left of its default addresses.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use resolvet_tests::lab::ca::Authority;

use crate::namespace::run;
use crate::process::{resolvet, write};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_daemon_starts_where_ipv6_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let anchors = Authority::new().unwrap().root_pem();
    write(folder.path(), "anchors.pem", anchors).unwrap();
    run(folder.path(), "true", "without_ipv6::inside").unwrap();
}

#[test]
#[ignore = "runs inside of network namespaces, started by the test above"]
fn inside() {
    let folder = PathBuf::from(std::env::var_os("FOLDER").unwrap());
    std::fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1").unwrap();
    let start = |listen: &str| {
        let config = format!(
            "version = \"v1\"\n[network]\nresolver = \"192.0.2.1:53\"\ntrust-anchors = \"anchors.pem\"\n\
             [daemon]\ndomain = \"example.net\"\n{listen}\n\
             control = \"control/socket\"\nstate = \"state\"\n"
        );
        let config = write(&folder, "resolvet.toml", config).unwrap();
        let log = std::fs::File::create(folder.join("daemon.log")).unwrap();
        let mut daemon = Command::new(resolvet().unwrap().with_file_name("resolvetd"));
        daemon.arg("--config").arg(config).stderr(log);
        daemon.env("XDG_CACHE_HOME", folder.join("cache"));
        daemon.env("XDG_DATA_HOME", folder.join("data"));
        daemon.env_remove("NOTIFY_SOCKET").spawn().unwrap()
    };
    let log = || std::fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
    // What somebody wrote must be there.
    let written = start("listen = [\"127.0.0.1:53\", \"[::1]:53\"]").wait();
    assert_eq!(written.unwrap().code(), Some(1), "{}", log());
    let mut daemon = start("");
    let began = Instant::now();
    while !log().contains("control socket") {
        let ended = daemon.try_wait().unwrap();
        assert!(
            ended.is_none() && began.elapsed() < PATIENCE,
            "{ended:?}: {}",
            log()
        );
        sleep(Duration::from_millis(50));
    }
    let answers = TcpStream::connect("127.0.0.1:53");
    let said = log();
    let _gone = daemon.kill();
    let _ended = daemon.wait();
    assert!(answers.is_ok(), "{said}");
    assert!(said.contains("cannot listen at [::1]:53"), "{said}");
}
