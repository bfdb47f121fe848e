//! Distribution of certificates of authorities.

use resolvet_proto::enrolment::est::{
    Answer, CmsError, Operation, Outcome, ReplyError, certificates, certs_only, encode,
    sort_ca_certificates,
};

use super::{PKCS7, read};
use crate::world::World;

const BODY: &[u8] = include_bytes!("../../vectors/rfc7030/cacerts.p7.b64");
const DER: &[u8] = include_bytes!("../../vectors/rfc7030/cacerts.p7");

/// 4.1.3 and appendix A.1: the published answer holds both roots and what leads from one to the other.
#[test]
fn the_published_answer_is_sorted() {
    let outcome = read(Operation::CaCerts, 200, PKCS7, BODY);
    let Ok(Outcome::Answer(Answer::Certificates(found))) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(found.len(), 4);
    // Octet for octet as they stand in the message.
    for der in &found {
        assert!(DER.windows(der.len()).any(|window| window == &der[..]));
    }
    let sorted = sort_ca_certificates(found);
    let name = |der: &[u8]| {
        let facts = resolvet_proto::certificate::facts(der).unwrap();
        (facts.subject, facts.serial)
    };
    let roots: Vec<_> = sorted.roots.iter().map(|der| name(der)).collect();
    assert_eq!(roots.len(), 2, "{roots:?}");
    assert_eq!(sorted.old_with_new.len(), 1);
    assert_eq!(sorted.new_with_old.len(), 1);
    assert!(sorted.chain.is_empty() && sorted.others.is_empty());
    assert_ne!(sorted.old_with_new, sorted.new_with_old);
}

/// 4.1.3: a rollover as an authority does it: which key is the newer one, notBefore says.
#[test]
fn rollover() {
    let w = World::new();
    let (old, new) = (&w.root, &w.authority);
    let mut first = crate::forge::Certificate::authority("root", "root", old, old);
    first.validity.0 -= 1_000;
    let second = crate::forge::Certificate::authority("root", "root", new, new);
    let old_with_new = crate::forge::Certificate::authority("root", "root", old, new);
    let new_with_old = crate::forge::Certificate::authority("root", "root", new, old);
    let sub = crate::forge::Certificate::authority("sub", "root", &w.server, new);
    let leaf = w.server();
    let sorted = sort_ca_certificates(vec![
        new_with_old.sign(old),
        leaf.sign(new),
        first.sign(old),
        old_with_new.sign(new),
        sub.sign(new),
        second.sign(new),
    ]);
    assert_eq!(sorted.roots.len(), 2);
    let key = |der: &[u8]| resolvet_proto::certificate::facts(der).unwrap().spki;
    assert_eq!(key(&sorted.old_with_new[0]), key(&first.sign(old)));
    assert_eq!(key(&sorted.new_with_old[0]), key(&second.sign(new)));
    assert_eq!(sorted.chain.len(), 1);
    assert_eq!(sorted.others.len(), 1, "an end entity is no authority");
    // Only the current root and the certificate of the old key: RFC 7030 section 4.1.3 demands no more.
    let sorted = sort_ca_certificates(vec![second.sign(new), old_with_new.sign(new)]);
    assert_eq!((sorted.roots.len(), sorted.old_with_new.len()), (1, 1));
}

/// 4.1.3: the media type is checked, and every way in which a body is none has its own error.
#[test]
fn faults() {
    let html: &[(&str, &str)] = &[("Content-Type", "text/html")];
    assert!(matches!(
        read(Operation::CaCerts, 200, html, BODY),
        Err(ReplyError::ContentType { .. })
    ));
    assert!(matches!(
        read(Operation::CaCerts, 200, &[], BODY),
        Err(ReplyError::ContentType { .. })
    ));
    let empty = encode(&certs_only(&[], &[]).unwrap());
    assert_eq!(
        read(Operation::CaCerts, 200, PKCS7, empty.as_bytes()),
        Err(ReplyError::Cms(CmsError::NoCertificates))
    );
    assert!(matches!(
        read(Operation::CaCerts, 200, PKCS7, &BODY[..BODY.len() / 2]),
        Err(ReplyError::Body(_))
    ));
    assert!(matches!(
        read(Operation::CaCerts, 200, PKCS7, &vec![b'A'; 10 << 20]),
        Err(ReplyError::Body(_))
    ));
    // CMS of another kind: id-data.
    let data = [
        0x30, 0x0f, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1, 0xa0, 2, 4, 0,
    ];
    assert!(matches!(
        certificates(&data),
        Err(CmsError::ContentType { .. })
    ));
}

/// What we write is what we read; the lab's server writes with it.
#[test]
fn what_is_written_is_read() {
    let w = World::new();
    let chain = vec![w.root().sign(&w.root), w.authority().sign(&w.root)];
    let mut found = certificates(&certs_only(&chain, &[]).unwrap()).unwrap();
    found.sort();
    let mut chain = chain;
    chain.sort();
    assert_eq!(found, chain);
    let many = vec![w.root().sign(&w.root); 65];
    assert!(matches!(
        certificates(&certs_only(&many, &[]).unwrap()),
        Err(CmsError::TooMany {
            came: 65,
            limit: 64,
            ..
        })
    ));
}

/// RFC 9148 appendix A.1, whose bodies are DER.
#[test]
fn bodies_of_rfc_9148() {
    let found = certificates(include_bytes!("../../vectors/rfc9148/A_1_cacerts-0.der")).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(sort_ca_certificates(found).roots.len(), 1);
}
