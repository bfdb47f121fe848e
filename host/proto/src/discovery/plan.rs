//! Where discovery begins and which ways it goes.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    DomainName, Template, Timestamp,
    dnr::{Designation, DnrError},
    svcb,
};
use crate::judgement::{Pin, Source, Transport};

/// Where discovery begins and which ways it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The authentication domain name. Absent: the resolver that the network itself designates is looked for.
    pub domain: Option<DomainName>,
    /// The ways. What is written down is used in any case.
    pub methods: Vec<Source>,
    /// The resolver that is asked in clear text, which may designate encrypted ones (RFC 9462 section 4).
    pub resolver: Option<IpAddr>,
    /// What DHCP and router advertisements said, each with its end.
    pub designations: Vec<(Designation, Timestamp)>,
    /// Why designations were discarded.
    pub discarded: Vec<DnrError>,
    /// What an administrator wrote down.
    pub configured: Vec<ConfiguredServer>,
    /// The word for what an administrator wrote down.
    pub configured_as: Source,
    /// When the choice of what was written down is thought over.
    pub end: Timestamp,
    /// Whether the TLSA records of candidates are looked up (RFC 7671). A candidate whose records cannot be had is left out.
    pub tlsa: bool,
    /// Whether the path of a DoH server that no SVCB record says is asked for by the way that the draft names
    /// (draft-ietf-doh-resolver-associated-doh-03).
    pub associated_templates: bool,
    /// Whether it is asked for by a RESINFO record in JSON, too (draft-sah-resinfo-doh-00): a form from before RFC 9606.
    pub legacy_resolver_info: bool,
}

impl Plan {
    /// The ways that a session goes unless it is told otherwise.
    pub const METHODS: [Source; 5] = [
        Source::SNaptr,
        Source::Svcb,
        Source::DnsSd,
        Source::Dnr,
        Source::Ddr,
    ];

    /// S-NAPTR alone, from this domain.
    #[must_use]
    pub fn s_naptr(domain: DomainName) -> Self {
        Self {
            domain: Some(domain),
            methods: [Source::SNaptr].into(),
            ..Self::nothing()
        }
    }

    /// No way at all.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            domain: None,
            methods: Vec::new(),
            resolver: None,
            designations: Vec::new(),
            discarded: Vec::new(),
            configured: Vec::new(),
            configured_as: Source::Configured,
            end: Timestamp {
                unix: u64::MAX,
                boot: u64::MAX,
            },
            tlsa: false,
            associated_templates: false,
            legacy_resolver_info: false,
        }
    }

    /// Whether this way is gone.
    #[must_use]
    pub fn goes(&self, method: &Source) -> bool {
        self.methods.contains(method)
    }
}

/// A server that an administrator wrote down (RFC 8310 sections 7.1 and 7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConfiguredServer {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its authentication domain name. Absent: the one of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its addresses. None: the name is looked up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Its port. Absent: that of the transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// DoH: the path of its URI template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Template>,
    /// Digests of which its certification path must have one; none: any path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
}

/// A server that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfiguredError {
    /// Its transport carries no encrypted DNS, or is not known.
    #[error(
        "transport `{transport}` carries no encrypted DNS, expected `dot`, `dtls`, `doq`, `doh` or `doh3`"
    )]
    Transport {
        /// What came.
        transport: Transport,
    },
    /// Its name is none.
    #[error("server's name `{name}` {problem} (RFC 8310 section 7)")]
    Name {
        /// What came, printable characters only.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing says what it must answer to.
    #[error("server has no name and the session has none (RFC 8310 section 7)")]
    NoName,
    /// A DoH server without a path, or another with one.
    #[error("server with transport `{transport}` must {}have a path (RFC 8484 section 4.1.1)", if *.wanted { "" } else { "not " })]
    Path {
        /// Its transport.
        transport: Transport,
        /// Whether it should have one.
        wanted: bool,
    },
    /// Its port belongs to another protocol.
    #[error("port {port} belongs to another protocol (RFC 7858 section 3.1, RFC 9461 section 6)")]
    Port {
        /// The port.
        port: u16,
    },
}

impl ConfiguredServer {
    /// Checks that it can be meant, in a session with this name or without.
    ///
    /// # Errors
    /// [`ConfiguredError`].
    pub fn check(&self, domain: Option<&DomainName>) -> Result<(), ConfiguredError> {
        let transport = || self.transport.clone();
        let is_http = match self.transport {
            Transport::Doh | Transport::Doh3 => true,
            Transport::Dot | Transport::Dtls | Transport::Doq => false,
            _ => {
                return Err(ConfiguredError::Transport {
                    transport: transport(),
                });
            }
        };
        match &self.name {
            None if domain.is_none() => return Err(ConfiguredError::NoName),
            None => {}
            Some(name) => {
                DomainName::parse(name).map_err(|problem| ConfiguredError::Name {
                    name: name.escape_debug().take(300).collect(),
                    problem,
                })?;
            }
        }
        if self.path.is_some() != is_http {
            return Err(ConfiguredError::Path {
                transport: transport(),
                wanted: is_http,
            });
        }
        match self.port.filter(|port| svcb::is_bad_port(*port)) {
            Some(port) => Err(ConfiguredError::Port { port }),
            None => Ok(()),
        }
    }

    /// The port, that of the transport where none was written down.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.transport {
            Transport::Doh | Transport::Doh3 => 443,
            _ => 853,
        })
    }
}
