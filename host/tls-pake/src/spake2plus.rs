//! SPAKE2+ as a credential of BoringSSL: calls that have no safe form yet.
#![allow(
    unsafe_code,
    reason = "three functions of BoringSSL are called, each with slices whose lengths go with them"
)]

use boring::{error::ErrorStack, ssl::SslCredential};
use boring_sys as ffi;
use foreign_types::ForeignType as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// Octets of the two numbers that a password becomes, and of the server's record.
const NUMBER: usize = 32;
const RECORD: usize = 65;
/// Guesses that a client's credential is good for: it is made for one handshake.
const ATTEMPTS: u32 = 1;

/// A user and a server, as both sides name them: the proof covers both names. The user's goes in clear text.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The user's name.
    pub client: &'a [u8],
    /// The server's host name.
    pub server: &'a [u8],
}

/// BoringSSL makes nothing of a password or its names.
#[derive(Debug, Error)]
#[error("no credential can be made: {0}")]
pub struct RegistrationError(ErrorStack);

/// What a password becomes for one user and one server (RFC 9383 section 3.2).
pub struct Registration {
    w0: Zeroizing<[u8; NUMBER]>,
    w1: Zeroizing<[u8; NUMBER]>,
    record: [u8; RECORD],
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").finish_non_exhaustive()
    }
}

impl Registration {
    /// Makes it of a password, by scrypt: work that takes its time on purpose and is for another thread than the event loop's.
    ///
    /// # Errors
    /// BoringSSL has no memory left.
    pub fn new(password: &[u8], names: Names<'_>) -> Result<Self, RegistrationError> {
        boring::init();
        let mut registration = Self {
            w0: Zeroizing::new([0; NUMBER]),
            w1: Zeroizing::new([0; NUMBER]),
            record: [0; RECORD],
        };
        let Self { w0, w1, record } = &mut registration;
        // SAFETY: the three results are arrays of the lengths that the declaration demands, which nothing else refers to
        // meanwhile; each input is a slice that lives through the call, with its own length.
        let done = unsafe {
            ffi::SSL_spake2plusv1_register(
                w0.as_mut_ptr(),
                w1.as_mut_ptr(),
                record.as_mut_ptr(),
                password.as_ptr(),
                password.len(),
                names.client.as_ptr(),
                names.client.len(),
                names.server.as_ptr(),
                names.server.len(),
            )
        };
        match done {
            1 => Ok(registration),
            _ => Err(RegistrationError(ErrorStack::get())),
        }
    }

    /// The credential of a client for one handshake. With it, no server is accepted that does not prove the password.
    ///
    /// # Errors
    /// BoringSSL has no memory left.
    pub fn client(&self, names: Names<'_>) -> Result<SslCredential, RegistrationError> {
        // SAFETY: without a context its length is zero, as the declaration allows; each other input is a slice or an array
        // that lives through the call, with its own length, and all are copied.
        let credential = unsafe {
            ffi::SSL_CREDENTIAL_new_spake2plusv1_client(
                std::ptr::null(),
                0,
                names.client.as_ptr(),
                names.client.len(),
                names.server.as_ptr(),
                names.server.len(),
                ATTEMPTS,
                self.w0.as_ptr(),
                self.w0.len(),
                self.w1.as_ptr(),
                self.w1.len(),
            )
        };
        owned(credential)
    }

    /// The credential of a server, good for so many guesses that failed.
    ///
    /// # Errors
    /// BoringSSL has no memory left.
    pub fn server(
        &self,
        names: Names<'_>,
        guesses: u32,
    ) -> Result<SslCredential, RegistrationError> {
        // SAFETY: as for the client's.
        let credential = unsafe {
            ffi::SSL_CREDENTIAL_new_spake2plusv1_server(
                std::ptr::null(),
                0,
                names.client.as_ptr(),
                names.client.len(),
                names.server.as_ptr(),
                names.server.len(),
                guesses,
                self.w0.as_ptr(),
                self.w0.len(),
                self.record.as_ptr(),
                self.record.len(),
            )
        };
        owned(credential)
    }
}

fn owned(credential: *mut ffi::SSL_CREDENTIAL) -> Result<SslCredential, RegistrationError> {
    if credential.is_null() {
        return Err(RegistrationError(ErrorStack::get()));
    }
    // SAFETY: it is a credential that was just made, to which this is the only reference; from now on the value frees it.
    Ok(unsafe { SslCredential::from_ptr(credential) })
}
