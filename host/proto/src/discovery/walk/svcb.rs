//! SVCB records (RFC 9460, RFC 9461): of the domain, of a name that DNR gave, and of the resolver that is asked (RFC 9462).

use alloc::{format, vec::Vec};

use super::{
    super::{
        Answer, DomainName, Kind, NoteCode, Question,
        limits::{ALIASES, TARGETS},
        record::{Data, Record},
        srv::Dice,
        svcb::{Svcb, Unusable, key},
    },
    Host, Trail, Walk,
};
use crate::judgement::{ReferenceId, Source};

/// The name of the resolver that is asked, whichever it is (RFC 9462 section 4).
pub(super) const RESOLVER: &str = "resolver.arpa";

/// For whom SVCB records are followed.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) source: Source,
    pub(super) identity: Option<ReferenceId>,
    /// Ranks before that of the record.
    pub(super) trail: Trail,
}

impl<'a> Walk<'a> {
    /// The domain's own designation (RFC 9461 section 3, RFC 9462 section 5).
    pub(super) fn svcb_of_domain(&mut self) {
        let plan = &self.resolution.plan;
        let Some(domain) = plan.domain.as_ref().filter(|_| plan.goes(&Source::Svcb)) else {
            return;
        };
        let way = Way {
            source: Source::Svcb,
            identity: None,
            trail: Trail::new(),
        };
        self.svcb_of(domain, &way);
    }

    /// What the resolver that is asked designates. Whatever is found must answer to that resolver's own address (RFC 9462
    /// section 4.2).
    pub(super) fn ddr(&mut self) {
        let plan = &self.resolution.plan;
        let goes = plan.goes(&Source::Ddr) && plan.domain.is_none();
        let Some(resolver) = plan.resolver.filter(|_| goes) else {
            return;
        };
        let Ok(name) = DomainName::parse(RESOLVER) else {
            return;
        };
        let way = Way {
            source: Source::Ddr,
            identity: Some(ReferenceId::IpId(resolver)),
            trail: Trail::new(),
        };
        self.svcb_of(&name, &way);
    }

    /// The records of `_dns` under a name.
    pub(super) fn svcb_of(&mut self, name: &DomainName, way: &Way) {
        let Some(owner) = name.under("_dns") else {
            let message = "the name is too long to have SVCB records for DNS";
            return self.note(NoteCode::UnusableName, name, message, "RFC 9461 3");
        };
        self.svcb_set(&owner, way, &way.trail, 0);
    }

    fn svcb_set(&mut self, name: &DomainName, way: &Way, trail: &Trail, aliases: usize) {
        let question = Question {
            name: name.clone(),
            kind: Kind::Svcb,
        };
        let Some((answer, at)) = self.found(&question) else {
            return;
        };
        let Some(trail) = self.keep_all(trail, &answer.aliases, at) else {
            return;
        };
        let (alias, services): (Vec<_>, Vec<_>) =
            svcbs(answer).partition(|(_, svcb)| svcb.is_alias());
        if alias.is_empty() {
            for (record, svcb) in self.in_order(name, services) {
                let Some(trail) = self.keep(&trail, record, at) else {
                    return;
                };
                self.endpoint(record, svcb, way, &trail.ranked(svcb.priority));
            }
            return;
        }
        // RFC 9460 section 2.4.1: an alias beside services wins; of several aliases any.
        let mut dice = Dice::new(self.resolution.seed, name.as_str());
        let last = u32::try_from(alias.len() - 1).unwrap_or(0);
        let drawn = usize::try_from(dice.up_to(last)).unwrap_or(0);
        let Some((record, svcb)) = alias.get(drawn) else {
            return;
        };
        if svcb.target.is_root() {
            let message = "an SVCB record says that the service is not available at this domain";
            return self.note(
                NoteCode::ServiceNotAvailable,
                name,
                message,
                "RFC 9460 2.5.1",
            );
        }
        if !self.is_possible_target(name, &svcb.target, way) {
            return;
        }
        if aliases >= ALIASES {
            let message = format!("more than {ALIASES} aliases in a row, the chain is given up");
            return self.note(NoteCode::AliasChain, name, message, "RFC 9460 2.4.2");
        }
        if let Some(trail) = self.keep(&trail, record, at) {
            self.svcb_set(&svcb.target, way, &trail, aliases.saturating_add(1));
        }
    }

    /// Services by priority, those of one priority in an order that is drawn (RFC 9460 section 2.4.1).
    fn in_order(
        &mut self,
        name: &DomainName,
        services: Vec<(&'a Record, &'a Svcb)>,
    ) -> Vec<(&'a Record, &'a Svcb)> {
        let mut dice = Dice::new(self.resolution.seed, name.as_str());
        let mut order: Vec<_> = services
            .into_iter()
            .map(|service| (service.1.priority, dice.up_to(u32::MAX), service))
            .collect();
        order.sort_by_key(|(priority, drawn, _)| (*priority, *drawn));
        if order.len() > TARGETS {
            let message = format!("{} SVCB records, the first {TARGETS} are used", order.len());
            self.note(NoteCode::FanOut, name, message, "");
        }
        order.truncate(TARGETS);
        order.into_iter().map(|(_, _, service)| service).collect()
    }

    /// One service: a host for each way to speak to it.
    fn endpoint(&mut self, record: &'a Record, svcb: &'a Svcb, way: &Way, trail: &Trail) {
        // RFC 9460 section 2.5.2.
        let name = match svcb.target.is_root() {
            true => &record.owner,
            false => &svcb.target,
        };
        if !self.is_possible_target(&record.owner, name, way) {
            return;
        }
        let offers = match svcb.params.offers() {
            Ok((offers, left_out)) => {
                if let Some(unusable) = left_out {
                    self.unusable(&record.owner, &unusable);
                }
                offers
            }
            Err(unusable) => return self.unusable(&record.owner, &unusable),
        };
        if svcb.params.ech().is_none() && svcb.params.get(key::ECH).is_some() {
            let message = "it offers to encrypt the ClientHello in ways that are not known here: its name is sent in clear text";
            self.note(NoteCode::UnknownEch, &record.owner, message, "RFC 9849 6.1");
        }
        for offer in offers {
            let host = Host {
                path: offer.path,
                ech: svcb.params.ech(),
                identity: way.identity.clone(),
                hints: svcb.params.hints(),
                ..Host::new(name, offer.transport, offer.port, way.source.clone())
            };
            self.host(&host, trail);
        }
    }

    /// RFC 9462 section 4: a designated resolver has a name of its own, and nobody has addresses for `resolver.arpa`.
    fn is_possible_target(&mut self, owner: &DomainName, target: &DomainName, way: &Way) -> bool {
        let special = DomainName::parse(RESOLVER).is_ok_and(|resolver| target.is_within(&resolver));
        if way.source == Source::Ddr && special {
            let message = format!("the target `{target}` is no name of a designated resolver");
            self.note(NoteCode::ForbiddenTarget, owner, message, "RFC 9462 4");
            return false;
        }
        if special || !target.can_be_asked() {
            let message = format!("the target `{target}` can be no host");
            self.note(NoteCode::UnusableName, owner, message, "RFC 9460 2.5");
            return false;
        }
        true
    }

    pub(super) fn unusable(&mut self, owner: &DomainName, unusable: &Unusable) {
        let message = format!("an offer is not usable: {unusable}");
        self.note(NoteCode::UnusableService, owner, message, "RFC 9461 4");
    }
}

fn svcbs(answer: &Answer) -> impl Iterator<Item = (&Record, &Svcb)> {
    answer
        .records
        .iter()
        .filter_map(|record| match &record.data {
            Data::Svcb(svcb) => Some((record, svcb)),
            _ => None,
        })
}
