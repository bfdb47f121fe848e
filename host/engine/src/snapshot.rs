//! A component as it is after it has read its settings. Runs in the compiling child alone.
//!
//! A policy may take its time to read settings, and every evaluation begins on a pristine instance: without this, each reads them
//! again. Here the component is instantiated once, asked by `check-settings`, and its memory and globals are written back into it.
//! What each pristine instance then begins with is mapped from that memory, copied only where it is written.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use resolvet_proto::judgement::Stage;
use wasmtime::{
    Engine, Store,
    component::{Component, Instance, Lift, WasmList},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::{config, host, limits::Limits, state::State};

/// What is asked of a component.
pub(crate) struct Wanted<'a> {
    /// The settings, JSON.
    pub(crate) settings: &'a str,
    /// Where it will judge: each stage has settings of its own type.
    pub(crate) stages: &'a [Stage],
    /// Octets of memory that it may have.
    pub(crate) memory_octets: usize,
    /// Octets of stack.
    pub(crate) stack_octets: usize,
}

/// The component with the memory that it has once its settings are read.
///
/// # Errors
/// It refuses its settings, traps, needs more memory than it may have, or is of a kind whose state cannot be written back: one that
/// changes its tables, or has a module twice.
pub(crate) fn take(component: &[u8], wanted: &Wanted<'_>) -> Result<Vec<u8>, String> {
    let text = |error: wasmtime::Error| format!("{error:#}");
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component).map_err(text)?;
    // No more address space than the guest may have: this process is limited.
    let reservation = wanted.memory_octets as u64;
    let mut config = config::compilation(reservation, wanted.stack_octets);
    // Memory that is mapped needs a file, and this process may write none.
    config.memory_init_cow(false);
    let runtime = Engine::new(&config).map_err(text)?;
    let compiled = Component::new(&runtime, &instrumented).map_err(text)?;
    let mut store = store(&runtime, wanted);
    let linker = host::linker(&runtime).map_err(text)?;
    let instance = linker.instantiate(&mut store, &compiled).map_err(text)?;
    for &stage in wanted.stages {
        check_settings(&mut store, &instance, stage)?;
    }
    let mut memory = Memory {
        store,
        instance,
        failed: None,
    };
    let taken = at_once(wizer.snapshot_component(&context, &mut memory));
    match (taken, memory.failed) {
        (_, Some(error)) => Err(error),
        (Some(taken), None) => taken.map_err(text),
        (None, None) => Err("the runtime waits for something".into()),
    }
}

fn store(runtime: &Engine, wanted: &Wanted<'_>) -> Store<State> {
    let limits = Limits {
        memory_octets: wanted.memory_octets,
        // Its settings are what it reads here.
        call_octets: Limits::default()
            .call_octets
            .saturating_add(wanted.settings.len()),
        ..Limits::default()
    };
    let mut store = Store::new(runtime, State::new(Arc::from(wanted.settings), limits));
    store.limiter(|state| state);
    // The process's own processor time is the bound.
    store.set_epoch_deadline(u64::MAX / 2);
    store.set_hostcall_fuel(usize::MAX);
    store
}

fn check_settings(
    store: &mut Store<State>,
    instance: &Instance,
    stage: Stage,
) -> Result<(), String> {
    let interface = host::exported(stage);
    let missing = || format!("the component exports no `check-settings` of `{interface}`");
    let (_, exported) = instance
        .get_export(&mut *store, None, &interface)
        .ok_or_else(missing)?;
    let (_, function) = instance
        .get_export(&mut *store, Some(&exported), "check-settings")
        .ok_or_else(missing)?;
    let function = instance
        .get_typed_func::<(), (Result<(), String>,)>(&mut *store, function)
        .map_err(|error| format!("{error:#}"))?;
    let (checked,) = function.call(&mut *store, ()).map_err(|error| {
        let said = store.data().log.iter().map(|line| line.message.as_str());
        let said: Vec<&str> = said.collect();
        match said.is_empty() {
            true => format!("{error:#}"),
            false => format!("{}: {error:#}", said.join("; ")),
        }
    })?;
    checked
}

/// What the library asks for of an instance.
struct Memory {
    store: Store<State>,
    instance: Instance,
    /// The first thing that went wrong; the library knows no errors here.
    failed: Option<String>,
}

impl Memory {
    fn ask<R: Lift + 'static>(&mut self, interface: &str, function: &str) -> Option<R> {
        let asked = self.call(interface, function);
        asked
            .map_err(|error| self.failed.get_or_insert(format!("{error:#}")).clone())
            .ok()
    }

    fn call<R: Lift + 'static>(&mut self, interface: &str, function: &str) -> wasmtime::Result<R> {
        let Self {
            store, instance, ..
        } = self;
        let missing = || wasmtime::format_err!("the component has no `{interface}.{function}`");
        let (_, exported) = instance
            .get_export(&mut *store, None, interface)
            .ok_or_else(missing)?;
        let (_, function) = instance
            .get_export(&mut *store, Some(&exported), function)
            .ok_or_else(missing)?;
        let function = instance.get_typed_func::<(), (R,)>(&mut *store, function)?;
        Ok(function.call(&mut *store, ())?.0)
    }
}

impl ComponentInstanceState for Memory {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if let Some(octets) = self.ask::<WasmList<u8>>(instance, func) {
            contents(octets.as_le_slice(&self.store));
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.ask(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.ask(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.ask(instance, func).map_or(0, f32::to_bits)
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.ask(instance, func).map_or(0, f64::to_bits)
    }
}

/// What a future gives that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
