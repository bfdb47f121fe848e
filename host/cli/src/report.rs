//! What commands report: versioned types for JSON, from which the text for people is made too.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use resolvet::{Client, Probe};
use resolvet_proto::{
    discovery::DiscoveryNote,
    judgement::{
        Answer, Candidate, Decision, DecisionId, Der, DnsRecord, Dnssec, Finding, Judgement,
        Outcome, ReferenceId, Role, Server, Severity, Source, Transport, Verdict,
    },
    session::{Entry, Failure, Step, WithdrawReason},
};
use serde::Serialize;

use crate::{
    choices::{ChoiceReport, Subject},
    exit::Exit,
};

/// Version of every JSON document of this program. It changes when a member changes its meaning or goes away.
pub(crate) const VERSION: u32 = 1;

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// It is the server that queries go to.
    Vetted,
    /// It would have been accepted, had it been needed (`discover --all`).
    Acceptable,
    /// Validation refused it.
    NotAuthenticated,
    /// Privacy or selection refused it.
    Denied,
    /// A policy failed on it.
    Fault,
    /// There was no connection.
    NoConnection,
    /// This build or the session's bounds passed it over.
    PassedOver,
    /// Another server was vetted while it was still attempted.
    Overtaken,
    /// It was not needed.
    NotTried,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Vetted => "vetted",
            Self::Acceptable => "acceptable",
            Self::NotAuthenticated => "not authenticated",
            Self::Denied => "denied",
            Self::Fault => "policy fault",
            Self::NoConnection => "no connection",
            Self::PassedOver => "passed over",
            Self::Overtaken => "overtaken",
            Self::NotTried => "not tried",
        }
    }
}

/// A candidate and what became of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CandidateReport {
    pub(crate) transport: Transport,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) target: String,
    pub(crate) source: Source,
    /// The further ways that found it too.
    pub(crate) also: Vec<Source>,
    /// DoH: the path of its URI template.
    pub(crate) path: Option<String>,
    /// Configurations with which its ClientHello is encrypted (RFC 9849).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ech: Option<Der>,
    /// What it must answer to, where that is not the domain.
    pub(crate) identity: Option<ReferenceId>,
    pub(crate) ranks: Vec<u32>,
    pub(crate) weight: Option<u16>,
    /// The weakest DNSSEC state of the records that it rests on; absent when it rests on none.
    pub(crate) dnssec: Option<Dnssec>,
    pub(crate) status: Status,
    /// One sentence.
    pub(crate) why: String,
    /// What the policies found, each with the policy's name.
    pub(crate) findings: Vec<FindingReport>,
}

impl CandidateReport {
    /// Where it is.
    pub(crate) fn server(&self) -> Server {
        Server {
            transport: self.transport.clone(),
            address: self.address,
            port: self.port,
            path: self.path.clone(),
            ech: self.ech.clone(),
        }
    }
}

/// A finding and who found it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct FindingReport {
    pub(crate) policy: String,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

/// How a journey ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OutcomeReport {
    pub(crate) vetted: Option<Server>,
    pub(crate) authenticated: bool,
    pub(crate) failure: Option<Failure>,
    /// What a person may do about the failure.
    pub(crate) choices: Vec<ChoiceReport>,
    pub(crate) exit_code: u8,
}

/// What `discover` reports.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DiscoverReport {
    pub(crate) version: u32,
    pub(crate) domain: String,
    pub(crate) resolver: SocketAddr,
    pub(crate) profile: String,
    pub(crate) outcome: OutcomeReport,
    pub(crate) candidates: Vec<CandidateReport>,
    pub(crate) notes: Vec<DiscoveryNote>,
    /// What the strict profile and a server of the domain itself would have given beside, one sentence each.
    pub(crate) given_up: Vec<String>,
}

/// What `explain` reports.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ExplainReport {
    #[serde(flatten)]
    pub(crate) discovery: DiscoverReport,
    pub(crate) records: Vec<DnsRecord>,
    /// Everything in the order in which it happened.
    pub(crate) story: Vec<EntryReport>,
}

/// An entry of the story; a judgement has the name by which the decision log knows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct EntryReport {
    #[serde(flatten)]
    entry: Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionId>,
}

impl From<Entry> for EntryReport {
    fn from(entry: Entry) -> Self {
        let decision = match &entry.step {
            Step::Selection(judgement) => Some(judgement.id()),
            Step::Validation { judgement, .. } | Step::Assessment { judgement, .. } => {
                Some(judgement.id())
            }
            _ => None,
        };
        Self { entry, decision }
    }
}

/// What `query` reports.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct QueryReport {
    pub(crate) version: u32,
    pub(crate) domain: String,
    pub(crate) name: String,
    pub(crate) rtype: String,
    pub(crate) server: Server,
    pub(crate) authenticated: bool,
    pub(crate) response_code: String,
    pub(crate) answers: Vec<RecordReport>,
    pub(crate) octets: usize,
    pub(crate) milliseconds: u128,
    /// Of the handshakes of the connection: TCP's, which is nothing for a transport without it, and that of TLS, QUIC or
    /// DTLS with the judgement in it.
    pub(crate) tcp_microseconds: u128,
    pub(crate) tls_microseconds: u128,
    /// Round trips that they took.
    pub(crate) round_trips: u8,
}

/// A record of an answer in presentation form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RecordReport {
    pub(crate) name: String,
    pub(crate) ttl: u32,
    pub(crate) rtype: String,
    pub(crate) data: String,
}

/// What a story says of the candidates.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) candidates: Vec<CandidateReport>,
    pub(crate) records: Vec<DnsRecord>,
    pub(crate) notes: Vec<DiscoveryNote>,
    pub(crate) given_up: Vec<String>,
    pub(crate) vetted: Option<Server>,
    pub(crate) authenticated: bool,
    pub(crate) failure: Option<Failure>,
}

impl Reading {
    pub(crate) fn of(story: &[Entry]) -> Self {
        let mut reading = Self::default();
        let mut attempts: Vec<(u32, u32)> = Vec::new();
        let mut with_authority: BTreeMap<u32, bool> = BTreeMap::new();
        for Entry { step, .. } in story {
            match step {
                Step::Note(note) => reading.notes.push(note.clone()),
                Step::Discovered {
                    records,
                    candidates,
                } => {
                    reading.records.clone_from(records);
                    let report = |candidate| untried(candidate, records);
                    reading.candidates = candidates.iter().map(report).collect();
                }
                Step::Selection(judgement) => reading.select(judgement),
                Step::PassedOver {
                    candidate, reason, ..
                } => {
                    reading.set(*candidate, Status::PassedOver, reason.clone());
                }
                Step::Attempt {
                    attempt, candidate, ..
                } => attempts.push((*attempt, *candidate)),
                Step::ConnectionFailed { attempt, reason } => {
                    if let Some(candidate) = candidate_of(&attempts, *attempt) {
                        reading.fail(candidate, reason.detail.clone());
                    }
                }
                Step::Validation { attempt, judgement } => {
                    if let Some(candidate) = candidate_of(&attempts, *attempt) {
                        with_authority.insert(*attempt, has_authority(judgement));
                        reading.judge(candidate, judgement, Status::NotAuthenticated);
                    }
                }
                Step::Assessment { attempt, judgement } => {
                    if let Some(candidate) = candidate_of(&attempts, *attempt) {
                        reading.judge(candidate, judgement, Status::Denied);
                    }
                }
                Step::GivenUp {
                    message, reference, ..
                } => reading.given_up.push(format!("{message} ({reference})")),
                Step::Fallback { failure } => {
                    let message = format!("no server of the network: {}", failure.message);
                    reading.given_up.push(message);
                }
                Step::Served { attempt, .. } => {
                    if let Some(candidate) = candidate_of(&attempts, *attempt) {
                        reading.authenticated = with_authority.get(attempt).is_some_and(|it| *it);
                        reading.serve(candidate);
                    }
                }
                Step::Withdrawn {
                    attempt,
                    reason: WithdrawReason::Overtaken,
                } => {
                    if let Some(candidate) = candidate_of(&attempts, *attempt) {
                        let why = "another server was vetted while this one was still attempted";
                        reading.set(candidate, Status::Overtaken, why.into());
                    }
                }
                Step::Failed(failure) => reading.failure = Some(failure.clone()),
                _ => {}
            }
        }
        reading
    }

    pub(crate) fn outcome(&self, subject: &Subject) -> OutcomeReport {
        let exit = self
            .failure
            .as_ref()
            .map_or(Exit::Done, |failure| failure.kind.into());
        OutcomeReport {
            vetted: self.vetted.clone(),
            authenticated: self.vetted.is_some() && self.authenticated,
            failure: self.failure.clone(),
            choices: self
                .failure
                .as_ref()
                .map(|failure| subject.of_session(failure))
                .unwrap_or_default(),
            exit_code: exit as u8,
        }
    }

    /// Records what a probe brought (`discover --all`).
    pub(crate) fn probed(&mut self, candidate: u32, probe: &Probe) {
        match probe {
            Probe::Failed(reason) => self.fail(candidate, reason.clone()),
            Probe::Refused(judgement) => self.judge(candidate, judgement, Status::NotAuthenticated),
            Probe::Judged {
                validation,
                privacy,
            } => {
                self.set(
                    candidate,
                    Status::Acceptable,
                    "every policy accepts it".into(),
                );
                self.judge(candidate, validation, Status::NotAuthenticated);
                self.judge(candidate, privacy, Status::Denied);
            }
            _ => {}
        }
    }

    fn at(&mut self, candidate: u32) -> Option<&mut CandidateReport> {
        self.candidates.get_mut(usize::try_from(candidate).ok()?)
    }

    fn set(&mut self, candidate: u32, status: Status, why: String) {
        if let Some(report) = self.at(candidate) {
            report.status = status;
            report.why = why;
        }
    }

    /// A refusal by policy has been told better already.
    fn fail(&mut self, candidate: u32, why: String) {
        let told = [Status::NotAuthenticated, Status::Denied, Status::Fault];
        if self
            .at(candidate)
            .is_some_and(|report| !told.contains(&report.status))
        {
            self.set(candidate, Status::NoConnection, why);
        }
    }

    fn serve(&mut self, candidate: u32) {
        let authenticated = self.authenticated;
        let why = if authenticated {
            "validated with authority, and no policy refuses"
        } else {
            "encrypted, not authenticated: the opportunistic profile takes it"
        };
        self.set(candidate, Status::Vetted, why.into());
        let server = self.at(candidate).map(|report| report.server());
        self.vetted = server;
    }

    fn judge(&mut self, candidate: u32, judgement: &Judgement<Verdict>, refused: Status) {
        if let Some(report) = self.at(candidate) {
            report.findings.extend(findings(judgement));
        }
        match judgement.outcome {
            Outcome::Accepted => {}
            Outcome::Faulted => self.set(candidate, Status::Fault, why(judgement)),
            Outcome::Rejected | Outcome::NoAuthority => {
                self.set(candidate, refused, why(judgement));
            }
        }
    }

    fn select(&mut self, judgement: &Judgement<resolvet_proto::judgement::Ranking>) {
        let order = judgement.order(self.candidates.len());
        let faulted = judgement.outcome == Outcome::Faulted;
        for index in (0_u32..)
            .take(self.candidates.len())
            .filter(|index| !order.contains(index))
        {
            let status = if faulted {
                Status::Fault
            } else {
                Status::Denied
            };
            let about_it = |finding: &FindingReport| {
                finding
                    .finding
                    .evidence
                    .contains(&resolvet_proto::judgement::Evidence::Candidate(index))
            };
            let own: Vec<FindingReport> = findings(judgement).filter(about_it).collect();
            let reason = own.first().map_or_else(
                || why(judgement),
                |first| format!("{}: {}", first.policy, first.finding.message),
            );
            self.set(index, status, reason);
            if let Some(report) = self.at(index) {
                report.findings.extend(own);
            }
        }
    }
}

fn untried(candidate: &Candidate, records: &[DnsRecord]) -> CandidateReport {
    let supported = Client::transports().contains(&candidate.transport);
    let why = if supported {
        "another server was taken before it"
    } else {
        "this build does not connect by this transport"
    };
    CandidateReport {
        transport: candidate.transport.clone(),
        address: candidate.address,
        port: candidate.port,
        target: candidate.target.clone(),
        source: candidate.source.clone(),
        also: candidate.also.clone(),
        path: candidate.path.clone(),
        ech: candidate.ech.clone(),
        identity: candidate.identity.clone(),
        ranks: candidate.ranks.clone(),
        weight: candidate.weight,
        dnssec: weakest(candidate, records),
        status: Status::NotTried,
        why: why.into(),
        findings: Vec::new(),
    }
}

/// The weakest state among the records that a candidate rests on.
fn weakest(candidate: &Candidate, records: &[DnsRecord]) -> Option<Dnssec> {
    let strength = |state: &Dnssec| match state {
        Dnssec::Secure => 3,
        Dnssec::Insecure => 2,
        Dnssec::Indeterminate => 1,
        _ => 0,
    };
    let evidence = candidate.evidence.iter();
    evidence
        .filter_map(|index| records.get(usize::try_from(*index).ok()?))
        .map(|record| record.dnssec.clone())
        .min_by_key(strength)
}

fn candidate_of(attempts: &[(u32, u32)], attempt: u32) -> Option<u32> {
    attempts
        .iter()
        .rev()
        .find(|(id, _)| *id == attempt)
        .map(|(_, candidate)| *candidate)
}

/// Whether a validator with authority accepted.
fn has_authority(judgement: &Judgement<Verdict>) -> bool {
    judgement.evaluations.iter().any(|evaluation| {
        let accepts = |verdict: &Verdict| matches!(verdict.decision, Decision::Accept { .. });
        evaluation.role == Role::Authority && evaluation.result.as_ref().is_ok_and(accepts)
    })
}

/// All findings of a judgement with their policies.
pub(crate) fn findings<A: Answer>(
    judgement: &Judgement<A>,
) -> impl Iterator<Item = FindingReport> + '_ {
    judgement.evaluations.iter().flat_map(|evaluation| {
        let findings = evaluation
            .result
            .as_ref()
            .map(Answer::findings)
            .unwrap_or_default();
        findings.iter().map(|finding| FindingReport {
            policy: evaluation.policy.clone(),
            finding: finding.clone(),
        })
    })
}

/// One sentence: who refused, and for what reason.
pub(crate) fn why<A: Answer>(judgement: &Judgement<A>) -> String {
    let fault = judgement.evaluations.iter().find_map(|evaluation| {
        evaluation
            .result
            .as_ref()
            .err()
            .map(|fault| (evaluation, fault))
    });
    if let (Outcome::Faulted, Some((evaluation, fault))) = (judgement.outcome, fault) {
        return format!("policy `{}` failed: {}", evaluation.policy, fault.message);
    }
    let worst = |severity| findings(judgement).find(|report| report.finding.severity == severity);
    let told = worst(Severity::Error).or_else(|| worst(Severity::Warning));
    match (told, judgement.outcome) {
        (Some(FindingReport { policy, finding }), _) => {
            let reference = match finding.reference.as_str() {
                "" => String::new(),
                reference => format!(" ({reference})"),
            };
            format!("{policy}: {}{reference}", finding.message)
        }
        (None, Outcome::NoAuthority) => {
            "no policy with authority accepted: the strict profile needs one (RFC 8310 5)".into()
        }
        (None, outcome) => format!("{} without a finding", outcome.as_str()),
    }
}
