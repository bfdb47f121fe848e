//! Name constraints.

use crate::{
    forge::{Certificate, directory, dns, id_ce, ip, name, seq, tlv},
    world::{SERVER, World, accepts, rejects},
};

fn constrained(w: &World, permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Certificate {
    w.authority().name_constraints(permitted, excluded)
}

/// A DNS name is within a subtree when labels added to the left of the constraint make it.
#[test]
fn dns_names() {
    let w = World::new();
    for (permitted, good) in [
        ("example.net", true),
        (SERVER, true),
        ("xample.net", false),
        ("example.org", false),
    ] {
        let request = w.request_of(
            &w.server_named(&[dns(SERVER)]),
            &constrained(&w, &[dns(permitted)], &[]),
            &w.root(),
        );
        if good {
            accepts(&request)
        } else {
            rejects(&request, "name-constraints-violated")
        }
    }
}

/// Any name within an excluded subtree is invalid, whatever is permitted.
#[test]
fn exclusion_wins() {
    let w = World::new();
    let authority = constrained(&w, &[dns("example.net")], &[dns(SERVER)]);
    rejects(
        &w.request_of(&w.server_named(&[dns(SERVER)]), &authority, &w.root()),
        "name-constraints-violated",
    );
}

/// A wildcard reaches into an excluded subtree one label below it.
#[test]
fn wildcards_reach_into_exclusions() {
    let w = World::new();
    let authority = constrained(&w, &[], &[dns("secret.example.net")]);
    let server = w.server_named(&[dns("*.example.net")]);
    rejects(
        &w.request_of(&server, &authority, &w.root()),
        "name-constraints-violated",
    );
}

/// Constraints of one form say nothing about names of another.
#[test]
fn other_forms_are_free() {
    let w = World::new();
    let authority = constrained(&w, &[ip(&[192, 0, 2, 0, 255, 255, 255, 0])], &[]);
    accepts(&w.request_of(&w.server_named(&[dns(SERVER)]), &authority, &w.root()));
    let server = w.server_named(&[dns(SERVER), ip(&[198, 51, 100, 1])]);
    rejects(
        &w.request_of(&server, &authority, &w.root()),
        "name-constraints-violated",
    );
}

/// Directory names are compared by their relative distinguished names, case and white space folded (section 7.1).
#[test]
fn directory_names() {
    let w = World::new();
    let server = || Certificate {
        subject: name("The  Server"),
        ..w.server_named(&[dns(SERVER)])
    };
    accepts(&w.request_of(
        &server(),
        &constrained(&w, &[directory("the server")], &[]),
        &w.root(),
    ));
    let excluded = constrained(&w, &[], &[directory("THE SERVER ")]);
    rejects(
        &w.request_of(&server(), &excluded, &w.root()),
        "name-constraints-violated",
    );
}

/// An anchor's constraints bind too, and those of every authority on the way.
#[test]
fn every_authority_constrains() {
    let w = World::new();
    let root = w.root().name_constraints(&[dns("example.org")], &[]);
    rejects(
        &w.request_of(&w.server_named(&[dns(SERVER)]), &w.authority(), &root),
        "name-constraints-violated",
    );
}

/// Conforming CAs MUST mark it critical, MUST NOT issue it empty, and only in a CA's certificate.
#[test]
fn its_form() {
    let w = World::new();
    let good = seq(&[&tlv(0xa0, &seq(&[&dns("example.net")]))]);
    let uncritical = w.authority().extension(&id_ce(30), false, good);
    rejects(
        &w.request_of(&w.server_named(&[dns(SERVER)]), &uncritical, &w.root()),
        "extension-criticality",
    );
    for bad in [seq(&[]), seq(&[&tlv(0xa0, &[])])] {
        let authority = w.authority().extension(&id_ce(30), true, bad);
        rejects(
            &w.request_of(&w.server(), &authority, &w.root()),
            "name-constraints-malformed",
        );
    }
    let server = w.server().name_constraints(&[dns("example.net")], &[]);
    rejects(&w.request(&server), "name-constraints-misplaced");
    let mask = w
        .authority()
        .name_constraints(&[ip(&[192, 0, 2, 0, 255, 0, 255, 0])], &[]);
    rejects(
        &w.request_of(&w.server(), &mask, &w.root()),
        "name-constraints-malformed",
    );
}
