//! Services of the domain (RFC 6763), as later versions of the draft have them: `_dprive._tcp`, `_dprive._udp`, `_doh._tcp`.

use alloc::{format, vec::Vec};

use super::{
    super::{
        DomainName, Kind, NoteCode, Question,
        limits::INSTANCES,
        record::{Data, Record},
    },
    Trail, Walk,
};
use crate::judgement::{Source, Transport};

/// The services and what their instances are spoken to by (the draft's version 05, section 6).
const SERVICES: [(&str, Transport); 3] = [
    ("_dprive._tcp", Transport::Dot),
    ("_dprive._udp", Transport::Dtls),
    ("_doh._tcp", Transport::Doh),
];

impl Walk<'_> {
    /// The instances of each service under the domain.
    pub(super) fn services(&mut self) {
        let plan = &self.resolution.plan;
        let Some(domain) = plan.domain.as_ref().filter(|_| plan.goes(&Source::DnsSd)) else {
            return;
        };
        for (service, transport) in SERVICES {
            let Some(name) = domain.under(service) else {
                let message = format!("the name is too long to have services `{service}`");
                self.note(NoteCode::UnusableName, domain, message, "RFC 6763 4.1");
                continue;
            };
            self.instances(&name, &transport);
        }
    }

    fn instances(&mut self, service: &DomainName, transport: &Transport) {
        let question = Question {
            name: service.clone(),
            kind: Kind::Ptr,
        };
        let Some((answer, at)) = self.found(&question) else {
            return;
        };
        let Some(trail) = self.keep_all(&Trail::new(), &answer.aliases, at) else {
            return;
        };
        let mut instances: Vec<(&Record, DomainName)> = Vec::new();
        for record in &answer.records {
            let Data::Pointer(name) = &record.data else {
                continue;
            };
            let name = DomainName::of(name);
            if !is_instance(&name, service) {
                let message = format!("`{name}` is no instance of the service");
                self.note(NoteCode::OtherName, service, message, "RFC 6763 4.1");
            } else if instances.len() >= INSTANCES {
                let message =
                    format!("`{name}` is left out: at most {INSTANCES} instances are looked at");
                self.note(NoteCode::FanOut, service, message, "");
            } else if instances.iter().all(|(_, known)| *known != name) {
                instances.push((record, name));
            }
        }
        for (record, name) in instances {
            let Some(trail) = self.keep(&trail, record, at) else {
                return;
            };
            self.service(&name, transport, &Source::DnsSd, &trail);
        }
    }
}

/// Whether a name is one label and a service, whatever the domain: a domain may list instances of another (section 4.1). They
/// must be authenticated by this one all the same.
fn is_instance(name: &DomainName, service: &DomainName) -> bool {
    let (name, service) = (name.labels(), service.labels());
    name.len() > 3
        && name
            .iter()
            .skip(1)
            .zip(&service)
            .take(2)
            .all(|(a, b)| a == b)
}
