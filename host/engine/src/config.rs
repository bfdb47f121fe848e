//! How the runtime is configured for code that nobody trusts.

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
};

use crate::{error::EngineError, options::Options};

/// Address space of a memory that needs no bounds checks: all that 32 bits reach.
const WHOLE: u64 = 4 << 30;
/// Octets of a memory or table that stay resident between evaluations, so that a new instance causes no page fault. The
/// SDK's guests have 64 KiB of stack and an arena within 512 KiB.
const RESIDENT: usize = 512 << 10;
/// Slots for each evaluator: a slot remembers the policy that ran in it last, and then needs no mapping.
const SLOTS_PER_EVALUATOR: usize = 8;
/// Core instances of one component. `wit-component` makes three or four, Python's runtime about twenty.
const CORE_INSTANCES: u32 = 32;
/// Octets of a core instance's bookkeeping, which grows with its functions and globals.
const INSTANCE_OCTETS: usize = 1 << 20;

/// How memories lie in the address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// Slots of 4 GiB: no bounds checks, much address space.
    Wide,
    /// Slots as large as a memory may become: bounds checks, little address space.
    Narrow,
    /// Made when needed: where not even that can be reserved.
    OnDemand,
}

impl Layout {
    /// Address space that compiled code takes for granted.
    pub(crate) fn reservation(self, memory_octets: usize) -> u64 {
        match self {
            Self::Wide => WHOLE,
            Self::Narrow | Self::OnDemand => memory_octets as u64,
        }
    }
}

/// The features of WebAssembly that policies may use. Not among them: threads and shared memory, 64-bit and multiple
/// memories, garbage collection, exceptions, stack switching, asynchronous components.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MVP
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

/// What decides how code is compiled: the same here and in the compiling child.
pub(crate) fn compilation(reservation: u64, stack_octets: usize) -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    for feature in WasmFeatures::all() & !WasmFeatures::GC_TYPES {
        config.wasm_features(feature, features().contains(feature));
    }
    // The same request must give the same verdict on every machine.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(stack_octets);
    config.memory_reservation(reservation);
    config.memory_may_move(false);
    config
}

/// The runtime with the widest layout that this machine allows.
pub(crate) fn runtime(options: &Options) -> Result<(Engine, Layout), EngineError> {
    let memory = options.limits.memory_octets;
    let mut reason = String::new();
    for layout in [Layout::Wide, Layout::Narrow, Layout::OnDemand] {
        let mut config = compilation(layout.reservation(memory), options.stack_octets);
        if layout != Layout::OnDemand {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
        }
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, layout)),
            Err(error) => reason = format!("{error:#}"),
        }
    }
    Err(EngineError::Runtime { reason })
}

fn pool(options: &Options) -> PoolingAllocationConfig {
    let slots = u32::try_from(options.evaluators * SLOTS_PER_EVALUATOR).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_core_instance_size(INSTANCE_OCTETS)
        .max_component_instance_size(INSTANCE_OCTETS)
        .total_memories(slots)
        .max_memories_per_component(1)
        .max_memory_size(options.limits.memory_octets)
        .linear_memory_keep_resident(RESIDENT)
        .total_tables(slots.saturating_mul(4))
        .max_tables_per_component(4)
        .table_elements(options.limits.table_elements)
        .table_keep_resident(RESIDENT)
        .max_unused_warm_slots(slots)
        .pagemap_scan(Enabled::No);
    pool
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;

    use super::*;

    /// A component with one core module, which has one memory with these flags.
    fn with_memory(flags: u8) -> Vec<u8> {
        let module = [b"\0asm\x01\0\0\0".as_slice(), &[5, 4, 1, flags, 1, 1]].concat();
        [b"\0asm\x0d\0\x01\0".as_slice(), &[1, 14], &module].concat()
    }

    #[test]
    fn the_runtime_refuses_what_the_validator_refuses() {
        let engine = Engine::new(&compilation(WHOLE, 1 << 20)).unwrap();
        // With a maximum; shared, too; of 64 bits, too.
        for (flags, allowed) in [(1, true), (3, false), (5, false)] {
            let component = with_memory(flags);
            let read = Validator::new_with_features(features()).validate_all(&component);
            assert_eq!(read.is_ok(), allowed, "{flags}");
            assert_eq!(
                engine.precompile_component(&component).is_ok(),
                allowed,
                "{flags}"
            );
        }
    }

    #[test]
    fn the_layout_that_needs_no_bounds_checks_comes_first() {
        let (_, layout) = runtime(&Options::default()).unwrap();
        assert_eq!(layout, Layout::Wide);
    }
}
