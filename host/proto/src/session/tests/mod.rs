//! A driver without a network: it answers lookups from a zone and judges as it is told.

mod designated;
mod judging;
mod lookups;
mod racing;
mod time;

use alloc::{string::ToString as _, sync::Arc, vec, vec::Vec};

use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, NAPTR, NULL, SOA, SRV},
    },
};

use super::*;
use crate::discovery::{DomainName, svcb::Params};
use crate::judgement::{
    Answer, Decision, Der, Digest, Evaluation, Finding, Judgement, Mode, Outcome, Presented,
    Ranking, Request, Role, Server, Severity, Source, Stage, Transport, Verdict,
};

const NAPTR: u16 = 35;
const SRV: u16 = 33;
const SVCB: u16 = 64;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn naptr(order: u16, flags: &str, service: &str, replacement: &str) -> RData {
    let octets = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    RData::NAPTR(NAPTR::new(
        order,
        10,
        octets(flags),
        octets(service),
        octets(""),
        name(replacement),
    ))
}

/// The data of an SVCB record.
fn svcb(priority: u16, target: &str, params: &Params) -> RData {
    let mut rdata = priority.to_be_bytes().to_vec();
    let target = match target {
        "." => vec![0],
        target => DomainName::parse(target).unwrap().to_wire(),
    };
    rdata.extend(target);
    rdata.extend(params.encode().unwrap());
    RData::Unknown {
        code: RecordType::SVCB,
        rdata: NULL::with(rdata),
    }
}

/// Parameters with these protocols and a path.
fn offering(protocols: &[&str]) -> Params {
    Params::new()
        .with_alpn(protocols)
        .with_path(&"/dns-query{?dns}".parse().unwrap())
}

/// The zone of the draft's Figure 2.
fn figure_2(owner: &str, rtype: u16) -> Vec<RData> {
    match (owner, rtype) {
        ("example.net.", NAPTR) => vec![
            naptr(100, "", "DPRIVE:dns.tls", "dns1.example.net."),
            naptr(200, "", "DPRIVE:dns.dtls", "dns2.example.net."),
        ],
        ("dns1.example.net.", NAPTR) => {
            vec![naptr(
                100,
                "S",
                "DPRIVE:dns.tls",
                "_domain-s._tcp.example.net.",
            )]
        }
        ("dns2.example.net.", NAPTR) => {
            vec![naptr(
                100,
                "S",
                "DPRIVE:dns.dtls",
                "_domain-s._udp.example.net.",
            )]
        }
        ("_domain-s._tcp.example.net." | "_domain-s._udp.example.net.", SRV) => {
            vec![RData::SRV(SRV::new(0, 0, 853, name("a.example.net.")))]
        }
        ("a.example.net.", 1) => vec![RData::A(A::new(192, 0, 2, 1))],
        ("a.example.net.", 28) => vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 8, 4, 0, 0, 0, 2))],
        _ => vec![],
    }
}

fn response(owner: &str, rtype: u16, code: ResponseCode, data: Vec<RData>, ttl: u32) -> Response {
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(Query::query(name(owner), RecordType::from(rtype)));
    if data.is_empty() && code == ResponseCode::NXDomain {
        let soa = SOA::new(
            name("ns.example.net."),
            name("host.example.net."),
            1,
            2,
            3,
            4,
            900,
        );
        message.add_authority(Record::from_rdata(
            name("example.net."),
            1_200,
            RData::SOA(soa),
        ));
    }
    for data in data {
        message.add_answer(Record::from_rdata(name(owner), ttl, data));
    }
    Response::Message(message.to_vec().unwrap().into())
}

/// A judgement of this request as its policies would have made it.
fn judgement<A: Answer>(
    stage: Stage,
    request: &Request,
    generation: u64,
    outcome: Outcome,
    lifetime: Option<u32>,
    answers: Vec<A>,
) -> Judgement<A> {
    let evaluation = |answer| Evaluation {
        policy: "p".to_string(),
        version: "1".to_string(),
        digest: Digest::of(b"p"),
        mode: Mode::Enforce,
        role: Role::Authority,
        result: Ok(answer),
        log: vec![],
        signatures: vec![],
        nanoseconds: 1,
    };
    let evaluations = answers.into_iter().map(evaluation).collect();
    Judgement {
        stage,
        request: request.digest(),
        generation,
        outcome,
        lifetime,
        evaluations,
    }
}

fn accept(stage: Stage, request: &Request, generation: u64) -> Judgement<Verdict> {
    let verdict = Verdict::new(Decision::Accept { lifetime: None });
    judgement(
        stage,
        request,
        generation,
        Outcome::Accepted,
        None,
        vec![verdict],
    )
}

fn reject(stage: Stage, request: &Request, generation: u64) -> Judgement<Verdict> {
    let finding = Finding {
        code: "name-mismatch".into(),
        severity: Severity::Error,
        message: "the name does not match".into(),
        reference: "RFC 9525 6.3".into(),
        evidence: vec![],
    };
    let verdict = Verdict {
        findings: vec![finding],
        ..Verdict::new(Decision::Reject)
    };
    judgement(
        stage,
        request,
        generation,
        Outcome::Rejected,
        None,
        vec![verdict],
    )
}

/// A session and everything that happened to it.
struct Play {
    session: Session,
    transcript: Transcript,
    actions: Vec<Action>,
    now: Timestamp,
    ttl: u32,
    /// Answered beside the zone.
    zone: fn(&str, u16) -> Vec<RData>,
}

impl Play {
    /// A session that goes by S-NAPTR alone.
    fn new(config: Config) -> Self {
        Self::by(Config {
            methods: vec![Source::SNaptr],
            ..config
        })
    }

    /// A session that goes the ways that it is told.
    fn by(config: Config) -> Self {
        Self {
            session: Session::new(config.clone()).unwrap(),
            transcript: Transcript::new(config),
            actions: vec![],
            now: Timestamp {
                unix: 1_800_000_000,
                boot: 10_000,
            },
            ttl: 3_600,
            zone: figure_2,
        }
    }

    fn standard() -> Self {
        let transports = vec![Transport::Dot, Transport::Dtls];
        Self::new(Config {
            transports,
            generation: 1,
            ..Config::new("example.net", 7)
        })
    }

    /// Hands an event over and gives what follows, but for the timer.
    fn event(&mut self, event: Event) -> Vec<Action> {
        self.transcript.record(self.now, event.clone());
        self.session.handle(event, self.now);
        let actions: Vec<Action> = core::iter::from_fn(|| self.session.next_action()).collect();
        self.actions.extend(actions.clone());
        actions
            .into_iter()
            .filter(|action| !matches!(action, Action::WaitUntil { .. }))
            .collect()
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after_seconds(seconds);
    }

    /// The time that the driver was told last.
    fn timer(&self) -> Timestamp {
        let timer = self.actions.iter().rev().find_map(|action| match action {
            Action::WaitUntil { until } => Some(*until),
            _ => None,
        });
        timer.unwrap()
    }

    /// Answers queries from the zone until something else is wanted.
    fn lookups(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        let mut rest = vec![];
        while !actions.is_empty() {
            match actions.remove(0) {
                Action::Query { id, name, rtype } => {
                    let data = (self.zone)(&name, rtype);
                    let response = response(&name, rtype, ResponseCode::NoError, data, self.ttl);
                    actions.extend(self.event(Event::Answer { id, response }));
                }
                other => rest.push(other),
            }
        }
        rest
    }

    fn discover(&mut self) -> Arc<Request> {
        let actions = self.event(Event::Start);
        selecting(&self.lookups(actions))
    }

    fn select(&mut self, request: &Request, order: &[u32]) -> Vec<Action> {
        let ranking = Ranking {
            order: order.to_vec(),
            findings: vec![],
            extra: Default::default(),
        };
        let outcome = if order.is_empty() {
            Outcome::Rejected
        } else {
            Outcome::Accepted
        };
        let judgement = judgement(
            Stage::Selection,
            request,
            self.session.generation,
            outcome,
            None,
            vec![ranking],
        );
        self.event(Event::Selected { judgement })
    }

    /// To the first handshake.
    fn connect(&mut self) -> Connect {
        let request = self.discover();
        let count = u32::try_from(request.candidates.len()).unwrap();
        let order: Vec<u32> = (0..count).collect();
        connecting(&self.select(&request, &order))
    }

    fn connected(
        &mut self,
        connect: &Connect,
        judge: fn(Stage, &Request, u64) -> Judgement<Verdict>,
    ) -> Vec<Action> {
        let request = connect.request.presenting(presented());
        let judgement = judge(Stage::Validation, &request, connect.generation);
        self.event(Event::Connected {
            attempt: connect.attempt,
            presented: presented(),
            judgement,
        })
    }

    fn assessed(&mut self, attempt: u32, judgement: Judgement<Verdict>) -> Vec<Action> {
        self.event(Event::Assessed { attempt, judgement })
    }

    /// To a vetted server.
    fn serve(&mut self) -> Vetted<Server> {
        let connect = self.connect();
        self.serve_by(&connect)
    }

    fn serve_by(&mut self, connect: &Connect) -> Vetted<Server> {
        let (attempt, request) = assessing(&self.connected(connect, accept));
        let judgement = accept(Stage::Privacy, &request, connect.generation);
        serving(&self.assessed(attempt, judgement))
    }

    fn rejudged(
        &mut self,
        rejudge: &Rejudge,
        judge: fn(Stage, &Request, u64) -> Judgement<Verdict>,
    ) -> Vec<Action> {
        let Rejudge {
            attempt,
            request,
            generation,
            ..
        } = rejudge;
        let validation = judge(Stage::Validation, request, *generation);
        let privacy = validation
            .is_accepted()
            .then(|| accept(Stage::Privacy, request, *generation));
        self.event(Event::Rejudged {
            attempt: *attempt,
            validation,
            privacy,
        })
    }

    fn failed(&mut self, connect: &Connect, kind: ConnectionFailureKind) -> Vec<Action> {
        let reason = ConnectionFailure {
            kind,
            detail: "it failed".into(),
        };
        let attempt = connect.attempt;
        self.event(Event::ConnectionFailed {
            attempt,
            reason,
            presented: None,
            judgement: None,
        })
    }
}

fn presented() -> Presented {
    Presented {
        certificates: vec![Der::from(b"no certificate at all".as_slice())],
        ocsp_response: None,
    }
}

#[derive(Debug)]
struct Connect {
    attempt: u32,
    server: Server,
    request: Arc<Request>,
    generation: u64,
}

#[derive(Debug)]
struct Rejudge {
    attempt: u32,
    request: Arc<Request>,
    generation: u64,
    deadline: Timestamp,
    serving: bool,
}

fn selecting(actions: &[Action]) -> Arc<Request> {
    let [Action::Select { request }] = actions else {
        panic!("expected one Select, came {actions:#?}")
    };
    Arc::clone(request)
}

/// The attempt that these actions end with.
fn connecting(actions: &[Action]) -> Connect {
    let Some(Action::Connect {
        attempt,
        server,
        request,
        generation,
        ..
    }) = actions.last()
    else {
        panic!("expected a Connect at the end, came {actions:#?}")
    };
    let (server, request) = (server.clone(), Arc::clone(request));
    Connect {
        attempt: *attempt,
        server,
        request,
        generation: *generation,
    }
}

fn assessing(actions: &[Action]) -> (u32, Arc<Request>) {
    let [Action::Assess { attempt, request }] = actions else {
        panic!("expected one Assess, came {actions:#?}")
    };
    (*attempt, Arc::clone(request))
}

fn serving(actions: &[Action]) -> Vetted<Server> {
    let [Action::Serve { vetted }] = actions else {
        panic!("expected one Serve, came {actions:#?}")
    };
    vetted.clone()
}

fn rejudging(actions: &[Action]) -> Rejudge {
    let Some(Action::Rejudge {
        attempt,
        request,
        generation,
        deadline,
        serving,
    }) = actions.last()
    else {
        panic!("expected a Rejudge at the end, came {actions:#?}")
    };
    let (attempt, request) = (*attempt, Arc::clone(request));
    Rejudge {
        attempt,
        request,
        generation: *generation,
        deadline: *deadline,
        serving: *serving,
    }
}

fn withdrawing(actions: &[Action]) -> (u32, WithdrawReason) {
    let Some(Action::Withdraw { attempt, reason }) = actions.first() else {
        panic!("expected a Withdraw first, came {actions:#?}")
    };
    (*attempt, *reason)
}

fn failing(actions: &[Action]) -> Failure {
    let Some(Action::Fail { failure }) = actions.last() else {
        panic!("expected a Fail at the end, came {actions:#?}")
    };
    failure.clone()
}
