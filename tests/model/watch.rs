//! The rules, held by an observer who knows what truly happened and sees what a session wants done.

use std::{collections::BTreeSet, fmt};

use hickory_proto::op::Message;
use resolvet_proto::{
    judgement::{
        Der, Digest, Judgement, Presented, Request, Server, Source, Stage, UsageProfile, Verdict,
    },
    session::{
        Action, Config, Event, FailureKind, Response, State, Step, Timestamp, Vetted, limits,
    },
};

use crate::{mistakes::Machine, world};

/// The name that is asked for first.
const DOMAIN: &str = "example.net.";

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A server is vetted only after it proved that it has its certificate's key.
    Proof,
    /// A server is vetted only by judgements that accepted this request, at both stages.
    Accepted,
    /// Under strict an authority accepted: there is no query over anything else, and none in clear text.
    Strict,
    /// What was given up is told.
    Silent,
    /// Answers that hide the servers of an enrolled network are told as a downgrade.
    Downgrade,
    /// Only an authenticated server is asked about itself.
    Informed,
    /// A verdict ends at its time.
    Ends,
    /// After a swap nothing is vetted by the old set, and what is used was judged by the new one within the bound, or is used no
    /// longer.
    Swapped,
    /// After other evidence came, nothing is vetted by the old, and what is used was judged by it within the bound.
    Evidence,
    /// Nothing is resumed by what was judged before: a connection whose server showed nothing that is judged now is never used.
    Resumed,
    /// What is refused is used no longer.
    Refused,
    /// A session that has not failed waits for something, and gets to a server or to a failure that says why.
    GoesOn,
}

/// A rule is broken.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) why: String,
    /// What happened until then.
    pub(crate) way: Vec<&'static str>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, why, way } = self;
        write!(f, "{rule:?}: {why}; after: {}", way.join(", "))
    }
}

/// What the observer knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// Attempts whose handshake was truly complete.
    proved: BTreeSet<u32>,
    /// Those whose validation an authority truly accepted inside it.
    authenticated: BTreeSet<u32>,
    /// What judgements truly accepted.
    accepted: BTreeSet<(Stage, Digest, u64)>,
    /// Requests that a validator with authority truly accepted.
    authority: BTreeSet<Digest>,
    /// Requests that were validated, and no authority accepted.
    unauthorized: BTreeSet<Digest>,
    /// Attempts whose judgement truly refused after it had accepted.
    refused: Option<u32>,
    /// What queries may be sent over now.
    usable: Option<Vetted<Server>>,
    /// The newest generation that the session was told.
    generation: u64,
    /// When what is usable must have been judged by it.
    swapped: Option<Timestamp>,
    /// The newest revocation lists, and when what is usable must have been judged by them.
    crls: Vec<Der>,
    changed: Option<Timestamp>,
    /// Attempts that presented nothing.
    resumed: BTreeSet<u32>,
    /// The lookup that discovery began with, and whether it brought a message that says something.
    domain: Option<u32>,
    heard: bool,
}

impl Watch {
    /// Whose connection an application would use.
    pub(crate) fn usable(&self) -> Option<u32> {
        self.usable.as_ref().map(Vetted::attempt)
    }

    /// Everything that is known: it decides what may be broken later, so states that differ in it are not the same.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{self:?}")
    }

    /// Something truly happens.
    pub(crate) fn happens(&mut self, event: &Event, now: Timestamp) {
        self.refused = None;
        match event {
            Event::Connected {
                attempt, presented, ..
            } if *presented == Presented::default() => {
                self.resumed.insert(*attempt);
            }
            Event::Connected {
                attempt, judgement, ..
            } => {
                self.proved.insert(*attempt);
                if judgement.is_accepted() && world::by_authority(judgement) {
                    self.authenticated.insert(*attempt);
                }
                self.judged(judgement);
            }
            Event::Assessed { judgement, .. } => self.judged(judgement),
            Event::Rejudged {
                attempt,
                validation,
                privacy,
            } => {
                self.judged(validation);
                let privacy_accepts = privacy.as_ref().is_some_and(|privacy| {
                    self.judged(privacy);
                    privacy.is_accepted()
                });
                if !(validation.is_accepted() && privacy_accepts) {
                    self.refused = Some(*attempt);
                }
            }
            Event::Answer {
                id,
                response: Response::Message(message),
            } if self.domain == Some(*id) => self.heard = Message::from_vec(message).is_ok(),
            Event::Swapped { generation } => {
                self.generation = *generation;
                self.swapped = Some(now.elapsed(limits::REJUDGE_MILLISECONDS));
            }
            Event::EvidenceChanged {
                crls: Some(crls), ..
            } => {
                self.crls.clone_from(crls);
                self.changed = Some(now.elapsed(limits::REJUDGE_MILLISECONDS));
            }
            _ => {}
        }
    }

    fn judged(&mut self, judgement: &Judgement<Verdict>) {
        let by_authority = world::by_authority(judgement);
        let request = judgement.request;
        if judgement.stage == Stage::Validation && !by_authority {
            self.unauthorized.insert(request);
        }
        if judgement.is_accepted() {
            let accepted = (judgement.stage, request, judgement.generation);
            self.accepted.insert(accepted);
            if judgement.stage == Stage::Validation && by_authority {
                self.authority.insert(request);
                self.unauthorized.remove(&request);
            }
        }
    }

    /// A session wants something done.
    pub(crate) fn wants(
        &mut self,
        action: &Action,
        machine: &Machine,
        config: &Config,
        now: Timestamp,
    ) -> Result<(), (Rule, String)> {
        match action {
            // Discovery begins with the domain's own records.
            Action::Query { id, name, rtype } if name == DOMAIN && *rtype == world::NAPTR => {
                self.domain = Some(*id);
                self.heard = false;
            }
            Action::Serve { vetted } => {
                self.vetted(vetted, machine, now)?;
                self.usable = Some(vetted.clone());
            }
            Action::Inform { attempt, .. } | Action::Fetch { attempt, .. }
                if !self.authenticated.contains(attempt) =>
            {
                let why = format!("attempt {attempt} is asked, which nobody authenticated");
                return Err((Rule::Informed, why));
            }
            Action::Withdraw { attempt, .. } if self.usable() == Some(*attempt) => {
                self.usable = None;
            }
            Action::Rejudge {
                attempt, serving, ..
            } if !serving && self.usable() == Some(*attempt) => self.usable = None,
            Action::Fail { failure } => {
                self.usable = None;
                let enrolled = config.conveyed.state() == "certificates";
                let nothing = failure.kind == FailureKind::NothingDiscovered;
                if enrolled && nothing && self.heard {
                    return Err((Rule::Downgrade, failure.message.clone()));
                }
                if failure.message.is_empty() {
                    return Err((Rule::GoesOn, "a failure that says nothing".into()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn vetted(
        &self,
        vetted: &Vetted<Server>,
        machine: &Machine,
        now: Timestamp,
    ) -> Result<(), (Rule, String)> {
        let broken = |rule, why: &str| Err((rule, format!("attempt {}: {why}", vetted.attempt())));
        let digest = vetted.request().digest();
        // What was validated in the handshake: what the server and others say about it came later.
        let shown = Request {
            resolver_info: None,
            privacy_token: None,
            ..(**vetted.request()).clone()
        };
        let shown = shown.digest();
        let of = |stage, digest, generation| self.accepted.contains(&(stage, digest, generation));
        let accepted = |stage, generation| match stage {
            Stage::Validation => of(stage, digest, generation) || of(stage, shown, generation),
            _ => of(stage, digest, generation),
        };
        let (validation, privacy) = (vetted.validation(), vetted.privacy());
        // What was said of the whole last counts before what was said in the handshake.
        let is_unauthorized = self.unauthorized.contains(&digest)
            || (self.unauthorized.contains(&shown) && !self.authority.contains(&digest));
        let authority = !is_unauthorized
            && [digest, shown]
                .iter()
                .any(|digest| self.authority.contains(digest));
        let is_strict = vetted.request().usage_profile != UsageProfile::Opportunistic;
        if self.resumed.contains(&vetted.attempt()) {
            return broken(Rule::Resumed, "it presented nothing");
        }
        if vetted.request().crls != self.crls {
            return broken(Rule::Evidence, "it was judged by older evidence");
        }
        if !self.proved.contains(&vetted.attempt()) {
            return broken(Rule::Proof, "no handshake was complete");
        }
        if is_strict && is_unauthorized {
            return broken(Rule::Strict, "no authority accepted it under strict");
        }
        if !accepted(Stage::Validation, validation.generation) {
            return broken(Rule::Accepted, "no validation accepted it");
        }
        if !accepted(Stage::Privacy, privacy.generation) {
            return broken(Rule::Accepted, "no privacy assessment accepted it");
        }
        if vetted.generation() < self.generation {
            return broken(Rule::Swapped, "an older generation judged it");
        }
        if vetted.is_authenticated() && !authority {
            return broken(Rule::Strict, "it is called authenticated");
        }
        let story = machine.story();
        let is_told = |of: &dyn Fn(&Step) -> bool| story.iter().any(|entry| of(&entry.step));
        let given_up = |step: &Step| matches!(step, Step::GivenUp { attempt, .. } if *attempt == vetted.attempt());
        if !authority && !is_told(&given_up) {
            return broken(Rule::Silent, "nobody is told that it is not authenticated");
        }
        let is_fallback = vetted.request().sources.first() == Some(&Source::Fallback);
        if is_fallback && !is_told(&|step| matches!(step, Step::Fallback { .. })) {
            return broken(Rule::Silent, "nobody is told that it is a fallback");
        }
        if vetted.expires().is_reached(now) {
            return broken(Rule::Ends, "its verdict has ended");
        }
        Ok(())
    }

    /// Everything that was wanted is known.
    pub(crate) fn settles(
        &mut self,
        machine: &Machine,
        is_waiting: bool,
        now: Timestamp,
    ) -> Result<(), (Rule, String)> {
        let state = machine.state();
        if let Some(attempt) = self
            .refused
            .filter(|refused| self.usable() == Some(*refused))
        {
            return Err((Rule::Refused, format!("attempt {attempt} serves on")));
        }
        if let Some(vetted) = &self.usable {
            let has_ended = vetted.expires().is_reached(now);
            if has_ended && state == State::Serving {
                return Err((Rule::Ends, "it serves beyond its verdict".into()));
            }
            let late = self.swapped.is_some_and(|end| end.is_reached(now));
            if !has_ended && late && vetted.generation() < self.generation {
                let why = format!("generation {} serves on", vetted.generation());
                return Err((Rule::Swapped, why));
            }
            let late = self.changed.is_some_and(|end| end.is_reached(now));
            if !has_ended && late && vetted.request().crls != self.crls {
                let why = format!("attempt {} serves on", vetted.attempt());
                return Err((Rule::Evidence, why));
            }
        }
        // From then on nothing may be sent, whatever else is wanted.
        self.usable
            .take_if(|vetted| vetted.expires().is_reached(now));
        if !matches!(state, State::New | State::Failed) && !is_waiting {
            return Err((Rule::GoesOn, format!("it waits for nothing ({state:?})")));
        }
        Ok(())
    }
}
