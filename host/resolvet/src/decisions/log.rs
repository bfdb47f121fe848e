//! The side of the log that judgements see: a bounded queue and counters.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use resolvet_engine::{Judged, Observer, PolicySet, record::Decision};
use resolvet_proto::judgement::Request;

use super::{
    options::{LogError, LogOptions},
    size,
    writer::{Place, Writer},
};

/// Octets of requests and texts that may wait to be written. Without this bound hostile servers could fill the memory with
/// large chains, faster than a disk takes them.
const QUEUED_OCTETS: usize = 32 << 20;
/// How long dropping the log waits until everything is written.
const LAST: Duration = Duration::from_secs(2);

/// A decision log. A clone writes to the same one. Dropping the last clone waits up to two seconds for what is in the queue.
#[derive(Clone)]
pub struct DecisionLog(Arc<Handle>);

struct Handle {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Job>>,
    /// Ends when the thread that writes does.
    written: Mutex<Receiver<()>>,
    counters: Arc<Counters>,
    /// Whether policies' own log lines are recorded.
    guest_log: bool,
}

/// What happened to judgements.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) queued_octets: AtomicUsize,
}

/// A judgement to be written.
pub(super) struct Job {
    pub(super) decision: Decision,
    pub(super) request: Arc<Request>,
    pub(super) set: Arc<PolicySet>,
    pub(super) octets: usize,
}

impl DecisionLog {
    /// Opens the log, or begins it (mode 0600). `set_milliseconds` is the engine's option of that name, which records tell.
    ///
    /// # Errors
    /// When an option makes no sense, another process writes this log, or the system refuses.
    pub fn open(options: LogOptions, set_milliseconds: u32) -> Result<Self, LogError> {
        options.check()?;
        let place = Place::open(&options)?;
        Self::start(place, options, set_milliseconds)
    }

    pub(super) fn start(
        place: Place,
        options: LogOptions,
        set_milliseconds: u32,
    ) -> Result<Self, LogError> {
        let (queue, jobs) = sync_channel(options.queue);
        let (done, written) = sync_channel(0);
        let counters = Arc::<Counters>::default();
        let (path, guest_log) = (options.path.clone(), options.guest_log);
        let mut writer = Writer::new(place, options, set_milliseconds, Arc::clone(&counters));
        let thread = thread::Builder::new().name("decision-log".into());
        let run = move || {
            // Its end is what the last handle waits for.
            let _done: SyncSender<()> = done;
            for job in jobs {
                writer.write(job);
            }
        };
        thread
            .spawn(run)
            .map_err(|source| LogError::Io { path, source })?;
        Ok(Self(Arc::new(Handle {
            queue: Some(queue),
            written: Mutex::new(written),
            counters,
            guest_log,
        })))
    }

    /// Judgements that were written since it was opened.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.counters.written.load(Ordering::Relaxed)
    }

    /// Judgements that were not, since the queue was full or the disk refused.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.counters.dropped.load(Ordering::Relaxed)
    }
}

impl Observer for DecisionLog {
    fn judged(&self, judged: &Judged<'_>) {
        let (counters, guest_log) = (&self.0.counters, self.0.guest_log);
        let octets = size::octets(judged, guest_log);
        let before = counters.queued_octets.fetch_add(octets, Ordering::Relaxed);
        let taken = before.saturating_add(octets) <= QUEUED_OCTETS
            && self.0.queue.as_ref().is_some_and(|queue| {
                let time = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default();
                let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let job = Job {
                    decision: Decision::of(judged, time, guest_log),
                    request: Arc::clone(judged.request),
                    set: Arc::clone(judged.set),
                    octets,
                };
                queue.try_send(job).is_ok()
            });
        if !taken {
            counters.queued_octets.fetch_sub(octets, Ordering::Relaxed);
            counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue = None;
        // Nothing is ever sent: it ends when the thread does, or the patience.
        let written = self
            .written
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let _ended = written.recv_timeout(LAST);
    }
}

impl fmt::Debug for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLog")
            .field("written", &self.written())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// The file with this number beside the log: 0 is the log itself.
pub(super) fn numbered(path: &Path, number: u32) -> std::path::PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::pipe, os::fd::OwnedFd};

    use resolvet_engine::{Answered, Engine, Options};
    use resolvet_proto::judgement::{Judgement, Outcome, Purpose, Stage, UsageProfile, Verdict};

    use super::*;
    use crate::decisions::{Detail, Reader, Recorded};

    struct Told {
        request: Arc<Request>,
        set: Arc<PolicySet>,
        judgement: Judgement<Verdict>,
    }

    impl Told {
        fn new() -> Self {
            let request = Request::new(Purpose::DnsServer, 1_800_000_000);
            let engine = Engine::new(Options::default()).unwrap();
            let set = PolicySet::new(&engine, &UsageProfile::Opportunistic, Vec::new()).unwrap();
            let judgement = Judgement {
                stage: Stage::Validation,
                request: request.digest(),
                generation: 1,
                outcome: Outcome::Accepted,
                lifetime: Some(60),
                evaluations: Vec::new(),
            };
            Self {
                request: Arc::new(request),
                set: Arc::new(set),
                judgement,
            }
        }

        fn tell(&self, log: &DecisionLog) {
            log.judged(&Judged {
                request: &self.request,
                set: &self.set,
                answered: Answered::Verdicts(&self.judgement),
                nanoseconds: 1,
            });
        }
    }

    fn options(folder: &tempfile::TempDir) -> LogOptions {
        LogOptions::new(folder.path().join("decisions.jsonl"))
    }

    fn read(path: &Path) -> Vec<Recorded> {
        let octets = std::fs::read(path).unwrap();
        Reader::new(&*octets).map(Result::unwrap).collect()
    }

    #[test]
    fn files_are_bounded_and_each_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder);
        options.file_octets = 64 << 10;
        options.files = 3;
        options.queue = 10_000;
        options.record = Detail::Full;
        let told = Told::new();
        let log = DecisionLog::open(options.clone(), 500).unwrap();
        for _ in 0..1_000 {
            told.tell(&log);
        }
        let counters = Arc::clone(&log.0.counters);
        drop(log);
        assert_eq!(counters.written.load(Ordering::Relaxed), 1_000);
        assert_eq!(counters.queued_octets.load(Ordering::Relaxed), 0);
        for number in 0..3 {
            let path = numbered(&options.path, number);
            assert!(path.metadata().unwrap().len() <= options.file_octets);
            let read = read(&path);
            assert!(!read.is_empty());
            for recorded in read {
                let Recorded::Decision { request, start, .. } = recorded else {
                    panic!("{recorded:?}")
                };
                assert_eq!(request, Some(Arc::clone(&told.request)));
                assert!(start.versions.contains_key("wasmtime"));
            }
        }
        assert!(!numbered(&options.path, 3).exists());
    }

    #[test]
    fn what_a_full_disk_refuses_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let full = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/full")
            .unwrap();
        let log = DecisionLog::start(Place::of(full).unwrap(), options(&folder), 500).unwrap();
        let told = Told::new();
        told.tell(&log);
        told.tell(&log);
        let counters = Arc::clone(&log.0.counters);
        drop(log);
        assert_eq!(counters.written.load(Ordering::Relaxed), 0);
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_disk_that_stands_still_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder);
        options.queue = 4;
        // Nobody reads: the pipe takes 64 kB and then nothing.
        let (reader, writer) = pipe().unwrap();
        let file = OwnedFd::from(writer).into();
        let log = DecisionLog::start(Place::of(file).unwrap(), options, 500).unwrap();
        let told = Told::new();
        // The writer may be slow at its beginning, too: what counts is that all of them come back.
        for _ in 0..1_000 {
            told.tell(&log);
        }
        assert!(log.dropped() > 0);
        drop(reader);
    }

    #[test]
    fn what_was_dropped_is_told_and_half_a_line_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(&folder);
        std::fs::write(&options.path, "{\"version\":1,\"rec").unwrap();
        let log = DecisionLog::open(options.clone(), 500).unwrap();
        log.0.counters.dropped.store(7, Ordering::Relaxed);
        Told::new().tell(&log);
        drop(log);
        let read = read(&options.path);
        assert!(
            matches!(read[0], Recorded::Unreadable { line: 1, .. }),
            "{read:?}"
        );
        assert!(matches!(read[1], Recorded::Dropped(7)), "{read:?}");
        assert!(
            matches!(read[2], Recorded::Decision { request: None, .. }),
            "{read:?}"
        );
    }

    #[test]
    fn one_process_writes_and_nothing_but_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(&folder);
        let _log = DecisionLog::open(options.clone(), 500).unwrap();
        let second = DecisionLog::open(options.clone(), 500).unwrap_err();
        assert!(matches!(second, LogError::InUse { .. }), "{second}");
        let mut link = options;
        link.path = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link.path).unwrap();
        assert!(DecisionLog::open(link, 500).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_request_that_was_changed_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder);
        options.record = Detail::Full;
        let log = DecisionLog::open(options.clone(), 500).unwrap();
        Told::new().tell(&log);
        drop(log);
        let text = std::fs::read_to_string(&options.path).unwrap();
        std::fs::write(&options.path, text.replace("1800000000", "1800000001")).unwrap();
        let read = read(&options.path);
        assert!(
            matches!(&read[..], [Recorded::Unreadable { reason, .. }] if reason.contains("digest")),
            "{read:?}"
        );
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut both = options(&folder);
        both.record = Detail::Full;
        both.redaction.names = true;
        let error = DecisionLog::open(both, 500).unwrap_err();
        assert!(matches!(error, LogError::FullAndRedacted), "{error}");
        let mut none = options(&folder);
        none.files = 0;
        let error = DecisionLog::open(none, 500).unwrap_err().to_string();
        assert_eq!(error, "`files` is 0: expected 1 to 1000");
    }
}
