//! Which of the conveyed certificates is the DNS server's, and which name it gives (the draft's sections 4 and 5).

use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec::Vec,
};

use thiserror::Error;

use crate::{
    certificate::{self, Facts, SrvId},
    judgement::Der,
};

/// The DNS server as an enrolment knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsServerIdentity {
    /// The authentication domain name: lower case, without a final dot.
    pub authentication_domain_name: String,
    /// `_domain-s.<name>`.
    pub srv_id: SrvId,
    /// The certificates that carry this SRV-ID, DER. Whatever a server presents must be equal to one of them.
    pub certificates: Vec<Der>,
}

/// The DNS server's certificate cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndEntityError {
    /// No certificate carries an SRV-ID `_domain-s`.
    #[error(
        "none of the {certificates} conveyed certificates carries an SRV-ID `_domain-s` (draft-reddy-dprive-bootstrap-dns-server-04 4)"
    )]
    NoSrvId {
        /// How many certificates came.
        certificates: usize,
    },
    /// No certificate carries the SRV-ID of the domain that was asked for.
    #[error(
        "no conveyed certificate carries SRV-ID `_domain-s.{expected}`: presented {presented:?} (RFC 4985)"
    )]
    OtherDomain {
        /// The domain that was asked for.
        expected: String,
        /// The SRV-IDs that came.
        presented: Vec<String>,
    },
    /// Certificates carry SRV-IDs of several domains, and none was asked for.
    #[error(
        "the conveyed certificates carry SRV-IDs of several domains: {presented:?}; name one (draft-reddy-dprive-bootstrap-dns-server-04 4)"
    )]
    AmbiguousSrvId {
        /// The SRV-IDs that came.
        presented: Vec<String>,
    },
    /// A certificate with the SRV-ID has no DNS-ID that could be an authentication domain name.
    #[error(
        "the certificate with SRV-ID `{srv_id}` has no DNS-ID without a wildcard: presented {presented:?} (RFC 8310 8.1)"
    )]
    NoDnsId {
        /// The SRV-ID.
        srv_id: String,
        /// The DNS-IDs that came.
        presented: Vec<String>,
    },
    /// Several DNS-IDs could be the authentication domain name, and none is equal to the SRV-ID's name.
    #[error(
        "several DNS-IDs beside SRV-ID `{srv_id}` could be the authentication domain name: {presented:?} (RFC 8310 8.1)"
    )]
    AmbiguousDnsId {
        /// The SRV-ID.
        srv_id: String,
        /// The DNS-IDs that came.
        presented: Vec<String>,
    },
    /// Two certificates with one SRV-ID give two authentication domain names.
    #[error(
        "certificates with SRV-ID `{srv_id}` give different authentication domain names: {presented:?} (RFC 8310 8.1)"
    )]
    Contradiction {
        /// The SRV-ID.
        srv_id: String,
        /// The names that they give.
        presented: Vec<String>,
    },
}

/// Tells the DNS server's certificates by SRV-ID `_domain-s.<name>`, and their authentication domain name: a DNS-ID without
/// wildcard, the one equal to the SRV-ID's name if there is one, else the only one. Several certificates may carry the same
/// SRV-ID. `domain` is the name that the user or an earlier enrolment said, if one did.
///
/// # Errors
/// There is none, or it is not clear which.
pub fn dns_server(
    certificates: &[Der],
    domain: Option<&str>,
) -> Result<DnsServerIdentity, EndEntityError> {
    let mut found: Vec<(SrvId, &Der, Facts)> = Vec::new();
    for der in certificates {
        // What cannot be read can be no server's: policies never see it.
        let Ok(facts) = certificate::facts(der) else {
            continue;
        };
        let ids: Vec<SrvId> = facts
            .srv_ids
            .iter()
            .filter(|id| id.service() == SrvId::DOMAIN_S)
            .cloned()
            .collect();
        found.extend(ids.into_iter().map(|id| (id, der, facts.clone())));
    }
    let mut names: Vec<String> = found.iter().map(|(id, ..)| id.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(EndEntityError::NoSrvId {
            certificates: certificates.len(),
        });
    }
    if let Some(domain) = domain {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        found.retain(|(id, ..)| id.name().eq_ignore_ascii_case(domain));
        if found.is_empty() {
            return Err(EndEntityError::OtherDomain {
                expected: domain.to_owned(),
                presented: names,
            });
        }
    } else if names.len() > 1 {
        return Err(EndEntityError::AmbiguousSrvId { presented: names });
    }
    let mut identity: Option<DnsServerIdentity> = None;
    for (srv_id, der, facts) in found {
        let name = authentication_domain_name(&srv_id, &facts)?;
        match &mut identity {
            None => {
                identity = Some(DnsServerIdentity {
                    authentication_domain_name: name,
                    srv_id,
                    certificates: [der.clone()].into(),
                });
            }
            Some(identity) if identity.authentication_domain_name == name => {
                if !identity.certificates.contains(der) {
                    identity.certificates.push(der.clone());
                }
            }
            Some(identity) => {
                return Err(EndEntityError::Contradiction {
                    srv_id: srv_id.to_string(),
                    presented: [identity.authentication_domain_name.clone(), name].into(),
                });
            }
        }
    }
    identity.ok_or(EndEntityError::NoSrvId {
        certificates: certificates.len(),
    })
}

fn authentication_domain_name(srv_id: &SrvId, facts: &Facts) -> Result<String, EndEntityError> {
    let trimmed = |name: &String| name.strip_suffix('.').unwrap_or(name).to_owned();
    let mut names: Vec<String> = facts
        .dns_ids
        .iter()
        .filter(|name| !name.contains('*') && !name.is_empty())
        .map(trimmed)
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| name == srv_id.name()) {
        return Ok(srv_id.name().to_owned());
    }
    match names.as_slice() {
        [] => Err(EndEntityError::NoDnsId {
            srv_id: srv_id.to_string(),
            presented: facts.dns_ids.clone(),
        }),
        [only] => Ok(only.clone()),
        _ => Err(EndEntityError::AmbiguousDnsId {
            srv_id: srv_id.to_string(),
            presented: names,
        }),
    }
}
