//! Where the privacy extension stands in the end entity's certificate.

use der::{
    Decode, Header, Reader as _, SliceReader, Tag, asn1::ObjectIdentifier, asn1::OctetStringRef,
};
use resolvet_guest::certificate::privacy::{PrivacyError, PrivacyStatement};

/// `[3]`, the extensions of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// Fields of a certificate before its extensions, at most.
const FIELDS: usize = 10;
/// Most extensions that are looked at.
const MOST: usize = 64;

/// The privacy extension.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) statement: Result<PrivacyStatement, PrivacyError>,
    pub(crate) critical: bool,
    /// Octets in the certificate.
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// An object identifier in dotted form.
pub(crate) fn object_identifier(dotted: &str) -> Option<ObjectIdentifier> {
    ObjectIdentifier::new(dotted).ok()
}

/// The extensions with this object identifier: none, one, or by mistake several.
///
/// # Errors
/// The certificate cannot be read.
pub(crate) fn find(certificate: &[u8], oid: &str) -> Result<Vec<Extension>, PrivacyError> {
    let oid = object_identifier(oid).ok_or(PrivacyError::Certificate)?;
    let mut found = Vec::new();
    let list = list(certificate).ok_or(PrivacyError::Certificate)?;
    let mut list = SliceReader::new(list).map_err(|_| PrivacyError::Certificate)?;
    for _ in 0..MOST {
        if list.is_finished() {
            return Ok(found);
        }
        let whole = list.tlv_bytes().map_err(|_| PrivacyError::Certificate)?;
        let (id, critical, value) = fields(whole).ok_or(PrivacyError::Certificate)?;
        if id == oid {
            let offset = (whole.as_ptr() as usize).wrapping_sub(certificate.as_ptr() as usize);
            found.push(Extension {
                statement: PrivacyStatement::from_der(value),
                critical,
                offset: u32::try_from(offset).unwrap_or(0),
                length: u32::try_from(whole.len()).unwrap_or(0),
            });
        }
    }
    Err(PrivacyError::Certificate)
}

/// The content of the list of extensions; empty where there is none.
fn list(certificate: &[u8]) -> Option<&[u8]> {
    let mut outer = SliceReader::new(certificate).ok()?;
    let mut body = SliceReader::new(content(&mut outer)?).ok()?;
    let mut fields = SliceReader::new(content(&mut body)?).ok()?;
    for _ in 0..FIELDS {
        if fields.is_finished() {
            return Some(&[]);
        }
        if fields.peek_byte()? == EXTENSIONS {
            let mut explicit = SliceReader::new(any(&mut fields)?).ok()?;
            let list = content(&mut explicit)?;
            return explicit.is_finished().then_some(list);
        }
        fields.tlv_bytes().ok()?;
    }
    None
}

fn fields(extension: &[u8]) -> Option<(ObjectIdentifier, bool, &[u8])> {
    let mut outer = SliceReader::new(extension).ok()?;
    let mut fields = SliceReader::new(content(&mut outer)?).ok()?;
    let oid = ObjectIdentifier::decode(&mut fields).ok()?;
    let critical = fields.peek_byte()? == 0x01 && bool::decode(&mut fields).ok()?;
    let value: &OctetStringRef = Decode::decode(&mut fields).ok()?;
    fields
        .is_finished()
        .then_some((oid, critical, value.as_bytes()))
}

/// The content of the next value, a SEQUENCE.
fn content<'a>(reader: &mut SliceReader<'a>) -> Option<&'a [u8]> {
    let header = Header::decode(reader).ok()?;
    (header.tag() == Tag::Sequence).then(|| reader.read_slice(header.length()).ok())?
}

/// The content of the next value.
fn any<'a>(reader: &mut SliceReader<'a>) -> Option<&'a [u8]> {
    let header = Header::decode(reader).ok()?;
    reader.read_slice(header.length()).ok()
}
