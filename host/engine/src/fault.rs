//! Why an evaluation ended without an answer.

use resolvet_proto::judgement::{Fault, FaultKind, LogLine};
use wasmtime::{Trap, WasmBacktrace};

use crate::{limits::Limits, state::Broken, text::printable};

/// Characters of a guest's or the runtime's text in a fault.
const SHOWN: usize = 1_024;
/// What the runtime says when a guest passes more than it may. It has no type for that.
const FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// Which of two budgets of time ended an evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) milliseconds: u32,
    pub(crate) setting: &'static str,
}

impl Time {
    /// The fault that follows when it is over.
    pub(crate) fn overrun(self) -> Broken {
        let Self {
            milliseconds,
            setting,
        } = self;
        let message = format!("no answer within {milliseconds} ms (`{setting}`)");
        Broken {
            kind: FaultKind::Time,
            message,
        }
    }
}

/// What the runtime's error means.
pub(crate) fn classify(
    error: &wasmtime::Error,
    time: Time,
    limits: &Limits,
    log: &[LogLine],
) -> Broken {
    if let Some(broken) = error.downcast_ref::<Broken>() {
        return broken.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => time.overrun(),
        Some(Trap::StackOverflow) => Broken {
            kind: FaultKind::Stack,
            message: "the stack is used up (`stack-octets` of the engine)".into(),
        },
        Some(trap) => Broken {
            kind: FaultKind::Trap,
            message: with_last_words(&trap.to_string(), log),
        },
        None => without_trap(error, limits),
    }
}

/// The runtime itself refused what the guest passed.
fn without_trap(error: &wasmtime::Error, limits: &Limits) -> Broken {
    let text = printable(&error.root_cause().to_string(), SHOWN);
    let in_a_call = error.downcast_ref::<WasmBacktrace>().is_some();
    match (text.contains(FUEL), in_a_call) {
        (true, true) => Broken {
            kind: FaultKind::CallOctets,
            message: format!(
                "more than {} octets in one call (`limits.call-octets`)",
                limits.call_octets
            ),
        },
        (true, false) => Broken {
            kind: FaultKind::OutputSize,
            message: format!(
                "the answer has more than {} octets, at most {} are allowed (`limits.output-octets`)",
                limits.passed(),
                limits.output_octets
            ),
        },
        (false, true) => Broken {
            kind: FaultKind::Contract,
            message: format!("a call to the host breaks the contract: {text}"),
        },
        (false, false) => Broken {
            kind: FaultKind::Contract,
            message: format!("the answer breaks the contract: {text}"),
        },
    }
}

/// A panic's text arrives as a log line before the trap.
fn with_last_words(trap: &str, log: &[LogLine]) -> String {
    match log.iter().rev().find(|line| line.level == "error") {
        Some(line) => format!("the policy trapped: {}", printable(&line.message, SHOWN)),
        None => format!("the policy trapped: {trap}"),
    }
}

impl From<Broken> for Fault {
    fn from(Broken { kind, message }: Broken) -> Self {
        Self { kind, message }
    }
}
