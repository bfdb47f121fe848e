//! A server that others wrote, from its start until its value is dropped.

use std::fmt::Display;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hickory_proto::rr::RecordType;
use resolvet_tests::lab::ask;

/// Where Debian keeps servers; a user's PATH often lacks the second half.
const FOLDERS: [&str; 6] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
];
/// How long a server may take to answer for the first time, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Starts tried, since another program can take a free port before the server does.
const ATTEMPTS: usize = 3;

/// The path of a program.
///
/// # Errors
/// When it is not installed; the error names Debian's package.
pub(crate) fn program(name: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("`{name}` is missing: install Debian's package `{package}`"))
}

/// Our program, which lies beside the tests.
///
/// # Errors
/// When it was not built.
pub(crate) fn resolvet() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(|folder| folder.parent())
        .context("tests lie in a folder of the build's")?;
    let program = folder.join("resolvet");
    ensure!(
        program.is_file(),
        "`{}` is missing: run `cargo build --workspace`",
        program.display()
    );
    Ok(program)
}

/// A running server; dropping it ends the server and waits until it is gone.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1 and waits until it answers for the SOA of `zone`. `configure` gets the
    /// port, writes what the server reads, and returns the command; standard error goes to a log in `folder`.
    pub(crate) fn start(
        folder: &Path,
        zone: &str,
        mut configure: impl FnMut(u16) -> Result<Command>,
    ) -> Result<(Self, SocketAddr)> {
        let mut told = String::new();
        for _ in 0..ATTEMPTS {
            let address = free_address()?;
            let log = folder.join("server.log");
            let output = File::create(&log)?;
            let child = configure(address.port())?
                .stdin(Stdio::null())
                .stdout(output.try_clone()?)
                .stderr(output)
                .spawn()?;
            let mut server = Self { child, log };
            match server.wait_until_it_answers(address, zone) {
                Ok(()) => return Ok((server, address)),
                Err(error) => told = format!("{error:#}\n{}", server.log()),
            }
        }
        bail!("the server did not start: {told}")
    }

    /// What the server wrote so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_until_it_answers(&mut self, address: SocketAddr, zone: &str) -> Result<()> {
        let query = ask::query(1, zone, RecordType::SOA)?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            // Over TCP, since a refused connection says at once that nobody listens yet.
            if ask::tcp(address, &query).is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("no answer within {PATIENCE:?}")
    }

    fn end(&mut self) -> Result<()> {
        // Gently first: NSD's parent ends its children only when it is asked to.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            sleep(Duration::from_millis(10));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.end().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A port of 127.0.0.1 that is free for UDP and TCP at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    for _ in 0..32 {
        let stream = TcpListener::bind(("127.0.0.1", 0))?;
        let address = stream.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free for UDP and TCP")
}

/// Writes a file into a folder and says where it is.
pub(crate) fn write(folder: &Path, name: &str, content: impl Display) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, content.to_string())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path)
}
