//! What the host keeps for one evaluation: the request, what has been used, and what was said.

use std::{fmt, sync::Arc};

use resolvet_proto::judgement::{FaultKind, LogLine, Request, VerifiedSignature};
use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Octets that a call costs beside its values, so that calls without any are not free.
const CALL_OCTETS: usize = 16;
/// Octets that a log line costs beside its texts, so that empty ones are not free: what one takes in memory, on machines where that is
/// most. It is the same on all, or a replay elsewhere could end otherwise.
const LINE_OCTETS: usize = 48;

/// The host's side of one instance.
pub(crate) struct State {
    /// The facts, absent outside an evaluation.
    facts: Option<Facts>,
    /// The settings as JSON.
    pub(crate) settings: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) log: Vec<LogLine>,
    pub(crate) signatures: Vec<VerifiedSignature>,
    log_octets: usize,
    call_octets: usize,
    crypto_octets: usize,
    table_elements: usize,
}

/// What an evaluation is about.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) request: Arc<Request>,
    /// Positions in the request's candidates that are offered, when a selector left only some.
    pub(crate) offered: Option<Arc<[u32]>>,
}

impl State {
    pub(crate) fn new(settings: Arc<str>, limits: Limits) -> Self {
        Self {
            facts: None,
            settings,
            limits,
            log: Vec::new(),
            signatures: Vec::new(),
            log_octets: 0,
            call_octets: 0,
            crypto_octets: 0,
            table_elements: 0,
        }
    }

    /// From now on the guest may ask for facts.
    pub(crate) fn open(&mut self, facts: Facts) {
        self.facts = Some(facts);
    }

    /// The facts, or why there are none.
    pub(crate) fn facts(&self) -> Result<&Facts, Broken> {
        self.facts.as_ref().ok_or_else(|| Broken {
            kind: FaultKind::Trap,
            message: "a fact was asked for outside an evaluation: facts may be asked for while a request is judged, not \
                      while settings are checked or an instance starts"
                .into(),
        })
    }

    /// Counts octets that cross in a call.
    pub(crate) fn cross(&mut self, octets: usize) -> Result<(), Broken> {
        let limit = self.limits.call_octets;
        spend(
            &mut self.call_octets,
            octets.saturating_add(CALL_OCTETS),
            limit,
        )
        .map_err(|came| {
            overrun(
                FaultKind::CallOctets,
                "octets crossed between host and guest",
                came,
                limit,
                "call-octets",
            )
        })
    }

    /// Counts a log line with so many octets of text.
    pub(crate) fn count_log(&mut self, octets: usize) -> Result<(), Broken> {
        let limit = self.limits.log_octets;
        spend(
            &mut self.log_octets,
            octets.saturating_add(LINE_OCTETS),
            limit,
        )
        .map_err(|came| {
            overrun(
                FaultKind::LogOctets,
                "octets of log lines",
                came,
                limit,
                "log-octets",
            )
        })
    }

    /// Counts octets that are digested or verified.
    pub(crate) fn count_crypto(&mut self, octets: usize) -> Result<(), Broken> {
        let limit = self.limits.crypto_octets;
        spend(&mut self.crypto_octets, octets, limit).map_err(|came| {
            overrun(
                FaultKind::Crypto,
                "octets digested or verified",
                came,
                limit,
                "crypto-octets",
            )
        })
    }

    /// Counts a verification of a signature.
    pub(crate) fn count_verification(&self) -> Result<(), Broken> {
        let (limit, came) = (
            self.limits.verifications as usize,
            self.signatures.len() + 1,
        );
        if came > limit {
            return Err(overrun(
                FaultKind::Crypto,
                "signatures verified",
                came,
                limit,
                "verifications",
            ));
        }
        Ok(())
    }
}

/// Adds to what is used; the sum as an error when that is more than the limit.
fn spend(used: &mut usize, more: usize, limit: usize) -> Result<(), usize> {
    *used = used.saturating_add(more);
    if *used > limit { Err(*used) } else { Ok(()) }
}

fn overrun(kind: FaultKind, what: &str, came: usize, limit: usize, setting: &str) -> Broken {
    let message = format!("{came} {what}, at most {limit} are allowed (`limits.{setting}`)");
    Broken { kind, message }
}

/// Growing beyond the limit ends the evaluation at once: told apart from a guest that traps for a reason of its own.
impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.limits.memory_octets;
        if desired > limit {
            let what = "octets of memory";
            Err(overrun(
                FaultKind::Memory,
                what,
                desired,
                limit,
                "memory-octets",
            ))?;
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.limits.table_elements;
        spend(
            &mut self.table_elements,
            desired.saturating_sub(current),
            limit,
        )
        .map_err(|came| {
            overrun(
                FaultKind::Table,
                "elements of tables",
                came,
                limit,
                "table-elements",
            )
        })?;
        Ok(true)
    }
}

/// Why the host ends an evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) kind: FaultKind,
    pub(crate) message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_text_costs_what_it_takes_in_memory() {
        assert!(size_of::<LogLine>() <= LINE_OCTETS);
        let limits = Limits::default();
        let mut state = State::new("{}".into(), limits);
        let lines = (0..limits.log_octets).take_while(|_| state.count_log(0).is_ok());
        assert_eq!(lines.count(), limits.log_octets / LINE_OCTETS);
        let broken = state.count_log(0).unwrap_err();
        assert_eq!(broken.kind, FaultKind::LogOctets);
    }
}
