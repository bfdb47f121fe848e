//! Spans of `tracing`: what an attachment does and how long it takes, for whoever subscribes.
//!
//! ```text
//! attach                 from the first lookup until a server is vetted or none can be
//! ├ discover             until the ways of discovery are at their end
//! │ └ lookup             each question to the untrusted resolver
//! ├ judge                selection
//! ├ connect              each attempt, handshake included
//! │ └ judge              validation, inside the handshake
//! └ judge                privacy
//! rejudge                a server in use, by other policies or at a verdict's end
//! └ judge
//! ```
//!
//! A `judge` names the policies that were asked, with their digests, and the decision; each evaluation is an event in it. Names
//! stand in the fields `domain` and `name`, addresses in `address`, and both may stand in `error`: whoever passes spans on
//! leaves out what it must not tell. Without a subscriber nothing of this is made.

use resolvet_proto::{
    judgement::{Answer, Evaluation, Judgement, Request, Server, Stage},
    session::{Config, Failure, LookupFailure, Response},
};
use tracing::{Span, field::Empty, info, info_span};

/// The target of every span and event.
pub const TARGET: &str = "resolvet";

/// The spans of one attachment.
pub(crate) struct Trace {
    domain: String,
    profile: String,
    attach: Option<Attach>,
}

/// A search for a server.
struct Attach {
    span: Span,
    /// Discovery, until it is at its end.
    discover: Option<Span>,
}

impl Trace {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            domain: config
                .authentication_domain_name
                .clone()
                .unwrap_or_default(),
            profile: config.usage_profile.as_str().to_owned(),
            attach: None,
        }
    }

    /// The search that is under way; one begins when none is.
    fn attach(&mut self) -> &mut Attach {
        let (domain, profile) = (&self.domain, &self.profile);
        self.attach.get_or_insert_with(|| {
            let span = info_span!(
                target: TARGET,
                parent: None,
                "attach",
                domain,
                profile,
                outcome = Empty,
                name = Empty,
                address = Empty,
                port = Empty,
                transport = Empty,
                generation = Empty,
                error = Empty,
                otel.status_code = Empty,
            );
            let discover = info_span!(target: TARGET, parent: &span, "discover");
            Attach {
                span,
                discover: Some(discover),
            }
        })
    }

    /// A question to the untrusted resolver.
    pub(crate) fn lookup(&mut self, name: &str, rtype: u16) -> Span {
        let Attach { span, discover } = self.attach();
        let parent = discover.as_ref().unwrap_or(span);
        info_span!(
            target: TARGET,
            parent: parent,
            "lookup",
            name,
            rtype,
            outcome = Empty,
            octets = Empty,
            error = Empty,
            otel.status_code = Empty,
        )
    }

    /// Discovery is at its end: what the selection belongs to.
    pub(crate) fn selecting(&mut self) -> Span {
        let attach = self.attach();
        attach.discover = None;
        attach.span.clone()
    }

    /// An attempt at a server.
    pub(crate) fn connect(&mut self, attempt: u32, server: &Server, request: &Request) -> Span {
        let name = request.peer().map(|peer| peer.value()).unwrap_or_default();
        info_span!(
            target: TARGET,
            parent: &self.attach().span,
            "connect",
            attempt,
            name = &*name,
            transport = server.transport.as_str(),
            address = %server.address,
            port = server.port,
            outcome = Empty,
            round_trips = Empty,
            resumed = Empty,
            error = Empty,
            otel.status_code = Empty,
        )
    }

    /// What an assessment of privacy belongs to.
    pub(crate) fn assessing(&mut self) -> Span {
        self.attach().span.clone()
    }

    /// A server that is judged again: while one is searched for a part of that, else a trace of its own.
    pub(crate) fn rejudge(&self, attempt: u32) -> Span {
        let none = Span::none();
        let parent = self.attach.as_ref().map_or(&none, |attach| &attach.span);
        let domain = &self.domain;
        info_span!(target: TARGET, parent: parent, "rejudge", domain, attempt)
    }

    /// A server is vetted: the search is over.
    pub(crate) fn vetted(&mut self, server: &Server, target: &str, generation: u64) {
        if let Some(Attach { span, .. }) = self.attach.take() {
            span.record("outcome", "vetted");
            span.record("name", target);
            span.record("transport", server.transport.as_str());
            span.record("address", tracing::field::display(server.address));
            span.record("port", server.port);
            span.record("generation", generation);
        }
    }

    /// None can be: the search is over.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        if let Some(Attach { span, .. }) = self.attach.take() {
            refuse(&span, failure.kind.as_str(), &failure.message);
        }
    }
}

/// Records what a lookup brought.
pub(crate) fn looked_up(span: &Span, response: &Response) {
    match response {
        Response::Message(message) | Response::Validated { message, .. } => {
            span.record("outcome", "answered");
            span.record("octets", message.len());
        }
        Response::Failed(LookupFailure::TimedOut) => refuse(span, "timed-out", ""),
        Response::Failed(LookupFailure::Unreachable { detail }) => {
            refuse(span, "unreachable", detail);
        }
        Response::Failed(LookupFailure::Unvalidated { detail }) => {
            refuse(span, "unvalidated", detail);
        }
        Response::Failed(LookupFailure::Other { detail }) => refuse(span, "failed", detail),
        _ => refuse(span, "failed", ""),
    }
}

/// Records that something came to nothing.
pub(crate) fn refuse(span: &Span, outcome: &str, error: &str) {
    span.record("outcome", outcome);
    if !error.is_empty() {
        span.record("error", error);
    }
    span.record("otel.status_code", "ERROR");
}

/// Judges in a span of its own.
pub(crate) fn judged<A: Answer>(
    parent: &Span,
    stage: Stage,
    judge: impl FnOnce() -> Judgement<A>,
) -> Judgement<A> {
    let span = info_span!(
        target: TARGET,
        parent: parent,
        "judge",
        stage = stage.as_str(),
        outcome = Empty,
        decision = Empty,
        generation = Empty,
        policies = Empty,
        digests = Empty,
    );
    let judgement = span.in_scope(judge);
    if !span.is_disabled() {
        tell(&span, &judgement);
    }
    judgement
}

fn tell<A: Answer>(span: &Span, judgement: &Judgement<A>) {
    let evaluations = judgement.evaluations.iter();
    let policies = evaluations.map(|one| format!("{} {}", one.policy, one.version));
    let evaluations = judgement.evaluations.iter();
    let digests = evaluations.map(|one| one.digest.to_string());
    span.record("outcome", judgement.outcome.as_str());
    span.record("decision", tracing::field::display(judgement.id()));
    span.record("generation", judgement.generation);
    span.record("policies", joined(policies));
    span.record("digests", joined(digests));
    for evaluation in &judgement.evaluations {
        let findings = evaluation.result.iter().flat_map(Answer::findings);
        let findings = findings.map(|finding| finding.code.clone());
        info!(
            target: TARGET,
            parent: span,
            policy = evaluation.policy,
            version = evaluation.version,
            digest = %evaluation.digest,
            verdict = verdict(judgement.stage, evaluation),
            findings = joined(findings),
            nanoseconds = evaluation.nanoseconds,
            "evaluation"
        );
    }
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// What an evaluation ended with, in one word.
pub(crate) fn verdict<A: Answer>(stage: Stage, evaluation: &Evaluation<A>) -> &'static str {
    use resolvet_proto::judgement::Decision;

    match evaluation.result.as_ref().map(Answer::decision) {
        Err(_) => "fault",
        Ok(Decision::Reject) => "reject",
        Ok(Decision::Accept { .. }) => "accept",
        Ok(Decision::Abstain) if stage == Stage::Selection => "order",
        Ok(Decision::Abstain) => "abstain",
    }
}
