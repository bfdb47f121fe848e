//! The other side, as far as tests need one: what a registrar makes of a pledge's request, and a MASA of a registrar's.

use alloc::{string::String, vec::Vec};

use serde::Serialize;
use thiserror::Error;

use super::{
    Algorithms, Assertion, IDevId, IDevIdError, SignatureError, Signed, VoucherRequest,
    VoucherRequestError, request::date,
};
use crate::judgement::Der;

/// A request that was examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What it says.
    pub request: VoucherRequest,
    /// Who signed it, DER.
    pub signer: Der,
    /// The device that it is for.
    pub device: IDevId,
}

/// A request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExaminationError {
    /// Its signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Its form.
    #[error(transparent)]
    Form(#[from] VoucherRequestError),
    /// The device's certificate.
    #[error(transparent)]
    Device(#[from] IDevIdError),
    /// The request is for another device than the one that signed it.
    #[error(
        "the request is for serial number `{presented}`, its signer is `{expected}` (RFC 8995 5.5)"
    )]
    Serial {
        /// The signer's.
        expected: String,
        /// The request's.
        presented: String,
    },
    /// The pledge saw another registrar.
    #[error("the pledge saw another registrar than this one (RFC 8995 5.5)")]
    Proximity,
    /// The registrar's request holds no pledge's.
    #[error("the registrar's request has no prior-signed-voucher-request (RFC 8995 5.5)")]
    NoPrior,
    /// The two requests have different nonces.
    #[error("the registrar's request and the pledge's have different nonces (RFC 8995 5.5)")]
    Nonce,
}

/// A registrar's examination of a pledge's request (RFC 8995 section 5.3): signed by the device that it is for, which saw
/// this registrar. Whether the device is welcome is the registrar's matter.
///
/// # Errors
/// The first check that fails.
pub fn examine_pledge_request(
    cms: &[u8],
    registrar: &[u8],
    algorithms: Algorithms,
) -> Result<Examined, ExaminationError> {
    let examined = examine(cms, algorithms)?;
    match &examined.request.proximity_registrar_cert {
        Some(seen) if seen[..] == *registrar => Ok(examined),
        _ => Err(ExaminationError::Proximity),
    }
}

fn examine(cms: &[u8], algorithms: Algorithms) -> Result<Examined, ExaminationError> {
    let signed = Signed::from_der(cms)?;
    let signer = signed.verify(&[], algorithms)?;
    let device = IDevId::new(&signer)?;
    let request = VoucherRequest::from_json(signed.content())?;
    if request.serial_number != device.serial_number() {
        return Err(ExaminationError::Serial {
            expected: device.serial_number().into(),
            presented: crate::enrolment::quoted(&request.serial_number, 128),
        });
    }
    Ok(Examined {
        request,
        signer,
        device,
    })
}

/// A registrar's request (RFC 8995 section 5.5) with the pledge's within; the registrar's own certificate does not stand in
/// it.
#[must_use]
pub fn registrar_request(
    examined: &Examined,
    pledge_cms: &[u8],
    created_on: Option<u64>,
) -> VoucherRequest {
    VoucherRequest {
        assertion: examined.request.assertion.clone(),
        created_on,
        serial_number: examined.device.serial_number().into(),
        nonce: examined.request.nonce.clone(),
        idevid_issuer: examined.device.issuer().map(Into::into),
        proximity_registrar_cert: None,
        prior_signed_voucher_request: Some(pledge_cms.into()),
    }
}

/// A MASA's examination of a registrar's request (RFC 8995 section 5.5): the registrar that the pledge saw signed it, for the
/// same device and nonce. Gives the registrar's request with the device of the pledge's, and the registrar's certificate as
/// the signer. Whether the registrar and the device are known is the MASA's matter.
///
/// # Errors
/// The first check that fails.
pub fn examine_registrar_request(
    cms: &[u8],
    algorithms: Algorithms,
) -> Result<Examined, ExaminationError> {
    let signed = Signed::from_der(cms)?;
    let signer = signed.verify(&[], algorithms)?;
    let request = VoucherRequest::from_json(signed.content())?;
    let prior = request
        .prior_signed_voucher_request
        .as_ref()
        .ok_or(ExaminationError::NoPrior)?;
    let pledge = examine_pledge_request(prior, &signer, algorithms)?;
    if request.nonce != pledge.request.nonce {
        return Err(ExaminationError::Nonce);
    }
    if request.serial_number != pledge.device.serial_number() {
        return Err(ExaminationError::Serial {
            expected: pledge.device.serial_number().into(),
            presented: crate::enrolment::quoted(&request.serial_number, 128),
        });
    }
    Ok(Examined {
        request,
        signer,
        device: pledge.device,
    })
}

/// A voucher cannot be made.
pub type IssueError = VoucherRequestError;

#[derive(Serialize)]
struct WrappedOut<'a> {
    #[serde(rename = "ietf-voucher:voucher")]
    voucher: InnerOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InnerOut<'a> {
    assertion: &'a Assertion,
    created_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<String>,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idevid_issuer: Option<&'a Der>,
    pinned_domain_cert: &'a Der,
}

/// A voucher's content for a request, JSON. With a nonce it needs no end; RFC 8366 has one or the other.
///
/// # Errors
/// A time is after the year 9999.
pub fn voucher_content(
    request: &VoucherRequest,
    assertion: &Assertion,
    pin: &Der,
    created_on: u64,
    expires_on: Option<u64>,
) -> Result<Vec<u8>, IssueError> {
    let wrapped = WrappedOut {
        voucher: InnerOut {
            assertion,
            created_on: date(created_on)?,
            expires_on: expires_on.map(date).transpose()?,
            serial_number: &request.serial_number,
            nonce: request.nonce.as_deref(),
            idevid_issuer: request.idevid_issuer.as_ref(),
            pinned_domain_cert: pin,
        },
    };
    serde_json::to_vec(&wrapped).map_err(|error| VoucherRequestError::Json {
        reason: alloc::string::ToString::to_string(&error),
    })
}
