//! A certificate as this policy needs it: fields and extensions as slices of its DER.

use crate::der::{self, Malformed, Reader, Result, tag};

/// Object identifiers, content octets.
pub(crate) mod oid {
    pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    pub(crate) const ISSUER_ALT_NAME: &[u8] = &[0x55, 0x1d, 18];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
    pub(crate) const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 31];
    pub(crate) const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 32];
    pub(crate) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 32, 0];
    pub(crate) const POLICY_MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
    pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
    pub(crate) const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
    pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub(crate) const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
    pub(crate) const FRESHEST_CRL: &[u8] = &[0x55, 0x1d, 46];
    pub(crate) const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];
    pub(crate) const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
    pub(crate) const SUBJECT_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 11];
    pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub(crate) const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
    pub(crate) const CMC_RA: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 28];
    pub(crate) const DNS_SRV: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 7];
    pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub(crate) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
    pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pub(crate) const CURVES: [&[u8]; 3] = [
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        &[0x2b, 0x81, 4, 0, 34],
        &[0x2b, 0x81, 4, 0, 35],
    ];
    pub(crate) const EDWARDS: [&[u8]; 2] = [&[0x2b, 0x65, 0x70], &[0x2b, 0x65, 0x71]];
}

/// Bits of the key usage extension (RFC 5280 section 4.2.1.3), as [`der::named_bits`] places them.
pub(crate) mod key_usage {
    pub(crate) const DIGITAL_SIGNATURE: u16 = 1 << 15;
    pub(crate) const KEY_CERT_SIGN: u16 = 1 << 10;
    pub(crate) const CRL_SIGN: u16 = 1 << 9;
}

/// Most extensions of one certificate. Real ones have about ten; the search for repeated ones is quadratic.
const EXTENSIONS: usize = 64;

/// Where a certificate stands in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It was presented at this position.
    Presented(u32),
    /// It is the trust anchor at this position.
    Anchor(u32),
    /// It came inside an OCSP response.
    Elsewhere,
}

/// An extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    /// Content of the OCTET STRING.
    pub(crate) value: &'a [u8],
    /// The extension with tag and length.
    pub(crate) whole: &'a [u8],
}

/// The basic constraints (RFC 5280 section 4.2.1.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) ca: bool,
    pub(crate) path_length: Option<u32>,
}

/// A certificate.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) place: Place,
    pub(crate) der: &'a [u8],
    /// The signed part with tag and length.
    pub(crate) signed: &'a [u8],
    /// Content of the outer `AlgorithmIdentifier`.
    pub(crate) signature_algorithm: &'a [u8],
    /// Content of the `AlgorithmIdentifier` inside the signed part.
    pub(crate) inner_signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// 1, 2 or 3.
    pub(crate) version: u32,
    /// Content of the INTEGER.
    pub(crate) serial: &'a [u8],
    /// `Name` with tag and length.
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// The `Validity` with tag and length.
    pub(crate) validity: &'a [u8],
    /// `Name` with tag and length.
    pub(crate) subject: &'a [u8],
    /// `SubjectPublicKeyInfo` with tag and length.
    pub(crate) key_info: &'a [u8],
    /// Content of the key's `AlgorithmIdentifier`.
    pub(crate) key_algorithm: &'a [u8],
    /// The key itself.
    pub(crate) key: &'a [u8],
    pub(crate) extensions: Vec<Extension<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate (RFC 5280 section 4.1).
    pub(crate) fn read(der: &'a [u8], place: Place) -> Result<Self> {
        let mut outer = der::only(der, tag::SEQUENCE)?;
        let tbs = outer.expect(tag::SEQUENCE)?;
        let signature_algorithm = outer.expect(tag::SEQUENCE)?.content;
        let signature = der::octets_of_bits(outer.expect(tag::BIT_STRING)?.content)?;
        outer.end()?;

        let mut fields = Reader::new(tbs.content);
        let version = match fields.optional(tag::explicit(0))? {
            None => 1,
            Some(explicit) => {
                let mut inner = Reader::new(explicit.content);
                let number = der::small(inner.expect(tag::INTEGER)?.content)?;
                inner.end()?;
                number.saturating_add(1)
            }
        };
        let serial = fields.expect(tag::INTEGER)?.content;
        let inner_signature_algorithm = fields.expect(tag::SEQUENCE)?.content;
        let issuer = fields.expect(tag::SEQUENCE)?.whole;
        let validity = fields.expect(tag::SEQUENCE)?;
        let mut times = Reader::new(validity.content);
        let not_before = der::time(&times.value()?)?;
        let not_after = der::time(&times.value()?)?;
        times.end()?;
        let subject = fields.expect(tag::SEQUENCE)?.whole;
        let key_info = fields.expect(tag::SEQUENCE)?;
        let mut key_fields = Reader::new(key_info.content);
        let key_algorithm = key_fields.expect(tag::SEQUENCE)?.content;
        let key = der::octets_of_bits(key_fields.expect(tag::BIT_STRING)?.content)?;
        key_fields.end()?;
        // Unique identifiers of version 2.
        fields.optional(tag::implicit(1))?;
        fields.optional(tag::implicit(2))?;
        let extensions = match fields.optional(tag::explicit(3))? {
            None => Vec::new(),
            Some(explicit) => extensions(explicit.content)?,
        };
        fields.end()?;
        if serial.is_empty() || (!extensions.is_empty() && version != 3) {
            return Err(Malformed);
        }
        Ok(Self {
            place,
            der,
            signed: tbs.whole,
            signature_algorithm,
            inner_signature_algorithm,
            signature,
            version,
            serial,
            issuer,
            not_before,
            not_after,
            validity: validity.whole,
            subject,
            key_info: key_info.whole,
            key_algorithm,
            key,
            extensions,
        })
    }

    /// The extension with this object identifier.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
    }

    /// Whether subject and issuer are the same name, octet for octet.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The basic constraints; the default where the extension is absent.
    pub(crate) fn basic_constraints(&self) -> Result<BasicConstraints> {
        let Some(extension) = self.extension(oid::BASIC_CONSTRAINTS) else {
            return Ok(BasicConstraints::default());
        };
        let mut fields = der::only(extension.value, tag::SEQUENCE)?;
        let ca = match fields.optional(tag::BOOLEAN)? {
            None => false,
            Some(value) => der::boolean(value.content)?,
        };
        let path_length = match fields.optional(tag::INTEGER)? {
            None => None,
            Some(value) => Some(der::small(value.content)?),
        };
        fields.end()?;
        Ok(BasicConstraints { ca, path_length })
    }

    /// The key usage bits, where the extension is present.
    pub(crate) fn key_usage(&self) -> Result<Option<u16>> {
        let Some(extension) = self.extension(oid::KEY_USAGE) else {
            return Ok(None);
        };
        let mut outer = Reader::new(extension.value);
        let bits = der::named_bits(outer.expect(tag::BIT_STRING)?.content)?;
        outer.end()?;
        Ok(Some(bits))
    }

    /// Whether the extended key usage names this purpose; `None` where the extension is absent.
    pub(crate) fn has_purpose(&self, purpose: &[u8]) -> Result<Option<bool>> {
        let Some(extension) = self.extension(oid::EXTENDED_KEY_USAGE) else {
            return Ok(None);
        };
        let mut purposes = der::only(extension.value, tag::SEQUENCE)?;
        if purposes.is_empty() {
            return Err(Malformed);
        }
        let mut found = false;
        while !purposes.is_empty() {
            found |= purposes.expect(tag::OID)?.content == purpose;
        }
        Ok(Some(found))
    }

    /// The subject key identifier.
    pub(crate) fn subject_key_identifier(&self) -> Result<Option<&'a [u8]>> {
        let Some(extension) = self.extension(oid::SUBJECT_KEY_IDENTIFIER) else {
            return Ok(None);
        };
        let mut outer = Reader::new(extension.value);
        let identifier = outer.expect(tag::OCTET_STRING)?.content;
        outer.end()?;
        Ok(Some(identifier))
    }

    /// The subject alternative names, content of the SEQUENCE.
    pub(crate) fn alt_names(&self) -> Result<Option<Reader<'a>>> {
        self.extension(oid::SUBJECT_ALT_NAME)
            .map(|extension| der::only(extension.value, tag::SEQUENCE))
            .transpose()
    }
}

/// The extensions of a certificate, CRL or OCSP response.
pub(crate) fn extensions(content: &[u8]) -> Result<Vec<Extension<'_>>> {
    let mut list = der::only(content, tag::SEQUENCE)?;
    let mut extensions = Vec::with_capacity(12);
    while !list.is_empty() {
        if extensions.len() == EXTENSIONS {
            return Err(Malformed);
        }
        let whole = list.expect(tag::SEQUENCE)?;
        let mut fields = Reader::new(whole.content);
        let oid = fields.expect(tag::OID)?.content;
        let critical = match fields.optional(tag::BOOLEAN)? {
            None => false,
            Some(value) => der::boolean(value.content)?,
        };
        let value = fields.expect(tag::OCTET_STRING)?.content;
        fields.end()?;
        extensions.push(Extension {
            oid,
            critical,
            value,
            whole: whole.whole,
        });
    }
    Ok(extensions)
}
