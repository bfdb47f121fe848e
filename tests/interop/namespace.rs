//! A link of its own with two ends: a client at one, servers that others wrote at the other. Each end is a network namespace,
//! so that the ports and groups that protocols fix are free, and nothing leaves.
//!
//! The client's end is this very program again, asked to run one test that is ignored otherwise.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};

use crate::process::program;

/// The client's interface.
pub(crate) const CLIENT: &str = "client";
/// Its addresses, and those of the servers' end.
const ADDRESSES: [&str; 2] = ["192.0.2.2/24", "2001:db8::2/64"];
const SERVER_ADDRESSES: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
/// The interface of the servers' end.
pub(crate) const SERVER: &str = "server";

/// Runs a test of this program at the client's end, after `servers`, a piece of shell, was started at the other. `$FOLDER` is
/// the folder there. `None`, with the reason on standard error, when the system gives no namespaces.
pub(crate) fn run(folder: &Path, servers: &str, test: &str) -> Result<Option<()>> {
    program("ip", "iproute2")?;
    let unshare = program("unshare", "util-linux")?;
    let mut arguments: Vec<OsString> = Vec::new();
    if !rustix::process::geteuid().is_root() {
        arguments.extend(["--user", "--map-root-user"].map(OsString::from));
    }
    let kinds = [
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    arguments.extend(kinds.map(OsString::from));
    let possible = Command::new(&unshare)
        .args(&arguments)
        .arg("true")
        .output()?;
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stderr).into_owned();
        eprintln!("skipped `{test}`: no network namespaces here: {why}");
        return Ok(None);
    }
    let add = |interface: &str, addresses: [&str; 2]| -> String {
        let commands =
            addresses.map(|address| format!("ip address add {address} dev {interface}\n"));
        commands.concat()
    };
    let addresses = add(CLIENT, ADDRESSES);
    let server_addresses = add(SERVER, SERVER_ADDRESSES);
    // Addresses count at once: nobody else is on this link.
    let script = format!(
        "set -e\n\
         export PATH=$PATH:/usr/sbin:/sbin\n\
         mount -t tmpfs tmpfs /run\n\
         mount -t sysfs sysfs /sys\n\
         ip link set lo up\n\
         unshare --net sleep 600 &\n\
         END=$!\n\
         until [ \"$(readlink /proc/$END/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do sleep 0.01; done\n\
         ip link add {CLIENT} type veth peer name {SERVER}\n\
         echo 0 > /proc/sys/net/ipv6/conf/{CLIENT}/accept_dad\n\
         echo 0 > /proc/sys/net/ipv6/conf/{SERVER}/accept_dad\n\
         ip link set {SERVER} netns $END\n\
         {addresses}ip link set {CLIENT} up\n\
         cat > $FOLDER/servers.sh <<'SERVERS'\n\
         set -e\n\
         ip link set lo up\n\
         {server_addresses}ip link set {SERVER} up\n\
         {servers}\n\
         SERVERS\n\
         nsenter --target $END --net sh $FOLDER/servers.sh\n\
         exec \"$TEST_PROGRAM\" --exact {test} --include-ignored --nocapture\n"
    );
    let output = Command::new(&unshare)
        .args(&arguments)
        .args(["sh", "-c", &script])
        .env("FOLDER", folder)
        .env("TEST_PROGRAM", std::env::current_exe()?)
        .output()
        .context("`unshare` did not start")?;
    ensure!(
        output.status.success(),
        "`{test}`: {}",
        told(&output, folder)
    );
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    ensure!(ran, "`{test}` did not run: {}", told(&output, folder));
    Ok(Some(()))
}

/// What was written, by the servers too.
fn told(output: &Output, folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    format!(
        "{}\n{}\nservers:\n{log}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
