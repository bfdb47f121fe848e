//! What a decision log is made with.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::redaction::Redaction;

/// What is recorded of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Its digest.
    #[default]
    Digest,
    /// The whole request, so that it can be replayed.
    Full,
}

/// What a decision log is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogOptions {
    /// The file. Older ones stand beside it with `.1`, `.2` and so on at the end.
    pub path: PathBuf,
    /// What is recorded of requests.
    pub record: Detail,
    /// What is not recorded.
    pub redaction: Redaction,
    /// Whether policies' own log lines are recorded.
    pub guest_log: bool,
    /// Octets of a file. A judgement without its request has 1 to 3 kB.
    pub file_octets: u64,
    /// How many files are kept, the one that is written included.
    pub files: u32,
    /// Judgements that may wait to be written.
    pub queue: usize,
}

impl LogOptions {
    /// The log's files, the newest first. Those that were not needed yet are not there.
    pub fn places(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let (path, files) = (self.path.clone(), self.files);
        (0..files).map(move |number| super::log::numbered(&path, number))
    }

    /// A log in this file: requests by their digests, 8 files of 16 MiB, 1,024 judgements in the queue.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            record: Detail::Digest,
            redaction: Redaction::default(),
            guest_log: true,
            file_octets: 16 << 20,
            files: 8,
            queue: 1_024,
        }
    }

    /// Whether they can hold together.
    ///
    /// # Errors
    /// They contradict each other, or one is out of its bounds.
    pub fn check(&self) -> Result<(), LogError> {
        if self.record == Detail::Full && self.redaction != Redaction::default() {
            return Err(LogError::FullAndRedacted);
        }
        let bounds = [
            ("file-octets", self.file_octets, 64 << 10, 1 << 40),
            ("files", self.files.into(), 1, 1_000),
            ("queue", self.queue as u64, 1, 1 << 16),
        ];
        for (option, came, least, most) in bounds {
            if !(least..=most).contains(&came) {
                return Err(LogError::Option {
                    option,
                    came,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

/// A decision log cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// A whole request holds all names and addresses.
    #[error(
        "`record` is `full` and `redact` is not empty: a whole request holds names and addresses"
    )]
    FullAndRedacted,
    /// An option makes no sense.
    #[error("`{option}` is {came}: expected {least} to {most}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        came: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Another process writes it.
    #[error("decision log `{}` is written by another process", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// It is a folder, a link or a device.
    #[error("decision log `{}` is no regular file", path.display())]
    NoFile {
        /// The log.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("decision log `{}`: {source}", path.display())]
    Io {
        /// The log or its lock.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
