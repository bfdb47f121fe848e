//! What an administrator may set. The crate's head documents each.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use resolvet_guest::{
    certificate::privacy::{DEFAULT_OID, LoggingKind},
    prelude::*,
    privacy_token::PublicKey,
};

/// Signers that are tried for each signature; each costs a verification.
const SIGNERS: usize = 16;

/// With whom a server may share data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// With nobody.
    None,
    /// With anybody, as long as it is anonymized.
    Anonymized,
    /// With the partners of `partners`, anonymized or not.
    Partners,
    /// With anybody.
    Any,
}

/// The settings of this policy; the crate's head says what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the crate's head has one table for administrators; it is not repeated here"
)]
pub struct Settings {
    pub extension_oid: String,
    pub require_extension: bool,
    pub accept_no_policy: bool,
    pub longest_logging_all: i64,
    pub longest_logging_user_identity: i64,
    pub longest_logging_notify_user: i64,
    pub longest_logging_known_malware: i64,
    pub longest_logging_analytics: i64,
    pub require_address_is_personal: bool,
    pub sharing: Sharing,
    pub partners: Vec<String>,
    pub accept_transfer: bool,
    pub accept_blocking: bool,
    pub require_policy_url: bool,
    pub require_audit_report: bool,
    pub require_resolver_info: bool,
    pub require_query_name_minimization: bool,
    pub require_token: bool,
    pub token_signers: Vec<Signer>,
    pub accept_upstream: bool,
}

/// Somebody whose signed statements count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signer {
    /// The name that findings have.
    pub name: String,
    /// The public key: base64 of the DER of a `SubjectPublicKeyInfo`.
    pub key: String,
    /// The `x5u` of its tokens. It is compared and never fetched; it tells a signature that does not hold from one of somebody else.
    #[serde(default)]
    pub x5u: Option<String>,
}

impl Signer {
    pub(crate) fn key(&self) -> Option<PublicKey> {
        PublicKey::from_der(&STANDARD.decode(&self.key).ok()?)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            extension_oid: DEFAULT_OID.to_owned(),
            require_extension: false,
            accept_no_policy: false,
            longest_logging_all: 24,
            longest_logging_user_identity: 24,
            longest_logging_notify_user: 168,
            longest_logging_known_malware: 720,
            longest_logging_analytics: 720,
            require_address_is_personal: false,
            sharing: Sharing::Anonymized,
            partners: Vec::new(),
            accept_transfer: false,
            accept_blocking: true,
            require_policy_url: false,
            require_audit_report: false,
            require_resolver_info: false,
            require_query_name_minimization: false,
            require_token: false,
            token_signers: Vec::new(),
            accept_upstream: false,
        }
    }
}

impl Settings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A sentence that names the setting, what was expected and what came.
    pub fn check(&self) -> Result<(), String> {
        if crate::extension::object_identifier(&self.extension_oid).is_none() {
            return Err(format!(
                "`extension-oid`: expected a dotted object identifier such as `{DEFAULT_OID}`, presented `{}`",
                self.extension_oid
            ));
        }
        for kind in LoggingKind::EVERY {
            let hours = self.longest(kind);
            if hours < -1 {
                let name = setting(kind);
                return Err(format!(
                    "`{name}`: expected hours, 0 for never or -1 for no limit, presented {hours}"
                ));
            }
        }
        if self.token_signers.len() > SIGNERS {
            return Err(format!(
                "`token-signers`: expected at most {SIGNERS}, presented {}",
                self.token_signers.len()
            ));
        }
        if let Some(Signer { name, key, .. }) =
            self.token_signers.iter().find(|it| it.key().is_none())
        {
            return Err(format!(
                "`token-signers`: expected for `{name}` the base64 of a public key's DER (SubjectPublicKeyInfo), presented `{key}`"
            ));
        }
        if self.require_token && self.token_signers.is_empty() {
            return Err(
                "`token-signers`: expected at least one, since `require-token` is true: a token of nobody's counts for nothing"
                    .into(),
            );
        }
        if self.sharing == Sharing::Partners && self.partners.is_empty() {
            return Err(
                "`partners`: expected at least one name, since `sharing` is `partners`".into(),
            );
        }
        if self.sharing != Sharing::Partners && !self.partners.is_empty() {
            return Err(
                "`partners`: expected none, since only `sharing = \"partners\"` uses them".into(),
            );
        }
        Ok(())
    }

    /// The longest acceptable logging of this kind, hours; 0: none, -1: no limit.
    pub(crate) const fn longest(&self, kind: LoggingKind) -> i64 {
        match kind {
            LoggingKind::All => self.longest_logging_all,
            LoggingKind::UserIdentity => self.longest_logging_user_identity,
            LoggingKind::NotifyUser => self.longest_logging_notify_user,
            LoggingKind::KnownMalware => self.longest_logging_known_malware,
            LoggingKind::Analytics => self.longest_logging_analytics,
        }
    }
}

/// The setting that limits this kind.
pub(crate) const fn setting(kind: LoggingKind) -> &'static str {
    match kind {
        LoggingKind::All => "longest-logging-all",
        LoggingKind::UserIdentity => "longest-logging-user-identity",
        LoggingKind::NotifyUser => "longest-logging-notify-user",
        LoggingKind::KnownMalware => "longest-logging-known-malware",
        LoggingKind::Analytics => "longest-logging-analytics",
    }
}

#[cfg(test)]
mod tests {
    use resolvet_guest::native::check_settings;

    use super::*;

    #[test]
    fn unusable_settings_are_named() {
        let check = |json: &str| check_settings::<Settings>(json, Settings::check);
        assert_eq!(check("{}"), Ok(()));
        assert_eq!(check(r#"{"sharing":"partners","partners":["A"]}"#), Ok(()));
        for (json, start) in [
            (
                r#"{"extension-oid":"1.3.x"}"#,
                "`extension-oid`: expected a dotted object identifier",
            ),
            (
                r#"{"longest-logging-analytics":-2}"#,
                "`longest-logging-analytics`: expected hours",
            ),
            (
                r#"{"sharing":"partners"}"#,
                "`partners`: expected at least one",
            ),
            (r#"{"partners":["A"]}"#, "`partners`: expected none"),
            (
                r#"{"token-signers":[{"name":"A","key":"AAAA"}]}"#,
                "`token-signers`: expected for `A` the base64",
            ),
            (
                r#"{"require-token":true}"#,
                "`token-signers`: expected at least one",
            ),
        ] {
            let error = check(json).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
        assert!(check(r#"{"longest-loging-all":1}"#).is_err());
    }
}
