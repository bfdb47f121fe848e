//! A certification authority: root, intermediate, servers' certificates with faults on demand, revocation lists.

mod der;
mod leaf;
mod request;
mod rollover;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use resolvet_proto::certificate::privacy::DEFAULT_OID;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub use leaf::{Algorithm, Fault, Leaf};
pub use request::Requested;
pub(crate) use request::end_entity;
pub use rollover::Rollover;

use leaf::DAY;

/// subjectAltName (RFC 5280 section 4.2.1.6).
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];
/// Names of the two issuers; the untrusted ones bear the same, since names prove nothing.
const ROOT_NAME: &str = "resolvet lab root";
const INTERMEDIATE_NAME: &str = "resolvet lab intermediate";

/// A root and an intermediate under it.
struct Hierarchy {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// A certification authority, beside it one that nobody trusts.
pub struct Authority {
    trusted: Hierarchy,
    rogue: Hierarchy,
    serial: AtomicU64,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("root", &ROOT_NAME)
            .finish_non_exhaustive()
    }
}

/// A server's chain and the key with which it signs.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    conveyed: CertificateDer<'static>,
    /// 0 for one that was made elsewhere: our lists cannot revoke it.
    serial: u64,
    key: KeyPair,
    staple: Option<Vec<u8>>,
}

impl Authority {
    /// A new authority with new keys (ECDSA with P-256).
    ///
    /// # Errors
    /// When keys or certificates cannot be made.
    pub fn new() -> Result<Self> {
        Self::with_algorithm(Algorithm::EcP256)
    }

    /// A new authority whose keys are of this kind.
    ///
    /// # Errors
    /// When keys or certificates cannot be made.
    pub fn with_algorithm(algorithm: Algorithm) -> Result<Self> {
        Ok(Self {
            trusted: Hierarchy::new(algorithm)?,
            rogue: Hierarchy::new(algorithm)?,
            serial: AtomicU64::new(0x1000),
        })
    }

    /// The trust anchor.
    #[must_use]
    pub fn root(&self) -> &CertificateDer<'static> {
        self.trusted.root.der()
    }

    /// The trust anchor as PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.trusted.root.pem()
    }

    /// The certificate between root and servers.
    #[must_use]
    pub fn intermediate(&self) -> &CertificateDer<'static> {
        self.trusted.intermediate.der()
    }

    /// The root of the authority that nobody trusts, with the same name.
    #[must_use]
    pub fn rogue_root(&self) -> &CertificateDer<'static> {
        self.rogue.root.der()
    }

    /// Issues a server's certificate.
    ///
    /// # Errors
    /// When a key or the certificate cannot be made.
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity> {
        let hierarchy = match leaf.fault {
            Some(Fault::WrongIssuer) => &self.rogue,
            _ => &self.trusted,
        };
        let (certificate, serial, mut key) = self.certify(leaf, hierarchy)?;
        let conveyed = match leaf.fault {
            Some(Fault::NotConveyed) => self.certify(leaf, hierarchy)?.0,
            _ => certificate.clone(),
        };
        if leaf.fault == Some(Fault::OtherKey) {
            key = generate(leaf.algorithm)?;
        }
        let mut chain = vec![certificate];
        let alone = [Some(Fault::NoIntermediate), Some(Fault::SelfSigned)];
        if !alone.contains(&leaf.fault) {
            chain.push(hierarchy.intermediate.der().clone());
        }
        Ok(Identity {
            chain,
            conveyed,
            serial,
            key,
            staple: None,
        })
    }

    /// The revocation lists of intermediate and root, in DER; the first one revokes these certificates.
    ///
    /// # Errors
    /// When a list cannot be made.
    pub fn crls(&self, revoked: &[&Identity]) -> Result<[Vec<u8>; 2]> {
        let now = SystemTime::now();
        let list = |issuer: &CertifiedIssuer<'static, KeyPair>,
                    revoked: &[&Identity]|
         -> Result<Vec<u8>> {
            let params = CertificateRevocationListParams {
                this_update: (now - DAY).into(),
                next_update: (now + 7 * DAY).into(),
                crl_number: SerialNumber::from(1_u64),
                issuing_distribution_point: None,
                revoked_certs: revoked
                    .iter()
                    .map(|identity| RevokedCertParams {
                        serial_number: SerialNumber::from(identity.serial),
                        revocation_time: (now - DAY).into(),
                        reason_code: None,
                        invalidity_date: None,
                    })
                    .collect(),
                key_identifier_method: KeyIdMethod::Sha256,
            };
            Ok(params.signed_by(issuer)?.der().to_vec())
        };
        Ok([
            list(&self.trusted.intermediate, revoked)?,
            list(&self.trusted.root, &[])?,
        ])
    }

    /// A certificate for a new key.
    fn certify(
        &self,
        leaf: &Leaf,
        hierarchy: &Hierarchy,
    ) -> Result<(CertificateDer<'static>, u64, KeyPair)> {
        let key = generate(leaf.algorithm)?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = leaf.not_before.into();
        params.not_after = leaf.not_after.into();
        params.distinguished_name = name(leaf.dns_ids.first().map_or("nameless", String::as_str));
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match leaf.fault {
            Some(Fault::WrongUsage) => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        let names = der::subject_alt_name(&leaf.dns_ids, &leaf.srv_ids, &leaf.ip_ids);
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&SUBJECT_ALT_NAME, names));
        if let Some(value) = &leaf.privacy {
            let identifier = privacy_identifier()?;
            params
                .custom_extensions
                .push(CustomExtension::from_oid_content(
                    &identifier,
                    value.clone(),
                ));
        }
        let certificate = if leaf.fault == Some(Fault::SelfSigned) {
            params.self_signed(&key)?
        } else {
            params.signed_by(&key, &hierarchy.intermediate)?
        };
        Ok((certificate.into(), serial, key))
    }
}

impl Hierarchy {
    fn new(algorithm: Algorithm) -> Result<Self> {
        let root = CertifiedIssuer::self_signed(
            issuer(ROOT_NAME, BasicConstraints::Unconstrained),
            generate(algorithm)?,
        )?;
        let intermediate = CertifiedIssuer::signed_by(
            issuer(INTERMEDIATE_NAME, BasicConstraints::Constrained(0)),
            generate(algorithm)?,
            &root,
        )?;
        Ok(Self { root, intermediate })
    }
}

impl Identity {
    /// The same, which presents one more certificate of an authority.
    #[must_use]
    pub fn with_authority(mut self, certificate: &CertificateDer<'static>) -> Self {
        self.chain.push(certificate.clone());
        self
    }

    /// The same, which staples these octets as its OCSP response (RFC 6066 section 8), whatever they are.
    #[must_use]
    pub fn stapling(mut self, response: Vec<u8>) -> Self {
        self.staple = Some(response);
        self
    }

    /// An identity that was made elsewhere: a chain, end entity first, and its key in PKCS #8, both in PEM.
    ///
    /// # Errors
    /// When one of them cannot be read, or the chain is empty.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>()?;
        let conveyed = chain.first().context("the chain is empty")?.clone();
        Ok(Self {
            chain,
            conveyed,
            serial: 0,
            key: KeyPair::from_pem(key)?,
            staple: None,
        })
    }

    /// What the server presents, end entity first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The end-entity certificate that the server presents.
    #[must_use]
    pub fn end_entity(&self) -> &[u8] {
        self.chain
            .first()
            .map_or(&[], |certificate| certificate.as_ref())
    }

    /// The end-entity certificate that an enrolment conveys: the presented one, unless the fault is that it is not.
    #[must_use]
    pub fn conveyed(&self) -> &CertificateDer<'static> {
        &self.conveyed
    }

    /// The chain as PEM, end entity first.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain
            .iter()
            .map(|certificate| pem("CERTIFICATE", certificate))
            .collect()
    }

    /// The conveyed certificate as PEM.
    #[must_use]
    pub fn conveyed_pem(&self) -> String {
        pem("CERTIFICATE", &self.conveyed)
    }

    /// The key with which the server signs, as PKCS #8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The key with which the server signs.
    pub(crate) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// Chain and key for rustls, without its check that they belong together.
    pub(crate) fn certified_key(&self) -> Result<Arc<CertifiedKey>> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der)?;
        let mut certified = CertifiedKey::new(self.chain.clone(), key);
        certified.ocsp.clone_from(&self.staple);
        Ok(Arc::new(certified))
    }
}

/// DER as PEM (RFC 7468).
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|octet| char::from(*octet)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

pub(crate) fn generate(algorithm: Algorithm) -> Result<KeyPair> {
    let algorithm = match algorithm {
        Algorithm::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Algorithm::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
    };
    KeyPair::generate_for(algorithm).context("no key could be made")
}

pub(crate) fn issuer(common_name: &str, constraints: BasicConstraints) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.not_before = (now - 30 * DAY).into();
    params.not_after = (now + 3_650 * DAY).into();
    params.distinguished_name = name(common_name);
    params.is_ca = IsCa::Ca(constraints);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "resolvet lab");
    name.push(DnType::CommonName, common_name);
    name
}

/// The privacy extension's object identifier, number by number.
fn privacy_identifier() -> Result<Vec<u64>> {
    DEFAULT_OID
        .split('.')
        .map(|number| Ok(number.parse()?))
        .collect()
}
