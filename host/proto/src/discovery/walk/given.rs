//! What needs no lookup to be found: servers that an administrator wrote down, and those that DHCP or router advertisements
//! designate (RFC 9463).

use alloc::format;

use super::{
    super::{DomainName, NoteCode, Timestamp, dnr::Designation},
    Host, Trail, Walk,
    svcb::Way,
};
use crate::judgement::{ReferenceId, Source};

impl<'a> Walk<'a> {
    /// Servers that an administrator wrote down, in that order.
    pub(super) fn configured(&mut self) {
        let plan = &self.resolution.plan;
        for (server, name) in plan.configured.iter().zip(&self.resolution.names) {
            let Some(name) = name else {
                continue;
            };
            let is_own = plan.domain.as_ref() == Some(name);
            let host = Host {
                path: server.path.clone(),
                identity: (!is_own).then(|| ReferenceId::DnsId(name.without_dot().into())),
                pins: &server.pins,
                ..Host::new(
                    name,
                    server.transport.clone(),
                    server.port(),
                    plan.configured_as.clone(),
                )
            };
            let trail = Trail {
                end: plan.end,
                ..Trail::new()
            };
            if server.addresses.is_empty() {
                self.host(&host, &trail);
            }
            for address in &server.addresses {
                self.server(&host, *address, &trail);
            }
        }
    }

    /// What the network designates. In a session with a name only what is designated by that name counts: another name would
    /// be an identity of the network's own choice (RFC 8310 section 7.3).
    pub(super) fn dnr(&mut self) {
        let plan = &self.resolution.plan;
        if !plan.goes(&Source::Dnr) {
            return;
        }
        for problem in &plan.discarded {
            let message = format!("what the network designates is discarded: {problem}");
            self.note_all(NoteCode::MalformedOption, message, "RFC 9463 3.1.8");
        }
        for (designation, end) in &plan.designations {
            let name = &designation.name;
            if plan.domain.as_ref().is_some_and(|domain| domain != name) {
                let message =
                    "the network designates a resolver of another name, which is not used";
                self.note(NoteCode::OtherIdentity, name, message, "RFC 8310 7.3");
                continue;
            }
            self.designation(designation, *end);
        }
    }

    fn designation(&mut self, designation: &'a Designation, end: Timestamp) {
        let name: &'a DomainName = &designation.name;
        let is_own = self.resolution.plan.domain.is_some();
        let identity = (!is_own).then(|| ReferenceId::DnsId(name.without_dot().into()));
        let trail = Trail {
            end,
            ..Trail::new()
        };
        let trail = trail.ranked(designation.priority);
        let Some(service) = &designation.service else {
            let source = Source::Dnr;
            return self.svcb_of(
                name,
                &Way {
                    source,
                    identity,
                    trail,
                },
            );
        };
        let offers = match service.params.offers() {
            Ok((offers, left_out)) => {
                if let Some(unusable) = left_out {
                    self.unusable(name, &unusable);
                }
                offers
            }
            Err(unusable) => return self.unusable(name, &unusable),
        };
        for offer in offers {
            let host = Host {
                path: offer.path,
                ech: service.params.ech(),
                identity: identity.clone(),
                ..Host::new(name, offer.transport, offer.port, Source::Dnr)
            };
            for address in &service.addresses {
                self.server(&host, *address, &trail);
            }
        }
    }
}
