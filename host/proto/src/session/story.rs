//! What happened, for a person to read: bounded, in order, with times.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{ConnectionFailure, Failure, LifetimeBound, WithdrawReason};
use crate::{
    discovery::{DiscoveryNote, Timestamp},
    judgement::{Candidate, DnsRecord, Judgement, Ranking, Server, Verdict},
};

/// How many entries a story keeps; of a longer one the oldest are dropped and counted. A first journey has a few hundred.
pub const ENTRIES: usize = 1_024;

/// What happened so far, the oldest first. It decides nothing that follows, so the debug form of a session leaves it out.
#[derive(Clone, Default)]
pub(super) struct Story {
    entries: Vec<Entry>,
    dropped: u64,
}

impl Story {
    pub(super) fn add(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES {
            self.entries.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.entries.push(entry);
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many older entries are no longer there.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Story").finish_non_exhaustive()
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Step,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// A query was issued.
    Query {
        /// Its id.
        id: u32,
        /// The name.
        name: String,
        /// The type's number.
        rtype: u16,
    },
    /// A query was answered.
    Answer {
        /// Its id.
        id: u32,
        /// How many records answer the question.
        records: u32,
        /// Why there are none: `no-such-name`, `no-records`, or a failure in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// A failed lookup is repeated later.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Discovery observed something.
    Note(DiscoveryNote),
    /// Discovery is complete.
    Discovered {
        /// The records that the candidates rest on.
        records: Vec<DnsRecord>,
        /// The candidates in discovery's order.
        candidates: Vec<Candidate>,
    },
    /// The selectors answered.
    Selection(Judgement<Ranking>),
    /// A candidate was passed over without an attempt.
    PassedOver {
        /// The candidate's position.
        candidate: u32,
        /// Where.
        server: Server,
        /// Why.
        reason: String,
    },
    /// A connection is attempted.
    Attempt {
        /// The attempt.
        attempt: u32,
        /// The candidate's position.
        candidate: u32,
        /// Where.
        server: Server,
        /// The host name that the address belongs to.
        target: String,
    },
    /// The connection failed.
    ConnectionFailed {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: ConnectionFailure,
    },
    /// The validators answered.
    Validation {
        /// The attempt.
        attempt: u32,
        /// Their answers.
        judgement: Judgement<Verdict>,
    },
    /// What an authenticated server said about itself.
    Informed {
        /// The attempt.
        attempt: u32,
        /// The keys of its record with their values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<(String, Option<String>)>,
        /// Why nothing counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// A signed privacy statement was looked for.
    Fetched {
        /// The attempt.
        attempt: u32,
        /// Where.
        url: String,
        /// Why nothing counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// Something that the strict profile asks for was given up.
    GivenUp {
        /// The attempt.
        attempt: u32,
        /// What, in one sentence.
        message: String,
        /// The paragraph of the standard.
        reference: String,
    },
    /// Nothing of the network could be used: the fallback is tried.
    Fallback {
        /// How the network failed.
        failure: Failure,
    },
    /// The privacy assessors answered.
    Assessment {
        /// The attempt.
        attempt: u32,
        /// Their answers.
        judgement: Judgement<Verdict>,
    },
    /// A judgement did not count.
    Discounted {
        /// The attempt, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// Why.
        reason: String,
    },
    /// The server is vetted.
    Served {
        /// The attempt.
        attempt: u32,
        /// When the verdict ends.
        expires: Timestamp,
        /// What ends it first.
        bound: LifetimeBound,
    },
    /// What is vetted is judged again.
    Rejudging {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// A server is used no longer.
    Withdrawn {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: WithdrawReason,
    },
    /// The session ended without a server.
    Failed(Failure),
}
