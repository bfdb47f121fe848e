//! Section 6 names a way to the URI template of a DoH server that was given up since
//! (draft-ietf-doh-resolver-associated-doh-03).

use resolvet_proto::discovery::{DomainName, NoteCode, Plan, svcb::Params};

use crate::zone::{Zone, notes};

const TEMPLATE: &str = "https://doh.example.net/old{?dns}";

fn zone(texts: &[&str]) -> Zone {
    let zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.https",
            "doh.example.net.",
        )
        .a("doh.example.net.", 1);
    texts.iter().fold(zone, |zone, text| {
        // Strings are taken as one text.
        let (first, second) = text.split_at(text.len() / 2);
        let string = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        let rdata = [string(first), string(second)].concat();
        zone.raw("resolver-associated-doh.arpa.", 16, &rdata)
    })
}

fn plan(associated_templates: bool) -> Plan {
    Plan {
        associated_templates,
        ..Plan::s_naptr(DomainName::parse("example.net").unwrap())
    }
}

/// A zone with this at the name of a resolver's inventory.
fn inventory(rdata: &[&[u8]]) -> Zone {
    rdata.iter().fold(zone(&[]), |zone, rdata| {
        zone.raw("resolver-info.arpa.", 261, rdata)
    })
}

fn legacy(mut zone: Zone) -> (Option<String>, Vec<NoteCode>) {
    let discovered = zone.resolve(Plan {
        legacy_resolver_info: true,
        ..plan(false)
    });
    let path = discovered.candidates[0].path.clone();
    (path, notes(&discovered, "resolver-info.arpa."))
}

/// draft-sah-resinfo-doh-00 section 3: one object with `inventory`, and in `doh` the templates.
#[test]
fn a_record_in_json_says_the_path() {
    let json = format!(
        r#"{{"inventory":["doh","temp-x"],"doh":{{"templates":["https://other.example.net/q{{?dns}}","{TEMPLATE}"],"domain-to-match":["a"]}},"temp-x":[1]}}"#
    );
    let strings: Vec<u8> = json
        .as_bytes()
        .chunks(100)
        .flat_map(|part| [&[part.len() as u8], part].concat())
        .collect();
    for rdata in [json.as_bytes(), &strings] {
        assert_eq!(
            legacy(inventory(&[rdata])),
            (Some("/old{?dns}".into()), vec![])
        );
    }
    let mut silent = inventory(&[json.as_bytes()]);
    assert_eq!(silent.resolve(plan(true)).candidates[0].path, None);
    let asked = |name: &String| name.contains("resolver-info.arpa");
    assert!(!silent.asked.iter().any(asked), "{:?}", silent.asked);
}

#[test]
fn a_record_in_json_that_says_nothing() {
    let none = [
        r#"{"inventory":[]}"#,
        r#"{"inventory":["doh"],"doh":{"templates":[]}}"#,
    ];
    for json in none {
        assert_eq!(
            legacy(inventory(&[json.as_bytes()])),
            (None, vec![]),
            "{json}"
        );
    }
    let deep = format!(
        r#"{{"inventory":[],"x":{}{}}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    let malformed: [&[u8]; 6] = [
        b"{}",
        b"\x08qnamemin",
        b"{\"inventory\":[]",
        b"{\"inventory\":[],\"doh\":{\"templates\":[\"http://a\"]}}",
        b"{\"inventory\":[\"\xff\"]}",
        deep.as_bytes(),
    ];
    for rdata in malformed {
        let expected = (None, vec![NoteCode::MalformedRecord]);
        assert_eq!(
            legacy(inventory(&[rdata])),
            expected,
            "{}",
            rdata.escape_ascii()
        );
    }
    let object: &[u8] = b"{\"inventory\":[]}";
    let twice = legacy(inventory(&[object, b"{\"inventory\":[1]}"]));
    assert_eq!(twice, (None, vec![NoteCode::MalformedRecord]));
}

fn path(zone: Zone, associated_templates: bool) -> Option<String> {
    let discovered = { zone }.resolve(plan(associated_templates));
    discovered.candidates[0].path.clone()
}

#[test]
fn the_way_is_gone_only_where_it_is_asked_for() {
    assert_eq!(path(zone(&[TEMPLATE]), true).as_deref(), Some("/old{?dns}"));
    let mut silent = zone(&[TEMPLATE]);
    let discovered = silent.resolve(plan(false));
    assert_eq!(discovered.candidates[0].path, None);
    let asked = |name: &String| name.contains("resolver-associated-doh");
    assert!(!silent.asked.iter().any(asked), "{:?}", silent.asked);
}

#[test]
fn what_an_svcb_record_says_comes_first() {
    let params = Params::new()
        .with_alpn(&["h2"])
        .with_path(&"/new{?dns}".parse().unwrap());
    let both = zone(&[TEMPLATE]).svcb("_dns.doh.example.net.", 1, ".", &params);
    assert_eq!(path(both, true).as_deref(), Some("/new{?dns}"));
}

#[test]
fn a_template_of_another_host_or_port_says_nothing() {
    for text in [
        "https://other.example.net/old{?dns}",
        "https://doh.example.net:8443/old{?dns}",
        "",
    ] {
        assert_eq!(path(zone(&[text]), true), None, "{text}");
    }
}

#[test]
fn what_is_no_template_is_told() {
    let discovered = zone(&["https://doh.example.net/old", TEMPLATE]).resolve(plan(true));
    assert_eq!(discovered.candidates[0].path.as_deref(), Some("/old{?dns}"));
    assert_eq!(
        notes(&discovered, "resolver-associated-doh.arpa."),
        [NoteCode::MalformedRecord]
    );
}
