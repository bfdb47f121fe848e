//! The SDK for authors of resolvet's policies.
//!
//! A policy is a function from the facts of one request to a verdict. It has no clock, no network, no files and no
//! randomness: what it may know are the facts ([`context`], [`server`], [`presented`], [`conveyed`], [`anchors`],
//! [`revocation`], [`records`], [`candidates`]), its settings, and what the host computes for it ([`crypto`]). A whole one:
//!
//! ```
//! use resolvet_guest::prelude::*;
//!
//! #[derive(Default, Deserialize)]
//! #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
//! struct Settings {
//!     least_certificates: u32,
//! }
//!
//! fn validate(settings: &Settings) -> Verdict {
//!     let (expected, came) = (settings.least_certificates, presented::count());
//!     if came >= expected {
//!         return Verdict::abstain();
//!     }
//!     let message = format!("expected at least {expected} certificates, {came} were presented");
//!     Verdict::reject().because(Finding::error("chain-too-short", message).reference("RFC 5280 6.1"))
//! }
//!
//! resolvet_guest::export_validator!(Settings, validate);
//! ```
//!
//! Its crate is a library of the types `cdylib` (the guest) and `rlib` (for its tests), and says in its manifest what a
//! validator judges:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [package.metadata.resolvet]
//! judges = ["dns-server"]
//! ```
//!
//! `cargo xtask policy --path CRATE --out FILE` makes the file that the host loads. Natively the same crate is ordinary
//! Rust: the facts come from a request that a test puts in place, see [`native`]. The crate's `Settings` must read `{}`.
//!
//! What a policy may rely on: the verdict's bounds (`wit/verdict.wit`) are kept by [`VerdictExt::because`] and the
//! [`Finding`]'s makers; a word that this version does not know is kept as `Other` and never breaks it; a panic's text and
//! place reach the evaluation's log before the trap.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

#[cfg(any(target_family = "wasm", test))]
mod arena;
mod builder;
mod facts;
mod json;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod export;
#[cfg(not(target_family = "wasm"))]
pub mod native;

/// The host's functions, or their native stand-ins.
#[cfg(target_family = "wasm")]
use bindings as host;
#[cfg(not(target_family = "wasm"))]
use native::host;

pub use builder::{EvidenceExt, FindingExt, RankingExt, VerdictExt};
pub use facts::{
    anchors, candidates, context, conveyed, crypto, log, presented, records, revocation, server,
    settings,
};
pub use resolvet_proto::{
    certificate, date,
    judgement::{
        CertificateSet, CertificateSpan, Decision, Evidence, Finding, Pin, Ranking, Severity,
        Verdict,
    },
    privacy_token,
};

/// The words of the contract's registry, each with `Other` for one that this version does not know.
pub mod words {
    pub use resolvet_proto::judgement::{
        AnchorDatabase, CertificateSet, Clock, Dnssec, NetworkIdentity, Purpose,
        ServerAuthentication, Source, Transport, UsageProfile,
    };
}

/// What a policy needs, for `use resolvet_guest::prelude::*`. `Deserialize` is serde's, which the crate must name as a
/// dependency of its own for the derive to work.
pub mod prelude {
    pub use serde::Deserialize;

    pub use crate::{
        CertificateSet, CertificateSpan, Decision, Evidence, EvidenceExt as _, Finding,
        FindingExt as _, Ranking, RankingExt as _, Severity, Verdict, VerdictExt as _, anchors,
        candidates, certificate, context, conveyed, crypto, log, presented, records, revocation,
        server, words,
    };
}
