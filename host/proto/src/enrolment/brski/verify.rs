//! Whether a pledge accepts a voucher (RFC 8995 section 5.6.1).

use alloc::{string::String, vec::Vec};
use core::fmt;

use thiserror::Error;

use super::{
    Algorithms, Assertion, IDevId, IDevIdError, PathError, SignatureError, Signed, Voucher,
    VoucherFormError, limits, path,
};
use crate::judgement::{Clock, Der};

/// What a pledge expects of a voucher.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The device.
    pub device: &'a IDevId,
    /// The nonce of the request, as it was sent.
    pub nonce: &'a str,
    /// Whether a voucher without a nonce is accepted (RFC 8995 section 7.2).
    pub nonceless: bool,
    /// The time, seconds since 1970.
    pub now: u64,
    /// How the time is known.
    pub clock: &'a Clock,
    /// The manufacturer's anchors, DER.
    pub anchors: &'a [Der],
}

/// A voucher that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub voucher: Voucher,
    /// Who signed it, DER.
    pub signer: Der,
    /// What could not be checked, or is less than usual.
    pub waived: Vec<Waived>,
    /// A time that it certainly is by now, seconds since 1970.
    pub not_before: Option<u64>,
}

/// What could not be checked, or is less than usual: findings, not errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waived {
    /// The voucher has no nonce.
    Nonceless,
    /// The device has no clock: the voucher's end and its signer's validity were not checked.
    Clock,
    /// The voucher does not say when it was made.
    CreatedOn,
}

impl Waived {
    /// A sentence for a person.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nonceless => "the voucher has no nonce (RFC 8995 7.2)",
            Self::Clock => {
                "without a clock neither the voucher's end nor its signer's validity was checked (RFC 8995 2.6.1)"
            }
            Self::CreatedOn => "the voucher does not say when it was made (RFC 8366 5.3)",
        }
    }
}

impl fmt::Display for Waived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A voucher is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoucherError {
    /// Its signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Its signer is no MASA of the manufacturer.
    #[error("the voucher's signer is not of the manufacturer: {reason} (RFC 8995 5.6.1)")]
    UnknownMasa {
        /// Why there is no path.
        reason: PathError,
    },
    /// Its signer is a device: the certificate is an IDevID, and no anchor.
    #[error(
        "the voucher is signed by the device `{serial_number}`, expected a MASA of the manufacturer (RFC 8995 2.3.1)"
    )]
    SignedByDevice {
        /// The serial number in the signer's subject.
        serial_number: String,
    },
    /// Its form.
    #[error(transparent)]
    Form(#[from] VoucherFormError),
    /// It is for another device.
    #[error(
        "the voucher is for serial number `{presented}`, expected `{expected}` (RFC 8995 5.6.1)"
    )]
    Serial {
        /// This device's.
        expected: String,
        /// The voucher's.
        presented: String,
    },
    /// It answers another request.
    #[error("the voucher's nonce is `{presented}`, expected `{expected}` (RFC 8995 5.6.1)")]
    Nonce {
        /// The request's.
        expected: String,
        /// The voucher's.
        presented: String,
    },
    /// It has no nonce, and the device wants one.
    #[error("the voucher has no nonce, expected `{expected}` (RFC 8995 7.2)")]
    Nonceless {
        /// The request's.
        expected: String,
    },
    /// It has ended.
    #[error("the voucher ended at {expires_on}, now is {now} (RFC 8366 5.3)")]
    Expired {
        /// When, seconds since 1970.
        expires_on: u64,
        /// Now, seconds since 1970.
        now: u64,
    },
    /// It was made in the future.
    #[error("the voucher was made at {created_on}, now is {now} (RFC 8366 5.3)")]
    FromTheFuture {
        /// When, seconds since 1970.
        created_on: u64,
        /// Now, seconds since 1970.
        now: u64,
    },
    /// It has an end and no nonce, and the device no clock: it might be an old one.
    #[error(
        "the voucher has no nonce and the device no clock to check its end with (RFC 8995 2.6.1)"
    )]
    NoClock,
    /// Its assertion is not one that counts.
    #[error("assertion `{presented}`, expected `verified`, `logged` or `proximity` (RFC 8366 5.3)")]
    Assertion {
        /// The assertion.
        presented: String,
    },
    /// It is for a device of another issuer.
    #[error(
        "the voucher's idevid-issuer is not the authority key identifier of this device's certificate (RFC 8366 5.3)"
    )]
    IdevidIssuer,
}

/// Checks a voucher in full: signature, signer, device, nonce, times, assertion, issuer. The pin is checked against the
/// registrar by [`super::check_pin`].
///
/// # Errors
/// The first check that fails, each with a variant of its own.
pub fn check_voucher(
    cms: &[u8],
    expected: &Expected<'_>,
    algorithms: Algorithms,
) -> Result<Accepted, VoucherError> {
    let signed = Signed::from_der(cms)?;
    let signer = signed.verify(expected.anchors, algorithms)?;
    // The signature holds, so the content is the signer's; it is read before the signer is believed only for its date.
    let voucher = Voucher::from_json(signed.content())?;
    let has_clock = *expected.clock == Clock::Synchronized;
    let time = match voucher.created_on {
        Some(created_on) if !has_clock => created_on.max(expected.now),
        _ => expected.now,
    };
    path::check(
        &signer,
        signed.certificates(),
        expected.anchors,
        time,
        algorithms,
    )
    .map_err(|reason| VoucherError::UnknownMasa { reason })?;
    check_signer(&signer, expected.anchors)?;
    let mut waived = Vec::new();
    check_device(&voucher, expected, &mut waived)?;
    check_times(&voucher, expected, has_clock, &mut waived)?;
    if matches!(voucher.assertion, Assertion::Other(_)) {
        return Err(VoucherError::Assertion {
            presented: crate::enrolment::quoted(voucher.assertion.as_str(), 64),
        });
    }
    Ok(Accepted {
        not_before: voucher.created_on,
        voucher,
        signer,
        waived,
    })
}

/// Where one authority certifies both MASA and devices, a path alone would let each device speak for the MASA. An IDevID is
/// known by the serial number that its subject must have; a MASA whose certificate has one is believed as an anchor only.
fn check_signer(signer: &Der, anchors: &[Der]) -> Result<(), VoucherError> {
    if anchors.contains(signer) {
        return Ok(());
    }
    let serial_number = match IDevId::new(signer) {
        Err(IDevIdError::NoSerialNumber) => return Ok(()),
        Ok(device) => crate::enrolment::quoted(device.serial_number(), 128),
        // It has one, or nobody can say that it has none.
        Err(_) => "?".into(),
    };
    Err(VoucherError::SignedByDevice { serial_number })
}

fn check_device(
    voucher: &Voucher,
    expected: &Expected<'_>,
    waived: &mut Vec<Waived>,
) -> Result<(), VoucherError> {
    let quoted = |text: &str| crate::enrolment::quoted(text, 128);
    let device = expected.device;
    if voucher.serial_number != device.serial_number() {
        return Err(VoucherError::Serial {
            expected: device.serial_number().into(),
            presented: quoted(&voucher.serial_number),
        });
    }
    match &voucher.nonce {
        Some(nonce) if nonce == expected.nonce => {}
        Some(nonce) => {
            return Err(VoucherError::Nonce {
                expected: expected.nonce.into(),
                presented: quoted(nonce),
            });
        }
        None if expected.nonceless => waived.push(Waived::Nonceless),
        None => {
            return Err(VoucherError::Nonceless {
                expected: expected.nonce.into(),
            });
        }
    }
    match &voucher.idevid_issuer {
        Some(issuer) if !device.is_issued_by(issuer) => Err(VoucherError::IdevidIssuer),
        _ => Ok(()),
    }
}

fn check_times(
    voucher: &Voucher,
    expected: &Expected<'_>,
    has_clock: bool,
    waived: &mut Vec<Waived>,
) -> Result<(), VoucherError> {
    let now = expected.now;
    // A lower bound of the time can still prove that a voucher has ended.
    if let Some(expires_on) = voucher.expires_on
        && *expected.clock != Clock::Unsynchronized
        && expires_on < now
    {
        return Err(VoucherError::Expired { expires_on, now });
    }
    match voucher.created_on {
        Some(created_on) if has_clock && created_on > now.saturating_add(limits::SKEW_SECONDS) => {
            return Err(VoucherError::FromTheFuture { created_on, now });
        }
        Some(_) => {}
        None => waived.push(Waived::CreatedOn),
    }
    if !has_clock {
        if voucher.nonce.is_none() && voucher.expires_on.is_some() {
            return Err(VoucherError::NoClock);
        }
        waived.push(Waived::Clock);
    }
    Ok(())
}
