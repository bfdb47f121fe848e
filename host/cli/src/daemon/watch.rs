//! A reload when files change, once they are quiet: a file that is still being written is read when it is complete.

use std::{
    collections::BTreeSet,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{Daemon, book::By, changing::Asked};

/// Files are quiet when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(300);
/// How long a folder that is never quiet is waited for.
const LONGEST: Duration = Duration::from_secs(3);
/// How often a folder that is not there is looked for.
const MISSING: Duration = Duration::from_secs(2);
/// Octets of events that are read at once.
const EVENTS: usize = 4_096;

/// What may make a file another one.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// Reloads whenever something changed, until the daemon ends.
pub(super) async fn run(daemon: Arc<Daemon>) {
    if let Err(error) = watch(&daemon).await {
        daemon.output.log(&format!(
            "files are not watched, SIGHUP and `resolvet policy reload` work: {error}"
        ));
    }
}

async fn watch(daemon: &Arc<Daemon>) -> io::Result<()> {
    let watch = Watch::start()?;
    let mut folders = daemon.folders.subscribe();
    let mut missing = BTreeSet::new();
    loop {
        let wanted = folders.borrow_and_update().clone();
        let gone = watch.look_at(&wanted)?;
        // One that came back has brought other files.
        let is_back = missing.iter().any(|folder| !gone.contains(folder));
        missing = gone;
        if !is_back {
            let looking = async {
                match missing.is_empty() {
                    true => std::future::pending().await,
                    false => sleep(MISSING).await,
                }
            };
            tokio::select! {
                () = watch.changes.notified() => {}
                Ok(()) = folders.changed() => continue,
                () = looking => continue,
            }
        }
        watch.quiet().await;
        // The answer stands in the log and in the status.
        let _told = daemon.reload(Asked::by(By::Watch)).await;
    }
}

struct Watch {
    descriptor: Arc<OwnedFd>,
    /// Something changed. What, does not matter: everything is read anew, and what is as it was is left alone.
    changes: Arc<Notify>,
}

impl Watch {
    /// Starts a thread that waits for events as long as the process lives.
    fn start() -> io::Result<Self> {
        let descriptor = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let changes = Arc::new(Notify::new());
        let (events, changed) = (Arc::clone(&descriptor), Arc::clone(&changes));
        thread::Builder::new()
            .name("resolvetd-files".to_owned())
            .spawn(move || {
                let mut buffer = [0; EVENTS];
                while matches!(rustix::io::read(&*events, &mut buffer), Ok(1..)) {
                    changed.notify_one();
                }
            })?;
        Ok(Self {
            descriptor,
            changes,
        })
    }

    /// Watches these folders too; one that was watched already is not watched twice. Says which are not there.
    fn look_at(&self, folders: &BTreeSet<PathBuf>) -> io::Result<BTreeSet<PathBuf>> {
        let mut missing = BTreeSet::new();
        for folder in folders {
            match inotify::add_watch(&*self.descriptor, folder, CHANGES) {
                Ok(_) => {}
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => {
                    missing.insert(folder.clone());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(missing)
    }

    /// Waits until nothing happens any more.
    async fn quiet(&self) {
        let began = Instant::now();
        while began.elapsed() < LONGEST && timeout(QUIET, self.changes.notified()).await.is_ok() {}
    }
}
