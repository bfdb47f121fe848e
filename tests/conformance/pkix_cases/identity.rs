//! Cases of who the server is: its names, the match with what was conveyed, and the usage profile.

use resolvet_proto::judgement::{Clock, Conveyed, ReferenceId, Request, Transport, UsageProfile};
use serde_json::json;

use super::{Case, case, conveyed, opportunistic, settled};
use crate::{
    forge::{Certificate, NOW, dns, ip, name},
    world::{SERVER, World},
};

pub(super) fn names(w: &World) -> Vec<Case> {
    let good = || w.request(&w.server());
    vec![
        case(
            "accepts-a-good-path",
            "A path that keeps every rule is accepted.",
            good(),
            "accept",
            &[],
        ),
        case(
            "accepts-srv-id",
            "An SRV-ID that answers to the reference identifier is enough (RFC 9525).",
            settled(good(), |r| {
                r.reference_ids = vec![ReferenceId::SrvId("_domain-s.dns.example.net".into())]
            }),
            "accept",
            &[],
        ),
        case(
            "accepts-ip-id",
            "An address is matched exactly.",
            settled(w.request(&w.server_named(&[ip(&[192, 0, 2, 1])])), |r| {
                r.reference_ids = vec![ReferenceId::IpId([192, 0, 2, 1].into())];
            }),
            "accept",
            &[],
        ),
        case(
            "accepts-wildcard",
            "A wildcard stands for one label.",
            w.request(&w.server_named(&[dns("*.example.net")])),
            "accept",
            &[],
        ),
        case(
            "name-mismatch",
            "The certificate is another server's.",
            w.request(&w.server_named(&[dns("other.example.net")])),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "name-mismatch-common-name",
            "The subject never counts, even when it is the name.",
            w.request(&Certificate {
                subject: name(SERVER),
                ..w.server_named(&[dns("other.example.net")])
            }),
            "reject",
            &["name-mismatch", "common-name-not-in-alt-names"],
        ),
        case(
            "no-reference-identifier",
            "There is nothing to match the certificate with.",
            settled(good(), |r| r.reference_ids.clear()),
            "reject",
            &["no-reference-identifier"],
        ),
        case(
            "alt-name-malformed",
            "An address as a DNS name is malformed.",
            w.request(&w.server_named(&[dns(SERVER), dns("192.0.2.1")])),
            "reject",
            &["alt-name-malformed"],
        ),
        case(
            "alt-name-not-critical",
            "With an empty subject the alternative name must be critical.",
            w.request(&Certificate {
                subject: name(""),
                ..w.server()
            }),
            "reject",
            &["alt-name-not-critical"],
        ),
        case(
            "wildcard-too-wide",
            "A wildcard below a registry's name is nobody's.",
            w.request(&w.server_named(&[dns(SERVER), dns("*.co.uk")])),
            "reject",
            &["wildcard-too-wide"],
        ),
        case(
            "pin-mismatch",
            "Name and pin must both hold when both are configured (RFC 8310).",
            good(),
            "reject",
            &["pin-mismatch"],
        )
        .with(json!({"spki-pins": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]})),
    ]
}

pub(super) fn matches(w: &World) -> Vec<Case> {
    let server = w.server().sign(&w.authority);
    let presented = |r: &Request| r.presented.certificates[0].clone();
    let good = w.request(&w.server());
    let own = presented(&good);
    let with = |state: Conveyed| settled(good.clone(), |r| r.conveyed = state);
    vec![
        case(
            "accepts-what-was-conveyed",
            "The presented certificate is one of those that were conveyed.",
            with(conveyed(vec![w.root().sign(&w.root), own])),
            "accept",
            &[],
        ),
        case(
            "conveyed-mismatch",
            "The same names and key in another certificate are no match.",
            with(conveyed(vec![server.clone()])),
            "reject",
            &["conveyed-mismatch"],
        ),
        case(
            "conveyed-mismatch-opportunistic",
            "Where a certificate was conveyed, a failed match rejects under every profile (the draft's section 7).",
            settled(with(conveyed(vec![server])), opportunistic(Transport::Dot)),
            "reject",
            &["conveyed-mismatch"],
        ),
        case(
            "conveyed-is-no-dns-server",
            "What was conveyed is another peer's certificate: it has no SRV-ID `_domain-s`.",
            settled(w.request(&w.server_named(&[dns(SERVER)])), |r| {
                r.conveyed = conveyed(r.presented.certificates.clone());
            }),
            "reject",
            &["conveyed-without-srv-id"],
        ),
        case(
            "conveyed-none",
            "An enrolment that conveyed no certificate authenticates no server.",
            with(Conveyed::None {
                anchors_suffice: false,
            }),
            "reject",
            &["conveyed-none"],
        ),
        case(
            "conveyed-anchors-only",
            "Unless its profile says that its trust anchors alone suffice.",
            with(Conveyed::None {
                anchors_suffice: true,
            }),
            "accept",
            &["conveyed-anchors-only"],
        ),
    ]
}

pub(super) fn profiles(w: &World) -> Vec<Case> {
    let wrong = || w.request(&w.server_named(&[dns("other.example.net")]));
    vec![
        case(
            "opportunistic-abstains",
            "Under the opportunistic profile a failure is told and binds nobody.",
            settled(wrong(), opportunistic(Transport::Dot)),
            "abstain",
            &["name-mismatch"],
        ),
        case(
            "opportunistic-doh-rejects",
            "DoH knows no opportunistic profile.",
            settled(wrong(), opportunistic(Transport::Doh)),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "unknown-profile-rejects",
            "A profile that is not known is strict.",
            settled(wrong(), |r| {
                r.usage_profile = UsageProfile::Other("relaxed".into())
            }),
            "reject",
            &["name-mismatch"],
        ),
        case(
            "clock-lower-bound",
            "What begins after a lower bound may have begun.",
            settled(w.request(&w.server()), |r| {
                r.now = 1_600_000_000;
                r.clock = Clock::LowerBound;
            }),
            "accept",
            &["clock-not-trusted"],
        ),
        case(
            "clock-lower-bound-expired",
            "What ended before a lower bound has ended.",
            settled(w.request(&w.server()), |r| {
                r.now = NOW + 40_000_000;
                r.clock = Clock::LowerBound;
            }),
            "reject",
            &["clock-not-trusted", "expired", "expired", "anchor-expired"],
        ),
    ]
}
