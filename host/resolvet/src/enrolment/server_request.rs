//! The other side of enrolment: a DNS server's request for the certificate that devices will know it by.

use resolvet_proto::enrolment::est::{CertificationRequest, ServerNames, SigningError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{DeviceKey, KeyError};

/// There is no request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerRequestError {
    /// The key cannot be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is asked for has no form.
    #[error(transparent)]
    Request(#[from] SigningError),
}

/// Makes a key on P-256 for a server: to sign with, and in PKCS #8 to be kept.
///
/// # Errors
/// The system gives no random numbers.
pub fn server_key() -> Result<(DeviceKey, Zeroizing<Vec<u8>>), ServerRequestError> {
    Ok(DeviceKey::generate()?)
}

/// A request for a certificate that says this, signed by the server's key.
///
/// # Errors
/// The key cannot sign, or what is asked for has no form.
pub fn server_request(
    names: &ServerNames,
    key: &DeviceKey,
) -> Result<CertificationRequest, ServerRequestError> {
    let request = names.request(&key.public()?)?;
    let (algorithm, signature) = key.sign(request.octets())?;
    Ok(request.signed(&algorithm, &signature)?)
}
