//! A manufacturer on loopback: it makes devices with IDevIDs, and its MASA (RFC 8995 section 5.4) signs vouchers for them,
//! good ones or bad ones on demand.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rcgen::{
    BasicConstraints, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, KeyPair, date_time_ymd,
};
use resolvet_proto::enrolment::brski::{
    Algorithms, Assertion, ContentKind, Examined, REQUEST_VOUCHER, Signed, ToSign, VOUCHER_CMS,
    examine_registrar_request, voucher_content,
};
use resolvet_proto::judgement::Der;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::ca::{Algorithm, Identity, end_entity, generate, issuer};
use super::dns::lock;
use super::dot::Versions;
use super::https::{Connection, Handler, Request, Response, Server};

/// `id-pe-masa-url` (RFC 8995 section 2.3.2).
const MASA_URL: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 32];
const IA5_STRING: u8 = 0x16;
/// The DER AlgorithmIdentifier of what [`Identity::sign`] makes: ecdsa-with-SHA256 (RFC 5758 section 3.2).
pub const SIGNATURE: [u8; 12] = [
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];
/// A day, seconds.
const DAY: u64 = 86_400;

/// What the MASA does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MasaFault {
    /// Nothing.
    #[default]
    None,
    /// The voucher ended a day ago.
    Expired,
    /// The voucher is for another device.
    OtherSerial,
    /// The voucher has another nonce.
    OtherNonce,
    /// The voucher has no nonce.
    Nonceless,
    /// Somebody signed the voucher whom the manufacturer does not know.
    UnknownSigner,
    /// The voucher pins a certificate that the registrar's does not lead to.
    OtherPin,
    /// The signature is over other octets.
    BadSignature,
    /// Every request is refused with this status.
    Status(u16),
}

/// What the voucher pins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// The self-signed certificate that the registrar sent.
    #[default]
    Authority,
    /// The registrar's own certificate.
    Registrar,
}

/// How a MASA is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasaOptions {
    /// What vouchers say that their content is.
    pub content: ContentKind,
    /// What they pin.
    pub pin: Pin,
}

impl Default for MasaOptions {
    /// As the standards have it.
    fn default() -> Self {
        Self {
            content: ContentKind::JsonVoucher,
            pin: Pin::default(),
        }
    }
}

/// A manufacturer and its MASA; dropping it stops the MASA.
#[derive(Debug)]
pub struct Masa {
    manufacturer: Manufacturer,
    desk: Arc<Desk>,
    server: Server,
}

/// Two authorities of the same name: the manufacturer's and one that nobody knows.
struct Manufacturer {
    root: CertifiedIssuer<'static, KeyPair>,
    unknown: CertifiedIssuer<'static, KeyPair>,
    serial: AtomicU64,
}

impl fmt::Debug for Manufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manufacturer").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Desk {
    options: MasaOptions,
    root: CertificateDer<'static>,
    signer: Identity,
    unknown: Identity,
    other_pin: CertificateDer<'static>,
    fault: Mutex<MasaFault>,
    issued: Mutex<Vec<Vec<u8>>>,
    refusals: Mutex<Vec<String>>,
}

impl Masa {
    /// Founds a manufacturer and starts its MASA on a free port.
    ///
    /// # Errors
    /// When keys, certificates, a port or a thread are not to be had.
    pub fn start(options: MasaOptions) -> Result<Self> {
        let manufacturer = Manufacturer::new()?;
        let desk = Arc::new(Desk {
            options,
            root: manufacturer.root.der().clone(),
            signer: manufacturer.signer(&manufacturer.root)?,
            unknown: manufacturer.signer(&manufacturer.unknown)?,
            other_pin: manufacturer.unknown.der().clone(),
            fault: Mutex::default(),
            issued: Mutex::default(),
            refusals: Mutex::default(),
        });
        let identity = manufacturer.server()?;
        let handler = Arc::clone(&desk);
        let server = Server::start("lab-masa", &identity, Versions::Both, &[], handler)?;
        Ok(Self {
            manufacturer,
            desk,
            server,
        })
    }

    /// The manufacturer's anchor: what a device is made with, and what registrars know devices by.
    #[must_use]
    pub fn anchor(&self) -> &CertificateDer<'static> {
        self.manufacturer.root.der()
    }

    /// Where the MASA is, as it stands in devices' certificates: `localhost:<port>`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.server.port())
    }

    /// Makes a device: an IDevID with this serial number in its subject, the MASA's address, and no end (RFC 5280 section
    /// 4.1.2.5).
    ///
    /// # Errors
    /// When key or certificate cannot be made.
    pub fn device(&self, serial_number: &str) -> Result<Identity> {
        self.device_with(serial_number, Algorithm::EcP256)
    }

    /// The same with a key of this kind.
    ///
    /// # Errors
    /// When key or certificate cannot be made.
    pub fn device_with(&self, serial_number: &str, algorithm: Algorithm) -> Result<Identity> {
        self.manufacturer
            .device(serial_number, &self.authority(), algorithm)
    }

    /// Does this wrong from now on.
    pub fn fail(&self, fault: MasaFault) {
        *lock(&self.desk.fault) = fault;
    }

    /// The vouchers that were issued, CMS.
    #[must_use]
    pub fn issued(&self) -> Vec<Vec<u8>> {
        lock(&self.desk.issued).clone()
    }

    /// Why requests were refused.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.desk.refusals).clone()
    }
}

impl Manufacturer {
    fn new() -> Result<Self> {
        let authority = || -> Result<_> {
            let constraints = BasicConstraints::Unconstrained;
            let params = issuer("resolvet lab manufacturer", constraints);
            Ok(CertifiedIssuer::self_signed(
                params,
                generate(Algorithm::EcP256)?,
            )?)
        };
        Ok(Self {
            root: authority()?,
            unknown: authority()?,
            serial: AtomicU64::new(0x2000),
        })
    }

    fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn device(&self, serial_number: &str, masa: &str, algorithm: Algorithm) -> Result<Identity> {
        let serial = self.serial();
        let mut params = end_entity(serial, std::time::Duration::from_secs(DAY));
        params.not_after = date_time_ymd(9999, 12, 31);
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationName, "resolvet lab manufacturer");
        subject.push(
            DnType::CustomDnType(vec![2, 5, 4, 5]),
            rcgen::DnValue::PrintableString(serial_number.try_into()?),
        );
        params.distinguished_name = subject;
        let length = u8::try_from(masa.len()).context("the MASA's address is too long")?;
        let url = [&[IA5_STRING, length], masa.as_bytes()].concat();
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&MASA_URL, url));
        Identity::certified_as(algorithm, params, serial, &self.root)
    }

    /// Who signs vouchers.
    fn signer(&self, issuer: &CertifiedIssuer<'static, KeyPair>) -> Result<Identity> {
        let serial = self.serial();
        let mut params = end_entity(serial, std::time::Duration::from_secs(365 * DAY));
        params.distinguished_name = super::ca::name("resolvet lab MASA");
        Identity::certified(params, serial, issuer)
    }

    /// The MASA's TLS.
    fn server(&self) -> Result<Identity> {
        let serial = self.serial();
        let mut params = end_entity(serial, std::time::Duration::from_secs(365 * DAY));
        params.distinguished_name = super::ca::name("localhost");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = vec![
            rcgen::SanType::DnsName("localhost".try_into()?),
            rcgen::SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        ];
        Identity::certified(params, serial, &self.root)
    }
}

impl Desk {
    /// A voucher for a registrar's request.
    fn voucher(&self, cms: &[u8], fault: MasaFault) -> Result<Vec<u8>> {
        let examined = examine_registrar_request(cms, algorithms())?;
        self.know(&examined)?;
        let pin = match (fault, self.options.pin) {
            (MasaFault::OtherPin, _) => self.other_pin.as_ref().into(),
            (_, Pin::Registrar) => examined.signer.clone(),
            (_, Pin::Authority) => authority(&Signed::from_der(cms)?)
                .context("the registrar sent no self-signed certificate")?,
        };
        let mut request = examined.request;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let (mut created_on, mut expires_on) = (now, Some(now + DAY));
        match fault {
            MasaFault::Expired => (created_on, expires_on) = (now - 2 * DAY, Some(now - DAY)),
            MasaFault::OtherSerial => request.serial_number = "00-00-00-00-00-00".to_owned(),
            MasaFault::OtherNonce => request.nonce = Some("AAAAAAAAAAAAAAAAAAAAAA==".to_owned()),
            MasaFault::Nonceless => request.nonce = None,
            _ => {}
        }
        let assertion = Assertion::Proximity;
        let content = voucher_content(&request, &assertion, &pin, created_on, expires_on)?;
        let signer = match fault {
            MasaFault::UnknownSigner => &self.unknown,
            _ => &self.signer,
        };
        let voucher = sign(
            &content,
            self.options.content,
            signer,
            fault == MasaFault::BadSignature,
        )?;
        lock(&self.issued).push(voucher.clone());
        Ok(voucher)
    }

    /// Whether a device is one of ours: whoever has a certificate by our root is.
    fn know(&self, examined: &Examined) -> Result<()> {
        let (_, device) = X509Certificate::from_der(examined.device.certificate())?;
        let (_, root) = X509Certificate::from_der(&self.root)?;
        device
            .verify_signature(Some(root.public_key()))
            .context("the device is none of ours")
    }
}

impl Handler for Desk {
    fn handle(&self, _: &Connection, request: &Request) -> Response {
        if (request.method.as_str(), request.path.as_str()) != ("POST", REQUEST_VOUCHER) {
            return Response::text(404, "there is no such operation");
        }
        let fault = *lock(&self.fault);
        if let MasaFault::Status(status) = fault {
            return Response::text(status, "as it was told to be");
        }
        match self.voucher(&request.body, fault) {
            Ok(voucher) => Response::ok(VOUCHER_CMS, voucher),
            Err(error) => {
                let reason = format!("{error:#}");
                lock(&self.refusals).push(reason.clone());
                Response::text(403, &reason)
            }
        }
    }
}

/// JSON signed as CMS, with the signer's whole chain; `spoilt` signs something else.
///
/// # Errors
/// When the signer's key does not sign.
pub fn sign(content: &[u8], kind: ContentKind, signer: &Identity, spoilt: bool) -> Result<Vec<u8>> {
    let chain: Vec<Der> = signer
        .chain()
        .iter()
        .map(|der| der.as_ref().into())
        .collect();
    sign_with(content, kind, signer, &chain, spoilt)
}

/// The same with these certificates.
pub(crate) fn sign_with(
    content: &[u8],
    kind: ContentKind,
    signer: &Identity,
    certificates: &[Der],
    spoilt: bool,
) -> Result<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let to_sign = ToSign::new(content, kind, certificates, Some(now))?;
    let signature = match spoilt {
        false => signer.sign(to_sign.octets())?,
        true => signer.sign(b"something else")?,
    };
    Ok(to_sign.signed(&SIGNATURE, &signature)?)
}

/// Every algorithm that aws-lc-rs verifies.
pub(crate) fn algorithms() -> Algorithms {
    rustls::crypto::aws_lc_rs::default_provider()
        .signature_verification_algorithms
        .all
}

/// The self-signed certificate of a message.
fn authority(signed: &Signed) -> Option<Der> {
    let is_self_signed = |der: &&Der| {
        X509Certificate::from_der(der).is_ok_and(|(_, found)| found.subject() == found.issuer())
    };
    signed.certificates().iter().find(is_self_signed).cloned()
}

/// The response's body, or what the MASA said instead.
pub(crate) fn voucher_of(response: Response) -> Result<Vec<u8>> {
    if response.status != 200 {
        let said = String::from_utf8_lossy(&response.body).into_owned();
        bail!("the MASA answered {}: {said}", response.status);
    }
    Ok(response.body)
}
