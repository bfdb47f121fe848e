//! SRV records (RFC 2782) and, for DoH, the template of the hosts that they name.

use alloc::{format, vec::Vec};

use super::{
    super::{
        DomainName, Kind, NoteCode, Outcome, Question, Srv,
        limits::TARGETS,
        record::{Data, Record},
        resolution::Slot,
        srv::{self, Dice},
    },
    Host, Trail, Walk,
};
use crate::judgement::{Source, Transport};

impl<'a> Walk<'a> {
    /// SRV records and the addresses of their targets.
    pub(super) fn service(
        &mut self,
        name: &DomainName,
        transport: &Transport,
        source: &Source,
        trail: &Trail,
    ) {
        let Some((answer, at)) = self.found(&Question {
            name: name.clone(),
            kind: Kind::Srv,
        }) else {
            return;
        };
        let Some(trail) = self.keep_all(trail, &answer.aliases, at) else {
            return;
        };
        let mut set: Vec<(&Record, &Srv)> = Vec::new();
        for record in &answer.records {
            let Data::Srv(srv) = &record.data else {
                continue;
            };
            if set.iter().any(|(_, known)| *known == srv) {
                self.note(
                    NoteCode::Duplicate,
                    name,
                    "an SRV record came twice and counts once",
                    "RFC 2181 5",
                );
            } else if srv.target.is_root() {
                let message = "an SRV record says that the service is not available at this domain";
                self.note(NoteCode::ServiceNotAvailable, name, message, "RFC 2782");
            } else {
                set.push((record, srv));
            }
        }
        let records: Vec<&Srv> = set.iter().map(|(_, srv)| *srv).collect();
        let order = srv::order(
            &records,
            &mut Dice::new(self.resolution.seed, name.as_str()),
        );
        if order.len() > TARGETS {
            let message = format!("{} SRV records, the first {TARGETS} are used", order.len());
            self.note(NoteCode::FanOut, name, message, "");
        }
        for (record, srv) in order
            .into_iter()
            .take(TARGETS)
            .filter_map(|position| set.get(position))
        {
            if !srv.target.can_be_asked() {
                let message = format!("the target `{}` can be no host", srv.target);
                self.note(NoteCode::UnusableName, name, message, "RFC 2782");
                continue;
            }
            let Some(trail) = self.keep(&trail, record, at) else {
                return;
            };
            let host = Host {
                weight: Some(srv.weight),
                target: true,
                ..Host::new(&srv.target, transport.clone(), srv.port, source.clone())
            };
            self.host_with_path(host, &trail.ranked(srv.priority));
        }
    }

    /// A host that SRV, an address or an administrator names. For DoH its path is what the SVCB records of the host, or those
    /// of the domain, say of HTTP/2 (RFC 9461 section 5): the draft leaves it to a way that was given up since.
    pub(super) fn host_with_path(&mut self, host: Host<'a>, trail: &Trail) {
        if host.transport != Transport::Doh || host.path.is_some() {
            return self.host(&host, trail);
        }
        let names = [Some(host.name), self.resolution.plan.domain.as_ref()];
        let mut questions: Vec<Question> = Vec::new();
        for name in names
            .into_iter()
            .flatten()
            .filter_map(|name| name.under("_dns"))
        {
            let question = Question {
                name,
                kind: Kind::Svcb,
            };
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        // All questions are put before any answer is looked at.
        let slots: Vec<_> = questions
            .iter()
            .map(|question| self.slot(question))
            .collect();
        let is_known =
            |slot: &Option<&Slot>| matches!(slot, Some(slot) if !matches!(slot, Slot::Asked));
        let are_known = slots.iter().all(is_known);
        for slot in slots.into_iter().flatten() {
            let Slot::Answered(answer, at) = slot else {
                continue;
            };
            if answer.outcome != Outcome::Found {
                continue;
            }
            let path = answer.records.iter().find_map(|record| {
                let Data::Svcb(svcb) = &record.data else {
                    return None;
                };
                let (offers, _) = svcb.params.offers().ok().filter(|_| !svcb.is_alias())?;
                let offer = offers
                    .into_iter()
                    .find(|offer| offer.transport == Transport::Doh)?;
                Some((record, offer.path?))
            });
            if let Some((record, path)) = path {
                let Some(trail) = self.keep(trail, record, *at) else {
                    return;
                };
                let path = Some(path);
                return self.host(&Host { path, ..host }, &trail);
            }
        }
        if are_known && let Some((path, trail)) = self.associated(&host, trail) {
            let path = Some(path);
            return self.host(&Host { path, ..host }, &trail);
        }
        let message = "no SVCB record says the path of the URI template of this DoH server";
        self.note(NoteCode::NoPath, host.name, message, "RFC 9461 5");
        self.host(&host, trail);
    }
}
