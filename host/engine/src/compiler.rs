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

use resolvet_proto::judgement::{Digest, Stage};

use crate::{
    child::{NOT_CONFIGURED, Order, bits},
    error::CompileError,
    limits::AdmissionLimits,
    loader::CompiledCode,
    text::printable,
};

/// Characters of what the child says that stand in an error.
const SAID: usize = 2_000;
/// The signal that ends a process whose processor time is used up.
const SIGXCPU: i32 = 24;
/// Threads of the child. More would need more address space than it has.
const THREADS: &str = "4";

/// What is compiled, and how.
pub(crate) struct Work<'a> {
    pub(crate) component: &'a [u8],
    /// Address space of a memory.
    pub(crate) reservation: u64,
    pub(crate) stack_octets: usize,
    /// What the component reads first, if its memory is to be kept.
    pub(crate) configured: Option<&'a Configured>,
}

/// Settings that a component reads once.
pub(crate) struct Configured {
    pub(crate) settings: String,
    pub(crate) stages: Vec<Stage>,
    /// Octets of memory that it may have.
    pub(crate) memory_octets: usize,
}

impl Configured {
    /// Names the code that comes of this component with these settings.
    pub(crate) fn name(&self, component: &Digest) -> Digest {
        let stages = bits(&self.stages).to_be_bytes();
        let memory = (self.memory_octets as u64).to_be_bytes();
        let parts: [&[u8]; 4] = [
            component.as_octets(),
            &stages,
            &memory,
            self.settings.as_bytes(),
        ];
        Digest::of(&parts.concat())
    }
}

/// Compiles with this program.
pub(crate) fn compile(
    program: &Path,
    arguments: &[OsString],
    work: &Work<'_>,
    limits: &AdmissionLimits,
) -> Result<CompiledCode, CompileError> {
    let configured = work.configured;
    let settings = configured.map_or("", |configured| &configured.settings);
    let order = Order {
        octets: work.component.len() as u64,
        reservation: work.reservation,
        stack_octets: work.stack_octets as u64,
        cpu_seconds: limits.compile_cpu_seconds,
        memory_octets: limits.compile_memory_octets,
        settings_octets: settings.len() as u64,
        guest_octets: configured.map_or(0, |configured| configured.memory_octets as u64),
        stages: configured.map_or(0, |configured| bits(&configured.stages)),
    };
    let body = [work.component, settings.as_bytes()].concat();
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
    let said = converse(&mut child.0, &order, body, limits).map_err(failed)?;
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

/// Sends the order and what it is about, and reads what comes; `None` when the child took too long.
fn converse(
    child: &mut Child,
    order: &Order,
    body: Vec<u8>,
    limits: &AdmissionLimits,
) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let head = order.encode();
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
            drop(stdin.write_all(&head).and_then(|()| stdin.write_all(&body)));
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
    if status.code() == Some(NOT_CONFIGURED.into()) {
        return CompileError::Settings { text };
    }
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
