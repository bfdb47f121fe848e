//! Loads compiled code. The one place in this crate where `unsafe` stands.
#![allow(
    unsafe_code,
    reason = "the runtime cannot know who compiled what it loads: here it is our own child's output or what our own key authenticates"
)]

use wasmtime::{Engine, component::Component};

/// Compiled code that may be run: machine code in the runtime's own form, with nothing that protects it.
pub(crate) struct CompiledCode(Vec<u8>);

impl CompiledCode {
    /// What a compiling child wrote that this process has just started from a program of its own.
    pub(crate) fn from_child(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// What the host's key has authenticated.
    pub(crate) fn authenticated(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// The octets.
    pub(crate) fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// Loads it. The runtime checks that it was compiled by the same version for this machine with the same configuration.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the octets are what `Engine::precompile_component` wrote: they came over a pipe from our own child, or
        // from a file whose MAC under a key that only this user can read was checked on these very octets.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
