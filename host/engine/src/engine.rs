//! The engine: admission, and what all evaluations share.

use std::{fmt, sync::Arc, time::Duration};

use resolvet_proto::judgement::{Digest, Stage};
use serde_json::{Map, Value};
use wasmtime::component::{Component, Linker};

use crate::{
    bindings::{privacy::PrivacyPre, selection::SelectionPre, validation::ValidationPre},
    cache::{Cache, CacheStatistics},
    compiler::{self, Configured, Work},
    config::{self, Layout},
    error::{AdmissionError, EngineError},
    evaluators::{Evaluators, Permit, Refused},
    host,
    limits::Limits,
    loader::CompiledCode,
    options::{Compiler, Options},
    policy::{Admitted, Exports, Policy},
    state::State,
    structure::{self, Structure},
    text::printable,
    ticker::{Counting, Ticker},
};

/// Copies of a component at most: each costs its machine code in memory, about four times the file. Threads beyond share.
const COPIES: usize = 8;
/// Judgements beside the active set that may wait for their evaluator: one for each shadow of an engine.
const BESIDE: usize = 16;
/// Octets of compiled code beyond which there is one copy: what makes it so large is memory that was kept.
const LARGE: usize = 16 << 20;
/// Characters of the runtime's text in an error.
const SHOWN: usize = 500;

/// The sandbox: runtime, limits, compiler and evaluators. A clone shares everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    options: Options,
    runtime: wasmtime::Engine,
    layout: Layout,
    linker: Linker<State>,
    cache: Option<Cache>,
    evaluators: Evaluators,
    /// The one that tries sets beside the active ones: whatever it does, the others stay free.
    beside: Evaluators,
    ticker: Ticker,
}

impl Engine {
    /// An engine with these options. It starts one thread, which counts time while anything is evaluated.
    ///
    /// # Errors
    /// When the runtime cannot be set up on this machine, the cache's folder cannot be used, or an option makes no sense.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        check(&options)?;
        let (runtime, layout) = config::runtime(&options)?;
        let reason = |error: wasmtime::Error| EngineError::Runtime {
            reason: format!("{error:#}"),
        };
        let linker = host::linker(&runtime).map_err(reason)?;
        let cache = options
            .cache
            .as_deref()
            .map(|folder| Cache::open(folder, &runtime))
            .transpose()?;
        let ticker = Ticker::start(&runtime).map_err(|source| EngineError::Ticker { source })?;
        let evaluators = Evaluators::new(options.evaluators, options.queue);
        Ok(Self(Arc::new(Inner {
            options,
            runtime,
            layout,
            linker,
            cache,
            evaluators,
            beside: Evaluators::new(1, BESIDE),
            ticker,
        })))
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What its cache of compiled code was asked so far; nothing where there is none.
    #[must_use]
    pub fn cache_statistics(&self) -> CacheStatistics {
        let cache = self.0.cache.as_ref();
        cache.map(Cache::statistics).unwrap_or_default()
    }

    /// Admits a component as a policy, or says why not. Compiling, where it is needed, is waited for; evaluations on
    /// other threads go on.
    ///
    /// In this order: size; sections, imports and exports; manifest; compiled code from the cache or from the compiling
    /// child; linking against the contract. Settings are checked when a [`PolicySet`](crate::PolicySet) is made.
    ///
    /// # Errors
    /// The first reason for which the file is refused.
    pub fn admit(&self, file: &[u8]) -> Result<Policy, AdmissionError> {
        self.admitted_as(file, None)
    }

    /// As [`Self::admit`], and has the component read these settings once, at these stages or at all that it exports: every
    /// evaluation begins with the memory that it has then, and costs nothing of what reading takes. The policy serves under these
    /// settings alone.
    ///
    /// The component reads them in the compiling child: `admission.compile-cpu-seconds` bounds its time, `limits` its memory
    /// and the settings' size.
    ///
    /// # Errors
    /// As with [`Self::admit`]; the component refuses its settings; or its state cannot be kept, since it changes its tables.
    pub fn admit_configured(
        &self,
        file: &[u8],
        settings: &Map<String, Value>,
        stages: Option<&[Stage]>,
        limits: &Limits,
    ) -> Result<Policy, AdmissionError> {
        let settings = Value::Object(settings.clone()).to_string();
        let (came, limit) = (settings.len(), limits.settings_octets);
        if came > limit {
            return Err(AdmissionError::SettingsSize { came, limit });
        }
        let configured = Configured {
            settings,
            stages: stages.map(<[Stage]>::to_vec).unwrap_or_default(),
            memory_octets: limits
                .memory_octets
                .min(self.0.options.limits.memory_octets),
        };
        self.admitted_as(file, Some(configured))
    }

    fn admitted_as(
        &self,
        file: &[u8],
        mut configured: Option<Configured>,
    ) -> Result<Policy, AdmissionError> {
        let structure = structure::read(file, &self.0.options.admission)?;
        if let Some(configured) = &mut configured {
            match configured.stages.is_empty() {
                true => configured.stages.clone_from(&structure.stages),
                false => configured
                    .stages
                    .retain(|stage| structure.stages.contains(stage)),
            }
        }
        let digest = Digest::of(file);
        let components = self.components(file, &digest, configured.as_ref())?;
        let Structure {
            manifest,
            imports,
            stages,
        } = structure;
        Ok(Policy::new(Admitted {
            manifest,
            digest,
            octets: file.len(),
            imports,
            settings: configured.map(|configured| configured.settings.into()),
            copies: components
                .iter()
                .map(|component| self.exports(component, &stages))
                .collect::<Result<_, _>>()?,
            stages,
            runtime: self.0.runtime.clone(),
        }))
    }

    /// The compiled component, from the cache or from the compiler, as often as threads shall have one of their own.
    fn components(
        &self,
        file: &[u8],
        digest: &Digest,
        configured: Option<&Configured>,
    ) -> Result<Vec<Component>, AdmissionError> {
        let digest = &configured.map_or(*digest, |configured| configured.name(digest));
        let Inner {
            options,
            runtime,
            layout,
            cache,
            ..
        } = &*self.0;
        let limits = &options.admission;
        let cached = cache
            .as_ref()
            .and_then(|cache| cache.get(digest, limits.compiled_octets));
        let copies = options.evaluators.clamp(1, COPIES);
        if let Some(Ok(components)) = cached.map(|code| load(&code, runtime, copies)) {
            return Ok(components);
        }
        let code = match &options.compiler {
            Compiler::None => return Err(AdmissionError::NotCompiled),
            Compiler::Program { path, arguments } => compiler::compile(
                path,
                arguments,
                &Work {
                    component: file,
                    reservation: layout.reservation(options.limits.memory_octets),
                    stack_octets: options.stack_octets,
                    configured,
                },
                limits,
            )?,
        };
        let components = load(&code, runtime, copies)?;
        if let Some(cache) = cache {
            // A full disk costs the next start some time, nothing else.
            drop(cache.put(digest, &code));
        }
        Ok(components)
    }

    fn exports(&self, component: &Component, stages: &[Stage]) -> Result<Exports, AdmissionError> {
        let contract = |error: wasmtime::Error| AdmissionError::Contract {
            reason: printable(&format!("{error:#}"), SHOWN),
        };
        let linked = self.0.linker.instantiate_pre(component).map_err(contract)?;
        let mut exports = Exports {
            validation: None,
            selection: None,
            privacy: None,
        };
        for stage in stages {
            let linked = linked.clone();
            match stage {
                Stage::Validation => {
                    exports.validation = Some(ValidationPre::new(linked).map_err(contract)?)
                }
                Stage::Selection => {
                    exports.selection = Some(SelectionPre::new(linked).map_err(contract)?)
                }
                Stage::Privacy => {
                    exports.privacy = Some(PrivacyPre::new(linked).map_err(contract)?)
                }
            }
        }
        Ok(exports)
    }

    /// An evaluator, at once or within this time, and the ticker awake.
    pub(crate) fn evaluator(
        &self,
        patience: Duration,
    ) -> Result<(Permit<'_>, Counting<'_>), Refused> {
        let permit = self.0.evaluators.acquire(patience)?;
        Ok((permit, self.0.ticker.count()))
    }

    /// As [`Self::evaluator`], for what binds nobody: nobody who binds waits for it.
    pub(crate) fn evaluator_beside(
        &self,
        patience: Duration,
    ) -> Result<(Permit<'_>, Counting<'_>), Refused> {
        let permit = self.0.beside.acquire(patience)?;
        Ok((permit, self.0.ticker.count()))
    }

    /// Whether this engine admitted the policy.
    pub(crate) fn admitted(&self, policy: &Policy) -> bool {
        wasmtime::Engine::same(&self.0.runtime, policy.runtime())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

fn load(
    code: &CompiledCode,
    runtime: &wasmtime::Engine,
    copies: usize,
) -> Result<Vec<Component>, AdmissionError> {
    let refused = |error: wasmtime::Error| AdmissionError::Load {
        reason: printable(&format!("{error:#}"), SHOWN),
    };
    let copies = match code.as_octets().len() > LARGE {
        true => 1,
        false => copies,
    };
    (0..copies)
        .map(|_| code.load(runtime).map_err(refused))
        .collect()
}

/// Options that would make an engine that never answers.
fn check(options: &Options) -> Result<(), EngineError> {
    let positive = [
        ("evaluators", options.evaluators as u64),
        ("set-milliseconds", options.set_milliseconds.into()),
    ];
    for (option, came) in positive {
        if came == 0 {
            return Err(EngineError::Option {
                option,
                came,
                expected: "at least 1",
            });
        }
    }
    options.limits.check()
}
