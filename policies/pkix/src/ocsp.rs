//! A stapled OCSP response (RFC 6960 section 4.2).

use resolvet_guest::crypto::{self, DigestAlgorithm};

use crate::{
    certificate::{Certificate, Place, extensions, key_usage, oid},
    der::{self, Malformed, Reader, Value, tag},
    facts::Facts,
    name,
    search::verify,
    sha1::sha1,
};

const BASIC_RESPONSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 26];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// Certificates of responders that are tried. One is usual.
const RESPONDERS: usize = 4;

/// How long a response counts that does not say when the next one comes: authorities renew theirs within days, and one that
/// counted for ever would hide a revocation for as long.
const SECONDS_WITHOUT_NEXT_UPDATE: u64 = 7 * 86_400;

/// The tag of the status that says so.
const REVOKED: u8 = 0xa1;

/// What a response says about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not revoked; until the next update, or [`SECONDS_WITHOUT_NEXT_UPDATE`].
    Good(u64),
    Revoked,
    Unknown,
}

/// Why a response says nothing that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    Malformed,
    NotSuccessful,
    OtherCertificate,
    NotCurrent,
    NotSigned,
}

impl From<Malformed> for Problem {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Problem {
    /// The end of a sentence about the response.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "is malformed",
            Self::NotSuccessful => "reports an error",
            Self::OtherCertificate => "is about another certificate",
            Self::NotCurrent => "is too old or from the future",
            Self::NotSigned => "is not signed by the issuer or a responder that it authorized",
        }
    }
}

/// What the response says about this certificate of this issuer.
pub(crate) fn status(
    response: &[u8],
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    facts: &Facts<'_>,
) -> Result<Status, Problem> {
    let basic = basic_response(response)?;
    let mut fields = der::only(basic, tag::SEQUENCE)?;
    let data = fields.expect(tag::SEQUENCE)?;
    let algorithm = fields.expect(tag::SEQUENCE)?.content;
    let signature = der::octets_of_bits(fields.expect(tag::BIT_STRING)?.content)?;
    let certificates = fields.optional(tag::explicit(0))?;
    fields.end()?;

    let mut data_fields = Reader::new(data.content);
    data_fields.optional(tag::explicit(0))?;
    let responder = data_fields.value()?;
    let produced = der::time(&data_fields.expect(tag::GENERALIZED_TIME)?)?;
    let responses = data_fields.nested(tag::SEQUENCE)?;
    if let Some(explicit) = data_fields.optional(tag::explicit(1))?
        && extensions(explicit.content)?
            .iter()
            .any(|extension| extension.critical)
    {
        return Err(Problem::Malformed);
    }
    data_fields.end()?;

    let single = matching(responses, certificate, issuer)?.ok_or(Problem::OtherCertificate)?;
    let (status, current) = answer(single, facts)?;
    if !current || facts.validity_counts_from(produced) {
        return Err(Problem::NotCurrent);
    }
    if signed_by_issuer(&responder, algorithm, data.whole, signature, issuer)
        || signed_by_delegate(
            &responder,
            algorithm,
            data.whole,
            signature,
            certificates,
            issuer,
            facts,
        )?
    {
        Ok(status)
    } else {
        Err(Problem::NotSigned)
    }
}

fn basic_response(response: &[u8]) -> Result<&[u8], Problem> {
    let mut fields = der::only(response, tag::SEQUENCE)?;
    if fields.expect(tag::ENUMERATED)?.content != [0] {
        return Err(Problem::NotSuccessful);
    }
    let mut bytes = fields.nested(tag::explicit(0))?.nested(tag::SEQUENCE)?;
    if bytes.expect(tag::OID)?.content != BASIC_RESPONSE {
        return Err(Problem::Malformed);
    }
    Ok(bytes.expect(tag::OCTET_STRING)?.content)
}

/// The fields behind the `CertID` of the single response that is about this certificate.
fn matching<'a>(
    mut responses: Reader<'a>,
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
) -> Result<Option<Reader<'a>>, Problem> {
    while !responses.is_empty() {
        let mut single = responses.nested(tag::SEQUENCE)?;
        let mut id = single.nested(tag::SEQUENCE)?;
        let hash = id.nested(tag::SEQUENCE)?.expect(tag::OID)?.content;
        let name_hash = id.expect(tag::OCTET_STRING)?.content;
        let key_hash = id.expect(tag::OCTET_STRING)?.content;
        let serial = id.expect(tag::INTEGER)?.content;
        if serial == certificate.serial
            && digest(hash, certificate.issuer).as_deref() == Some(name_hash)
            && digest(hash, issuer.key).as_deref() == Some(key_hash)
        {
            return Ok(Some(single));
        }
    }
    Ok(None)
}

fn digest(algorithm: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        SHA1 => Some(sha1(data).to_vec()),
        SHA256 => crypto::digest(DigestAlgorithm::Sha256, data).ok(),
        _ => None,
    }
}

/// The status, and whether it is current.
fn answer(mut single: Reader<'_>, facts: &Facts<'_>) -> Result<(Status, bool), Problem> {
    let status = single.value()?;
    let this_update = der::time(&single.expect(tag::GENERALIZED_TIME)?)?;
    let end = match single.optional(tag::explicit(0))? {
        // That something was revoked does not become less true.
        None if status.tag == REVOKED => u64::MAX,
        None => this_update.saturating_add(SECONDS_WITHOUT_NEXT_UPDATE),
        Some(explicit) => der::time(&Reader::new(explicit.content).expect(tag::GENERALIZED_TIME)?)?,
    };
    if let Some(explicit) = single.optional(tag::explicit(1))?
        && extensions(explicit.content)?
            .iter()
            .any(|extension| extension.critical)
    {
        return Err(Problem::Malformed);
    }
    single.end()?;
    let current = !facts.validity_counts_from(this_update) && !facts.validity_counts_to(end);
    let status = match status.tag {
        0x80 => Status::Good(end),
        REVOKED => Status::Revoked,
        0x82 => Status::Unknown,
        _ => return Err(Problem::Malformed),
    };
    Ok((status, current))
}

/// Whether the responder's identifier names this certificate.
fn names(responder: &Value<'_>, certificate: &Certificate<'_>) -> bool {
    match responder.tag {
        0xa1 => name::matches(responder.content, certificate.subject),
        0xa2 => Reader::new(responder.content)
            .expect(tag::OCTET_STRING)
            .is_ok_and(|hash| hash.content == sha1(certificate.key)),
        _ => false,
    }
}

fn signed_by_issuer(
    responder: &Value<'_>,
    algorithm: &[u8],
    data: &[u8],
    signature: &[u8],
    issuer: &Certificate<'_>,
) -> bool {
    names(responder, issuer) && verify(algorithm, data, signature, issuer).is_ok()
}

/// Section 4.2.2.2: a certificate that this issuer gave to the responder, with id-kp-OCSPSigning.
fn signed_by_delegate(
    responder: &Value<'_>,
    algorithm: &[u8],
    data: &[u8],
    signature: &[u8],
    certificates: Option<Value<'_>>,
    issuer: &Certificate<'_>,
    facts: &Facts<'_>,
) -> Result<bool, Problem> {
    let Some(certificates) = certificates else {
        return Ok(false);
    };
    let mut list = der::only(certificates.content, tag::SEQUENCE)?;
    for _ in 0..RESPONDERS {
        if list.is_empty() {
            break;
        }
        let delegate = Certificate::read(list.expect(tag::SEQUENCE)?.whole, Place::Elsewhere)?;
        let may_sign = delegate
            .key_usage()?
            .is_none_or(|bits| bits & key_usage::DIGITAL_SIGNATURE != 0);
        if names(responder, &delegate)
            && may_sign
            && delegate.has_purpose(oid::OCSP_SIGNING)? == Some(true)
            && !facts.validity_counts_from(delegate.not_before)
            && !facts.validity_counts_to(delegate.not_after)
            && name::matches(delegate.issuer, issuer.subject)
            && verify(
                delegate.signature_algorithm,
                delegate.signed,
                delegate.signature,
                issuer,
            )
            .is_ok()
            && verify(algorithm, data, signature, &delegate).is_ok()
        {
            return Ok(true);
        }
    }
    Ok(false)
}
