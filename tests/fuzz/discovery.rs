//! What discovery and sessions read from the network.

use resolvet_proto::{
    discovery::{
        Answer, DomainName, Kind, Naptr, Plan, Question, Resolution, Srv, Timestamp, ValidatedSet,
        Validation, limits, srv,
    },
    judgement::{
        Der, Digest, Dnssec, Judgement, Outcome, Presented, Ranking, Request, Stage, Transport,
        Verdict,
    },
    session::{
        Action, Config, ConnectionFailure, ConnectionFailureKind, Event, Fetched, LookupFailure,
        Response, Session, TokenSource, Transcript,
    },
};

const START: Timestamp = Timestamp {
    unix: 1_800_000_000,
    boot: 0,
};

/// A response that a resolver could have begun: header and question are right, the rest is the input.
fn response(question: &Question, input: &[u8]) -> Vec<u8> {
    let [answers, authorities, rest @ ..] = input else {
        return Vec::new();
    };
    let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, *answers, 0, *authorities, 0, 0];
    for label in question.name.without_dot().split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&question.kind.number().to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(rest);
    message
}

#[test]
fn message() {
    bolero::check!().for_each(|input: &[u8]| {
        for kind in [
            Kind::Naptr,
            Kind::Srv,
            Kind::Svcb,
            Kind::Resinfo,
            Kind::Tlsa,
            Kind::Txt,
            Kind::Ptr,
            Kind::A,
            Kind::Aaaa,
        ] {
            let question = Question {
                name: DomainName::parse("a.example").unwrap(),
                kind,
            };
            for message in [input.to_vec(), response(&question, input)] {
                if let Ok(answer) = Answer::parse(&message, &question) {
                    assert!(answer.aliases.len() <= limits::ALIASES);
                    assert!(
                        answer
                            .records
                            .iter()
                            .all(|record| record.rtype == kind.number())
                    );
                    let plan = Plan {
                        methods: Plan::METHODS.into(),
                        tlsa: true,
                        associated_templates: true,
                        legacy_resolver_info: true,
                        ..Plan::s_naptr(question.name.clone())
                    };
                    let mut resolution = Resolution::new(plan, 1);
                    resolution.questions();
                    resolution.answered(&question, answer, START);
                    assert!(resolution.questions().len() < limits::LOOKUPS);
                }
            }
        }
    });
}

#[test]
fn naptr() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Some(naptr) = Naptr::parse(input) {
            assert!(naptr.is_for_service() || naptr.protocols().is_empty());
            assert!(naptr.replacement.as_str().ends_with('.'));
        }
    });
}

#[test]
fn srv() {
    bolero::check!().for_each(|input: &[u8]| {
        let srvs: Vec<Srv> = input.chunks(12).filter_map(Srv::parse).collect();
        let set: Vec<&Srv> = srvs.iter().collect();
        let seed = input.len() as u64;
        let mut order = srv::order(&set, &mut srv::Dice::new(seed, "a.example."));
        let priorities: Vec<u16> = order
            .iter()
            .map(|position| srvs[*position].priority)
            .collect();
        assert!(priorities.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..srvs.len()));
    });
}

/// A driver whose every answer is drawn from the input. Whatever it does, the session neither panics nor serves what was
/// not accepted, and the transcript of it replays.
#[test]
fn session() {
    bolero::check!().for_each(|input: &[u8]| {
        // What the first octet asks for: more ways to go and more to ask for.
        let (wanted, input) = input.split_first().unwrap_or((&0, &[]));
        let config = Config {
            generation: 1,
            tlsa: wanted & 1 != 0,
            associated_templates: wanted & 2 != 0,
            legacy_resolver_info: wanted & 16 != 0,
            resolver_info: wanted & 4 != 0,
            privacy_token: match wanted & 8 {
                0 => Vec::new(),
                _ => vec![
                    TokenSource::ResolverInfo,
                    TokenSource::Extension("1.3.6.1.4.1.32473.1.1".into()),
                ],
            },
            transports: vec![Transport::Dot, Transport::Doh, Transport::Dtls],
            ..Config::new("example.net", 1)
        };
        let mut driver = Driver {
            session: Session::new(config.clone()).unwrap(),
            transcript: Transcript::new(config),
            actions: Vec::new(),
            open: Vec::new(),
            accepted: Vec::new(),
            now: START,
        };
        driver.event(Event::Start);
        let mut input = input;
        while let [choice, pace, rest @ ..] = input {
            driver.now = driver.now.after_seconds(u64::from(*pace));
            let taken = usize::from(*pace % 24).min(rest.len());
            let (octets, rest) = rest.split_at(taken);
            driver.step(*choice, octets);
            input = rest;
        }
        let (_, replayed) = driver.transcript.replay().unwrap();
        assert_eq!(replayed, driver.actions);
    });
}

struct Driver {
    session: Session,
    transcript: Transcript,
    actions: Vec<Action>,
    /// Actions that wait for an answer.
    open: Vec<Action>,
    /// Digests of requests that were accepted, with their stages.
    accepted: Vec<(Stage, Digest)>,
    now: Timestamp,
}

impl Driver {
    fn event(&mut self, event: Event) {
        self.transcript.record(self.now, event.clone());
        self.session.handle(event, self.now);
        while let Some(action) = self.session.next_action() {
            if let Action::Serve { vetted } = &action {
                let digest = vetted.request().digest();
                assert!(self.accepted.contains(&(Stage::Validation, digest)));
                assert!(self.accepted.contains(&(Stage::Privacy, digest)));
                assert!(!vetted.expires().is_reached(self.now));
            }
            self.actions.push(action.clone());
            let unanswered = matches!(
                action,
                Action::Serve { .. } | Action::Withdraw { .. } | Action::WaitUntil { .. }
            );
            if !unanswered {
                self.open.push(action);
            }
        }
    }

    fn step(&mut self, choice: u8, octets: &[u8]) {
        // Most answers come by the first generation and accept, so that the way to the end is found often.
        let generation = if choice > 250 { 2 } else { 1 };
        match choice % 32 {
            0 => return self.event(Event::Tick),
            1 => return self.event(Event::Swapped { generation }),
            2 => {
                return self.event(Event::Closed {
                    attempt: u32::from(choice >> 5),
                });
            }
            _ => {}
        }
        if self.open.is_empty() {
            return;
        }
        let action = self.open.remove(octets.len() % self.open.len());
        let outcome = match choice % 16 {
            13 => Outcome::Rejected,
            14 => Outcome::NoAuthority,
            15 => Outcome::Faulted,
            _ => Outcome::Accepted,
        };
        match action {
            Action::Query { id, name, rtype } => self.event(Event::Answer {
                id,
                response: answer(&name, rtype, choice, octets),
            }),
            Action::Select { request } => {
                let judgement =
                    judgement::<Ranking>(Stage::Selection, &request, generation, outcome);
                self.event(Event::Selected { judgement });
            }
            Action::Connect { attempt, .. } if choice % 8 == 3 => {
                let kind = ConnectionFailureKind::Closed;
                let reason = ConnectionFailure {
                    kind,
                    detail: String::new(),
                };
                self.event(Event::ConnectionFailed {
                    attempt,
                    reason,
                    presented: None,
                    judgement: None,
                });
            }
            Action::Connect {
                attempt, request, ..
            } => {
                let certificates = octets.chunks(16).map(Der::from).collect();
                let presented = Presented {
                    certificates,
                    ocsp_response: None,
                };
                let request = request.presenting(presented.clone());
                let judgement = self.judged(Stage::Validation, &request, generation, outcome);
                self.event(Event::Connected {
                    attempt,
                    presented,
                    judgement,
                });
            }
            Action::Inform {
                attempt,
                authenticated,
            } => {
                let name = authenticated.name().as_str();
                let response = answer(name, 261, choice, octets);
                self.event(Event::Informed { attempt, response });
            }
            Action::Fetch { attempt, .. } => {
                let fetched = match choice % 8 {
                    3 => Fetched::Failed {
                        detail: String::new(),
                    },
                    _ => Fetched::Octets(octets.into()),
                };
                self.event(Event::Fetched { attempt, fetched });
            }
            Action::Assess { attempt, request } => {
                let judgement = self.judged(Stage::Privacy, &request, generation, outcome);
                self.event(Event::Assessed { attempt, judgement });
            }
            Action::Rejudge {
                attempt, request, ..
            } => {
                let validation = self.judged(Stage::Validation, &request, generation, outcome);
                let privacy = Some(self.judged(Stage::Privacy, &request, generation, outcome));
                self.event(Event::Rejudged {
                    attempt,
                    validation,
                    privacy,
                });
            }
            _ => {}
        }
    }

    fn judged(
        &mut self,
        stage: Stage,
        request: &Request,
        generation: u64,
        outcome: Outcome,
    ) -> Judgement<Verdict> {
        if outcome == Outcome::Accepted {
            self.accepted.push((stage, request.digest()));
        }
        judgement(stage, request, generation, outcome)
    }
}

/// Half of the answers are the input's, the other half lead somewhere.
fn answer(name: &str, rtype: u16, choice: u8, octets: &[u8]) -> Response {
    let kind = match rtype {
        35 => Kind::Naptr,
        33 => Kind::Srv,
        64 => Kind::Svcb,
        52 => Kind::Tlsa,
        16 => Kind::Txt,
        12 => Kind::Ptr,
        261 => Kind::Resinfo,
        1 => Kind::A,
        _ => Kind::Aaaa,
    };
    let question = Question {
        name: DomainName::parse(name).unwrap(),
        kind,
    };
    if choice % 8 == 4 {
        return Response::Failed(LookupFailure::TimedOut);
    }
    if choice % 8 == 5 {
        return Response::Message(response(&question, octets).into());
    }
    if choice % 8 == 6 {
        return Response::Validated {
            message: response(&question, octets).into(),
            validation: validation(name, rtype, octets),
        };
    }
    let data: &[u8] = match kind {
        Kind::Naptr => b"\0\x01\0\x01\x01A\x0eDPRIVE:dns.tls\0\x01a\xc0\x0c",
        Kind::Ptr => b"\x01a\xc0\x0c",
        Kind::Srv => b"\0\0\0\0\x03\x55\x01a\xc0\x0c",
        Kind::Svcb => b"\0\x01\x01a\0\0\x01\0\x07\x03dot\x02h2",
        Kind::Resinfo => b"\x1btemp-pat=https://a.example/p",
        Kind::A => &[192, 0, 2, 1],
        Kind::Aaaa => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        Kind::Tlsa => &[3, 1, 0, 7],
        Kind::Txt => b"\x11https://a/q{?dns}",
    };
    let mut record = vec![1, 0, 0xc0, 0x0c];
    record.extend_from_slice(&rtype.to_be_bytes());
    record.extend_from_slice(&[0, 1, 0, 0, 1, 0, 0, data.len() as u8]);
    record.extend_from_slice(data);
    let message: Der = response(&question, &record).into();
    match choice % 8 {
        7 => Response::Validated {
            message,
            validation: validation(name, rtype, octets),
        },
        _ => Response::Message(message),
    }
}

/// What a validator could say of such a message: of the set that was asked for, of none, and of nothing's absence.
fn validation(name: &str, rtype: u16, octets: &[u8]) -> Validation {
    let state = |octet: Option<&u8>| match octet.map_or(0, |octet| octet % 5) {
        0 => Dnssec::Secure,
        1 => Dnssec::Insecure,
        2 => Dnssec::Indeterminate,
        3 => Dnssec::Bogus,
        _ => Dnssec::from("a word of later"),
    };
    let set = ValidatedSet {
        owner: name.into(),
        rtype,
        dnssec: state(octets.first()),
        ttl: octets.get(1).map(|octet| u32::from(*octet)),
    };
    Validation {
        sets: match octets.get(2) {
            Some(7) => Vec::new(),
            _ => vec![set],
        },
        absence: state(octets.get(3)),
    }
}

fn judgement<A>(
    stage: Stage,
    request: &Request,
    generation: u64,
    outcome: Outcome,
) -> Judgement<A> {
    Judgement {
        stage,
        request: request.digest(),
        generation,
        outcome,
        lifetime: None,
        evaluations: Vec::new(),
    }
}
