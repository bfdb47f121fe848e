//! Package availability lists.

use resolvet_proto::enrolment::est::{
    Answer, Operation, Outcome, PackageType, PalError, PalInfo, pal_from_json, pal_from_xml,
};

use crate::rfc7030::read;

const JSON: &str = include_str!("../../vectors/rfc8295/section-2.1.3.json");

fn xml(entries: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><p:pal xmlns:p="urn:ietf:params:xml:ns:pal">{entries}</p:pal>"#
    )
}

fn entry(kind: &str, info: &str) -> String {
    format!(
        "<p:message><p:type>{kind}</p:type><p:size>1234</p:size><p:info>{info}</p:info></p:message>"
    )
}

/// 2.1.3: the published example.
#[test]
fn the_published_list_is_read() {
    let outcome = read(
        Operation::Pal,
        200,
        &[("content-type", "application/json; charset=utf-8")],
        JSON.as_bytes(),
    );
    let Ok(Outcome::Answer(Answer::Pal(pal))) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(pal.entries.len(), 2);
    assert_eq!(
        pal.uris(&PackageType::EndEntityCertificate)
            .collect::<Vec<_>>(),
        ["https://www.example.com/.well-known/est/eecerts/1234"]
    );
    assert_eq!(
        pal.entries[1].info,
        PalInfo::IssuerAndSerial {
            issuer: "CN=Sean Turner,O=sn3rd,C=US".into(),
            serial: "0".into()
        }
    );
}

/// 2.1.2: the same in XML.
#[test]
fn a_list_in_xml_is_read() {
    let uri = "<p:uri>https://www.example.com/.well-known/est/eecerts/1234</p:uri>";
    let iasn =
        "<p:iasn><p:issuer>CN=Sean Turner,O=sn3rd,C=US</p:issuer><p:serial>0</p:serial></p:iasn>";
    let text = xml(&[entry("0003", uri), entry("0006", iasn)].concat());
    let mut json = pal_from_json(JSON.as_bytes()).unwrap();
    for entry in &mut json.entries {
        entry.date = None;
    }
    assert_eq!(pal_from_xml(text.as_bytes()).unwrap(), json);
    assert!(matches!(
        read(
            Operation::Pal,
            200,
            &[("content-type", "application/xml")],
            text.as_bytes()
        ),
        Ok(Outcome::Answer(Answer::Pal(_)))
    ));
}

/// 2.1.1: another list comes last and not alone; a type has four digits.
#[test]
fn rules_of_lists() {
    let uri = "<p:uri>https://www.example.com/.well-known/est/pal/2</p:uri>";
    for entries in [
        entry("0001", uri),
        [entry("0001", uri), entry("0003", uri)].concat(),
        entry("003", uri),
        entry("0003", ""),
        entry("0003", &format!("<p:dn>{}</p:dn>", "x".repeat(1_025))),
    ] {
        assert!(
            matches!(
                pal_from_xml(xml(&entries).as_bytes()),
                Err(PalError::Entry { .. })
            ),
            "{entries}"
        );
    }
    assert!(
        pal_from_xml(xml(&[entry("0003", uri), entry("0001", uri)].concat()).as_bytes()).is_ok()
    );
}

/// A list is bounded, and its XML has no document type.
#[test]
fn hostile_lists() {
    let bomb = r#"<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><pal xmlns="urn:ietf:params:xml:ns:pal">&b;</pal>"#;
    assert!(matches!(
        pal_from_xml(bomb.as_bytes()),
        Err(PalError::Malformed { .. })
    ));
    let uri = "<p:uri>https://www.example.com/</p:uri>";
    let many = xml(&entry("0003", uri).repeat(257));
    assert!(matches!(
        pal_from_xml(many.as_bytes()),
        Err(PalError::TooMany {
            came: 257,
            limit: 256
        })
    ));
    assert!(matches!(
        pal_from_json(&vec![b' '; 300_000]),
        Err(PalError::TooLarge { .. })
    ));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(
        pal_from_json(deep.as_bytes()),
        Err(PalError::Malformed { .. })
    ));
}
