//! A small public key infrastructure and requests about it, judged by `pkix`.

use std::sync::Arc;

use rcgen::KeyPair;
use resolvet_guest::native;
use resolvet_policy_pkix::validate;
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Decision, Der, Presented, Purpose, ReferenceId, Request, Verdict,
};

use crate::forge::{Certificate, NOW, dns, key, srv};

/// The name of the server.
pub(crate) const SERVER: &str = "dns.example.net";

/// A root, an authority below it, and a server's key.
pub(crate) struct World {
    pub(crate) root: KeyPair,
    pub(crate) authority: KeyPair,
    pub(crate) server: KeyPair,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            root: key(),
            authority: key(),
            server: key(),
        }
    }

    /// The root's certificate, to be changed.
    pub(crate) fn root(&self) -> Certificate {
        Certificate::authority("root", "root", &self.root, &self.root)
    }

    /// The authority's certificate, to be changed.
    pub(crate) fn authority(&self) -> Certificate {
        Certificate::authority("authority", "root", &self.authority, &self.root)
    }

    /// The server's certificate, to be changed.
    pub(crate) fn server(&self) -> Certificate {
        self.server_named(&[dns(SERVER), srv("_domain-s.dns.example.net")])
    }

    pub(crate) fn server_named(&self, names: &[Vec<u8>]) -> Certificate {
        Certificate::end_entity(names, "authority", &self.server, &self.authority)
    }

    /// A request about this server's certificate; the rest is as it should be.
    pub(crate) fn request(&self, server: &Certificate) -> Request {
        self.request_of(server, &self.authority(), &self.root())
    }

    pub(crate) fn request_of(
        &self,
        server: &Certificate,
        authority: &Certificate,
        root: &Certificate,
    ) -> Request {
        let chain = vec![server.sign(&self.authority), authority.sign(&self.root)];
        request(chain, vec![root.sign(&self.root)])
    }
}

/// A request for a DNS server named [`SERVER`].
pub(crate) fn request(chain: Vec<Der>, anchors: Vec<Der>) -> Request {
    Request {
        reference_ids: vec![ReferenceId::DnsId(SERVER.into())],
        presented: Presented {
            certificates: chain,
            ocsp_response: None,
        },
        anchors: Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors)),
        ..Request::new(Purpose::DnsServer, NOW)
    }
}

/// The verdict with these settings, checked against the contract.
pub(crate) fn judge_with(request: &Request, settings: &str) -> Verdict {
    let typed = serde_json::from_str(settings).unwrap();
    let verdict = native::evaluate(request, settings, || validate(&typed));
    verdict.checked(request).unwrap()
}

pub(crate) fn judge(request: &Request) -> Verdict {
    judge_with(request, "{}")
}

/// The request is accepted.
#[track_caller]
pub(crate) fn accepts(request: &Request) {
    let verdict = judge(request);
    assert!(
        matches!(verdict.decision, Decision::Accept { .. }),
        "{verdict:#?}"
    );
}

/// The request is rejected, and this finding is the only error.
#[track_caller]
pub(crate) fn rejects(request: &Request, code: &str) {
    let verdict = judge(request);
    assert_eq!(verdict.decision, Decision::Reject, "{verdict:#?}");
    let errors: Vec<_> = verdict
        .findings
        .iter()
        .filter(|finding| finding.severity == resolvet_proto::judgement::Severity::Error)
        .map(|finding| finding.code.as_str())
        .collect();
    assert_eq!(errors, [code], "{verdict:#?}");
}
