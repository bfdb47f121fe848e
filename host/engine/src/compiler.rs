//! Has a component compiled by a child process, within limits.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    child::Order, error::CompileError, limits::AdmissionLimits, loader::CompiledCode,
    text::printable,
};

/// Characters of what the child says that stand in an error.
const SAID: usize = 2_000;
/// The signal that ends a process whose processor time is used up.
const SIGXCPU: i32 = 24;
/// Threads of the child. More would need more address space than it has.
const THREADS: &str = "4";

/// Compiles with this program.
pub(crate) fn compile(
    program: &Path,
    arguments: &[OsString],
    component: &[u8],
    reservation: u64,
    stack_octets: usize,
    limits: &AdmissionLimits,
) -> Result<CompiledCode, CompileError> {
    let order = Order {
        octets: component.len() as u64,
        reservation,
        stack_octets: stack_octets as u64,
        cpu_seconds: limits.compile_cpu_seconds,
        memory_octets: limits.compile_memory_octets,
    };
    let failed = |source| CompileError::Start {
        program: program.to_path_buf(),
        source,
    };
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut child = Guard(child);
    let said = converse(&mut child.0, &order, component, limits).map_err(failed)?;
    let wall = || CompileError::Wall {
        milliseconds: limits.compile_wall_milliseconds,
    };
    let (code, text) = said.ok_or_else(wall)?;
    if code.len() > limits.compiled_octets {
        return Err(CompileError::Output {
            limit: limits.compiled_octets,
        });
    }
    // Both pipes have ended, so the child has ended or closes for ever.
    let status = child.0.wait().map_err(failed)?;
    if status.success() {
        return Ok(CompiledCode::from_child(code));
    }
    Err(explain(status, &text, limits))
}

/// Ends the child whatever happens.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It has ended already, or it must; there is nobody to tell when the system will not.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Sends the order and the component, and reads what comes; `None` when the child took too long.
fn converse(
    child: &mut Child,
    order: &Order,
    component: &[u8],
    limits: &AdmissionLimits,
) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (head, component) = (order.encode(), component.to_vec());
    let (sender, receiver) = mpsc::channel();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new()
            .name(name.into())
            .spawn(work)
            .map(drop)
    };
    spawn(
        "resolvet-compile-in",
        Box::new(move || {
            // A child that refuses early closes its input: what it says counts, not that.
            drop(
                stdin
                    .write_all(&head)
                    .and_then(|()| stdin.write_all(&component)),
            );
        }),
    )?;
    let most = limits.compiled_octets as u64 + 1;
    let out = sender.clone();
    spawn(
        "resolvet-compile-out",
        Box::new(move || {
            let mut code = Vec::new();
            let read = stdout.take(most).read_to_end(&mut code);
            drop(out.send((true, read.map(|_| code))));
        }),
    )?;
    spawn(
        "resolvet-compile-err",
        Box::new(move || {
            let mut text = Vec::new();
            let read = stderr.take(4 * SAID as u64).read_to_end(&mut text);
            drop(sender.send((false, read.map(|_| text))));
        }),
    )?;
    let end = std::time::Instant::now() + Duration::from_millis(limits.compile_wall_milliseconds);
    let (mut code, mut text) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        match receiver.recv_timeout(end.saturating_duration_since(std::time::Instant::now())) {
            Ok((true, read)) => code = read?,
            Ok((false, read)) => text = read?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(None),
        }
        // More than is allowed came: what else it has to say does not count.
        if code.len() > limits.compiled_octets {
            break;
        }
    }
    Ok(Some((code, text)))
}

fn explain(status: ExitStatus, text: &[u8], limits: &AdmissionLimits) -> CompileError {
    let text = printable(String::from_utf8_lossy(text).trim(), SAID);
    match status.signal() {
        Some(SIGXCPU) => CompileError::Processor {
            seconds: limits.compile_cpu_seconds,
        },
        Some(signal) => CompileError::Signal {
            signal,
            octets: limits.compile_memory_octets,
            text,
        },
        None => CompileError::Refused { text },
    }
}
