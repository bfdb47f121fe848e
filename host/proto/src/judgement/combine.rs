//! How the answers of several policies become one judgement.
//!
//! The rules, in the order in which they apply to a stage's enforcing policies; one that monitors is recorded and binds
//! nobody:
//! 1. a fault makes the outcome [`Outcome::Faulted`]: the request is refused;
//! 2. a reject makes it [`Outcome::Rejected`], under every usage profile;
//! 3. at the validation stage under the strict profile at least one *authority* must have accepted, otherwise
//!    [`Outcome::NoAuthority`]; a *restriction*'s accept counts for nothing;
//! 4. at the privacy stage, a policy that is `required` must have accepted, otherwise [`Outcome::NoAuthority`];
//! 5. a selection that leaves nothing is [`Outcome::Rejected`];
//! 6. otherwise [`Outcome::Accepted`], for the least of all lifetimes that accepting policies gave.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Decision, Digest, Finding, Ranking, UsageProfile, Verdict};

/// Which judgement is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Are the peer's credentials acceptable?
    Validation,
    /// Which candidates, in which order?
    Selection,
    /// Is what the server states about privacy good enough?
    Privacy,
}

impl Stage {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Selection => "selection",
            Self::Privacy => "privacy",
        }
    }
}

/// Whether a policy binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Its answer binds.
    #[default]
    Enforce,
    /// It is evaluated and recorded and binds nobody, its faults included.
    Monitor,
}

/// What a policy's accept is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its accept counts as one. At the privacy stage: it is required to accept.
    Authority,
    /// It can only narrow.
    #[default]
    Restriction,
}

/// Why an evaluation gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The guest trapped: a panic, a division by zero, a call that is not allowed now.
    Trap,
    /// The time budget was overrun.
    Time,
    /// The memory budget was overrun.
    Memory,
    /// The stack was overrun.
    Stack,
    /// The budget of table elements was overrun.
    Table,
    /// More log than allowed.
    LogOctets,
    /// More octets crossed between host and guest than allowed.
    CallOctets,
    /// More signatures or octets were verified or digested than allowed.
    Crypto,
    /// The answer is larger than allowed.
    OutputSize,
    /// The request is larger than allowed.
    InputSize,
    /// The answer broke the contract.
    Contract,
    /// No evaluator was free in time.
    Overload,
    /// The host could not make an instance.
    Host,
}

impl FaultKind {
    /// Each of them, once.
    pub const ALL: [Self; 13] = [
        Self::Trap,
        Self::Time,
        Self::Memory,
        Self::Stack,
        Self::Table,
        Self::LogOctets,
        Self::CallOctets,
        Self::Crypto,
        Self::OutputSize,
        Self::InputSize,
        Self::Contract,
        Self::Overload,
        Self::Host,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Table => "table",
            Self::LogOctets => "log-octets",
            Self::CallOctets => "call-octets",
            Self::Crypto => "crypto",
            Self::OutputSize => "output-size",
            Self::InputSize => "input-size",
            Self::Contract => "contract",
            Self::Overload => "overload",
            Self::Host => "host",
        }
    }
}

/// The policy failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// In which way.
    pub kind: FaultKind,
    /// What was expected, what came, and which setting mends it.
    pub message: String,
}

/// A line that a policy logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogLine {
    /// `debug`, `info`, `warning` or `error`, or what the guest said.
    pub level: String,
    /// The text, printable characters only.
    pub message: String,
}

/// A signature that a policy had verified: what an accept can be audited against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifiedSignature {
    /// Name of the algorithm in the table of [`crate::certificate::algorithm`], or `unknown`.
    pub algorithm: String,
    /// SHA-256 of the key.
    pub key: Digest,
    /// SHA-256 of the message.
    pub message: Digest,
    /// Whether it verified.
    pub valid: bool,
}

/// One call of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evaluation<A> {
    /// Name of the policy.
    pub policy: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Whether it binds.
    pub mode: Mode,
    /// What its accept is worth.
    pub role: Role,
    /// The answer, or why there is none.
    pub result: Result<A, Fault>,
    /// What it logged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// The signatures that it had verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<VerifiedSignature>,
    /// How long it took, nanoseconds.
    pub nanoseconds: u64,
}

impl<A> Evaluation<A> {
    fn binds(&self) -> bool {
        self.mode == Mode::Enforce
    }
}

/// What follows from all answers of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Go on.
    Accepted,
    /// A policy refused.
    Rejected,
    /// Nobody refused, and nobody with authority accepted.
    NoAuthority,
    /// A policy failed.
    Faulted,
}

impl Outcome {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::NoAuthority => "no-authority",
            Self::Faulted => "faulted",
        }
    }
}

/// The answers of a stage and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement<A> {
    /// Which stage.
    pub stage: Stage,
    /// The request that was judged; no other may use this judgement.
    pub request: Digest,
    /// The generation of the policy set that judged.
    pub generation: u64,
    /// What follows.
    pub outcome: Outcome,
    /// For how many seconds at most; `None` when no policy sets a limit.
    pub lifetime: Option<u32>,
    /// Each call, in the configured order.
    pub evaluations: Vec<Evaluation<A>>,
}

impl<A> Judgement<A> {
    /// Whether to go on.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.outcome == Outcome::Accepted
    }
}

impl Judgement<Ranking> {
    /// The order that the pipeline of selectors left: positions in the request's candidates.
    ///
    /// `count` candidates were offered; without a selector that binds it is discovery's order.
    #[must_use]
    pub fn order(&self, count: usize) -> Vec<u32> {
        if !self.is_accepted() {
            return Vec::new();
        }
        let last = self
            .evaluations
            .iter()
            .rev()
            .find(|evaluation| evaluation.binds());
        match last.map(|evaluation| &evaluation.result) {
            Some(Ok(ranking)) => ranking.order.clone(),
            Some(Err(_)) => Vec::new(),
            None => (0_u32..).take(count).collect(),
        }
    }
}

/// What [`combine`] needs to know of an answer.
pub trait Answer {
    /// The decision that it amounts to.
    fn decision(&self) -> Decision;
    /// Its findings.
    fn findings(&self) -> &[Finding];
}

impl Answer for Verdict {
    fn decision(&self) -> Decision {
        self.decision
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl Answer for Ranking {
    /// Nothing left is a reject; an order is no statement about anything else.
    fn decision(&self) -> Decision {
        if self.order.is_empty() {
            Decision::Reject
        } else {
            Decision::Abstain
        }
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// Combines the answers of a stage; the module's head has the rules.
pub fn combine<A: Answer>(
    stage: Stage,
    profile: &UsageProfile,
    evaluations: &[Evaluation<A>],
) -> (Outcome, Option<u32>) {
    let mut rejected = false;
    let mut faulted = false;
    let mut authorities = 0_usize;
    let mut accepted_authorities = 0_usize;
    let mut lifetime: Option<u32> = None;
    for evaluation in evaluations.iter().filter(|evaluation| evaluation.binds()) {
        let authority = evaluation.role == Role::Authority;
        authorities += usize::from(authority);
        match evaluation.result.as_ref().map(Answer::decision) {
            Err(_) => faulted = true,
            Ok(Decision::Reject) => rejected = true,
            Ok(Decision::Abstain) => {}
            Ok(Decision::Accept { lifetime: own }) => {
                accepted_authorities += usize::from(authority);
                lifetime = [lifetime, own].into_iter().flatten().min();
            }
        }
    }
    let authorized = match stage {
        Stage::Validation => accepted_authorities > 0 || *profile == UsageProfile::Opportunistic,
        Stage::Privacy => accepted_authorities == authorities,
        Stage::Selection => true,
    };
    let outcome = if faulted {
        Outcome::Faulted
    } else if rejected {
        Outcome::Rejected
    } else if !authorized {
        Outcome::NoAuthority
    } else {
        Outcome::Accepted
    };
    (outcome, lifetime.filter(|_| outcome == Outcome::Accepted))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const STRICT: UsageProfile = UsageProfile::Strict;
    const OPPORTUNISTIC: UsageProfile = UsageProfile::Opportunistic;
    const ACCEPT: Option<Decision> = Some(Decision::Accept { lifetime: None });
    const REJECT: Option<Decision> = Some(Decision::Reject);
    const ABSTAIN: Option<Decision> = Some(Decision::Abstain);
    const FAULT: Option<Decision> = None;

    fn evaluation(role: Role, mode: Mode, decision: Option<Decision>) -> Evaluation<Verdict> {
        let fault = Fault {
            kind: FaultKind::Trap,
            message: "trap".into(),
        };
        Evaluation {
            policy: "p".into(),
            version: "1".into(),
            digest: Digest::of(b""),
            mode,
            role,
            result: decision.map(Verdict::new).ok_or(fault),
            log: vec![],
            signatures: vec![],
            nanoseconds: 0,
        }
    }

    fn authority(decision: Option<Decision>) -> Evaluation<Verdict> {
        evaluation(Role::Authority, Mode::Enforce, decision)
    }

    fn restriction(decision: Option<Decision>) -> Evaluation<Verdict> {
        evaluation(Role::Restriction, Mode::Enforce, decision)
    }

    fn monitor(decision: Option<Decision>) -> Evaluation<Verdict> {
        evaluation(Role::Authority, Mode::Monitor, decision)
    }

    #[test]
    fn validation_table() {
        use Outcome::{Accepted, Faulted, NoAuthority, Rejected};
        let table = [
            (STRICT, vec![], NoAuthority),
            (STRICT, vec![authority(ACCEPT)], Accepted),
            (STRICT, vec![authority(ABSTAIN)], NoAuthority),
            (STRICT, vec![restriction(ACCEPT)], NoAuthority),
            (STRICT, vec![monitor(ACCEPT)], NoAuthority),
            (
                STRICT,
                vec![authority(ACCEPT), restriction(ABSTAIN)],
                Accepted,
            ),
            (
                STRICT,
                vec![authority(ACCEPT), restriction(REJECT)],
                Rejected,
            ),
            (STRICT, vec![authority(ACCEPT), authority(REJECT)], Rejected),
            (STRICT, vec![authority(ACCEPT), restriction(FAULT)], Faulted),
            (STRICT, vec![authority(REJECT), restriction(FAULT)], Faulted),
            (STRICT, vec![authority(ACCEPT), monitor(REJECT)], Accepted),
            (STRICT, vec![authority(ACCEPT), monitor(FAULT)], Accepted),
            (OPPORTUNISTIC, vec![], Accepted),
            (OPPORTUNISTIC, vec![authority(ABSTAIN)], Accepted),
            (OPPORTUNISTIC, vec![restriction(REJECT)], Rejected),
            (OPPORTUNISTIC, vec![restriction(FAULT)], Faulted),
        ];
        for (row, (profile, evaluations, expected)) in table.into_iter().enumerate() {
            let (outcome, _) = combine(Stage::Validation, &profile, &evaluations);
            assert_eq!(outcome, expected, "row {row}");
        }
    }

    #[test]
    fn an_unknown_profile_is_as_strict_as_strict() {
        let profile = UsageProfile::Other("lenient".into());
        let (outcome, _) = combine::<Verdict>(Stage::Validation, &profile, &[]);
        assert_eq!(outcome, Outcome::NoAuthority);
    }

    #[test]
    fn privacy_needs_no_accept_unless_required() {
        let of = |evaluations: &[_]| combine(Stage::Privacy, &STRICT, evaluations).0;
        assert_eq!(of(&[]), Outcome::Accepted);
        assert_eq!(of(&[restriction(ABSTAIN)]), Outcome::Accepted);
        assert_eq!(of(&[authority(ABSTAIN)]), Outcome::NoAuthority);
        assert_eq!(
            of(&[authority(ACCEPT), authority(ABSTAIN)]),
            Outcome::NoAuthority
        );
        assert_eq!(of(&[restriction(REJECT)]), Outcome::Rejected);
    }

    #[test]
    fn the_least_lifetime_counts() {
        let lasting = |seconds| {
            authority(Some(Decision::Accept {
                lifetime: Some(seconds),
            }))
        };
        let of = |evaluations: &[_]| combine(Stage::Validation, &STRICT, evaluations).1;
        assert_eq!(of(&[lasting(60), authority(ACCEPT), lasting(30)]), Some(30));
        assert_eq!(of(&[authority(ACCEPT)]), None);
        assert_eq!(of(&[lasting(60), restriction(REJECT)]), None);
    }

    #[test]
    fn without_a_selector_discovery_orders() {
        let judgement = Judgement::<Ranking> {
            stage: Stage::Selection,
            request: Digest::of(b""),
            generation: 1,
            outcome: Outcome::Accepted,
            lifetime: None,
            evaluations: vec![],
        };
        assert_eq!(judgement.order(3), [0, 1, 2]);
    }
}
