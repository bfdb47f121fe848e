//! The walk: every way that a world allows, to a depth and with so many troubles.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use resolvet_proto::{
    judgement::{Judgement, Presented, Verdict},
    session::{Action, Event, State, Timestamp, limits::REJUDGE_MILLISECONDS},
};

use crate::{
    mistakes::{Machine, Mistake},
    watch::{Broken, Rule, Watch},
    world::{Next, World},
};

/// Steps after which a session to which nothing bad happens any more must be somewhere.
const PATIENCE: usize = 200;
/// When it begins.
const BEGIN: Timestamp = Timestamp {
    unix: 1_800_000_000,
    boot: 10_000,
};

/// How far is walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Events on one way.
    pub(crate) depth: usize,
    /// Events on one way that are no good.
    pub(crate) troubles: usize,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Different states.
    pub(crate) states: usize,
    /// Events that were handed over.
    pub(crate) events: usize,
    /// Ways on which a server was vetted, and on which the session ended without one.
    pub(crate) served: usize,
    pub(crate) failed: usize,
}

/// A session and all around it.
#[derive(Clone)]
struct Situation {
    machine: Machine,
    watch: Watch,
    /// What was wanted and is not answered, the oldest first.
    pending: VecDeque<Action>,
    /// A handshake that was given up.
    late: Option<Action>,
    /// What was judged in the first handshake, which a resumption would go by.
    first: Option<Judgement<Verdict>>,
    timer: Option<Timestamp>,
    now: Timestamp,
    /// The generation of the policy set that is active.
    generation: u64,
    troubles: usize,
    way: Vec<&'static str>,
}

/// Walks every way, and stops at the first broken rule.
pub(crate) fn walk(
    world: &World,
    mistake: Option<Mistake>,
    bounds: Bounds,
) -> Result<Report, Broken> {
    let mut begin = Situation {
        machine: Machine::new(world.config.clone(), mistake),
        watch: Watch::default(),
        pending: VecDeque::new(),
        late: None,
        first: None,
        timer: None,
        now: BEGIN,
        generation: world.config.generation,
        troubles: 0,
        way: Vec::new(),
    };
    begin.step(world, good(Event::Start), None)?;
    let mut report = Report::default();
    // Troubles and depth with which a state was walked on from: fewer may lead further.
    let mut seen: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
    let mut waiting = VecDeque::from([begin]);
    while let Some(situation) = waiting.pop_front() {
        let spent = (situation.troubles, situation.way.len());
        let before = seen.entry(situation.fingerprint()).or_default();
        if before
            .iter()
            .any(|before| before.0 <= spent.0 && before.1 <= spent.1)
        {
            continue;
        }
        report.states += usize::from(before.is_empty());
        before.push(spent);
        match situation.machine.state() {
            State::Serving => report.served += 1,
            State::Failed => {
                report.failed += 1;
                continue;
            }
            _ => {}
        }
        if situation.way.len() >= bounds.depth {
            situation.arrives(world)?;
            continue;
        }
        for (next, answered) in situation.next(world) {
            let troubles = situation.troubles + usize::from(!next.is_good);
            if troubles > bounds.troubles {
                continue;
            }
            let mut after = situation.clone();
            after.troubles = troubles;
            after.step(world, next, answered)?;
            report.events += 1;
            waiting.push_back(after);
        }
    }
    Ok(report)
}

const fn good(event: Event) -> Next {
    Next {
        event,
        is_good: true,
        woke: false,
        what: "",
    }
}

/// A handshake that presents nothing and goes by what was judged before.
fn resumed(attempt: u32, judgement: Judgement<Verdict>) -> Next {
    Next {
        is_good: false,
        what: "resumed",
        ..good(Event::Connected {
            attempt,
            presented: Presented::default(),
            judgement,
        })
    }
}

/// The attempt that an action is about.
const fn attempt_of(action: &Action) -> Option<u32> {
    match action {
        Action::Connect { attempt, .. }
        | Action::Inform { attempt, .. }
        | Action::Fetch { attempt, .. }
        | Action::Assess { attempt, .. }
        | Action::Rejudge { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

impl Situation {
    /// What may happen now, and which wanted action it answers.
    fn next(&self, world: &World) -> Vec<(Next, Option<usize>)> {
        let mut all = Vec::new();
        for (index, action) in self.pending.iter().enumerate() {
            for mut next in world.answers(action, self.generation) {
                // What overtakes is a trouble, too.
                next.is_good &= index == 0;
                all.push((next, Some(index)));
            }
        }
        if let Some(action) = &self.late {
            for mut next in world.answers(action, self.generation) {
                next.is_good = false;
                all.push((next, None));
            }
        }
        if let Some(first) = &self.first {
            for (index, action) in self.pending.iter().enumerate() {
                if let Action::Connect { attempt, .. } = action {
                    all.push((resumed(*attempt, first.clone()), Some(index)));
                }
            }
        }
        let surprises = world.surprises(self.watch.usable(), self.generation);
        all.extend(surprises.into_iter().map(|next| (next, None)));
        if self.timer.is_some() {
            let tick = Next {
                is_good: self.pending.is_empty(),
                what: "time passes",
                ..good(Event::Tick)
            };
            all.push((tick, None));
        }
        all
    }

    fn step(&mut self, world: &World, next: Next, answered: Option<usize>) -> Result<(), Broken> {
        let Next {
            event, what, woke, ..
        } = next;
        self.way.extend((!what.is_empty()).then_some(what));
        if let Some(index) = answered {
            self.pending.remove(index);
        }
        match &event {
            Event::Tick if woke => self.now = self.now.after_seconds(REJUDGE_MILLISECONDS / 1_000),
            Event::Tick => {
                let timer = self.timer.take().unwrap_or(self.now);
                let by_boot = timer.boot.saturating_sub(self.now.boot);
                let by_wall = timer
                    .unix
                    .saturating_sub(self.now.unix)
                    .saturating_mul(1_000);
                let gone = by_boot.min(by_wall);
                self.now = Timestamp {
                    unix: self.now.unix.saturating_add(gone.div_ceil(1_000)),
                    boot: self.now.boot.saturating_add(gone),
                };
            }
            Event::Swapped { generation } => self.generation = *generation,
            Event::Connected {
                attempt, judgement, ..
            } => {
                self.first.get_or_insert_with(|| judgement.clone());
                self.late
                    .take_if(|action| attempt_of(action) == Some(*attempt));
            }
            _ => {}
        }
        self.watch.happens(&event, self.now);
        for action in self.machine.handle(event, self.now) {
            let judged = self
                .watch
                .wants(&action, &self.machine, &world.config, self.now);
            judged.map_err(|broken| self.broken(broken))?;
            match action {
                Action::WaitUntil { until } => self.timer = Some(until),
                Action::Serve { .. } => {}
                Action::Fail { .. } => {
                    self.pending.clear();
                    self.late = None;
                    self.timer = None;
                }
                // A driver gives a handshake up, which may be complete by then.
                Action::Withdraw { attempt, .. } => {
                    let is_its = |action: &Action| attempt_of(action) == Some(attempt);
                    let handshake = |action: &&Action| matches!(action, Action::Connect { .. });
                    let its = self.pending.iter().filter(|action| is_its(action));
                    self.late = its.clone().find(handshake).cloned().or(self.late.take());
                    self.pending.retain(|action| !is_its(action));
                }
                wanted => {
                    // Of a kind the newest is answered; of each attempt, and of queries all.
                    let kind = std::mem::discriminant(&wanted);
                    let same = |action: &Action| {
                        std::mem::discriminant(action) == kind
                            && attempt_of(action) == attempt_of(&wanted)
                    };
                    if !matches!(wanted, Action::Query { .. }) {
                        self.pending.retain(|action| !same(action));
                    }
                    self.pending.push_back(wanted);
                }
            }
        }
        let is_waiting = self.timer.is_some() || !self.pending.is_empty();
        let settled = self.watch.settles(&self.machine, is_waiting, self.now);
        settled.map_err(|broken| self.broken(broken))
    }

    /// From here on everything is well: a server is vetted, or the session says why not.
    fn arrives(&self, world: &World) -> Result<(), Broken> {
        let mut situation = self.clone();
        for _ in 0..PATIENCE {
            if matches!(situation.machine.state(), State::Serving | State::Failed) {
                return Ok(());
            }
            let next = situation.next(world);
            let Some((next, answered)) = next.into_iter().find(|(next, _)| next.is_good) else {
                break;
            };
            situation.step(world, next, answered)?;
        }
        let state = situation.machine.state();
        Err(situation.broken((Rule::GoesOn, format!("it never arrives ({state:?})"))))
    }

    fn broken(&self, (rule, why): (Rule, String)) -> Broken {
        Broken {
            rule,
            why,
            way: self.way.clone(),
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.machine.fingerprint().hash(&mut hasher);
        self.watch.fingerprint().hash(&mut hasher);
        format!("{:?} {:?} {:?}", self.pending, self.late, self.first).hash(&mut hasher);
        (self.now.unix, self.now.boot, self.generation).hash(&mut hasher);
        hasher.finish()
    }
}
