//! Cases of TLSA records (RFC 7671).

use std::sync::Arc;

use rcgen::PublicKeyData as _;
use resolvet_proto::judgement::{AnchorDatabase, AnchorSet, Dnssec, Request};
use serde_json::json;

use super::{Case, case};
use crate::{
    forge::dns,
    rfc7671::{DANE_EE, DANE_TA, PKIX_TA, tlsa, with},
    world::World,
};

fn without_anchors(mut request: Request) -> Request {
    request.anchors = Arc::new(AnchorSet::new(AnchorDatabase::None, Vec::new()));
    request
}

pub(super) fn cases(w: &World) -> Vec<Case> {
    let own = w.server.subject_public_key_info();
    let authority = w.authority.subject_public_key_info();
    let good = || w.request(&w.server());
    let stranger = || w.request(&w.server_named(&[dns("other.example.org")]));
    let insecure = |mut request: Request| {
        request.records[0].dnssec = Dnssec::Insecure;
        request
    };
    let obeying = |case: Case| case.with(json!({"dane": "use"}));
    vec![
        obeying(case(
            "dane-ee-matched",
            "The domain vouches for the server's key: name, dates and issuer do not count.",
            with(without_anchors(stranger()), [tlsa(DANE_EE, 1, 1, &own)]),
            "accept",
            &["dane-ee-matched"],
        )),
        obeying(case(
            "dane-ta-matched",
            "The domain vouches for the authority: the path to it and the name count.",
            with(without_anchors(good()), [tlsa(DANE_TA, 1, 2, &authority)]),
            "accept",
            &["dane-ta-matched"],
        )),
        obeying(case(
            "dane-ta-name-mismatch",
            "DANE-TA does not do without the name.",
            with(stranger(), [tlsa(DANE_TA, 1, 1, &authority)]),
            "reject",
            &["name-mismatch"],
        )),
        obeying(case(
            "dane-mismatch",
            "A good path to a trust anchor does not count when the domain vouches for another key.",
            with(good(), [tlsa(DANE_EE, 1, 1, &authority)]),
            "reject",
            &["dane-mismatch"],
        )),
        obeying(case(
            "dane-pkix-ta-mismatch",
            "The path leads to a trust anchor, and over no authority that the domain vouches for.",
            with(good(), [tlsa(PKIX_TA, 1, 1, &own)]),
            "reject",
            &["dane-mismatch"],
        )),
        obeying(case(
            "dane-not-secure",
            "A record that was not validated by DNSSEC says nothing.",
            insecure(with(good(), [tlsa(DANE_EE, 1, 1, &authority)])),
            "accept",
            &["dane-missing"],
        )),
        case(
            "dane-missing",
            "The setting demands a record that was validated.",
            with(good(), []),
            "reject",
            &["dane-missing"],
        )
        .with(json!({"dane": "require"})),
    ]
}
