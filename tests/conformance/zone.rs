//! A zone in memory and a resolution over it, message by message, without a network.

use std::{collections::BTreeMap, net::IpAddr};

use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, NAPTR, NULL, SRV},
    },
};
use resolvet_proto::{
    discovery::{
        Answer, Discovered, DomainName, NoteCode, Plan, Question, Resolution, Timestamp,
        svcb::Params,
    },
    judgement::{Candidate, Source},
};

/// When every answer of these tests comes.
pub(crate) const NOW: Timestamp = Timestamp {
    unix: 1_800_000_000,
    boot: 1_000,
};
/// The time to live of every record, unless a test sets another.
pub(crate) const TTL: u32 = 3_600;

/// Records by owner and type, and what happened when they were asked for.
#[derive(Default)]
pub(crate) struct Zone {
    sets: BTreeMap<(String, RecordType), Vec<RData>>,
    /// The questions that were asked, in order.
    pub(crate) asked: Vec<String>,
    seed: u64,
}

impl Zone {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn add(mut self, owner: &str, data: RData) -> Self {
        let key = (owner.to_ascii_lowercase(), data.record_type());
        self.sets.entry(key).or_default().push(data);
        self
    }

    /// `IN NAPTR order preference "flags" "service" "" replacement`.
    pub(crate) fn naptr(
        self,
        owner: &str,
        rank: (u16, u16),
        flags: &str,
        service: &str,
        replacement: &str,
    ) -> Self {
        self.add(owner, naptr(rank, flags, service, "", replacement))
    }

    /// `IN SRV priority weight port target`.
    pub(crate) fn srv(
        self,
        owner: &str,
        priority: u16,
        weight: u16,
        port: u16,
        target: &str,
    ) -> Self {
        self.add(
            owner,
            RData::SRV(SRV::new(priority, weight, port, name(target))),
        )
    }

    pub(crate) fn a(self, owner: &str, last: u8) -> Self {
        self.add(owner, RData::A(A::new(192, 0, 2, last)))
    }

    pub(crate) fn aaaa(self, owner: &str, last: u16) -> Self {
        self.add(
            owner,
            RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)),
        )
    }

    pub(crate) fn address(self, owner: &str, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.add(owner, RData::A(A(address))),
            IpAddr::V6(address) => self.add(owner, RData::AAAA(AAAA(address))),
        }
    }

    pub(crate) fn cname(self, owner: &str, target: &str) -> Self {
        self.add(owner, RData::CNAME(CNAME(name(target))))
    }

    /// `IN SVCB priority target params`.
    pub(crate) fn svcb(self, owner: &str, priority: u16, target: &str, params: &Params) -> Self {
        let target = match target {
            "." => vec![0],
            target => DomainName::parse(target).unwrap().to_wire(),
        };
        let params = params.encode().unwrap();
        let rdata = [&priority.to_be_bytes()[..], &target, &params].concat();
        self.raw(owner, 64, &rdata)
    }

    /// Data as it stands (RFC 3597 section 5).
    pub(crate) fn raw(self, owner: &str, rtype: u16, rdata: &[u8]) -> Self {
        let code = RecordType::from(rtype);
        let rdata = NULL::with(rdata.to_vec());
        self.add(owner, RData::Unknown { code, rdata })
    }

    /// What a recursive resolver answers: aliases followed, NXDOMAIN where no name is.
    pub(crate) fn answer(&self, question: &Question) -> Vec<u8> {
        let rtype = RecordType::from(question.kind.number());
        let mut message = Message::response(1, OpCode::Query);
        message.add_query(Query::query(name(question.name.as_str()), rtype));
        let mut owner = question.name.as_str().to_owned();
        for _ in 0..32 {
            let records = |rtype| self.sets.get(&(owner.clone(), rtype)).into_iter().flatten();
            let aliases: Vec<_> = records(RecordType::CNAME).cloned().collect();
            let data: Vec<_> = records(rtype).chain(&aliases).cloned().collect();
            for data in data {
                message.add_answer(Record::from_rdata(name(&owner), TTL, data));
            }
            match aliases.first() {
                Some(RData::CNAME(target)) => owner = target.0.to_lowercase().to_ascii(),
                _ => break,
            }
        }
        if !self.sets.keys().any(|(known, _)| *known == owner) {
            message.metadata.response_code = ResponseCode::NXDomain;
        }
        message.to_vec().unwrap()
    }

    /// Resolves `example.net` by S-NAPTR to the end.
    pub(crate) fn discover(&mut self) -> Discovered {
        self.resolve(Plan::s_naptr(DomainName::parse("example.net").unwrap()))
    }

    /// Resolves to the end.
    pub(crate) fn resolve(&mut self, plan: Plan) -> Discovered {
        let mut resolution = Resolution::new(plan, self.seed);
        loop {
            let questions = resolution.questions();
            if questions.is_empty() {
                return resolution.discovered().unwrap();
            }
            for question in questions {
                self.asked
                    .push(format!("{} {}", question.name, question.kind.as_str()));
                match Answer::parse(&self.answer(&question), &question) {
                    Ok(answer) => resolution.answered(&question, answer, NOW),
                    Err(error) => resolution.failed(&question, error.to_string()),
                }
            }
        }
    }
}

/// From `example.net` by SVCB records alone.
pub(crate) fn svcb_plan() -> Plan {
    Plan {
        methods: vec![Source::Svcb],
        ..Plan::s_naptr(DomainName::parse("example.net").unwrap())
    }
}

/// NAPTR data with a regular expression.
pub(crate) fn naptr(
    rank: (u16, u16),
    flags: &str,
    service: &str,
    regexp: &str,
    replacement: &str,
) -> RData {
    let octets = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    let (order, preference) = rank;
    let replacement = name(replacement);
    RData::NAPTR(NAPTR::new(
        order,
        preference,
        octets(flags),
        octets(service),
        octets(regexp),
        replacement,
    ))
}

/// The name; labels of odd octets are taken as they stand between dots.
pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap_or_else(|_| {
        let labels = text.trim_end_matches('.').split('.').map(str::as_bytes);
        Name::from_labels(labels).unwrap()
    })
}

/// Each candidate in a line: transport, address, port.
pub(crate) fn lines(discovered: &Discovered) -> Vec<String> {
    let line = |c: &Candidate| format!("{} {} {}", c.transport, c.address, c.port);
    discovered.candidates.iter().map(line).collect()
}

/// The codes of the notes about one name.
pub(crate) fn notes(discovered: &Discovered, owner: &str) -> Vec<NoteCode> {
    discovered
        .notes
        .iter()
        .filter(|note| note.owner == owner)
        .map(|note| note.code)
        .collect()
}
