//! CSR attributes, as RFC 7030 has them and as RFC 9908 does.

use resolvet_proto::enrolment::est::{
    Answer, CsrAttributes, CsrAttributesError, KeyType, Operation, Outcome, RequestToSign, Subject,
};

use super::read;
use crate::forge::{key, seq, tlv};

const TYPE: &[(&str, &str)] = &[("Content-Type", "application/csrattrs")];
const TEMPLATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 61];
const EXTENSION_TEMPLATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 62];
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14];
const CHALLENGE_PASSWORD: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

fn oid(content: &[u8]) -> Vec<u8> {
    tlv(6, content)
}

fn attribute(kind: &[u8], values: &[&[u8]]) -> Vec<u8> {
    seq(&[&oid(kind), &tlv(0x31, &values.concat())])
}

fn extension(number: u8, value: Option<&[u8]>) -> Vec<u8> {
    let value = value.map_or_else(Vec::new, |value| tlv(4, value));
    seq(&[&oid(&[0x55, 0x1d, number]), &value])
}

/// 4.5.2 and appendix A.5: the published answer; what is not known is ignored.
#[test]
fn the_published_answer_is_read() {
    let body = include_bytes!("../../vectors/rfc7030/csrattrs.der.b64");
    let outcome = read(Operation::CsrAttrs, 200, TYPE, body);
    let Ok(Outcome::Answer(Answer::CsrAttributes(wanted))) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(wanted.challenge_password && !wanted.is_template);
    assert!(wanted.extensions.is_empty() && wanted.key.is_none());
    assert!(wanted.others.contains(&"1.3.6.1.1.1.1.22".to_owned()));
}

/// 4.5.2: 204, 404 and an empty body mean that there is nothing to ask for.
#[test]
fn nothing() {
    for status in [204, 404] {
        assert_eq!(
            read(Operation::CsrAttrs, status, &[], b""),
            Ok(Outcome::Nothing)
        );
    }
    assert_eq!(
        read(Operation::CsrAttrs, 200, TYPE, b"\r\n"),
        Ok(Outcome::Answer(Answer::CsrAttributes(
            CsrAttributes::default()
        )))
    );
}

/// RFC 9908 section 3.2: the kind of key, and extensions with their values.
#[test]
fn keys_and_extensions() {
    let extensions = seq(&[
        &extension(17, Some(&[0x30, 0])),
        &extension(37, Some(&[0x30, 0])),
    ]);
    let der = seq(&[
        &attribute(EC_PUBLIC_KEY, &[&oid(P256)]),
        &attribute(EXTENSION_REQUEST, &[&extensions]),
        &oid(CHALLENGE_PASSWORD),
    ]);
    let wanted = CsrAttributes::from_der(&der).unwrap();
    assert_eq!(
        wanted.key,
        Some(KeyType::Ec {
            curve: "1.2.840.10045.3.1.7".into()
        })
    );
    assert_eq!(wanted.extensions.len(), 2);
    let twice = seq(&[
        &attribute(EXTENSION_REQUEST, &[&extensions]),
        &attribute(EXTENSION_REQUEST, &[&extensions]),
    ]);
    assert_eq!(
        CsrAttributes::from_der(&twice),
        Err(CsrAttributesError::Extensions { came: 2 })
    );
}

fn single(kind: &[u8], value: Option<&str>) -> Vec<u8> {
    let value = value.map_or_else(Vec::new, |text| tlv(0x0c, text.as_bytes()));
    tlv(0x31, &seq(&[&oid(kind), &value]))
}

fn template(version: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let subject = seq(&[
        &single(ORGANIZATION, Some("Example")),
        &single(COMMON_NAME, None),
    ]);
    let public_key = tlv(0xa0, &seq(&[&oid(EC_PUBLIC_KEY), &oid(P256)]));
    seq(&[
        &tlv(2, &[version]),
        &subject,
        &public_key,
        &tlv(0xa1, &attributes.concat()),
    ])
}

/// RFC 9908 sections 3.4 and 4: a client that knows the template uses it and nothing else.
#[test]
fn a_template_takes_precedence() {
    let templates = seq(&[&extension(17, None), &extension(37, Some(&[0x30, 0]))]);
    let inner = template(0, &[attribute(EXTENSION_TEMPLATE, &[&templates])]);
    let der = seq(&[&oid(CHALLENGE_PASSWORD), &attribute(TEMPLATE, &[&inner])]);
    let wanted = CsrAttributes::from_der(&der).unwrap();
    assert!(wanted.is_template && !wanted.challenge_password);
    assert_eq!(wanted.extensions_to_fill, ["2.5.29.17"]);
    assert_eq!(wanted.extensions.len(), 1);
    assert!(matches!(wanted.key, Some(KeyType::Ec { .. })));
    use rcgen::PublicKeyData as _;
    let request = RequestToSign::new(
        &Subject::Text("CN=laptop,C=US".into()),
        &key().subject_public_key_info(),
        &wanted,
        None,
    )
    .unwrap();
    // The organization is the template's, the common name our own, the country is not asked for.
    let octets = request.octets();
    let has = |text: &[u8]| octets.windows(text.len()).any(|window| window == text);
    assert!(has(b"Example") && has(b"laptop") && !has(b"US"));
}

/// RFC 9908 section 3.4: one template, of version 1, with one request for extensions.
#[test]
fn templates_that_are_refused() {
    let extensions = seq(&[&extension(17, Some(&[0x30, 0]))]);
    let one = template(0, &[]);
    let other_version = template(1, &[]);
    let both = template(
        0,
        &[
            attribute(EXTENSION_REQUEST, &[&extensions]),
            attribute(EXTENSION_TEMPLATE, &[&extensions]),
        ],
    );
    assert!(matches!(
        CsrAttributes::from_der(&seq(&[&attribute(TEMPLATE, &[&other_version])])),
        Err(CsrAttributesError::Template { .. })
    ));
    assert!(matches!(
        CsrAttributes::from_der(&seq(&[
            &attribute(TEMPLATE, &[&one]),
            &attribute(TEMPLATE, &[&one])
        ])),
        Err(CsrAttributesError::Template { .. })
    ));
    assert_eq!(
        CsrAttributes::from_der(&seq(&[&attribute(TEMPLATE, &[&both])])),
        Err(CsrAttributesError::Extensions { came: 2 })
    );
    assert!(matches!(
        CsrAttributes::from_der(&tlv(0x30, &oid(P256).repeat(65))),
        Err(CsrAttributesError::TooMany {
            came: 65,
            limit: 64
        })
    ));
}
