//! The control socket: who asks, and what may be asked.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use resolvet_engine::Reason;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{
    Daemon,
    book::By,
    changing::Asked,
    lifting::Wanted,
    protocol::{Answer, Command, QUESTION, Question, VERSION},
    refusal::Refusal,
};

/// Connections at once, of those who may change something, and as many of all others: these cannot keep those out.
const CONNECTIONS: usize = 16;
/// How long a question may take to come, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Everybody on this machine may connect: what each may do is decided by who it is.
const MODE: u32 = 0o666;

/// The listening socket. Dropping it removes it.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Another daemon may have taken the place; the next start clears it away.
        let _removed = fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens there, in the place of a socket that nobody listens at any more.
    pub(super) fn bind(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("control socket `{}` cannot be made", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => bail!("another daemon listens at `{}`", path.display()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // A file is refused in the same way as a socket that nobody listens at.
                let found = fs::symlink_metadata(path).with_context(failed)?;
                if !found.file_type().is_socket() {
                    bail!("{}: there is a file that is no socket", failed());
                }
                fs::remove_file(path).with_context(failed)?;
            }
            Err(_) => {}
        }
        let socket = UnixListener::bind(path).with_context(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).with_context(failed)?;
        let path = path.to_owned();
        Ok(Self { socket, path })
    }

    pub(super) async fn serve(self, daemon: Arc<Daemon>) {
        let [owners, others] = [(); 2].map(|()| Arc::new(Semaphore::new(CONNECTIONS)));
        loop {
            let Ok((stream, _)) = self.socket.accept().await else {
                // The system has no descriptor left: it may have one soon.
                sleep(PATIENCE).await;
                continue;
            };
            let Ok(peer) = stream.peer_cred() else {
                continue;
            };
            let user = peer.uid();
            let connections = if may_change(user) { &owners } else { &others };
            let Ok(permit) = Arc::clone(connections).try_acquire_owned() else {
                continue;
            };
            let daemon = Arc::clone(&daemon);
            tokio::spawn(async move {
                // Whoever goes away before the answer needs none.
                let _answered = answer(stream, user, &daemon).await;
                drop(permit);
            });
        }
    }
}

async fn answer(mut stream: UnixStream, user: u32, daemon: &Arc<Daemon>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(QUESTION));
    timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Question>(&line) {
        Err(error) => refused(
            Reason::Question,
            format!("the question cannot be read: {error}"),
        ),
        Ok(question) if question.version != VERSION => {
            let came = question.version;
            let text = format!("the question has version {came}: expected {VERSION}");
            refused(Reason::Question, text)
        }
        Ok(question) if question.command.is_guarded() && !may_change(user) => {
            let own = own_user();
            let text = format!(
                "user {user} may not change what this daemon does: expected root or user {own}"
            );
            refused(Reason::NotAllowed, text)
        }
        Ok(question) => carry_out(question.command, user, daemon).await,
    };
    let mut octets = serde_json::to_vec(&answer)?;
    octets.push(b'\n');
    timeout(PATIENCE, writer.write_all(&octets)).await?
}

/// Does what this user may ask for.
async fn carry_out(command: Command, user: u32, daemon: &Arc<Daemon>) -> Answer {
    let asked = |by| Asked {
        by,
        user: Some(user),
    };
    let done = match command {
        Command::Status => return Answer::Status(Box::new(daemon.status())),
        Command::Measured => return Answer::Measured(Box::new(daemon.measured())),
        Command::PolicyStatus => return Answer::PolicyStatus(Box::new(daemon.lives())),
        Command::PolicyHistory => return Answer::PolicyHistory(daemon.history()),
        Command::Reload => {
            let reloaded = daemon.reload(asked(By::Control)).await;
            reloaded.map(Answer::Reload)
        }
        Command::Promote { policy } => {
            let promoted = daemon.promote(asked(By::Promotion), policy, None).await;
            promoted.map(Answer::Changed)
        }
        Command::Rollback { to } => {
            let rolled_back = daemon.roll_back(asked(By::Rollback), to).await;
            rolled_back.map(Answer::Changed)
        }
        Command::Lift {
            policies,
            reason,
            seconds,
        } => {
            let wanted = Wanted {
                policies,
                reason,
                seconds,
            };
            let lifted = daemon.lift(asked(By::BreakGlass), wanted).await;
            lifted.map(Answer::Lifted)
        }
        Command::EndLift => {
            let ended = daemon.end_lift(Some(user)).await;
            ended.map(Answer::Lifted)
        }
    };
    done.unwrap_or_else(|Refusal { code, reason }| refused(code, reason))
}

const fn refused(code: Reason, reason: String) -> Answer {
    Answer::Refused { code, reason }
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn may_change(user: u32) -> bool {
    user == 0 || user == own_user()
}
