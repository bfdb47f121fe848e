//! The privacy extension: what a server states that it logs, shares and blocks (the draft's section 10).
//!
//! The draft's module leaves the default tagging open and its object identifier unassigned. So the identifier is
//! configurable, [`PrivacyStatement::from_der`] reads IMPLICIT and EXPLICIT tagging, and [`PrivacyStatement::to_der`]
//! writes IMPLICIT. The two cannot be confused: `transferdata` is mandatory, and its tag is primitive in one and
//! constructed in the other.

mod read;
mod write;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The default object identifier. It lies under the enterprise number that RFC 5612 keeps for examples, since the draft's
/// own was never assigned: an administrator who issues certificates should configure one of the organisation's arc.
pub const DEFAULT_OID: &str = "1.3.6.1.4.1.32473.1.1";

/// `Privacy`: what a server states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyStatement {
    /// `none`: no privacy policy is provided.
    None,
    /// `pPolicy`.
    Policy(PrivacyPolicy),
}

/// `PrivacyPolicy`, its `base` taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrivacyPolicy {
    /// `ipaddresspii`: a client's address is treated as personally identifiable information.
    pub ip_address_is_personal: bool,
    /// `log`.
    pub logging: Logging,
    /// `sdata`.
    pub sharing: Sharing,
    /// `transferdata`: data is shared with or sold to third parties.
    pub transfers_data: bool,
    /// `blockdomains`: resolution of certain domains is blocked.
    pub blocks_domains: bool,
    /// `pURL`: where the policy can be read. MUST be https, which this decoder does not check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_url: Option<String>,
    /// `aURL`: where an auditor's report can be read. MUST be https, which this decoder does not check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_url: Option<String>,
}

/// The kinds of logging, in the order of `LoggingTypes` (bits 1 to 5) and of `LoggingDuration` (tags 0 to 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoggingKind {
    /// All transaction data.
    All,
    /// The user's identity: name, address, hardware address.
    UserIdentity,
    /// What is needed to notify users that a domain is blocked.
    NotifyUser,
    /// Access to malicious domains.
    KnownMalware,
    /// What is needed for analytics.
    Analytics,
}

impl LoggingKind {
    /// All kinds, in order.
    pub const EVERY: [Self; 5] = [
        Self::All,
        Self::UserIdentity,
        Self::NotifyUser,
        Self::KnownMalware,
        Self::Analytics,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::UserIdentity => "user-identity",
            Self::NotifyUser => "notify-user",
            Self::KnownMalware => "known-malware",
            Self::Analytics => "analytics",
        }
    }

    /// Its bit in `LoggingTypes`.
    const fn bit(self) -> u32 {
        1 << (self as u32 + 1)
    }
}

/// `Logging`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Logging {
    /// `none` (bit 0) was said, explicitly or by default.
    pub none: bool,
    /// The kinds whose bits are set.
    pub kinds: Vec<LoggingKind>,
    /// A bit is set that the draft does not define.
    #[serde(default)]
    pub unknown_kinds: bool,
    /// `loggingDuration`, hours by kind; -1 means without end. A kind may stand here without its bit, or the other way
    /// round: both are kept as they came.
    pub durations: Vec<(LoggingKind, i64)>,
}

impl Logging {
    /// Whether the bit of this kind is set.
    #[must_use]
    pub fn logs(&self, kind: LoggingKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The duration of this kind, hours.
    #[must_use]
    pub fn duration(&self, kind: LoggingKind) -> Option<i64> {
        self.durations
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, hours)| *hours)
    }
}

/// `ShareData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sharing {
    /// `sharepartners`: data is shared with partners.
    pub with_partners: bool,
    /// `partners`: their names. `None` when the field is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partners: Option<Vec<String>>,
    /// `anonymizeddata`: what is shared is anonymized. `None` when the field is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymized: Option<bool>,
}

/// A privacy extension could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// Neither tagging reads it.
    #[error("privacy extension is malformed: `{field}`, {reason} (draft-reddy 10.2)")]
    Malformed {
        /// The field at which reading ended.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// It stands there twice.
    #[error("privacy extension stands in the certificate more than once (RFC 5280 4.2)")]
    Repeated,
    /// The certificate around it cannot be read.
    #[error("certificate of the privacy extension is malformed (RFC 5280 4.1)")]
    Certificate,
    /// A value cannot be written.
    #[error("`{field}` cannot be encoded: {reason} (draft-reddy 10.2)")]
    Unencodable {
        /// The field.
        field: &'static str,
        /// Why.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const IMPLICIT: &[u8] = &[
        0x30, 0x12, 0x30, 0x10, 0x01, 0x01, 0x00, 0xa0, 0x00, 0xa2, 0x03, 0x01, 0x01, 0x00, 0x83,
        0x01, 0x00, 0x84, 0x01, 0x00,
    ];
    const EXPLICIT: &[u8] = &[
        0x30, 0x1a, 0x30, 0x18, 0x01, 0x01, 0x00, 0xa0, 0x02, 0x30, 0x00, 0xa2, 0x05, 0x30, 0x03,
        0x01, 0x01, 0x00, 0xa3, 0x03, 0x01, 0x01, 0x00, 0xa4, 0x03, 0x01, 0x01, 0x00,
    ];

    fn minimal() -> PrivacyStatement {
        PrivacyStatement::Policy(PrivacyPolicy {
            ip_address_is_personal: false,
            logging: Logging {
                none: true,
                ..Logging::default()
            },
            sharing: Sharing::default(),
            transfers_data: false,
            blocks_domains: false,
            policy_url: None,
            audit_url: None,
        })
    }

    fn full() -> PrivacyStatement {
        PrivacyStatement::Policy(PrivacyPolicy {
            ip_address_is_personal: true,
            logging: Logging {
                none: false,
                kinds: vec![LoggingKind::UserIdentity, LoggingKind::Analytics],
                unknown_kinds: false,
                durations: vec![
                    (LoggingKind::UserIdentity, 720),
                    (LoggingKind::Analytics, -1),
                ],
            },
            sharing: Sharing {
                with_partners: true,
                partners: Some(vec!["Ärzte".into(), "B".into()]),
                anonymized: Some(true),
            },
            transfers_data: true,
            blocks_domains: true,
            policy_url: Some("https://example.net/privacy".into()),
            audit_url: Some("https://example.net/audit".into()),
        })
    }

    #[test]
    fn both_taggings_of_the_published_values_are_read() {
        assert_eq!(PrivacyStatement::from_der(IMPLICIT), Ok(minimal()));
        assert_eq!(PrivacyStatement::from_der(EXPLICIT), Ok(minimal()));
        assert_eq!(
            PrivacyStatement::from_der(&[0x05, 0x00]),
            Ok(PrivacyStatement::None)
        );
    }

    #[test]
    fn what_is_written_is_implicit_and_reads_back() {
        assert_eq!(minimal().to_der().unwrap(), IMPLICIT);
        assert_eq!(
            PrivacyStatement::from_der(&full().to_der().unwrap()),
            Ok(full())
        );
        assert_eq!(PrivacyStatement::None.to_der().unwrap(), [0x05, 0x00]);
    }

    #[test]
    fn no_prefix_and_no_suffix_of_a_value_is_a_value() {
        let der = full().to_der().unwrap();
        for end in 0..der.len() {
            assert!(
                PrivacyStatement::from_der(&der[..end]).is_err(),
                "{end} octets"
            );
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert!(PrivacyStatement::from_der(&longer).is_err());
    }

    #[test]
    fn taggings_do_not_mix() {
        let mut mixed = IMPLICIT.to_vec();
        mixed.splice(14..17, [0xa3, 0x03, 0x01, 0x01, 0x00]);
        mixed[1] += 2;
        mixed[3] += 2;
        let error = PrivacyStatement::from_der(&mixed).unwrap_err();
        assert!(matches!(error, PrivacyError::Malformed { .. }), "{error}");
    }

    #[test]
    fn partners_without_a_partner_are_refused() {
        let PrivacyStatement::Policy(mut policy) = full() else {
            unreachable!()
        };
        policy.sharing.partners = Some(vec![]);
        let error = PrivacyStatement::Policy(policy).to_der().unwrap_err();
        assert!(
            matches!(
                error,
                PrivacyError::Unencodable {
                    field: "partners",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_duration_beyond_sixty_four_bits_is_refused() {
        let nine_octets = [0x30, 0x0b, 0x80, 0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let logging = [[0x03, 0x02, 0x06, 0x40].as_slice(), &nine_octets].concat();
        let length = u8::try_from(logging.len()).unwrap();
        let mut der = IMPLICIT.to_vec();
        der.splice(7..9, [[0xa0, length].as_slice(), &logging].concat());
        der[1] += length;
        der[3] += length;
        let error = PrivacyStatement::from_der(&der).unwrap_err();
        assert!(
            matches!(
                error,
                PrivacyError::Malformed {
                    field: "loggingDuration",
                    ..
                }
            ),
            "{error}"
        );
    }
}
