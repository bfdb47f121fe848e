//! Happy eyeballs, over servers that were written down.

mod section_4;
mod section_5;
mod section_8;

use std::net::IpAddr;

use resolvet_proto::{
    discovery::{ConfiguredServer, Timestamp},
    judgement::{Judgement, Outcome, Stage, Transport},
    session::{
        Action, Config, ConnectionFailure, ConnectionFailureKind, Event, Session,
        limits::ATTEMPT_DELAY,
    },
};

/// A session that is told which servers there are.
struct Race {
    session: Session,
    now: Timestamp,
    /// Attempts so far: their names, and where they went.
    attempts: Vec<(u32, IpAddr)>,
    withdrawn: Vec<u32>,
    timer: Option<Timestamp>,
}

impl Race {
    /// To the first attempt at servers with these addresses, in this order of selection.
    fn start(servers: &[&[&str]]) -> Self {
        let server = |(index, addresses): (usize, &&[&str])| ConfiguredServer {
            transport: Transport::Dot,
            name: None,
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            port: Some(853 + u16::try_from(index).unwrap()),
            path: None,
            pins: vec![],
        };
        let config = Config {
            methods: vec![],
            configured: servers.iter().enumerate().map(server).collect(),
            ..Config::new("example.net", 1)
        };
        let mut race = Self {
            session: Session::new(config).unwrap(),
            now: Timestamp {
                unix: 1_800_000_000,
                boot: 0,
            },
            attempts: vec![],
            withdrawn: vec![],
            timer: None,
        };
        race.happens(Event::Start);
        race
    }

    fn happens(&mut self, event: Event) {
        self.session.handle(event, self.now);
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Select { request } => {
                    let judgement = Judgement {
                        stage: Stage::Selection,
                        request: request.digest(),
                        generation: 0,
                        outcome: Outcome::Accepted,
                        lifetime: None,
                        evaluations: vec![],
                    };
                    self.session.handle(Event::Selected { judgement }, self.now);
                }
                Action::Connect {
                    attempt, server, ..
                } => self.attempts.push((attempt, server.address)),
                Action::Withdraw { attempt, .. } => self.withdrawn.push(attempt),
                Action::WaitUntil { until } => self.timer = Some(until),
                _ => {}
            }
        }
    }

    fn passes(&mut self, milliseconds: u64) {
        self.now.boot += milliseconds;
        self.happens(Event::Tick);
    }

    fn fails(&mut self, attempt: u32) {
        let reason = ConnectionFailure {
            kind: ConnectionFailureKind::Unreachable,
            detail: "no route".into(),
        };
        self.happens(Event::ConnectionFailed {
            attempt,
            reason,
            presented: None,
            judgement: None,
        });
    }

    /// Where attempts went, when nobody ever answers.
    fn order(mut self, count: usize) -> Vec<String> {
        while self.attempts.len() < count {
            let before = self.attempts.len();
            self.passes(ATTEMPT_DELAY);
            assert_eq!(self.attempts.len(), before + 1, "one for each delay");
        }
        let addresses = self.attempts.iter().map(|(_, address)| address.to_string());
        addresses.collect()
    }
}
