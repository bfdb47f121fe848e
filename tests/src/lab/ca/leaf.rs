//! What a server's certificate shall say, and the faults that it can have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use resolvet_proto::certificate::privacy::{
    Logging, LoggingKind, PrivacyPolicy, PrivacyStatement, Sharing,
};

/// A day.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Its time ended a day ago.
    Expired,
    /// Its time begins tomorrow.
    NotYetValid,
    /// It names another domain, as DNS-ID and as SRV-ID.
    WrongName,
    /// A root signed its chain that nobody trusts, with the names of the right one.
    WrongIssuer,
    /// Nobody issued it: its own key signed it.
    SelfSigned,
    /// It has the DNS-ID and no SRV-ID.
    NoSrvId,
    /// The chain is right, and another key signs the handshake.
    OtherKey,
    /// It is good, and not the one that the enrolment conveyed.
    NotConveyed,
    /// Its extended key usage is clientAuth.
    WrongUsage,
    /// The intermediate certificate is not sent.
    NoIntermediate,
    /// The privacy extension says `none`.
    PrivacyNone,
    /// There is no privacy extension.
    PrivacyAbsent,
    /// The privacy extension says that data is sold to third parties.
    PrivacySells,
    /// The privacy extension is no DER.
    PrivacyGarbage,
}

impl Fault {
    /// What every client refuses, and the code of the finding that says so. Without a fault it was revoked.
    pub const REFUSED: [(Option<Self>, &str); 9] = [
        (Some(Self::Expired), "expired"),
        (Some(Self::NotYetValid), "not-yet-valid"),
        (Some(Self::WrongName), "name-mismatch"),
        (Some(Self::WrongIssuer), "signature-invalid"),
        (Some(Self::NotConveyed), "conveyed-mismatch"),
        (Some(Self::NoSrvId), "conveyed-without-srv-id"),
        (Some(Self::SelfSigned), "issuer-unknown"),
        (Some(Self::NoIntermediate), "issuer-unknown"),
        (None, "revoked"),
    ];

    /// Every fault.
    pub const EVERY: [Self; 14] = [
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::WrongIssuer,
        Self::SelfSigned,
        Self::NoSrvId,
        Self::OtherKey,
        Self::NotConveyed,
        Self::WrongUsage,
        Self::NoIntermediate,
        Self::PrivacyNone,
        Self::PrivacyAbsent,
        Self::PrivacySells,
        Self::PrivacyGarbage,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::WrongIssuer => "wrong-issuer",
            Self::SelfSigned => "self-signed",
            Self::NoSrvId => "no-srv-id",
            Self::OtherKey => "other-key",
            Self::NotConveyed => "not-conveyed",
            Self::WrongUsage => "wrong-usage",
            Self::NoIntermediate => "no-intermediate",
            Self::PrivacyNone => "privacy-none",
            Self::PrivacyAbsent => "privacy-absent",
            Self::PrivacySells => "privacy-sells",
            Self::PrivacyGarbage => "privacy-garbage",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::EVERY
            .into_iter()
            .find(|fault| fault.as_str() == word)
            .ok_or_else(|| {
                let known: Vec<_> = Self::EVERY.iter().map(|fault| fault.as_str()).collect();
                anyhow::anyhow!(
                    "no fault is called `{word}`; there are: {}",
                    known.join(", ")
                )
            })
    }
}

/// The key of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256.
    #[default]
    EcP256,
    /// RSA with 2048 bits.
    Rsa2048,
}

/// What a server's certificate shall say.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// DNS-IDs; the first one is the subject's common name too.
    pub dns_ids: Vec<String>,
    /// SRV-IDs, as they stand in the certificate: `_domain-s.example.net`.
    pub srv_ids: Vec<String>,
    /// IP-IDs.
    pub ip_ids: Vec<IpAddr>,
    /// First moment of its time.
    pub not_before: SystemTime,
    /// Last moment of its time.
    pub not_after: SystemTime,
    /// The value of the privacy extension; `None` for none.
    pub privacy: Option<Vec<u8>>,
    /// Its key.
    pub algorithm: Algorithm,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

impl Leaf {
    /// A certificate without fault for the DNS server of this authentication domain name: DNS-ID, SRV-ID
    /// `_domain-s.<name>` (RFC 7858 section 6 has the label), 127.0.0.1, and a privacy statement that a careful person
    /// accepts. Valid from yesterday for 90 days.
    #[must_use]
    pub fn good(name: &str) -> Self {
        let now = SystemTime::now();
        Self {
            dns_ids: vec![name.to_owned()],
            srv_ids: vec![format!("_domain-s.{name}")],
            ip_ids: vec![Ipv4Addr::LOCALHOST.into()],
            not_before: now - DAY,
            not_after: now + 90 * DAY,
            privacy: encode(&careful(name)),
            algorithm: Algorithm::default(),
            fault: None,
        }
    }

    /// The same with a fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        let now = SystemTime::now();
        self.fault = Some(fault);
        match fault {
            Fault::Expired => {
                self.not_before = now - 90 * DAY;
                self.not_after = now - DAY;
            }
            Fault::NotYetValid => self.not_before = now + DAY,
            Fault::WrongName => {
                self.dns_ids = vec!["dns.elsewhere.example".to_owned()];
                self.srv_ids = vec!["_domain-s.dns.elsewhere.example".to_owned()];
            }
            Fault::NoSrvId => self.srv_ids.clear(),
            Fault::PrivacyNone => self.privacy = encode(&PrivacyStatement::None),
            Fault::PrivacyAbsent => self.privacy = None,
            Fault::PrivacySells => self.privacy = encode(&selling()),
            Fault::PrivacyGarbage => self.privacy = Some(vec![0x30, 0x82, 0xff, 0xff, 0x01]),
            // These are no matter of what the certificate says.
            Fault::WrongIssuer
            | Fault::SelfSigned
            | Fault::OtherKey
            | Fault::NotConveyed
            | Fault::WrongUsage
            | Fault::NoIntermediate => {}
        }
        self
    }

    /// The same with an RSA key.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.algorithm = Algorithm::Rsa2048;
        self
    }

    /// The same with this privacy statement.
    ///
    /// # Errors
    /// When the statement cannot be encoded.
    pub fn stating(mut self, statement: &PrivacyStatement) -> anyhow::Result<Self> {
        self.privacy = Some(statement.to_der()?);
        Ok(self)
    }
}

/// Logs malware for a day, shares with nobody.
fn careful(name: &str) -> PrivacyStatement {
    PrivacyStatement::Policy(PrivacyPolicy {
        ip_address_is_personal: true,
        logging: Logging {
            kinds: vec![LoggingKind::KnownMalware],
            durations: vec![(LoggingKind::KnownMalware, 24)],
            ..Logging::default()
        },
        sharing: Sharing::default(),
        transfers_data: false,
        blocks_domains: true,
        policy_url: Some(format!("https://{name}/privacy")),
        audit_url: Some(format!("https://{name}/audit")),
    })
}

/// Logs everything without end, shares it by name and sells it.
fn selling() -> PrivacyStatement {
    PrivacyStatement::Policy(PrivacyPolicy {
        ip_address_is_personal: false,
        logging: Logging {
            kinds: vec![LoggingKind::All, LoggingKind::UserIdentity],
            durations: vec![(LoggingKind::All, -1), (LoggingKind::UserIdentity, 8_760)],
            ..Logging::default()
        },
        sharing: Sharing {
            with_partners: true,
            partners: Some(vec!["Data Broker".to_owned()]),
            anonymized: Some(false),
        },
        transfers_data: true,
        blocks_domains: false,
        policy_url: None,
        audit_url: None,
    })
}

/// The extension's value. These statements can be encoded: a test sees to it.
fn encode(statement: &PrivacyStatement) -> Option<Vec<u8>> {
    statement.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_can_be_encoded() {
        assert!(encode(&careful("example.net")).is_some());
        assert!(encode(&selling()).is_some());
        assert_eq!(encode(&PrivacyStatement::None), Some(vec![0x05, 0x00]));
    }

    #[test]
    fn every_fault_has_a_word_that_reads_back() {
        for fault in Fault::EVERY {
            assert_eq!(fault.as_str().parse::<Fault>().unwrap(), fault);
        }
        assert!("none".parse::<Fault>().is_err());
    }
}
