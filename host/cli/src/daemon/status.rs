//! What the daemon says about itself.

use std::sync::PoisonError;

use resolvet::Difference;
use resolvet_engine::{PolicySet, Rule};
use resolvet_proto::{judgement::Server, session::Vetted};

use super::{
    Active, Daemon,
    protocol::{
        DeliveryStatus, MeasuredReport, PoliciesStatus, RuleStatus, ServerStatus, ShadowStatus,
        StatusReport, VERSION,
    },
};
use crate::dates::date_time;

impl Daemon {
    pub(super) fn active(&self) -> Active {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.clone()
    }

    /// All of it.
    pub(super) fn status(&self) -> StatusReport {
        let present = self.stub.upstream().present();
        let attachment = present.attachment.as_ref();
        let vetted = attachment.and_then(resolvet::Attachment::vetted_now);
        let failure = attachment.and_then(resolvet::Attachment::failure_now);
        let trouble = match failure {
            Some(failure) => {
                let decision = failure.decision;
                let decision = decision.map_or_else(String::new, |id| format!(" (decision {id})"));
                format!("{}{decision}: {}", failure.kind.as_str(), failure.message)
            }
            None => present.trouble,
        };
        let active = self.active();
        let judge = self.policies.judge();
        // Asked before the set, so that a swap in between shows as the older number.
        let generation = judge.generation();
        let set = judge.set();
        StatusReport {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            since: self.since,
            profile: active.profile,
            network: present.network.map(|network| network.to_string()),
            server: vetted.as_ref().map(server),
            trouble,
            policies: PoliciesStatus {
                generation,
                source: active.source,
                since: active.at,
                code: active.refusal.as_ref().map(|refusal| refusal.code),
                trouble: active
                    .refusal
                    .map_or_else(String::new, |refusal| refusal.reason),
                ended: active.ended,
                delivered: self.delivered(),
                shadow: self.shadow(&set),
                rules: set.rules().iter().map(rule).collect(),
            },
            break_glass: self.lift_status(),
            listen: self.stub.addresses().to_vec(),
            answers: self.stub.statistics(),
        }
    }

    fn delivered(&self) -> Vec<DeliveryStatus> {
        let delivered = self.delivered.lock();
        delivered.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the policies did since the start.
    pub(super) fn measured(&self) -> MeasuredReport {
        let judge = self.policies.judge();
        MeasuredReport {
            version: VERSION,
            milliseconds: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            generation: judge.generation(),
            measured: self.metrics.measured(),
            shadow: self.shadow(&judge.set()),
            answers: self.stub.statistics(),
        }
    }

    fn shadow(&self, active: &PolicySet) -> Option<ShadowStatus> {
        let (tried, trial) = (self.shadow.set()?, self.shadow.trial()?);
        let Difference { updated, added, .. } = Difference::between(active, &tried);
        let policies = [updated, added].concat();
        Some(ShadowStatus { policies, trial })
    }

    /// The most important of it, in one line.
    pub(super) fn line(&self) -> String {
        let status = self.status();
        let generation = status.policies.generation;
        let servers = match (&status.server, status.trouble.as_str()) {
            (Some(server), _) => {
                let ServerStatus {
                    transport,
                    address,
                    port,
                    target,
                    decision,
                    ..
                } = server;
                let target = target.trim_end_matches('.');
                format!(
                    "answers over {transport} {address} port {port} ({target}), decision {decision}"
                )
            }
            (None, "") => "looks for a server".to_owned(),
            (None, trouble) => format!("no server: {trouble}"),
        };
        let refused = match status.policies.trouble.as_str() {
            "" => "",
            _ => ", the configuration on disk was refused",
        };
        let lifted = status.break_glass.map_or_else(String::new, |lifted| {
            let until = date_time(lifted.lift.until);
            format!(", break-glass until {until}")
        });
        format!("{servers}; policy generation {generation}{lifted}{refused}")
    }
}

fn server(vetted: &Vetted<Server>) -> ServerStatus {
    let server = vetted.server();
    ServerStatus {
        transport: server.transport.clone(),
        address: server.address,
        port: server.port,
        target: vetted.target().to_owned(),
        authenticated: vetted.is_authenticated(),
        expires: vetted.expires().unix,
        generation: vetted.generation(),
        decision: vetted.validation().id(),
    }
}

fn rule(rule: &Rule) -> RuleStatus {
    let manifest = rule.policy.manifest();
    RuleStatus {
        policy: manifest.name.clone(),
        policy_version: manifest.version.clone(),
        digest: rule.policy.digest(),
        stages: rule.stages().to_vec(),
        mode: rule.mode,
        role: rule.role,
    }
}
