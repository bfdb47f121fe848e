//! What the export macros expand to. Authors use the macros; nothing here is promised.

use std::cell::OnceCell;

use resolvet_proto::judgement::{Finding, Ranking, Verdict};
use serde::de::DeserializeOwned;

use crate::{FindingExt as _, RankingExt as _, VerdictExt as _, json, log, settings};

/// The code of the finding when settings cannot be read during an evaluation.
const SETTINGS_UNUSABLE: &str = "settings-unusable";

/// An answer that a policy gives.
pub trait Answer {
    /// The answer when the policy's settings cannot be read: it fails closed, with the reason.
    fn unusable(reason: String) -> Self;
}

impl Answer for Verdict {
    fn unusable(reason: String) -> Self {
        Self::reject().because(Finding::error(SETTINGS_UNUSABLE, reason))
    }
}

impl Answer for Ranking {
    fn unusable(reason: String) -> Self {
        Self::of(Vec::new()).because(Finding::error(SETTINGS_UNUSABLE, reason))
    }
}

/// Reads typed settings.
///
/// # Errors
/// One sentence that names the setting, what was expected and what came.
pub fn read<S: DeserializeOwned>() -> Result<S, String> {
    json::read(&settings::json())
}

/// Reads the settings of a policy that has none.
///
/// # Errors
/// There are some.
pub fn read_none() -> Result<(), String> {
    let json = settings::json();
    let is_empty = json
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .eq(*b"{}");
    if is_empty {
        Ok(())
    } else {
        Err(format!(
            "settings: this policy has none, expected `{{}}`, came `{json}`"
        ))
    }
}

/// What every policy exports as `check-settings`. Settings that were read stay in `kept`: a host may keep the memory of an instance
/// that got so far as the beginning of every other. Where it does not, an evaluation finds nothing there.
///
/// # Errors
/// The settings cannot be read, or the policy's own check refuses them.
pub fn check_settings<S>(
    kept: &OnceCell<S>,
    read: fn() -> Result<S, String>,
    check: fn(&S) -> Result<(), String>,
) -> Result<(), String> {
    prepare();
    if let Some(settings) = kept.get() {
        return check(settings);
    }
    let settings = read()?;
    check(&settings)?;
    kept.get_or_init(|| settings);
    Ok(())
}

/// An evaluation.
pub fn evaluate<S, A: Answer>(
    kept: &OnceCell<S>,
    read: fn() -> Result<S, String>,
    policy: fn(&S) -> A,
) -> A {
    prepare();
    if let Some(settings) = kept.get() {
        return policy(settings);
    }
    match read() {
        Ok(settings) => policy(&settings),
        Err(reason) => A::unusable(reason),
    }
}

/// Makes a panic's text and place reach the evaluation's log before the trap, which carries none.
fn prepare() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(report));
}

/// Logs a panic.
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "natively a panic has the test's own report")
)]
fn report(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("no text");
    match panic.location() {
        Some(place) => log::error(&format!("panic at {place}: {text}")),
        None => log::error(&format!("panic: {text}")),
    }
}

/// Exports a validator: `export_validator!(Settings, validate)` with `fn validate(&Settings) -> Verdict`. A third argument
/// checks settings beyond their types, `fn(&Settings) -> Result<(), String>`. A policy without settings:
/// `export_validator!(validate)` with `fn validate() -> Verdict`.
#[macro_export]
macro_rules! export_validator {
    (@ $settings:ty, $read:expr, $check:expr, $policy:expr) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static KEPT: ::std::cell::OnceCell<$settings> = const { ::std::cell::OnceCell::new() };
            }
            struct Policy;
            impl $crate::bindings::validator::exports::resolvet::policy::validation::Guest for Policy {
                fn check_settings() -> ::core::result::Result<(), ::std::string::String> {
                    KEPT.with(|kept| $crate::export::check_settings(kept, $read, $check))
                }
                fn validate() -> $crate::bindings::verdict::Verdict {
                    KEPT.with(|kept| $crate::export::evaluate::<_, $crate::Verdict>(kept, $read, $policy)).into()
                }
            }
            $crate::bindings::validator::export_validator_world!(Policy with_types_in $crate::bindings::validator);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Verdict = || {
            let kept = ::std::cell::OnceCell::<$settings>::new();
            let _checked = $crate::export::check_settings(&kept, $read, $check);
            $crate::export::evaluate(&kept, $read, $policy)
        };
    };
    ($policy:path $(,)?) => {
        $crate::export_validator!(@ (), $crate::export::read_none, |()| Ok(()), |()| $policy());
    };
    ($settings:ty, $policy:path $(,)?) => {
        $crate::export_validator!(@ $settings, $crate::export::read::<$settings>, |_| Ok(()), $policy);
    };
    ($settings:ty, $policy:path, $check:path $(,)?) => {
        $crate::export_validator!(@ $settings, $crate::export::read::<$settings>, $check, $policy);
    };
}

/// Exports a selector: `export_selector!(Settings, select)` with `fn select(&Settings) -> Ranking`; otherwise as
/// [`export_validator!`](crate::export_validator).
#[macro_export]
macro_rules! export_selector {
    (@ $settings:ty, $read:expr, $check:expr, $policy:expr) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static KEPT: ::std::cell::OnceCell<$settings> = const { ::std::cell::OnceCell::new() };
            }
            struct Policy;
            impl $crate::bindings::selector::exports::resolvet::policy::selection::Guest for Policy {
                fn check_settings() -> ::core::result::Result<(), ::std::string::String> {
                    KEPT.with(|kept| $crate::export::check_settings(kept, $read, $check))
                }
                fn select() -> $crate::bindings::verdict::Ranking {
                    KEPT.with(|kept| $crate::export::evaluate::<_, $crate::Ranking>(kept, $read, $policy)).into()
                }
            }
            $crate::bindings::selector::export_selector_world!(Policy with_types_in $crate::bindings::selector);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Ranking = || {
            let kept = ::std::cell::OnceCell::<$settings>::new();
            let _checked = $crate::export::check_settings(&kept, $read, $check);
            $crate::export::evaluate(&kept, $read, $policy)
        };
    };
    ($policy:path $(,)?) => {
        $crate::export_selector!(@ (), $crate::export::read_none, |()| Ok(()), |()| $policy());
    };
    ($settings:ty, $policy:path $(,)?) => {
        $crate::export_selector!(@ $settings, $crate::export::read::<$settings>, |_| Ok(()), $policy);
    };
    ($settings:ty, $policy:path, $check:path $(,)?) => {
        $crate::export_selector!(@ $settings, $crate::export::read::<$settings>, $check, $policy);
    };
}

/// Exports a privacy assessor: `export_privacy_assessor!(Settings, assess)` with `fn assess(&Settings) -> Verdict`;
/// otherwise as [`export_validator!`](crate::export_validator).
#[macro_export]
macro_rules! export_privacy_assessor {
    (@ $settings:ty, $read:expr, $check:expr, $policy:expr) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static KEPT: ::std::cell::OnceCell<$settings> = const { ::std::cell::OnceCell::new() };
            }
            struct Policy;
            impl $crate::bindings::privacy_assessor::exports::resolvet::policy::privacy::Guest for Policy {
                fn check_settings() -> ::core::result::Result<(), ::std::string::String> {
                    KEPT.with(|kept| $crate::export::check_settings(kept, $read, $check))
                }
                fn assess() -> $crate::bindings::verdict::Verdict {
                    KEPT.with(|kept| $crate::export::evaluate::<_, $crate::Verdict>(kept, $read, $policy)).into()
                }
            }
            $crate::bindings::privacy_assessor::export_privacy_assessor_world!(Policy with_types_in $crate::bindings::privacy_assessor);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Verdict = || {
            let kept = ::std::cell::OnceCell::<$settings>::new();
            let _checked = $crate::export::check_settings(&kept, $read, $check);
            $crate::export::evaluate(&kept, $read, $policy)
        };
    };
    ($policy:path $(,)?) => {
        $crate::export_privacy_assessor!(@ (), $crate::export::read_none, |()| Ok(()), |()| $policy());
    };
    ($settings:ty, $policy:path $(,)?) => {
        $crate::export_privacy_assessor!(@ $settings, $crate::export::read::<$settings>, |_| Ok(()), $policy);
    };
    ($settings:ty, $policy:path, $check:path $(,)?) => {
        $crate::export_privacy_assessor!(@ $settings, $crate::export::read::<$settings>, $check, $policy);
    };
}

/// The SDK's types as the contract's.
#[cfg(target_family = "wasm")]
mod lower {
    use resolvet_proto::judgement as ours;

    use crate::bindings::verdict as wire;

    impl From<ours::Verdict> for wire::Verdict {
        fn from(verdict: ours::Verdict) -> Self {
            let decision = match verdict.decision {
                ours::Decision::Accept { lifetime } => wire::Decision::Accept(lifetime),
                ours::Decision::Reject => wire::Decision::Reject,
                ours::Decision::Abstain => wire::Decision::Abstain,
            };
            let findings = verdict.findings.into_iter().map(Into::into).collect();
            Self {
                decision,
                findings,
                extra: verdict.extra.into_iter().collect(),
            }
        }
    }

    impl From<ours::Ranking> for wire::Ranking {
        fn from(ranking: ours::Ranking) -> Self {
            let findings = ranking.findings.into_iter().map(Into::into).collect();
            Self {
                order: ranking.order,
                findings,
                extra: ranking.extra.into_iter().collect(),
            }
        }
    }

    impl From<ours::Finding> for wire::Finding {
        fn from(finding: ours::Finding) -> Self {
            Self {
                code: finding.code,
                severity: match finding.severity {
                    ours::Severity::Note => wire::Severity::Note,
                    ours::Severity::Warning => wire::Severity::Warning,
                    ours::Severity::Error => wire::Severity::Error,
                },
                message: finding.message,
                reference: finding.reference,
                evidence: finding.evidence.into_iter().map(Into::into).collect(),
            }
        }
    }

    impl From<ours::Evidence> for wire::Evidence {
        fn from(evidence: ours::Evidence) -> Self {
            match evidence {
                ours::Evidence::Certificate(span) => Self::Certificate(wire::CertificateSpan {
                    set: span.set.as_str().into(),
                    index: span.index,
                    offset: span.offset,
                    length: span.length,
                }),
                ours::Evidence::DnsRecord(index) => Self::DnsRecord(index),
                ours::Evidence::Candidate(index) => Self::Candidate(index),
                ours::Evidence::Other(text) => Self::Other(text),
            }
        }
    }
}
