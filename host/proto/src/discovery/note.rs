//! What discovery ignored, bounded or found wrong, for a person to read.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoteCode {
    /// A lookup gave no usable answer: a timeout, a server's failure, an answer that cannot be read.
    LookupFailed,
    /// An answer failed the validation of its signatures (DNSSEC) and was refused.
    Bogus,
    /// The name does not exist.
    NameDoesNotExist,
    /// The name exists and has no records of this type.
    NoRecords,
    /// A set of NAPTR records has none for the service, or none for the protocol that is pursued.
    NoMatchingRecord,
    /// One record of an answer is malformed and was ignored.
    MalformedRecord,
    /// A NAPTR record with a regular expression was ignored.
    RegexpNotEmpty,
    /// A NAPTR record with other flags than none, `S` or `A` was ignored.
    UnknownFlag,
    /// A NAPTR record of the service with a protocol that is not known.
    UnknownProtocol,
    /// A replacement or target that cannot be looked up: the root, or octets that no host or service name has.
    UnusableName,
    /// A chain of NAPTR records came back to a name that it had been at.
    Loop,
    /// A chain of NAPTR records is too long.
    TooDeep,
    /// More matching records in one set than are pursued.
    FanOut,
    /// More lookups than one discovery makes.
    TooManyLookups,
    /// More records than one discovery keeps.
    TooManyRecords,
    /// More candidates than one discovery yields.
    TooManyCandidates,
    /// More addresses of one host than are used.
    TooManyAddresses,
    /// The target of an SRV record is an alias.
    TargetIsAlias,
    /// A chain of aliases is too long or has no end.
    AliasChain,
    /// An SRV record says that the service is not available at this domain.
    ServiceNotAvailable,
    /// An SVCB record that is well-formed and cannot be used, or not for each of its protocols.
    UnusableService,
    /// An SVCB record offers to encrypt the ClientHello, and not in a way that is known.
    UnknownEch,
    /// No record says the path of a DoH server's URI template.
    NoPath,
    /// An SVCB record of the resolver that is asked has a target that no designated resolver can have.
    ForbiddenTarget,
    /// What DHCP or a router advertisement designates is malformed.
    MalformedOption,
    /// The network designates a resolver by a name that is not the session's.
    OtherIdentity,
    /// What a server is authenticated by came from the network itself.
    NetworkIdentity,
    /// A way was not gone: what it would find failed its verification a short while ago.
    Suppressed,
    /// A candidate was left out since nobody can say whether it has TLSA records.
    TlsaLost,
    /// An address that no server can have.
    ForbiddenAddress,
    /// A port that the transport must not use.
    ForbiddenPort,
    /// The same record, or the same server, more than once.
    Duplicate,
    /// Records that answer another question were ignored.
    OtherName,
    /// A network that conveyed a DNS server's certificate offers no encrypted protocol: the answers may be forged.
    Downgrade,
}

/// One observation about the answers that discovery got. It binds nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DiscoveryNote {
    /// What it is about.
    pub code: NoteCode,
    /// The name that it concerns, in presentation form.
    pub owner: String,
    /// One sentence for a person: what was expected and what came.
    pub message: String,
    /// The paragraph of the standard; empty where none asks for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

impl DiscoveryNote {
    pub(crate) fn new(
        code: NoteCode,
        owner: &str,
        message: impl Into<String>,
        reference: &str,
    ) -> Self {
        Self {
            code,
            owner: owner.into(),
            message: message.into(),
            reference: reference.into(),
        }
    }
}
