//! Name constraints on SRVNames.

use crate::{
    forge::srv,
    world::{World, accepts, rejects},
};

/// A constraint has a service, a name or both; what it has binds.
#[test]
fn service_name_or_both() {
    let w = World::new();
    for (base, holds) in [
        ("_domain-s.example.net", true),
        ("_domain-s", true),
        ("example.net", true),
        ("_imap.example.net", false),
        ("_imap", false),
        ("example.org", false),
    ] {
        let permitted = w.authority().name_constraints(&[srv(base)], &[]);
        let request = w.request_of(&w.server(), &permitted, &w.root());
        if holds {
            accepts(&request)
        } else {
            rejects(&request, "name-constraints-violated")
        }
        let excluded = w.authority().name_constraints(&[], &[srv(base)]);
        let request = w.request_of(&w.server(), &excluded, &w.root());
        if holds {
            rejects(&request, "name-constraints-violated")
        } else {
            accepts(&request)
        }
    }
}
