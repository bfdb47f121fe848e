//! What a session can meet: networks, servers, policies and attackers, as events.

use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use resolvet_proto::{
    discovery::{
        ConfiguredServer, DomainName,
        dnr::{self, Carrier, Designation, NetworkOption, Service},
        resinfo,
        svcb::Params,
    },
    judgement::{
        Conveyed, Decision, Der, Digest, Evaluation, Fault, FaultKind, Judgement, Mode, Outcome,
        Presented, Ranking, Request, Role, Source, Stage, Transport, UsageProfile, Verdict,
    },
    session::{
        Action, Config, ConnectionFailure, ConnectionFailureKind, Event, Fetched, LookupFailure,
        Response, TokenSource,
    },
};

/// An attempt that no session makes.
const STRANGER: u32 = 4_000_000;
/// Seconds for which policies accept.
const LIFETIME: u32 = 600;
/// Types of records.
pub(crate) const NAPTR: u16 = 35;
const A: u16 = 1;
const SVCB: u16 = 64;

/// What a session begins with, and what is there.
pub(crate) struct World {
    pub(crate) config: Config,
    /// Whether servers without an authority's accept are usual.
    pub(crate) is_opportunistic: bool,
}

/// Something that may happen next.
pub(crate) struct Next {
    pub(crate) event: Event,
    /// Whether it is no trouble: what happens where everything is well.
    pub(crate) is_good: bool,
    /// Whether a tick comes two seconds later, whatever the session waits for.
    pub(crate) woke: bool,
    pub(crate) what: &'static str,
}

impl World {
    fn of(config: Config) -> Self {
        Self {
            is_opportunistic: config.usage_profile == UsageProfile::Opportunistic,
            config,
        }
    }

    /// Two servers that are written down, one over datagrams, under strict.
    pub(crate) fn configured() -> Self {
        Self::of(Config {
            methods: Vec::new(),
            transports: vec![Transport::Dot, Transport::Dtls],
            configured: vec![
                server(Transport::Dtls, None, 1),
                server(Transport::Dot, None, 2),
            ],
            generation: 1,
            ..Config::new("example.net", 7)
        })
    }

    /// S-NAPTR in a network whose enrolment conveyed a certificate, under strict.
    pub(crate) fn enrolled() -> Self {
        Self::of(Config {
            methods: vec![Source::SNaptr],
            conveyed: Conveyed::Certificates {
                certificates: presented().certificates,
            },
            generation: 1,
            ..Config::new("example.net", 7)
        })
    }

    /// S-NAPTR without an enrolment, under the opportunistic profile.
    pub(crate) fn opportunistic() -> Self {
        Self::of(Config {
            methods: vec![Source::SNaptr],
            usage_profile: UsageProfile::Opportunistic,
            generation: 1,
            ..Config::new("example.net", 7)
        })
    }

    /// The same as [`Self::enrolled`], with a server to fall back to.
    pub(crate) fn with_fallback() -> Self {
        let World { config, .. } = Self::enrolled();
        Self::of(Config {
            fallback: vec![server(Transport::Dot, Some("public.example"), 9)],
            ..config
        })
    }

    /// The resolver that the network designates, with a server to fall back to.
    pub(crate) fn designated() -> Self {
        Self::of(Config {
            methods: vec![Source::Dnr, Source::Ddr],
            fallback: vec![server(Transport::Dot, Some("public.example"), 9)],
            generation: 1,
            ..Config::of_network([192, 0, 2, 1].into(), 7)
        })
    }

    /// The same as [`Self::opportunistic`], where authenticated servers are asked about themselves.
    pub(crate) fn asking() -> Self {
        let World { config, .. } = Self::opportunistic();
        Self::of(Config {
            resolver_info: true,
            privacy_token: vec![TokenSource::ResolverInfo],
            ..config
        })
    }

    /// What may come of an action, the good first.
    pub(crate) fn answers(&self, action: &Action, generation: u64) -> Vec<Next> {
        match action {
            Action::Query { id, name, rtype } => queried(*id, name, *rtype),
            Action::Select { request } => selected(request, generation),
            Action::Connect {
                attempt, request, ..
            } => self.connected(*attempt, request, generation),
            Action::Inform { attempt, .. } => {
                let informed = |response| Event::Informed {
                    attempt: *attempt,
                    response,
                };
                let garbage = Response::Message([0xff; 20].as_slice().into());
                let named = Response::Message(names_a_statement().into());
                vec![
                    good("it says nothing", informed(timed_out())),
                    bad("it names a signed statement", informed(named)),
                    bad("it says nonsense", informed(garbage)),
                ]
            }
            Action::Fetch { attempt, .. } => {
                let fetched = |fetched| Event::Fetched {
                    attempt: *attempt,
                    fetched,
                };
                let failed = Fetched::Failed {
                    detail: "nobody is there".into(),
                };
                let octets = Fetched::Octets([0; 3].as_slice().into());
                vec![
                    good("a statement is fetched", fetched(octets)),
                    bad("no statement is fetched", fetched(failed)),
                ]
            }
            Action::Assess { attempt, request } => assessed(*attempt, request, generation),
            Action::Rejudge {
                attempt, request, ..
            } => rejudged(*attempt, request, generation),
            _ => Vec::new(),
        }
    }

    fn connected(&self, attempt: u32, request: &Request, generation: u64) -> Vec<Next> {
        let whole = request.presenting(presented());
        let of = |outcome, generation| judged(Stage::Validation, &whole, outcome, generation);
        let connected = |judgement| Event::Connected {
            attempt,
            presented: presented(),
            judgement,
        };
        let failed = |kind, judgement: Option<Judgement<Verdict>>| Event::ConnectionFailed {
            attempt,
            reason: ConnectionFailure {
                kind,
                detail: "told so".into(),
            },
            presented: judgement.is_some().then(presented),
            judgement,
        };
        let accepted = of(Outcome::Accepted, generation);
        let mut foreign = accepted.clone();
        foreign.request = Digest::of(b"another request");
        vec![
            good("connected and accepted", connected(accepted.clone())),
            Next {
                is_good: self.is_opportunistic,
                ..bad(
                    "connected, accepted by nobody with authority",
                    connected(without_authority(&whole, generation)),
                )
            },
            bad(
                "the key is not proved",
                failed(ConnectionFailureKind::ProofOfPossession, Some(accepted)),
            ),
            bad(
                "refused in the handshake",
                failed(
                    ConnectionFailureKind::Refusal,
                    Some(of(Outcome::Rejected, generation)),
                ),
            ),
            bad(
                "nobody listens",
                failed(ConnectionFailureKind::Refused, None),
            ),
            bad(
                "connected although refused",
                connected(of(Outcome::Rejected, generation)),
            ),
            bad("judged over another request", connected(foreign)),
            bad(
                "judged by an older generation",
                connected(of(Outcome::Accepted, generation - 1)),
            ),
        ]
    }

    /// What happens by itself.
    pub(crate) fn surprises(&self, attempt: Option<u32>, generation: u64) -> Vec<Next> {
        let whole = Request::new(resolvet_proto::judgement::Purpose::DnsServer, 0);
        let mut all = vec![
            bad(
                "policies are swapped",
                Event::Swapped {
                    generation: generation + 1,
                },
            ),
            bad(
                "new revocation lists",
                Event::EvidenceChanged {
                    anchors: None,
                    conveyed: None,
                    crls: Some(vec![generation.to_be_bytes().as_slice().into()]),
                    clock: None,
                    network_identity: None,
                },
            ),
            bad(
                "the network's options change",
                Event::NetworkOptions {
                    options: vec![option()],
                },
            ),
            bad(
                "a stranger connects",
                Event::Connected {
                    attempt: STRANGER,
                    presented: presented(),
                    judgement: judged(Stage::Validation, &whole, Outcome::Accepted, generation),
                },
            ),
        ];
        if let Some(attempt) = attempt {
            all.push(Next {
                woke: true,
                ..bad("two seconds go by", Event::Tick)
            });
            all.push(bad("the connection closes", Event::Closed { attempt }));
            all.push(bad("nothing is answered", Event::Unanswered { attempt }));
            all.push(bad("an answer is cut", Event::Truncated { attempt }));
        }
        all
    }
}

fn server(transport: Transport, name: Option<&str>, last: u8) -> ConfiguredServer {
    ConfiguredServer {
        transport,
        name: name.map(Into::into),
        addresses: vec![[192, 0, 2, last].into()],
        port: None,
        path: None,
        pins: Vec::new(),
    }
}

fn good(what: &'static str, event: Event) -> Next {
    Next {
        event,
        is_good: true,
        woke: false,
        what,
    }
}

fn bad(what: &'static str, event: Event) -> Next {
    Next {
        event,
        is_good: false,
        woke: false,
        what,
    }
}

pub(crate) fn presented() -> Presented {
    Presented {
        certificates: vec![Der::from(b"no certificate at all".as_slice())],
        ocsp_response: None,
    }
}

/// What DHCP says of a resolver with the domain's own name.
fn option() -> NetworkOption {
    let designation = Designation {
        priority: 1,
        name: DomainName::parse("example.net").unwrap(),
        lifetime: None,
        service: Some(Service {
            addresses: vec![[192, 0, 2, 7].into()],
            params: Params::new().with_alpn(&["dot"]),
        }),
    };
    NetworkOption {
        carrier: Carrier::DhcpV4,
        data: dnr::write_dhcp_v4(&[designation]).unwrap().into(),
        lifetime: None,
    }
}

/// A RESINFO record with authority (RFC 9606) that says where a signed statement is.
fn names_a_statement() -> Vec<u8> {
    let code = RecordType::from(261);
    let name = Name::from_ascii("example.net.").unwrap();
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.authoritative = true;
    message.add_query(Query::query(name.clone(), code));
    let keys = [("temp-pat", Some("https://example.net/pat"))];
    let rdata = rdata::NULL::with(resinfo::write(&keys).unwrap());
    message.add_answer(Record::from_rdata(name, 60, RData::Unknown { code, rdata }));
    message.to_vec().unwrap()
}

fn timed_out() -> Response {
    Response::Failed(LookupFailure::TimedOut)
}

fn queried(id: u32, name: &str, rtype: u16) -> Vec<Next> {
    let answer = |response| Event::Answer { id, response };
    let (data, none) = (zone(name, rtype), ResponseCode::NoError);
    vec![
        good("answered", answer(response(name, rtype, none, data))),
        bad("no records", answer(response(name, rtype, none, None))),
        bad(
            "no such name",
            answer(response(name, rtype, ResponseCode::NXDomain, None)),
        ),
        bad(
            "nonsense",
            answer(Response::Message([0xff; 20].as_slice().into())),
        ),
        bad("no answer", answer(timed_out())),
    ]
}

fn zone(owner: &str, rtype: u16) -> Option<RData> {
    let octets = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    match (owner, rtype) {
        ("example.net.", NAPTR) => Some(RData::NAPTR(rdata::NAPTR::new(
            10,
            10,
            octets("A"),
            octets("DPRIVE:dns.tls"),
            octets(""),
            Name::from_ascii("dns.example.net.").unwrap(),
        ))),
        ("_dns.resolver.arpa.", SVCB) => {
            let target = DomainName::parse("dns.example.net.").unwrap().to_wire();
            let params = Params::new().with_alpn(&["dot"]).encode().unwrap();
            let rdata = [&[0, 1][..], &target, &params].concat();
            Some(RData::Unknown {
                code: RecordType::from(SVCB),
                rdata: rdata::NULL::with(rdata),
            })
        }
        ("dns.example.net.", A) => Some(RData::A(rdata::A::new(192, 0, 2, 1))),
        _ => None,
    }
}

fn response(owner: &str, rtype: u16, code: ResponseCode, data: Option<RData>) -> Response {
    let name = Name::from_ascii(owner).unwrap();
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(Query::query(name.clone(), RecordType::from(rtype)));
    if let Some(data) = data {
        message.add_answer(Record::from_rdata(name, 3_600, data));
    }
    Response::Message(message.to_vec().unwrap().into())
}

fn selected(request: &Request, generation: u64) -> Vec<Next> {
    let of = |outcome, order: Vec<u32>, generation| {
        let ranking = Ranking {
            order,
            findings: Vec::new(),
            extra: Default::default(),
        };
        let judgement = judgement(Stage::Selection, request, outcome, generation, Ok(ranking));
        Event::Selected { judgement }
    };
    let all: Vec<u32> = (0_u32..)
        .zip(&request.candidates)
        .map(|(at, _)| at)
        .collect();
    let mut foreign = of(Outcome::Accepted, all.clone(), generation);
    if let Event::Selected { judgement } = &mut foreign {
        judgement.request = Digest::of(b"another request");
    }
    vec![
        good("chosen", of(Outcome::Accepted, all.clone(), generation)),
        bad(
            "none is chosen",
            of(Outcome::Rejected, Vec::new(), generation),
        ),
        bad(
            "selectors fail",
            of(Outcome::Faulted, Vec::new(), generation),
        ),
        bad("chosen for another request", foreign),
        bad(
            "chosen by an older generation",
            of(Outcome::Accepted, all, generation - 1),
        ),
    ]
}

fn assessed(attempt: u32, request: &Request, generation: u64) -> Vec<Next> {
    let of = |outcome, generation| Event::Assessed {
        attempt,
        judgement: judged(Stage::Privacy, request, outcome, generation),
    };
    let mut foreign = judged(Stage::Privacy, request, Outcome::Accepted, generation);
    foreign.request = Digest::of(b"another request");
    vec![
        good("private enough", of(Outcome::Accepted, generation)),
        bad("not private enough", of(Outcome::Rejected, generation)),
        bad("assessors fail", of(Outcome::Faulted, generation)),
        bad(
            "assessed for another request",
            Event::Assessed {
                attempt,
                judgement: foreign,
            },
        ),
        bad(
            "assessed by an older generation",
            of(Outcome::Accepted, generation - 1),
        ),
    ]
}

fn rejudged(attempt: u32, request: &Request, generation: u64) -> Vec<Next> {
    let of = |validation, privacy: Option<Outcome>| Event::Rejudged {
        attempt,
        validation: judged(Stage::Validation, request, validation, generation),
        privacy: privacy.map(|outcome| judged(Stage::Privacy, request, outcome, generation)),
    };
    let (yes, no) = (Outcome::Accepted, Outcome::Rejected);
    let older = |stage| judged(stage, request, yes, generation - 1);
    let of_older = Event::Rejudged {
        attempt,
        validation: older(Stage::Validation),
        privacy: Some(older(Stage::Privacy)),
    };
    let foreign = |stage| Judgement {
        request: Digest::of(b"another request"),
        ..judged(stage, request, yes, generation)
    };
    let of_another = Event::Rejudged {
        attempt,
        validation: foreign(Stage::Validation),
        privacy: Some(foreign(Stage::Privacy)),
    };
    vec![
        good("accepted again", of(yes, Some(yes))),
        bad("refused now", of(no, None)),
        bad("not private enough now", of(yes, Some(no))),
        bad("validators fail now", of(Outcome::Faulted, None)),
        bad("its privacy is not assessed", of(yes, None)),
        bad("accepted by an older generation", of_older),
        bad("accepted for another request", of_another),
    ]
}

/// A verdict that accepts.
pub(crate) fn accepting() -> Verdict {
    Verdict::new(Decision::Accept { lifetime: None })
}

/// A judgement with this outcome, by one policy with authority.
pub(crate) fn judged(
    stage: Stage,
    request: &Request,
    outcome: Outcome,
    generation: u64,
) -> Judgement<Verdict> {
    let result = match outcome {
        Outcome::Accepted => Ok(accepting()),
        Outcome::Rejected => Ok(Verdict::new(Decision::Reject)),
        Outcome::NoAuthority => Ok(Verdict::new(Decision::Abstain)),
        Outcome::Faulted => Err(Fault {
            kind: FaultKind::Trap,
            message: "told to".into(),
        }),
    };
    let judgement = judgement(stage, request, outcome, generation, result);
    Judgement {
        // Under strict a verdict ends before the records do, else with them.
        lifetime: (request.usage_profile == UsageProfile::Strict).then_some(LIFETIME),
        ..judgement
    }
}

/// Nobody refuses, and nobody with authority accepts: enough under the opportunistic profile alone.
fn without_authority(request: &Request, generation: u64) -> Judgement<Verdict> {
    let outcome = match request.usage_profile {
        UsageProfile::Opportunistic => Outcome::Accepted,
        _ => Outcome::NoAuthority,
    };
    let abstains = Ok(Verdict::new(Decision::Abstain));
    judgement(Stage::Validation, request, outcome, generation, abstains)
}

fn judgement<A>(
    stage: Stage,
    request: &Request,
    outcome: Outcome,
    generation: u64,
    result: Result<A, Fault>,
) -> Judgement<A> {
    Judgement {
        stage,
        request: request.digest(),
        generation,
        outcome,
        lifetime: None,
        evaluations: vec![Evaluation {
            policy: "p".into(),
            version: "1".into(),
            digest: Digest::of(b"p"),
            mode: Mode::Enforce,
            role: Role::Authority,
            result,
            log: Vec::new(),
            signatures: Vec::new(),
            nanoseconds: 1,
        }],
    }
}

/// Whether a validator with authority accepted, as the event truly says.
pub(crate) fn by_authority(judgement: &Judgement<Verdict>) -> bool {
    judgement.evaluations.iter().any(|evaluation| {
        let accepts = |verdict: &Verdict| matches!(verdict.decision, Decision::Accept { .. });
        evaluation.role == Role::Authority && evaluation.result.as_ref().is_ok_and(accepts)
    })
}
