//! What may happen to a daemon's system calls, made to happen.

use std::{
    fs,
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

use crate::running::Daemon;

/// `strace`, which does something whenever one of the daemon's threads makes a call; dropping it lets the daemon alone.
pub(crate) struct Tracer(Child);

impl Tracer {
    /// Does this (strace(1), `inject`) to this call from now on.
    pub(crate) fn of(daemon: &Daemon, call: &str, what: &str) -> Self {
        let process = daemon.process();
        let inject = format!("inject={call}:{what}");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
        strace.args([&inject, "-p", &process.to_string()]);
        let tracer = Self(strace.spawn().expect("strace (tests/packages.txt)"));
        let tasks = format!("/proc/{process}/task");
        let is_traced = || {
            fs::read_dir(&tasks).unwrap().all(|task| {
                let status = fs::read_to_string(task.unwrap().path().join("status"));
                // A thread that has ended meanwhile makes no call any more.
                status.map_or(true, |status| !status.contains("TracerPid:\t0\n"))
            })
        };
        while !is_traced() {
            sleep(Duration::from_millis(5));
        }
        tracer
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It may have ended with what it traced.
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}
