//! The parameter `dohpath`.

use resolvet_proto::discovery::{NoteCode, svcb::Params};

use crate::zone::{Zone, lines, notes, svcb_plan};

fn zone(params: &Params) -> Zone {
    Zone::new()
        .svcb("_dns.example.net.", 1, "a.example.net.", params)
        .a("a.example.net.", 1)
}

#[test]
fn http_without_a_path_is_left_out() {
    let discovered = zone(&Params::new().with_alpn(&["h2", "dot"])).resolve(svcb_plan());
    assert_eq!(lines(&discovered), ["dot 192.0.2.1 853"]);
    assert_eq!(
        notes(&discovered, "_dns.example.net."),
        [NoteCode::UnusableService]
    );
}

#[test]
fn the_path_is_a_relative_template_with_the_variable_dns() {
    for (path, expected) in [
        ("/dns-query{?dns}", Some("/dns-query{?dns}")),
        ("/q{/dns}", Some("/q{/dns}")),
        ("/dns-query", None),
        ("dns-query{?dns}", None),
        ("https://b.example/{?dns}", None),
        ("//b.example/{?dns}", None),
        ("/dns-query{?other}", None),
    ] {
        let mut octets = b"\0\x01\0\x03\x02h2\0\x07".to_vec();
        octets.extend_from_slice(&u16::try_from(path.len()).unwrap().to_be_bytes());
        octets.extend_from_slice(path.as_bytes());
        let discovered = zone(&Params::parse(&octets).unwrap()).resolve(svcb_plan());
        let found = discovered
            .candidates
            .first()
            .and_then(|c| c.path.as_deref());
        assert_eq!(found, expected, "{path}");
    }
}

/// The draft's section 6 leaves the template of a host that S-NAPTR names to another way: here that is `dohpath`, of the host
/// first and then of the domain.
#[test]
fn the_template_of_a_host_that_s_naptr_names() {
    let h2 = |path: &str| {
        Params::new()
            .with_alpn(&["h2"])
            .with_path(&path.parse().unwrap())
    };
    let naptr = || {
        Zone::new()
            .naptr(
                "example.net.",
                (1, 0),
                "A",
                "DPRIVE:dns.https",
                "doh.example.net.",
            )
            .a("doh.example.net.", 1)
    };
    let of_host = naptr()
        .svcb("_dns.doh.example.net.", 1, ".", &h2("/host{?dns}"))
        .svcb("_dns.example.net.", 1, ".", &h2("/domain{?dns}"))
        .discover();
    assert_eq!(of_host.candidates[0].path.as_deref(), Some("/host{?dns}"));
    let of_domain = naptr()
        .svcb("_dns.example.net.", 1, ".", &h2("/domain{?dns}"))
        .discover();
    assert_eq!(
        of_domain.candidates[0].path.as_deref(),
        Some("/domain{?dns}")
    );
    let none = naptr().discover();
    assert_eq!(none.candidates[0].path, None);
    assert_eq!(notes(&none, "doh.example.net."), [NoteCode::NoPath]);
}
