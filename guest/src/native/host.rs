//! Stand-ins for the host's functions, with the signatures of their bindings: they read the request that
//! [`super::evaluate`] put in place.

use std::net::IpAddr;

use resolvet_proto::judgement::{Der, Request, Source};

use super::{CURRENT, Evaluation};

/// Runs with the evaluation under way.
fn with<R>(read: impl FnOnce(&mut Evaluation) -> R) -> R {
    CURRENT.with_borrow_mut(|current| match current {
        Some(evaluation) => read(evaluation),
        None => outside(),
    })
}

/// Runs with the request of the evaluation under way.
fn fact<R>(read: impl FnOnce(&Request) -> R) -> R {
    with(|evaluation| match &evaluation.request {
        Some(request) => read(request),
        None => outside(),
    })
}

#[expect(
    clippy::panic,
    reason = "in the sandbox it traps: a policy that asks then is broken, and its test must say so"
)]
fn outside() -> ! {
    panic!(
        "a fact was asked for outside an evaluation: call it within `resolvet_guest::native::evaluate`"
    )
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn at<T>(items: &[T], index: u32) -> Option<&T> {
    items.get(usize::try_from(index).ok()?)
}

fn words<'a>(sources: impl Iterator<Item = &'a Source>) -> Vec<String> {
    sources.map(|source| source.as_str().to_owned()).collect()
}

fn octets(items: &[Der], index: u32) -> Option<Vec<u8>> {
    at(items, index).map(|der| der.to_vec())
}

fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub(crate) mod context {
    use super::fact;

    pub(crate) fn purpose() -> String {
        fact(|request| request.purpose.as_str().to_owned())
    }

    pub(crate) fn now() -> u64 {
        fact(|request| request.now)
    }

    pub(crate) fn clock() -> String {
        fact(|request| request.clock.as_str().to_owned())
    }

    pub(crate) fn usage_profile() -> String {
        fact(|request| request.usage_profile.as_str().to_owned())
    }

    pub(crate) fn network_identity() -> String {
        fact(|request| request.network_identity.as_str().to_owned())
    }

    pub(crate) fn est_server_authentication() -> Option<String> {
        fact(|request| {
            let word = request.est_server_authentication.as_ref();
            word.map(|word| word.as_str().to_owned())
        })
    }

    pub(crate) fn authentication_domain_name() -> Option<String> {
        fact(|request| request.authentication_domain_name.clone())
    }

    pub(crate) fn reference_identifiers() -> Vec<(String, String)> {
        fact(|request| {
            request
                .reference_ids
                .iter()
                .map(|id| (id.kind().to_owned(), id.value()))
                .collect()
        })
    }
}

pub(crate) mod server {
    use resolvet_proto::{discovery::resinfo, judgement::Pin};

    use super::{address_octets, fact};

    pub(crate) fn transport() -> Option<String> {
        fact(|request| Some(request.server.as_ref()?.transport.as_str().to_owned()))
    }

    pub(crate) fn address() -> Option<Vec<u8>> {
        fact(|request| Some(address_octets(request.server.as_ref()?.address)))
    }

    pub(crate) fn port() -> Option<u16> {
        fact(|request| Some(request.server.as_ref()?.port))
    }

    pub(crate) fn path() -> Option<String> {
        fact(|request| request.server.as_ref()?.path.clone())
    }

    pub(crate) fn sources() -> Option<Vec<String>> {
        fact(|request| {
            let sources = &request.sources;
            (!sources.is_empty()).then(|| super::words(sources.iter()))
        })
    }

    pub(crate) fn pins() -> Option<Vec<(String, Vec<u8>)>> {
        fact(|request| {
            let pin = |pin: &Pin| (pin.kind().to_owned(), pin.digest().as_octets().to_vec());
            let pins = &request.pins;
            (!pins.is_empty()).then(|| pins.iter().map(pin).collect())
        })
    }

    pub(crate) fn resolver_info() -> Option<Vec<u8>> {
        fact(|request| request.resolver_info.as_ref().map(|info| info.to_vec()))
    }

    pub(crate) fn resolver_info_keys() -> Option<Vec<(String, Option<String>)>> {
        fact(|request| resinfo::keys(request.resolver_info.as_ref()?).ok())
    }

    pub(crate) fn privacy_token_url() -> Option<String> {
        fact(|request| Some(request.privacy_token.as_ref()?.url.clone()))
    }

    pub(crate) fn privacy_token() -> Option<Vec<u8>> {
        fact(|request| Some(request.privacy_token.as_ref()?.token.as_ref()?.to_vec()))
    }

    pub(crate) fn privacy_token_problem() -> Option<String> {
        fact(|request| request.privacy_token.as_ref()?.problem.clone())
    }
}

pub(crate) mod presented {
    use super::fact;

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(&request.presented.certificates))
    }

    pub(crate) fn certificate(index: u32) -> Option<Vec<u8>> {
        fact(|request| super::octets(&request.presented.certificates, index))
    }

    pub(crate) fn ocsp_response() -> Option<Vec<u8>> {
        fact(|request| {
            request
                .presented
                .ocsp_response
                .as_ref()
                .map(|der| der.to_vec())
        })
    }
}

pub(crate) mod conveyed {
    use super::fact;

    pub(crate) fn state() -> String {
        fact(|request| request.conveyed.state().to_owned())
    }

    pub(crate) fn anchors_suffice() -> bool {
        fact(|request| request.conveyed.anchors_suffice())
    }

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(request.conveyed.certificates()))
    }

    pub(crate) fn certificate(index: u32) -> Option<Vec<u8>> {
        fact(|request| super::octets(request.conveyed.certificates(), index))
    }
}

pub(crate) mod anchors {
    use super::fact;

    pub(crate) fn database() -> String {
        fact(|request| request.anchors.database().as_str().to_owned())
    }

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(request.anchors.certificates()))
    }

    pub(crate) fn certificate(index: u32) -> Option<Vec<u8>> {
        fact(|request| super::octets(request.anchors.certificates(), index))
    }

    pub(crate) fn for_subject(name: &[u8]) -> Vec<u32> {
        fact(|request| request.anchors.for_subject(name).to_vec())
    }
}

pub(crate) mod revocation {
    use super::fact;

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(&request.crls))
    }

    pub(crate) fn crl(index: u32) -> Option<Vec<u8>> {
        fact(|request| super::octets(&request.crls, index))
    }

    pub(crate) fn domain_cert_revocation_checks() -> Option<bool> {
        fact(|request| request.domain_cert_revocation_checks)
    }
}

pub(crate) mod records {
    use super::fact;

    pub(crate) struct DnsRecord {
        pub(crate) owner: String,
        pub(crate) rtype: u16,
        pub(crate) ttl: u32,
        pub(crate) rdata: Vec<u8>,
    }

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(&request.records))
    }

    pub(crate) fn get(index: u32) -> Option<DnsRecord> {
        fact(|request| {
            let record = super::at(&request.records, index)?;
            Some(DnsRecord {
                owner: record.owner.clone(),
                rtype: record.rtype,
                ttl: record.ttl,
                rdata: record.rdata.to_vec(),
            })
        })
    }

    pub(crate) fn dnssec(index: u32) -> String {
        let state = |request: &super::Request| {
            Some(
                super::at(&request.records, index)?
                    .dnssec
                    .as_str()
                    .to_owned(),
            )
        };
        // The contract has no word for a record that does not exist; nothing is known about it.
        fact(state).unwrap_or_else(|| "indeterminate".to_owned())
    }
}

pub(crate) mod candidates {
    use super::{address_octets, fact};

    pub(crate) struct Candidate {
        pub(crate) transport: String,
        pub(crate) address: Vec<u8>,
        pub(crate) port: u16,
        pub(crate) target: String,
        pub(crate) source: String,
    }

    pub(crate) fn count() -> u32 {
        fact(|request| super::count(&request.candidates))
    }

    pub(crate) fn get(index: u32) -> Option<Candidate> {
        fact(|request| {
            let candidate = super::at(&request.candidates, index)?;
            Some(Candidate {
                transport: candidate.transport.as_str().to_owned(),
                address: address_octets(candidate.address),
                port: candidate.port,
                target: candidate.target.clone(),
                source: candidate.source.as_str().to_owned(),
            })
        })
    }

    pub(crate) fn ranks(index: u32) -> Vec<u32> {
        fact(|request| super::at(&request.candidates, index).map(|it| it.ranks.clone()))
            .unwrap_or_default()
    }

    pub(crate) fn weight(index: u32) -> Option<u16> {
        fact(|request| super::at(&request.candidates, index)?.weight)
    }

    pub(crate) fn evidence(index: u32) -> Vec<u32> {
        fact(|request| super::at(&request.candidates, index).map(|it| it.evidence.clone()))
            .unwrap_or_default()
    }

    pub(crate) fn sources(index: u32) -> Option<Vec<String>> {
        fact(|request| super::at(&request.candidates, index).map(|it| super::words(it.sources())))
    }

    pub(crate) fn path(index: u32) -> Option<String> {
        fact(|request| super::at(&request.candidates, index)?.path.clone())
    }

    pub(crate) fn identity(index: u32) -> Option<(String, String)> {
        fact(|request| {
            let identity = super::at(&request.candidates, index)?.identity.as_ref()?;
            Some((identity.kind().to_owned(), identity.value()))
        })
    }
}

pub(crate) mod settings {
    pub(crate) fn json() -> String {
        super::with(|evaluation| evaluation.settings.clone())
    }
}

pub(crate) mod log {
    use resolvet_proto::judgement::LogLine;

    pub(crate) fn write(level: &str, message: &str) {
        let line = LogLine {
            level: level.to_owned(),
            message: message.to_owned(),
        };
        super::with(|evaluation| evaluation.log.push(line));
    }
}

pub(crate) use super::crypto;
