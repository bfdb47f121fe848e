//! Trust anchors and certificates from files and from the system.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use resolvet_proto::{
    certificate::{CertificateError, facts},
    judgement::{AnchorDatabase, AnchorSet, Der, limits},
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer,
    pem::{self, PemObject},
};
use thiserror::Error;

/// Octets of a file of certificates. A system's whole set in PEM is 220 kB.
const FILE_OCTETS: u64 = 8 << 20;

/// Certificates could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnchorsError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("`{}` is larger than {FILE_OCTETS} octets: expected certificates or revocation lists", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file has no certificate.
    #[error("`{}` has no certificate: expected PEM with `BEGIN CERTIFICATE`, or one in DER", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file has no revocation list.
    #[error("`{}` has no certificate revocation list: expected PEM with `BEGIN X509 CRL`, or one in DER", path.display())]
    NoList {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("`{}` is no PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// One of its certificates is malformed.
    #[error("certificate {index} of `{}`: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Its position, from 0.
        index: usize,
        /// What is wrong.
        source: CertificateError,
    },
    /// More anchors than are judged.
    #[error("{came} trust anchors, at most {} are judged", limits::ANCHORS)]
    TooMany {
        /// How many there are.
        came: usize,
    },
    /// The system has none, or they cannot be read.
    #[error("the system's trust anchors cannot be used: {reason}")]
    System {
        /// Why.
        reason: String,
    },
}

/// The certificates of a file, PEM or DER, each of them readable.
///
/// # Errors
/// [`AnchorsError`]; a file with no certificate is an error too.
pub fn certificates(path: &Path) -> Result<Vec<Der>, AnchorsError> {
    let ders = ders::<CertificateDer<'static>>(path)?;
    if ders.is_empty() {
        return Err(AnchorsError::Empty { path: path.into() });
    }
    for (index, der) in ders.iter().enumerate() {
        facts(der).map_err(|source| AnchorsError::Certificate {
            path: path.into(),
            index,
            source,
        })?;
    }
    Ok(ders)
}

/// The certificate revocation lists of a file, PEM or DER. What they say, validators judge.
///
/// # Errors
/// [`AnchorsError`]; a file with no list is an error too.
pub fn revocation_lists(path: &Path) -> Result<Vec<Der>, AnchorsError> {
    let lists = ders::<CertificateRevocationListDer<'static>>(path)?;
    if lists.is_empty() {
        return Err(AnchorsError::NoList { path: path.into() });
    }
    Ok(lists)
}

/// What a file has of this kind: one value in DER, or any number in PEM.
fn ders<T: PemObject + AsRef<[u8]>>(path: &Path) -> Result<Vec<Der>, AnchorsError> {
    let octets = read(path)?;
    if octets.first() == Some(&0x30) {
        return Ok(vec![octets.into()]);
    }
    T::pem_slice_iter(&octets)
        .map(|der| der.map(|der| der.as_ref().into()))
        .collect::<Result<_, _>>()
        .map_err(|source| AnchorsError::Pem {
            path: path.into(),
            source,
        })
}

fn read(path: &Path) -> Result<Vec<u8>, AnchorsError> {
    let failed = |source| AnchorsError::Read {
        path: path.into(),
        source,
    };
    let mut octets = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(FILE_OCTETS + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() as u64 > FILE_OCTETS {
        return Err(AnchorsError::TooLarge { path: path.into() });
    }
    Ok(octets)
}

/// The trust anchors of a file, an Explicit database (RFC 7030 section 1.1).
///
/// # Errors
/// As [`certificates`].
pub fn from_file(path: &Path) -> Result<AnchorSet, AnchorsError> {
    set(AnchorDatabase::Explicit, certificates(path)?)
}

/// The trust anchors that the system came with, an Implicit database.
///
/// # Errors
/// [`AnchorsError::System`] when there are none.
pub fn from_system() -> Result<AnchorSet, AnchorsError> {
    let loaded = rustls_native_certs::load_native_certs();
    if loaded.certs.is_empty() {
        let reasons: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
        let reason = if reasons.is_empty() {
            "none were found".into()
        } else {
            reasons.join("; ")
        };
        return Err(AnchorsError::System { reason });
    }
    set(
        AnchorDatabase::Implicit,
        loaded.certs.iter().map(|der| der.as_ref().into()).collect(),
    )
}

fn set(database: AnchorDatabase, certificates: Vec<Der>) -> Result<AnchorSet, AnchorsError> {
    if certificates.len() > limits::ANCHORS {
        return Err(AnchorsError::TooMany {
            came: certificates.len(),
        });
    }
    Ok(AnchorSet::new(database, certificates))
}
