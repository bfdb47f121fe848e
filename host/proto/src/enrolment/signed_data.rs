//! SignedData (RFC 5652 section 5) with its certificates left as they stand: a certificate is compared octet for octet, so
//! it must not be encoded again, and one that is odd must not hide the others.

use alloc::{string::ToString as _, vec::Vec};

use cms::{
    content_info::{CmsVersion, ContentInfo},
    signed_data::{EncapsulatedContentInfo, SignerInfos},
};
use der::{
    Any, Decode, Encode as _, Sequence, SliceReader, Tag, Tagged as _,
    asn1::{ObjectIdentifier, SetOfVec},
    oid::db::rfc5911::{ID_DATA, ID_SIGNED_DATA},
};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::est::CmsError;
use crate::judgement::Der;

/// `SignedData` of RFC 5652 section 5.1.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SignedData {
    pub(super) version: CmsVersion,
    pub(super) digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    pub(super) encap_content_info: EncapsulatedContentInfo,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) certificates: Option<SetOfVec<Any>>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) crls: Option<SetOfVec<Any>>,
    pub(super) signer_infos: SignerInfos,
}

impl SignedData {
    /// Reads a ContentInfo that holds SignedData, in DER or, as RFC 5652 section 3 allows, in BER.
    pub(super) fn read(octets: &[u8]) -> Result<Self, CmsError> {
        match read_as(octets, SliceReader::new) {
            Ok(data) => Ok(data),
            Err(error @ CmsError::ContentType { .. }) => Err(error),
            Err(error) => read_as(octets, |octets| {
                SliceReader::new_with_encoding_rules(octets, der::EncodingRules::Ber)
            })
            .map_err(|_| error),
        }
    }

    /// A message without signers: certificates and CRLs alone (RFC 5272 section 4.1).
    pub(super) fn bare(certificates: Vec<Any>, crls: Vec<Any>) -> Result<Self, CmsError> {
        let set = |values: Vec<Any>| {
            if values.is_empty() {
                Ok(None)
            } else {
                SetOfVec::try_from(values).map(Some)
            }
        };
        Ok(Self {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::new(),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_DATA,
                econtent: None,
            },
            certificates: set(certificates)?,
            crls: set(crls)?,
            signer_infos: SignerInfos(SetOfVec::new()),
        })
    }

    /// The whole ContentInfo.
    pub(super) fn to_octets(&self) -> Result<Vec<u8>, CmsError> {
        let content = ContentInfo {
            content_type: ID_SIGNED_DATA,
            content: Any::encode_from(self)?,
        };
        Ok(content.to_der()?)
    }

    /// The X.509 certificates, as they stand there. Other kinds of certificates (RFC 5652 section 10.2.2) are left out.
    pub(super) fn certificates(&self, limit: usize) -> Result<Vec<Der>, CmsError> {
        sequences(self.certificates.as_ref(), "certificates", limit)
    }

    /// The CRLs, as they stand there. Other revocation information is left out.
    pub(super) fn crls(&self, limit: usize) -> Result<Vec<Der>, CmsError> {
        sequences(self.crls.as_ref(), "CRLs", limit)
    }

    /// The type of the content and the content, if it is there.
    pub(super) fn content(&self) -> (ObjectIdentifier, Option<&[u8]>) {
        let EncapsulatedContentInfo {
            econtent_type,
            econtent,
        } = &self.encap_content_info;
        (*econtent_type, econtent.as_ref().map(Any::value))
    }
}

fn read_as<'a>(
    octets: &'a [u8],
    reader: impl Fn(&'a [u8]) -> der::Result<SliceReader<'a>>,
) -> Result<SignedData, CmsError> {
    let mut outer = reader(octets)?;
    let info = ContentInfo::decode(&mut outer)?;
    der::Reader::finish(outer)?;
    if info.content_type != ID_SIGNED_DATA {
        return Err(CmsError::ContentType {
            presented: info.content_type.to_string(),
        });
    }
    Ok(info
        .content
        .decode_as_encoding(der::Reader::encoding_rules(&reader(octets)?))?)
}

fn sequences(
    set: Option<&SetOfVec<Any>>,
    what: &'static str,
    limit: usize,
) -> Result<Vec<Der>, CmsError> {
    let values = set.map(SetOfVec::as_slice).unwrap_or_default();
    if values.len() > limit {
        return Err(CmsError::TooMany {
            what,
            came: values.len(),
            limit,
        });
    }
    let sequences = values.iter().filter(|value| value.tag() == Tag::Sequence);
    sequences.map(|value| Ok(value.to_der()?.into())).collect()
}
