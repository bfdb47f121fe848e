//! Matching the application service type portion.

use resolvet_proto::judgement::ReferenceId;

use crate::{
    forge::srv,
    world::{World, accepts, rejects},
};

/// Service and name match within the same identifier.
#[test]
fn both_parts_match_in_the_same_identifier() {
    let w = World::new();
    let reference = || vec![ReferenceId::SrvId("_domain-s.dns.example.net".into())];
    for (presented, good) in [
        (vec![srv("_domain-s.dns.example.net")], true),
        (vec![srv("_DOMAIN-S.DNS.example.net")], true),
        (
            vec![
                srv("_domain-s.other.example.net"),
                srv("_imap.dns.example.net"),
            ],
            false,
        ),
        (vec![srv("_domain.dns.example.net")], false),
    ] {
        let mut request = w.request(&w.server_named(&presented));
        request.reference_ids = reference();
        if good {
            accepts(&request)
        } else {
            rejects(&request, "name-mismatch")
        }
    }
}
