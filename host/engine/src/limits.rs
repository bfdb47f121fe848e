//! Budgets. Each has a name that is also its setting, a default with a reason, and an error of its own.

use serde::{Deserialize, Serialize};

use crate::EngineError;

/// What one evaluation may use. A fault names the member that was overrun as `limits.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Milliseconds of an evaluation. A certification path takes less than one; interpreted guests take a few. What is
    /// left is room for a machine that is busy, and an endless loop holds an evaluator for so long.
    pub time_milliseconds: u32,
    /// Octets of linear memory. The SDK's guests need half a MiB, interpreters up to 32.
    pub memory_octets: usize,
    /// Elements of all tables together. A table holds the functions that are called indirectly: thousands in an interpreter.
    pub table_elements: usize,
    /// Octets of log lines, levels included, and 48 more for each line. Enough for a sentence about each certificate; not enough to
    /// fill a disk.
    pub log_octets: usize,
    /// Octets that cross between host and guest in calls, both ways. A system's whole set of trust anchors is 160 kB, a
    /// large CRL 4 MiB.
    pub call_octets: usize,
    /// Signatures verified. A path of four with a CRL and an OCSP response each needs twelve; path building may try some in vain.
    pub verifications: u32,
    /// Octets digested or verified as messages. The largest CRL is 4 MiB, and is verified once.
    pub crypto_octets: usize,
    /// Octets of an answer in the host's memory. 64 findings with long messages and evidence are about 150 kB.
    pub output_octets: usize,
    /// Octets of settings as JSON, the bound that the contract gives.
    pub settings_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_milliseconds: 200,
            memory_octets: 64 << 20,
            table_elements: 20_000,
            log_octets: 16 << 10,
            call_octets: 16 << 20,
            verifications: 100,
            crypto_octets: 16 << 20,
            output_octets: 256 << 10,
            settings_octets: 64 << 10,
        }
    }
}

/// Octets of linear memory that no evaluation has more of: what 32 bits address.
const MEMORY_OCTETS: u64 = 4 << 30;

impl Limits {
    /// Whether an engine can have these.
    ///
    /// # Errors
    /// With no time nothing is ever evaluated, and there is no memory beyond 4 GiB.
    pub fn check(&self) -> Result<(), EngineError> {
        let (time, memory) = (self.time_milliseconds, self.memory_octets as u64);
        let (option, came, expected) = match (time, memory) {
            (0, _) => ("limits.time-milliseconds", 0, "at least 1"),
            (_, memory) if memory > MEMORY_OCTETS => {
                ("limits.memory-octets", memory, "at most 4 GiB")
            }
            _ => return Ok(()),
        };
        Err(EngineError::Option {
            option,
            came,
            expected,
        })
    }

    /// Octets that the runtime takes from a guest at once, in a call or as an answer: a bound of the host's memory. The
    /// budgets themselves are counted above it.
    pub(crate) fn passed(&self) -> usize {
        self.call_octets.max(self.output_octets)
    }
}

/// What a file may ask of the host before it may serve. A refusal names the member as `admission.<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdmissionLimits {
    /// Octets of a component. Rust policies have 30 to 300 kB, a JavaScript or Python runtime 12 to 18 MB.
    pub file_octets: usize,
    /// Octets of one function's body. The compiler's work grows faster than this; large interpreters reach 100 kB.
    pub function_octets: usize,
    /// Functions of all core modules together. A Python runtime has about 30,000.
    pub functions: usize,
    /// Core modules and nested components. `wit-component` makes one to four.
    pub modules: usize,
    /// Octets of the manifest. One has a few hundred.
    pub manifest_octets: usize,
    /// Seconds of processor time of the compiling child, all its threads together. 2 MB take about one second.
    pub compile_cpu_seconds: u64,
    /// Milliseconds after which the compiling child is killed. More than its processor time, for a busy machine.
    pub compile_wall_milliseconds: u64,
    /// Octets of address space of the compiling child.
    pub compile_memory_octets: u64,
    /// Octets of compiled code. About four times the component.
    pub compiled_octets: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            file_octets: 32 << 20,
            function_octets: 256 << 10,
            functions: 100_000,
            modules: 32,
            manifest_octets: 16 << 10,
            compile_cpu_seconds: 60,
            compile_wall_milliseconds: 120_000,
            compile_memory_octets: 4 << 30,
            compiled_octets: 256 << 20,
        }
    }
}
