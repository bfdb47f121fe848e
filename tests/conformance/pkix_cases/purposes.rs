//! Cases of what a certificate may be used for.

use std::sync::Arc;

use resolvet_proto::judgement::{AnchorDatabase, AnchorSet, Clock, Purpose, Request};
use serde_json::json;

use super::{Case, case, settled};
use crate::{
    forge::{ANY_PURPOSE, CLIENT_AUTH, CMC_RA, Certificate, SERVER_AUTH, dns, id_ce, name},
    world::{SERVER, World},
};

pub(super) fn cases(w: &World) -> Vec<Case> {
    let registrar = w.server().extended_key_usage(&[CMC_RA]).without(&id_ce(17));
    let of = |purpose: Purpose, certificate: &Certificate| {
        settled(w.request(certificate), |r| {
            r.purpose = purpose;
            r.reference_ids.clear();
        })
    };
    let implicit = |request: Request| {
        settled(request, |r| {
            r.anchors = Arc::new(AnchorSet::new(
                AnchorDatabase::Implicit,
                r.anchors.certificates().to_vec(),
            ));
        })
    };
    let for_any = w.server().extended_key_usage(&[SERVER_AUTH, ANY_PURPOSE]);
    vec![
        case(
            "purpose-not-allowed",
            "A client's certificate serves nobody.",
            w.request(&w.server().extended_key_usage(&[CLIENT_AUTH])),
            "reject",
            &["purpose-not-allowed"],
        ),
        case(
            "any-extended-key-usage",
            "A certificate for any purpose is for none.",
            w.request(&w.server().extended_key_usage(&[ANY_PURPOSE])),
            "reject",
            &["any-extended-key-usage"],
        ),
        case(
            "any-extended-key-usage-beside",
            "Beside serverAuth it takes nothing away.",
            w.request(&for_any),
            "accept",
            &[],
        ),
        case(
            "any-extended-key-usage-public",
            "Public authorities do not write it at all.",
            implicit(w.request(&for_any)),
            "reject",
            &["any-extended-key-usage"],
        ),
        case(
            "extended-key-usage-missing",
            "The setting asks for an extended key usage.",
            w.request(&w.server().without(&id_ce(37))),
            "reject",
            &["extended-key-usage-missing"],
        )
        .with(json!({"require-extended-key-usage": true})),
        case(
            "registrar-cmc-ra",
            "A registrar shows id-kp-cmcRA alone (RFC 8995).",
            of(Purpose::Registrar, &registrar),
            "accept",
            &[],
        ),
        case(
            "registrar-not-authorized",
            "A server's certificate makes no registrar.",
            of(Purpose::Registrar, &w.server()),
            "reject",
            &["registrar-not-authorized"],
        ),
        case(
            "registrar-implicit",
            "id-kp-cmcRA counts with explicit trust anchors only (RFC 7030 section 3.6.2).",
            implicit(of(Purpose::Registrar, &registrar)),
            "reject",
            &["registrar-not-authorized"],
        )
        .with(json!({"baseline-requirements": "never"})),
        case(
            "registrar-pinned",
            "A voucher may pin the registrar's own certificate.",
            settled(of(Purpose::Registrar, &registrar), |r| {
                let own = r.presented.certificates[0].clone();
                r.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, vec![own]));
            }),
            "accept",
            &["end-entity-pinned"],
        ),
        case(
            "registrar-without-a-clock",
            "A pledge without a clock cannot judge validity (RFC 8995 section 2.6.1).",
            settled(of(Purpose::Registrar, &registrar), |r| {
                r.now = 0;
                r.clock = Clock::Unsynchronized;
            }),
            "accept",
            &["clock-not-trusted"],
        ),
        case(
            "est-server-name",
            "An EST server is known by its name.",
            settled(w.request(&w.server()), |r| r.purpose = Purpose::EstServer),
            "accept",
            &[],
        ),
        case(
            "est-server-cmc-ra",
            "Or by id-kp-cmcRA with explicit trust anchors (RFC 7030 section 3.6.1).",
            settled(w.request(&registrar), |r| r.purpose = Purpose::EstServer),
            "accept",
            &[],
        ),
        case(
            "conveyed-without-srv-id",
            "A conveyed certificate is chosen by its SRV-ID; one without cannot be.",
            of(Purpose::ConveyedEndEntity, &w.server_named(&[dns(SERVER)])),
            "accept",
            &["conveyed-without-srv-id"],
        ),
        case(
            "baseline-common-name",
            "Public authorities repeat a common name that looks like a host's among the alternative names.",
            implicit(w.request(&Certificate {
                subject: name("www.example.net"),
                ..w.server()
            })),
            "reject",
            &["common-name-not-in-alt-names"],
        ),
        case(
            "baseline-common-name-number",
            "An address in another notation is a name: 192.0.2.1 in hexadecimal.",
            implicit(w.request(&Certificate {
                subject: name("0xC0000201"),
                ..w.server()
            })),
            "reject",
            &["common-name-not-in-alt-names"],
        ),
        case(
            "baseline-common-name-in-words",
            "A common name that is no host's leads no software anywhere.",
            implicit(w.request(&w.server())),
            "accept",
            &[],
        ),
        case(
            "baseline-root-profile",
            "A public root has no extended key usage.",
            implicit(w.request_of(
                &Certificate {
                    subject: name(SERVER),
                    ..w.server()
                },
                &w.authority(),
                &w.root().extended_key_usage(&[SERVER_AUTH]),
            )),
            "reject",
            &["baseline-root-profile"],
        ),
    ]
}
