//! Certificate revocation lists.

use resolvet_proto::enrolment::est::{
    Answer, CmsError, Operation, Outcome, ReplyError, certs_only, encode,
};

use crate::{
    forge::{NOW, crl},
    rfc7030::{PKCS7, read},
    world::World,
};

/// `/crls` answers with a message that holds lists and no certificates.
#[test]
fn lists_are_read() {
    let w = World::new();
    let lists = vec![
        crl("root", &[], NOW + 60, &w.root),
        crl("authority", &[&[0x11]], NOW + 60, &w.authority),
    ];
    let body = encode(&certs_only(&[], &lists).unwrap());
    let types: &[(&str, &str)] = &[(
        "content-type",
        "application/pkcs7-mime; smime-type=crls-only",
    )];
    let outcome = read(Operation::Crls, 200, types, body.as_bytes());
    let Ok(Outcome::Answer(Answer::Crls(mut found))) = outcome else {
        panic!("{outcome:?}");
    };
    let mut lists = lists;
    lists.sort();
    found.sort();
    assert_eq!(found, lists);
    let none = encode(&certs_only(&[w.root().sign(&w.root)], &[]).unwrap());
    assert_eq!(
        read(Operation::Crls, 200, PKCS7, none.as_bytes()),
        Err(ReplyError::Cms(CmsError::NoCrls))
    );
}
