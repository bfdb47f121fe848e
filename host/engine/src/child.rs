//! The compiling child: reads a component, limits itself, has the component read its settings where that is wanted, writes compiled code.

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use resolvet_proto::judgement::Stage;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use wasmtime::Engine;

use crate::{
    config,
    snapshot::{self, Wanted},
};

/// First octets of what the engine sends.
const MAGIC: &[u8; 16] = b"resolvet-compile";
/// Numbers of an [`Order`].
const NUMBERS: usize = 8;
/// Octets of the head: [`MAGIC`] and the numbers.
const HEAD: usize = MAGIC.len() + NUMBERS * size_of::<u64>();
/// How the process ends when the component did not get through its settings.
pub(crate) const NOT_CONFIGURED: u8 = 2;
/// How much less important than what serves.
const NICE: i32 = 10;

/// How to compile, and what the child may use. Stands before the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// Octets of the component that follows.
    pub(crate) octets: u64,
    /// Address space that a memory is given.
    pub(crate) reservation: u64,
    /// Octets of stack for guests.
    pub(crate) stack_octets: u64,
    /// Processor time of the child.
    pub(crate) cpu_seconds: u64,
    /// Address space of the child.
    pub(crate) memory_octets: u64,
    /// Octets of settings that follow the component.
    pub(crate) settings_octets: u64,
    /// Octets of memory that the component may have while it reads them.
    pub(crate) guest_octets: u64,
    /// Where the component is asked to read its settings, a bit for each of [`STAGES`]. With none it is compiled as it is.
    pub(crate) stages: u64,
}

/// Stages in the order of their bits.
const STAGES: [Stage; 3] = [Stage::Validation, Stage::Selection, Stage::Privacy];

/// The bits of these stages.
pub(crate) fn bits(stages: &[Stage]) -> u64 {
    let bit = |(index, stage)| u64::from(stages.contains(stage)) << index;
    STAGES.iter().enumerate().map(bit).sum()
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self {
            octets,
            reservation,
            stack_octets,
            cpu_seconds,
            memory_octets,
            settings_octets,
            guest_octets,
            stages,
        } = *self;
        let mut head = MAGIC.to_vec();
        for number in [
            octets,
            reservation,
            stack_octets,
            cpu_seconds,
            memory_octets,
            settings_octets,
            guest_octets,
            stages,
        ] {
            head.extend_from_slice(&number.to_be_bytes());
        }
        head
    }

    fn decode(head: &[u8; HEAD]) -> Option<Self> {
        let numbers = head.strip_prefix(MAGIC)?;
        let mut numbers = numbers
            .as_chunks::<8>()
            .0
            .iter()
            .map(|octets| u64::from_be_bytes(*octets));
        Some(Self {
            octets: numbers.next()?,
            reservation: numbers.next()?,
            stack_octets: numbers.next()?,
            cpu_seconds: numbers.next()?,
            memory_octets: numbers.next()?,
            settings_octets: numbers.next()?,
            guest_octets: numbers.next()?,
            stages: numbers.next()?,
        })
    }
}

/// Compiles one component: what the program `resolvet-compile` does, and the hidden subcommand of a program that is its own
/// compiler ([`crate::Compiler::Program`]).
///
/// Standard input has the engine's order, the component and settings, standard output gets compiled code, standard error the
/// reason when that fails. Before it looks at the component the process limits its own processor time, address space, files
/// and core dumps; it never gives that up, so nothing else may be done in it afterwards.
#[must_use]
pub fn compile_from_stdin() -> ExitCode {
    match compile(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            let (code, reason) = match refusal {
                Refusal::NotCompiled(reason) => (ExitCode::FAILURE, reason),
                Refusal::NotConfigured(reason) => (ExitCode::from(NOT_CONFIGURED), reason),
            };
            // When nobody listens there is nobody to tell.
            drop(writeln!(io::stderr(), "{reason}"));
            code
        }
    }
}

/// Why there is no compiled code.
#[derive(Debug)]
enum Refusal {
    NotCompiled(String),
    NotConfigured(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::NotCompiled(reason)
    }
}

fn compile(input: &mut impl io::Read, output: &mut impl io::Write) -> Result<(), Refusal> {
    let mut head = [0; HEAD];
    let order = input
        .read_exact(&mut head)
        .ok()
        .and_then(|()| Order::decode(&head));
    let order = order.ok_or_else(|| {
        "standard input has no order: this program is started by the engine".to_owned()
    })?;
    limit(&order).map_err(|error| format!("limits cannot be set: {error}"))?;
    let mut component = exactly(input, order.octets, "a component")?;
    let settings = exactly(input, order.settings_octets, "settings")?;
    let size = |number: u64| usize::try_from(number).map_err(|error| error.to_string());
    let stack_octets = size(order.stack_octets)?;
    let stages = STAGES.iter().enumerate();
    let stages = stages.filter(|(index, _)| order.stages >> index & 1 == 1);
    let stages: Vec<Stage> = stages.map(|(_, stage)| *stage).collect();
    if !stages.is_empty() {
        let wanted = Wanted {
            settings: str::from_utf8(&settings).map_err(|error| format!("settings: {error}"))?,
            stages: &stages,
            memory_octets: size(order.guest_octets)?,
            stack_octets,
        };
        component = snapshot::take(&component, &wanted).map_err(Refusal::NotConfigured)?;
    }
    let engine = Engine::new(&config::compilation(order.reservation, stack_octets))
        .map_err(|error| format!("{error:#}"))?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| format!("{error:#}"))?;
    output
        .write_all(&code)
        .and_then(|()| output.flush())
        .map_err(|error| format!("standard output: {error}").into())
}

/// So many octets, no more and no less.
fn exactly(input: &mut impl io::Read, octets: u64, what: &str) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    let came = input.take(octets).read_to_end(&mut read);
    came.map_err(|error| format!("standard input: {error}"))?;
    if read.len() as u64 != octets {
        return Err(format!(
            "{} octets of {what} came, {octets} were announced",
            read.len()
        ));
    }
    Ok(read)
}

/// From here on the process has no more than this, whatever happens in it.
fn limit(order: &Order) -> io::Result<()> {
    // Never more than whoever started the engine allows.
    let at_most = |resource, current: u64, maximum: u64| {
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let (current, maximum) = (Some(current.min(allowed)), Some(maximum.min(allowed)));
        setrlimit(resource, Rlimit { current, maximum })
    };
    at_most(Resource::Core, 0, 0)?;
    at_most(Resource::Fsize, 0, 0)?;
    at_most(Resource::As, order.memory_octets, order.memory_octets)?;
    // The first bound ends the process with a signal of its own, the second with one that cannot be caught.
    at_most(
        Resource::Cpu,
        order.cpu_seconds,
        order.cpu_seconds.saturating_add(1),
    )?;
    nice(NICE)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_given() {
        let order = Order {
            octets: 1,
            reservation: 2,
            stack_octets: 3,
            cpu_seconds: 4,
            memory_octets: 5,
            settings_octets: 6,
            guest_octets: 7,
            stages: bits(&[Stage::Privacy]),
        };
        let head: [u8; HEAD] = order.encode().try_into().unwrap();
        assert_eq!(Order::decode(&head), Some(order));
    }

    #[test]
    fn without_an_order_nothing_is_done() {
        let refusal = compile(&mut &b"\0asm"[..], &mut Vec::new()).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::NotCompiled(reason) if reason.starts_with("standard input has no order")),
            "{refusal:?}"
        );
    }
}
