//! Why something about policies was refused, in words that stay.
//!
//! People search for them and programs compare them, so a word is never given another meaning. Some are said by the programs
//! alone, which know files and operators: they stand here all the same, so that one table explains every refusal.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal,)+) => {
        /// Why something about policies was refused.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// The file, or something in it, is larger than allowed.
    TooLarge "too-large",
    /// The settings are larger than allowed.
    SettingsSize "settings-size",
    /// The file is no WebAssembly.
    NotWasm "not-wasm",
    /// A core module instead of a component.
    CoreModule "core-module",
    /// The file ends too early.
    Truncated "truncated",
    /// No valid component.
    Invalid "invalid",
    /// It imports what the host does not offer.
    ForeignImport "foreign-import",
    /// It imports what its manifest does not say.
    UndeclaredImport "undeclared-import",
    /// It exports what is no judgement.
    ForeignExport "foreign-export",
    /// It exports no judgement.
    NoJudgement "no-judgement",
    /// It has a custom section that nobody knows.
    CustomSection "custom-section",
    /// Its manifest is missing or wrong.
    Manifest "manifest",
    /// It would have to be compiled, and nobody may.
    NotCompiled "not-compiled",
    /// The compiling child refused or failed.
    Compile "compile",
    /// It does not fit the contract.
    Contract "contract",
    /// Its compiled code cannot be loaded.
    Load "load",
    /// A policy from a file, and no key is configured that counts.
    NoKeys "no-keys",
    /// There is no signature.
    SignatureMissing "signature-missing",
    /// A signature cannot be read.
    SignatureUnreadable "signature-unreadable",
    /// A signature of minisign's old form.
    SignatureLegacy "signature-legacy",
    /// Signed by keys that do not count.
    SignatureUnknownKey "signature-unknown-key",
    /// The signature is over other octets.
    SignatureWrong "signature-wrong",
    /// Fewer keys than needed have signed.
    SignaturesTooFew "signatures-too-few",
    /// The signed comment says no revision and end.
    StatementUnreadable "statement-unreadable",
    /// The signature has come to its end.
    SignatureExpired "signature-expired",
    /// Its manifest names another policy than the one that is meant.
    OtherPolicy "other-policy",
    /// A higher revision was active here.
    RevisionOlder "revision-older",
    /// Another component of this revision was active here.
    RevisionReused "revision-reused",
    /// It imports what the operator does not grant.
    ImportsNotGranted "imports-not-granted",
    /// The high-water marks cannot be read or written.
    MarksUnusable "marks-unusable",
    /// No registry answered.
    RegistryUnreachable "registry-unreachable",
    /// A registry was not done in time.
    RegistryLate "registry-late",
    /// A registry says no.
    RegistryRefuses "registry-refuses",
    /// A registry wants credentials that it does not get.
    RegistryAccess "registry-access",
    /// A registry leads where nobody goes.
    RegistryAddress "registry-address",
    /// A file with which registries are spoken to cannot be used.
    RegistryConfiguration "registry-configuration",
    /// A registry sends more than is taken, or not what it said.
    ArtefactSize "artefact-size",
    /// Something else came than was asked for.
    ArtefactDigest "artefact-digest",
    /// What a registry has is no policy.
    ArtefactUnreadable "artefact-unreadable",
    /// A push to a digest.
    ArtefactPinned "artefact-pinned",
    /// A file cannot be read, or others may write it.
    FileUnusable "file-unusable",
    /// A policy does not accept its settings.
    SettingsRefused "settings-refused",
    /// A policy failed while it read its settings.
    SettingsFault "settings-fault",
    /// A policy is to judge where it cannot.
    StageNotExported "stage-not-exported",
    /// A policy is given no stage.
    NoStage "no-stage",
    /// A policy is given more memory than there is.
    MemoryBeyond "memory-beyond",
    /// A policy serves under other settings than these.
    OtherSettings "other-settings",
    /// A policy of another engine.
    OtherEngine "other-engine",
    /// The strict profile without an authority that enforces.
    NoAuthority "no-authority",
    /// One of a policy's own cases does not hold.
    CaseFailed "case-failed",
    /// The configuration cannot be read or says what cannot be.
    Configuration "configuration",
    /// What servers are judged by beside policies, such as trust anchors, cannot be read.
    Network "network",
    /// What outlives the daemon cannot be written or read.
    StateUnusable "state-unusable",
    /// Something else failed.
    Failed "failed",
    /// The user may not change what the daemon does.
    NotAllowed "not-allowed",
    /// The daemon does not understand the question.
    Question "question",
    /// No version is configured as a shadow that could be promoted.
    NothingShadowed "nothing-shadowed",
    /// The configuration on disk names other policies than those that were loaded.
    ConfigurationChanged "configuration-changed",
    /// No generation of this number is kept.
    GenerationUnknown "generation-unknown",
    /// No generation before is kept, or it is the same.
    NothingToReturnTo "nothing-to-return-to",
    /// An operator wants to lift what may never be lifted.
    BelowTheFloor "below-the-floor",
    /// No restriction binds that could be lifted.
    NothingToLift "nothing-to-lift",
    /// Restrictions would be lifted for longer than the configuration allows.
    LiftTooLong "lift-too-long",
    /// Nothing is said about why restrictions are to be lifted.
    LiftWithoutReason "lift-without-reason",
    /// Restrictions are lifted already.
    LiftedAlready "lifted-already",
    /// No restriction is lifted.
    NotLifted "not-lifted",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_different_and_read_as_they_are_written() {
        for (position, reason) in Reason::ALL.iter().enumerate() {
            let word = reason.as_str();
            assert_eq!(
                Reason::ALL.iter().position(|r| r.as_str() == word),
                Some(position)
            );
            assert!(
                word.bytes()
                    .all(|octet| octet.is_ascii_lowercase() || octet == b'-')
            );
            let text = serde_json::to_string(reason).unwrap();
            assert_eq!(text, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), *reason);
        }
        assert!(serde_json::from_str::<Reason>("\"no such\"").is_err());
    }
}
