//! Instances of a service in a domain (RFC 6763), without input and output: which lookups are needed, and what their answers
//! say.
//!
//! PTR records of the service name its instances, an SRV record of each names host and port, and addresses are asked for
//! when a host is connected to. TXT records are not asked for: EST and BRSKI define no keys, and none is the same as an
//! empty one (section 6.1).

use alloc::{format, string::ToString as _, vec::Vec};
use core::net::Ipv4Addr;

use hickory_proto::rr::Name;
use thiserror::Error;

use super::{
    Answer, Data, DiscoveryNote, DomainName, Kind, NoteCode, Question, Srv,
    limits::{DOMAINS, INSTANCES, NOTES},
    srv::{Dice, order},
};

/// A name and a domain do not fit into one name (RFC 1035 section 2.3.4).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{labels}` and `{domain}` are together no domain name (RFC 1035 2.3.4)")]
pub struct TooLong {
    labels: &'static str,
    domain: DomainName,
}

/// A lookup: a name whose labels may have any octets, and a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The name, absolute.
    pub name: Name,
    /// The type.
    pub kind: Kind,
}

impl Lookup {
    /// What an answer is compared with.
    #[must_use]
    pub fn question(&self) -> Question {
        Question {
            name: DomainName::of(&self.name),
            kind: self.kind,
        }
    }
}

/// An instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name: one label of any octets, the service, the domain.
    pub name: Name,
    /// Host, port, priority and weight. The host is a name that can be asked for, and the port is not 0.
    pub srv: Srv,
}

impl Instance {
    /// An instance at this place; `None` when nobody can connect there.
    #[must_use]
    pub fn new(name: Name, srv: Srv) -> Option<Self> {
        fault(&srv).is_none().then_some(Self { name, srv })
    }
}

/// Why nobody can connect to a place (RFC 2782).
fn fault(srv: &Srv) -> Option<(NoteCode, &'static str)> {
    if srv.target.is_root() {
        return Some((NoteCode::ServiceNotAvailable, "is not available"));
    }
    if !srv.target.can_be_asked() {
        return Some((
            NoteCode::UnusableName,
            "is at a host that has no host's name",
        ));
    }
    (srv.port == 0).then_some((NoteCode::ForbiddenPort, "is at port 0"))
}

/// A search for the instances of one service in one domain. Take lookups by [`Self::next_lookup`], hand over the answers
/// that came by [`Self::answered`], and read [`Self::instances`] when both are at an end.
#[derive(Debug, Clone)]
pub struct Browse {
    service: Name,
    lookups: Vec<Lookup>,
    names: Vec<Name>,
    instances: Vec<Instance>,
    notes: Vec<DiscoveryNote>,
}

impl Browse {
    /// A search for a service, `_est._tcp` for example, in a domain.
    ///
    /// # Errors
    /// The two are together too long.
    pub fn new(service: &'static str, domain: &DomainName) -> Result<Self, TooLong> {
        let service = below(service, domain)?;
        Ok(Self {
            lookups: Vec::from([Lookup {
                name: service.clone(),
                kind: Kind::Ptr,
            }]),
            service,
            names: Vec::new(),
            instances: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// The next lookup. There are at most one and [`INSTANCES`] in all; those of the instances may be made at once.
    pub fn next_lookup(&mut self) -> Option<Lookup> {
        self.lookups.pop()
    }

    /// Takes an answer. That of a lookup which was not asked for says nothing.
    pub fn answered(&mut self, lookup: &Lookup, answer: Answer) {
        for note in answer.notes {
            self.note(note);
        }
        if lookup.kind == Kind::Ptr && lookup.name == self.service {
            let found = answer.records.into_iter();
            let names = found.filter_map(|record| match record.data {
                Data::Pointer(name) => Some(name),
                _ => None,
            });
            names.for_each(|name| self.named(name));
        } else if lookup.kind == Kind::Srv && self.names.contains(&lookup.name) {
            for record in answer.records {
                if let Data::Srv(srv) = record.data {
                    self.placed(&lookup.name, srv);
                }
            }
        }
    }

    /// The instances that can be connected to, in the order in which they are tried (RFC 2782); a host and port that several
    /// have comes once. The same seed gives the same order.
    #[must_use]
    pub fn instances(&self, seed: u64) -> Vec<Instance> {
        ordered(
            &self.instances,
            &mut Dice::new(seed, &DomainName::of(&self.service).to_string()),
        )
    }

    /// What was ignored, at most [`NOTES`].
    #[must_use]
    pub fn notes(&self) -> &[DiscoveryNote] {
        &self.notes
    }

    /// An instance's name came.
    fn named(&mut self, name: Name) {
        if self.names.contains(&name) {
            return;
        }
        if !is_instance(&name, &self.service) {
            self.say(
                NoteCode::OtherName,
                &name,
                "is no instance of the service",
                "RFC 6763 4.1",
            );
        } else if self.names.len() >= INSTANCES {
            let what = format!("is left out: at most {INSTANCES} instances are looked at");
            self.say(NoteCode::FanOut, &name, &what, "");
        } else {
            self.lookups.push(Lookup {
                name: name.clone(),
                kind: Kind::Srv,
            });
            self.names.push(name);
        }
    }

    /// An instance's host and port came.
    fn placed(&mut self, name: &Name, srv: Srv) {
        if let Some((code, what)) = fault(&srv) {
            self.say(code, name, what, "RFC 2782");
        } else if self.instances.len() >= INSTANCES {
            self.say(
                NoteCode::FanOut,
                name,
                "has more hosts than are looked at",
                "",
            );
        } else {
            let name = name.clone();
            self.instances.push(Instance { name, srv });
        }
    }

    fn say(&mut self, code: NoteCode, name: &Name, what: &str, reference: &'static str) {
        let owner = DomainName::of(name);
        let message = format!("`{owner}` {what}");
        self.note(DiscoveryNote::new(code, owner.as_str(), message, reference));
    }

    fn note(&mut self, note: DiscoveryNote) {
        if self.notes.len() < NOTES {
            self.notes.push(note);
        }
    }
}

/// Whether a name is one label and a service, whatever the domain: a domain may list instances of another (section 4.1).
fn is_instance(name: &Name, service: &Name) -> bool {
    let labels = name.iter().skip(1).zip(service.iter()).take(2);
    name.iter().count() > 3 && { labels }.all(|(label, wanted)| label.eq_ignore_ascii_case(wanted))
}

/// Instances in the order in which they are tried (RFC 2782), each host and port once.
#[must_use]
pub fn ordered(instances: &[Instance], dice: &mut Dice) -> Vec<Instance> {
    let records: Vec<&Srv> = instances.iter().map(|instance| &instance.srv).collect();
    let mut ordered: Vec<Instance> = Vec::new();
    for position in order(&records, dice) {
        let Some(instance) = instances.get(position) else {
            continue;
        };
        let place = |other: &Instance| (other.srv.target.clone(), other.srv.port);
        if ordered.iter().all(|other| place(other) != place(instance)) {
            ordered.push(instance.clone());
        }
    }
    ordered
}

/// What is asked to learn which domains to browse in this one (section 11).
///
/// # Errors
/// The domain is too long.
pub fn browse_domains(domain: &DomainName) -> Result<Lookup, TooLong> {
    Ok(Lookup {
        name: below("b._dns-sd._udp", domain)?,
        kind: Kind::Ptr,
    })
}

/// What is asked to learn which domains to browse in the network of an address: the name is that of the network's first
/// address in the reverse tree (section 11). `None`: the prefix is longer than 32 bits.
#[must_use]
pub fn browse_domains_of_network(address: Ipv4Addr, prefix: u8) -> Option<Lookup> {
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix.into())?);
    let [a, b, c, d] = (u32::from(address) & mask.unwrap_or(0)).to_be_bytes();
    let domain = DomainName::parse(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")).ok()?;
    browse_domains(&domain).ok()
}

/// The domains that an answer to [`browse_domains`] lists, at most [`DOMAINS`]; those that nobody could ask about, and
/// `local`, which no resolver answers for (RFC 6762 section 22.1), are left out.
#[must_use]
pub fn domains(answer: &Answer) -> Vec<DomainName> {
    let mut domains = Vec::new();
    for record in &answer.records {
        let Data::Pointer(name) = &record.data else {
            continue;
        };
        let domain = DomainName::of(name);
        if domain.can_be_asked() && !is_local(&domain) && !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains.truncate(DOMAINS);
    domains
}

/// Whether a name is asked for by multicast alone (RFC 6762 section 3).
#[must_use]
pub fn is_local(name: &DomainName) -> bool {
    name.as_str() == "local." || name.as_str().ends_with(".local.")
}

fn below(labels: &'static str, domain: &DomainName) -> Result<Name, TooLong> {
    // Both are of letters, digits, `-` and `_`: an internationalized domain has become A-labels.
    let name = Name::from_ascii(format!("{labels}.{domain}"));
    name.map_err(|_| TooLong {
        labels,
        domain: domain.clone(),
    })
}
