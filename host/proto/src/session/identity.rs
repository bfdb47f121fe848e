//! What a server is authenticated by, and under which profile.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::{Session, Step, Timestamp, machine::Peer};
use crate::judgement::{
    Candidate, Conveyed, ReferenceId, Request, Server, Source, Transport, UsageProfile,
};

impl Session {
    /// The judgement context of a candidate.
    pub(super) fn server_request(&self, candidate: &Candidate, now: Timestamp) -> Request {
        let base = self.base_request(now);
        let is_foreign = candidate.identity.is_some();
        let reference_ids = self.reference_ids(candidate);
        let name = match reference_ids.first() {
            Some(ReferenceId::DnsId(name)) => Some(name.clone()),
            _ => None,
        };
        let is_fallback = candidate.source == Source::Fallback;
        Request {
            server: Some(candidate.server()),
            sources: candidate.sources().cloned().collect(),
            pins: candidate.pins.clone(),
            usage_profile: self.profile(candidate),
            authentication_domain_name: name,
            reference_ids,
            ..self.believed(base, is_foreign, is_fallback)
        }
    }

    /// What a server may be believed by: an enrolment speaks of its own network's server, not of one that answers to another
    /// name, and servers of the fallback have anchors of their own.
    fn believed(&self, base: Request, is_foreign: bool, is_fallback: bool) -> Request {
        let mut request = base;
        if is_foreign {
            request.conveyed = Conveyed::NotEnrolled;
        }
        if is_fallback {
            request.anchors = self.config.fallback_anchors.clone();
        }
        request
    }

    /// The judgement context of a peer that is judged again: the facts of this moment, and what makes it this server.
    pub(super) fn repeated_request(&self, peer: &Peer, now: Timestamp) -> Request {
        let before = &peer.request;
        let base = self.base_request(now);
        let is_fallback = before.sources.first() == Some(&Source::Fallback);
        let is_foreign = before.reference_ids != base.reference_ids;
        Request {
            server: before.server.clone(),
            sources: before.sources.clone(),
            pins: before.pins.clone(),
            resolver_info: before.resolver_info.clone(),
            privacy_token: before.privacy_token.clone(),
            presented: before.presented.clone(),
            usage_profile: before.usage_profile.clone(),
            authentication_domain_name: before.authentication_domain_name.clone(),
            reference_ids: before.reference_ids.clone(),
            ..self.believed(base, is_foreign, is_fallback)
        }
    }

    /// What a candidate must answer to.
    fn reference_ids(&self, candidate: &Candidate) -> Vec<ReferenceId> {
        let own = || {
            let domain = self.domain.as_ref()?;
            Some(ReferenceId::DnsId(String::from(domain.without_dot())))
        };
        candidate
            .identity
            .clone()
            .or_else(own)
            .into_iter()
            .collect()
    }

    /// The profile that a candidate is judged under. DoH knows no opportunistic one (the draft's section 1). What a resolver
    /// designates may go without authentication only at the resolver's own address, and only where nobody could have a
    /// certificate for it (RFC 9462 section 4.3).
    fn profile(&self, candidate: &Candidate) -> UsageProfile {
        let may = matches!(
            candidate.transport,
            Transport::Dot | Transport::Dtls | Transport::Doq
        );
        let designated = match candidate.identity {
            Some(ReferenceId::IpId(resolver)) => {
                candidate.address == resolver && is_local(resolver)
            }
            _ => true,
        };
        if may && designated {
            self.config.usage_profile.clone()
        } else {
            UsageProfile::Strict
        }
    }

    /// Whether a candidate is the server that a peer was, to be authenticated by the same.
    pub(super) fn is_server_of(&self, candidate: &Candidate, peer: &Peer) -> bool {
        // Keys that encrypt a ClientHello come and go; the server stays the same.
        let server = Server {
            ech: peer.server.ech.clone(),
            ..candidate.server()
        };
        server == peer.server
            && self.reference_ids(candidate) == peer.request.reference_ids
            && candidate.pins == peer.request.pins
            && self.profile(candidate) == peer.request.usage_profile
    }

    /// What a resolver designates and cannot be verified is not asked for again while its records hold (RFC 9462 section 4.2).
    pub(super) fn suppress_designation(&mut self, peer: &Peer) {
        if peer.request.sources.first() == Some(&Source::Ddr) {
            self.designation_refused = Some(peer.end);
        }
    }

    /// The opportunistic profile is never silent, and neither is a network that says by itself who it is.
    pub(super) fn tell_what_was_given_up(
        &mut self,
        peer: &Peer,
        authenticated: bool,
        now: Timestamp,
    ) {
        let attempt = peer.attempt;
        let given_up = |message: &str, reference: &str| Step::GivenUp {
            attempt,
            message: message.into(),
            reference: reference.into(),
        };
        if !authenticated {
            let message =
                "the server is not authenticated: whoever is on the way may answer and listen";
            self.tell(now, given_up(message, "RFC 8310 5"));
        } else if self.domain.is_none() {
            let message = "the network itself said what its server is authenticated by";
            self.tell(now, given_up(message, "RFC 8310 7.3"));
        }
        if self.is_fallback {
            let message =
                "no server of the network could be used: a server of the fallback sees the queries";
            self.tell(
                now,
                given_up(message, "draft-reddy-dprive-bootstrap-dns-server-04 7"),
            );
        }
    }
}

/// An address that is given out by networks for themselves, or one of this machine (RFC 1918, RFC 4193, RFC 3927).
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_link_local() || address.is_loopback()
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("172.31.255.255", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("127.0.0.1", true),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), expected, "{address}");
        }
    }
}
