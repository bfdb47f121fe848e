//! The thread that writes: whole lines, bounded files.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use resolvet_engine::{
    record::{Anchors, Dropped, Generation, Record, Start},
    versions,
};
use resolvet_proto::judgement::Digest;
use rustix::fs::OFlags;
use serde_json::Value;

use super::{
    log::{Counters, Job, numbered},
    options::{Detail, LogError, LogOptions},
    redaction,
};

/// Sets of trust anchors that are remembered as written; beyond, they are written again.
const ANCHORS: usize = 64;

/// The open file, and the lock that keeps other processes away.
pub(super) struct Place {
    file: File,
    octets: u64,
    /// Whether the last line has an end.
    ended: bool,
    _lock: Option<File>,
}

/// Writes judgements; knows what the file has told already.
pub(super) struct Writer {
    place: Place,
    options: LogOptions,
    set_milliseconds: u32,
    counters: Arc<Counters>,
    told: Told,
}

/// What a reader of this file knows.
#[derive(Clone, Default)]
struct Told {
    started: bool,
    generation: Option<u64>,
    anchors: Vec<Digest>,
    dropped: u64,
}

impl Place {
    pub(super) fn open(options: &LogOptions) -> Result<Self, LogError> {
        let path = &options.path;
        let io = |source| LogError::Io {
            path: path.clone(),
            source,
        };
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = open(Path::new(&lock)).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LogError::InUse { path: path.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let file = open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(LogError::NoFile { path: path.clone() });
        }
        let mut place = Self::of(file).map_err(io)?;
        place._lock = Some(lock);
        Ok(place)
    }

    /// A file that is written from its end on.
    pub(super) fn of(mut file: File) -> io::Result<Self> {
        let mut last = [b'\n'];
        // A pipe and an empty file have no last octet.
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            octets: file.metadata()?.len(),
            file,
            ended: last == *b"\n",
            _lock: None,
        })
    }

    /// Writes all of it, or makes the file as long as it was.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let length = self.octets;
        match self.file.write_all(lines) {
            Ok(()) => {
                self.octets += lines.len() as u64;
                self.ended = true;
                Ok(())
            }
            Err(error) => {
                // Where even that fails, a reader passes over half a line, and the next one begins anew.
                self.ended = self.file.set_len(length).is_ok() && self.ended;
                Err(error)
            }
        }
    }
}

/// Opens for reading and appending, and makes the file where there is none; never through a link.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

impl Writer {
    pub(super) fn new(
        place: Place,
        options: LogOptions,
        set_milliseconds: u32,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            place,
            options,
            set_milliseconds,
            counters,
            told: Told::default(),
        }
    }

    /// Writes a judgement, or counts it as dropped.
    pub(super) fn write(&mut self, job: Job) {
        let octets = job.octets;
        let counter = match self.record(job) {
            Ok(()) => &self.counters.written,
            Err(_refused) => &self.counters.dropped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.counters
            .queued_octets
            .fetch_sub(octets, Ordering::Relaxed);
    }

    fn record(&mut self, job: Job) -> io::Result<()> {
        let decision = self.decision(&job)?;
        let (mut lines, mut told) = self.preface(&job)?;
        let length = |lines: &Vec<u8>| (lines.len() + decision.len() + 1) as u64;
        let is_full = self.place.octets + length(&lines) > self.options.file_octets;
        if is_full && self.place.octets > 0 {
            self.rotate()?;
            (lines, told) = self.preface(&job)?;
        }
        if length(&lines) > self.options.file_octets {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        lines.extend(decision.into_bytes());
        lines.push(b'\n');
        self.place.append(&lines)?;
        self.told = told;
        Ok(())
    }

    /// The line of the decision itself.
    fn decision(&self, job: &Job) -> io::Result<String> {
        let mut decision = job.decision.clone();
        if self.options.record == Detail::Full {
            decision = decision.with_request(&job.request);
        }
        let redaction = self.options.redaction;
        redaction.members(&mut decision);
        let line = Record::Decision(Box::new(decision)).to_line()?;
        if !redaction.is_wanted() {
            return Ok(line);
        }
        let mut value: Value = serde_json::from_str(&line)?;
        if let Some(answers) = value.get_mut("answers") {
            redaction.texts(answers, &redaction::names(&job.request));
        }
        Ok(value.to_string())
    }

    /// What a reader has to know before the decision and is not told yet by this file.
    fn preface(&self, job: &Job) -> io::Result<(Vec<u8>, Told)> {
        let mut told = self.told.clone();
        let mut records = Vec::new();
        if !told.started {
            told.started = true;
            let time = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            records.push(Record::Start(Start {
                time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                versions: versions(),
            }));
        }
        let generation = job.decision.generation;
        if told.generation != Some(generation) {
            told.generation = Some(generation);
            let settings = !self.options.redaction.is_wanted();
            records.push(Record::Generation(Generation::of(
                generation,
                self.set_milliseconds,
                &job.set,
                settings,
            )));
        }
        let anchors = &job.request.anchors;
        let is_full = self.options.record == Detail::Full;
        if is_full && !told.anchors.contains(anchors.digest()) {
            if told.anchors.len() >= ANCHORS {
                told.anchors.clear();
            }
            told.anchors.push(*anchors.digest());
            records.push(Record::Anchors(Anchors {
                digest: *anchors.digest(),
                anchors: Arc::clone(anchors),
            }));
        }
        let dropped = self.counters.dropped.load(Ordering::Relaxed);
        if told.dropped != dropped {
            let more = dropped.saturating_sub(told.dropped);
            told.dropped = dropped;
            records.push(Record::Dropped(Dropped { dropped: more }));
        }
        let mut lines = Vec::new();
        if !self.place.ended {
            lines.push(b'\n');
        }
        for record in records {
            lines.extend(record.to_line()?.into_bytes());
            lines.push(b'\n');
        }
        Ok((lines, told))
    }

    /// Begins a new file. The oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.options.path;
        for number in (1..self.options.files).rev() {
            match fs::rename(numbered(path, number - 1), numbered(path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.options.files == 1 {
            self.place.file.set_len(0)?;
        } else {
            self.place.file = open(path)?;
        }
        self.place.octets = self.place.file.metadata()?.len();
        self.place.ended = true;
        self.told = Told {
            dropped: self.told.dropped,
            ..Told::default()
        };
        Ok(())
    }
}
