//! Usage profiles.

use resolvet_proto::judgement::{Conveyed, Decision, Request, Server, Transport, UsageProfile};

use crate::{
    forge::dns,
    world::{World, judge},
};

fn failing(w: &World, profile: UsageProfile, transport: Transport) -> Request {
    Request {
        usage_profile: profile,
        server: Some(Server {
            ech: None,
            transport,
            path: None,
            address: [192, 0, 2, 1].into(),
            port: 853,
        }),
        ..w.request(&w.server_named(&[dns("other.example.net")]))
    }
}

/// Strict: authenticated or nothing. Opportunistic: what failed is told. A profile that is not known is strict.
#[test]
fn what_a_failure_means() {
    let w = World::new();
    let relaxed = UsageProfile::Other("relaxed".into());
    for (profile, transport, expected) in [
        (UsageProfile::Strict, Transport::Dot, Decision::Reject),
        (
            UsageProfile::Opportunistic,
            Transport::Dot,
            Decision::Abstain,
        ),
        (
            UsageProfile::Opportunistic,
            Transport::Dtls,
            Decision::Abstain,
        ),
        (
            UsageProfile::Opportunistic,
            Transport::Doq,
            Decision::Abstain,
        ),
        (
            UsageProfile::Opportunistic,
            Transport::Doh,
            Decision::Reject,
        ),
        (
            UsageProfile::Opportunistic,
            Transport::Doh3,
            Decision::Reject,
        ),
        (
            UsageProfile::Opportunistic,
            Transport::Other("carrier-pigeon".into()),
            Decision::Reject,
        ),
        (relaxed, Transport::Dot, Decision::Reject),
    ] {
        let request = failing(&w, profile, transport);
        let verdict = judge(&request);
        assert_eq!(
            verdict.decision, expected,
            "{:?} {:?}",
            request.usage_profile, request.server
        );
        assert_eq!(verdict.findings[0].code, "name-mismatch");
    }
}

/// The draft's section 7: where a certificate was conveyed, a failed match or path is not recoverable under any profile.
#[test]
fn what_was_conveyed_binds_under_every_profile() {
    let w = World::new();
    let mut request = failing(&w, UsageProfile::Opportunistic, Transport::Dot);
    request.conveyed = Conveyed::Certificates {
        certificates: request.presented.certificates[..1].to_vec(),
    };
    assert_eq!(judge(&request).decision, Decision::Reject);
    request.conveyed = Conveyed::None {
        anchors_suffice: false,
    };
    assert_eq!(judge(&request).decision, Decision::Reject);
    request.conveyed = Conveyed::None {
        anchors_suffice: true,
    };
    assert_eq!(judge(&request).decision, Decision::Abstain);
}
