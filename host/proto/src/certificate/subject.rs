//! The subject of a certificate, without parsing the rest of it.

use der::{Decode as _, Header, Reader as _, SliceReader, Tag};

/// First octet of `[0] EXPLICIT Version`, which a version 1 certificate does not have.
const VERSION: u8 = 0xa0;
/// First octet of a SEQUENCE.
const SEQUENCE: u8 = 0x30;

/// The subject of a DER certificate (RFC 5280 section 4.1.2.6): a `Name` with its outer tag and length, as it stands
/// there. `None` when the certificate cannot be read up to it.
#[must_use]
pub fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let tbs = content(&mut SliceReader::new(certificate).ok()?, Tag::Sequence)?;
    let mut fields =
        SliceReader::new(content(&mut SliceReader::new(tbs).ok()?, Tag::Sequence)?).ok()?;
    if fields.peek_byte()? == VERSION {
        fields.tlv_bytes().ok()?;
    }
    // serialNumber, signature, issuer, validity
    for _ in 0..4 {
        fields.tlv_bytes().ok()?;
    }
    let subject = fields.tlv_bytes().ok()?;
    (subject.first() == Some(&SEQUENCE)).then_some(subject)
}

/// The content of the next value, which must have this tag.
fn content<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> Option<&'a [u8]> {
    let header = Header::decode(reader).ok()?;
    (header.tag() == tag).then(|| reader.read_slice(header.length()).ok())?
}
