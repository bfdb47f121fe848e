//! 5.4: a voucher is CMS SignedData with one signer.

use resolvet_proto::enrolment::brski::{ContentKind, SignatureError, Signed, ToSign};

use crate::rfc8995::{
    ALGORITHMS,
    manufacturer::{Manufacturer, sign},
};

/// What we write has the standard's content type and version, and reads back.
#[test]
fn what_is_written_is_read() {
    let m = Manufacturer::new();
    let certificate = m.masa_certificate();
    for (kind, version) in [(ContentKind::JsonVoucher, 3), (ContentKind::Data, 1)] {
        let to_sign =
            ToSign::new(b"{}", kind, &[certificate.clone(), m.anchor()], Some(0)).unwrap();
        let cms = sign(to_sign, &m.masa);
        // SignedData's version stands after two headers and an OID.
        let at = cms
            .windows(3)
            .position(|window| window == [2, 1, version])
            .unwrap();
        assert!(at < 30);
        let signed = Signed::from_der(&cms).unwrap();
        assert_eq!(signed.content(), b"{}");
        assert_eq!(signed.certificates().len(), 2);
        assert_eq!(signed.verify(&[], ALGORITHMS).unwrap(), certificate);
    }
    assert!(matches!(
        ToSign::new(b"{}", ContentKind::Data, &[], None),
        Err(SignatureError::NoSignerCertificate { certificates: 0 })
    ));
}

/// Certificates that are missing, and messages of other kinds.
#[test]
fn other_messages() {
    let m = Manufacturer::new();
    let bare = resolvet_proto::enrolment::est::certs_only(&[m.anchor()], &[]).unwrap();
    assert_eq!(Signed::from_der(&bare), Err(SignatureError::NoContent));
    assert!(matches!(Signed::from_der(b""), Err(SignatureError::Cms(_))));
}
