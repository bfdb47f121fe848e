//! The compiling child: reads a component, limits itself, writes compiled code.

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use wasmtime::Engine;

use crate::config;

/// First octets of what the engine sends.
const MAGIC: &[u8; 16] = b"resolvet-compile";
/// Octets of the head: [`MAGIC`] and the numbers of [`Order`].
const HEAD: usize = MAGIC.len() + 5 * size_of::<u64>();
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
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self {
            octets,
            reservation,
            stack_octets,
            cpu_seconds,
            memory_octets,
        } = *self;
        let mut head = MAGIC.to_vec();
        for number in [
            octets,
            reservation,
            stack_octets,
            cpu_seconds,
            memory_octets,
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
        })
    }
}

/// Compiles one component: what the program `resolvet-compile` does, and the hidden subcommand of a program that is its own
/// compiler ([`crate::Compiler::Program`]).
///
/// Standard input has the engine's order and the component, standard output gets compiled code, standard error the
/// reason when that fails. Before it looks at the component the process limits its own processor time, address space, files
/// and core dumps; it never gives that up, so nothing else may be done in it afterwards.
#[must_use]
pub fn compile_from_stdin() -> ExitCode {
    match compile(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // When nobody listens there is nobody to tell.
            drop(writeln!(io::stderr(), "{reason}"));
            ExitCode::FAILURE
        }
    }
}

fn compile(input: &mut impl io::Read, output: &mut impl io::Write) -> Result<(), String> {
    let mut head = [0; HEAD];
    let order = input
        .read_exact(&mut head)
        .ok()
        .and_then(|()| Order::decode(&head));
    let order =
        order.ok_or("standard input has no order: this program is started by the engine")?;
    limit(&order).map_err(|error| format!("limits cannot be set: {error}"))?;
    let mut component = Vec::new();
    let read = |error: io::Error| format!("standard input: {error}");
    input
        .take(order.octets)
        .read_to_end(&mut component)
        .map_err(read)?;
    if component.len() as u64 != order.octets {
        return Err(format!(
            "{} octets of a component came, {} were announced",
            component.len(),
            order.octets
        ));
    }
    let stack_octets = usize::try_from(order.stack_octets).map_err(|error| error.to_string())?;
    let engine = Engine::new(&config::compilation(order.reservation, stack_octets))
        .map_err(|error| format!("{error:#}"))?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| format!("{error:#}"))?;
    output
        .write_all(&code)
        .and_then(|()| output.flush())
        .map_err(|error| format!("standard output: {error}"))
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
        };
        let head: [u8; HEAD] = order.encode().try_into().unwrap();
        assert_eq!(Order::decode(&head), Some(order));
    }

    #[test]
    fn without_an_order_nothing_is_done() {
        let error = compile(&mut &b"\0asm"[..], &mut Vec::new()).unwrap_err();
        assert!(error.starts_with("standard input has no order"), "{error}");
    }
}
