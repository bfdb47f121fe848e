//! 3.1: payloads are base64 of DER whatever Content-Transfer-Encoding says, and white space is tolerated.

use resolvet_proto::enrolment::est::{Answer, Operation, Outcome, decode, encode};

use crate::rfc7030::read;

const DER: &[u8] = include_bytes!("../../vectors/rfc7030/cacerts.p7");

fn folded(width: usize, end: &str) -> String {
    let text = encode(DER);
    let lines = text.trim_end().as_bytes().chunks(width);
    lines
        .map(|line| format!("{}{end}", std::str::from_utf8(line).unwrap()))
        .collect()
}

/// Every layout that clients and servers were seen to send is read, with and without a Content-Transfer-Encoding of any
/// value.
#[test]
fn every_layout_is_read() {
    let armour = format!(
        "-----BEGIN PKCS7-----\n{}-----END PKCS7-----\n",
        folded(64, "\n")
    );
    let layouts: Vec<Vec<u8>> = vec![
        folded(64, "\n").into(),
        folded(64, "\r\n").into(),
        folded(76, "\n").into(),
        folded(76, "\r\n").into(),
        encode(DER).into(),
        encode(DER).trim_end().into(),
        armour.into(),
        DER.to_vec(),
    ];
    for body in layouts {
        for encoding in [None, Some("base64"), Some("binary"), Some("8bit")] {
            let mut headers = vec![("content-type", "application/pkcs7-mime")];
            headers.extend(encoding.map(|encoding| ("content-transfer-encoding", encoding)));
            let outcome = read(Operation::CaCerts, 200, &headers, &body);
            let Ok(Outcome::Answer(Answer::Certificates(found))) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(found.len(), 4);
        }
    }
}

/// The one layout that all known programs read: unfolded, with a final line feed.
#[test]
fn one_layout_is_written() {
    let body = encode(DER);
    assert!(body.ends_with('\n'));
    assert_eq!(body.lines().count(), 1);
    assert_eq!(decode(body.as_bytes(), 1 << 20).unwrap(), DER);
}
