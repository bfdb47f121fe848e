//! A manufacturer with a MASA, a device and a domain with a registrar: real keys, real signatures, any fault.

use std::{cell::RefCell, collections::BTreeMap};

use rcgen::{KeyPair, SigningKey as _};
use resolvet_proto::{
    enrolment::brski::{
        Assertion, ContentKind, IDevId, ToSign, examine_pledge_request, examine_registrar_request,
        registrar_request, voucher_content,
    },
    judgement::Der,
};
use serde_json::Value;

use super::ALGORITHMS;
use crate::{
    forge::{CMC_RA, Certificate, ECDSA_SHA256, NOW, SERVER_AUTH, dns, key, seq, tlv},
    world::World,
};

/// The device's serial number.
pub(crate) const SERIAL: &str = "JADA123456789";

/// Everybody's keys.
pub(crate) struct Manufacturer {
    pub(crate) vendor: KeyPair,
    pub(crate) masa: KeyPair,
    pub(crate) device: KeyPair,
    /// The domain: its root, its authority and its registrar (the server).
    pub(crate) domain: World,
    made: RefCell<BTreeMap<&'static str, Der>>,
}

/// How a voucher differs from what it should be.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) assertion: Assertion,
    pub(crate) serial: Option<&'static str>,
    pub(crate) nonce: Option<Option<&'static str>>,
    pub(crate) pin: Option<Der>,
    pub(crate) created_on: u64,
    pub(crate) expires_on: Option<u64>,
    pub(crate) idevid_issuer: Option<Der>,
    pub(crate) revocation_checks: Option<bool>,
    pub(crate) kind: ContentKind,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            assertion: Assertion::Logged,
            serial: None,
            nonce: None,
            pin: None,
            created_on: NOW,
            expires_on: None,
            idevid_issuer: None,
            revocation_checks: None,
            kind: ContentKind::JsonVoucher,
        }
    }
}

/// A `Name` with a serial number.
pub(crate) fn serial_name(serial: &str) -> Vec<u8> {
    serial_name_of(0x13, serial.as_bytes())
}

/// A name with this serial number of a string type.
pub(crate) fn serial_name_of(tag: u8, serial: &[u8]) -> Vec<u8> {
    let attribute = seq(&[&tlv(6, &[0x55, 4, 5]), &tlv(tag, serial)]);
    seq(&[&tlv(0x31, &attribute)])
}

/// Signs what is to be signed.
pub(crate) fn sign(to_sign: ToSign, signer: &KeyPair) -> Vec<u8> {
    let signature = signer.sign(to_sign.octets()).unwrap();
    to_sign.signed(ECDSA_SHA256, &signature).unwrap()
}

impl Manufacturer {
    pub(crate) fn new() -> Self {
        Self {
            vendor: key(),
            masa: key(),
            device: key(),
            domain: World::new(),
            made: RefCell::default(),
        }
    }

    /// The manufacturer's anchor.
    pub(crate) fn anchor(&self) -> Der {
        self.once("anchor", || {
            Certificate::authority("vendor", "vendor", &self.vendor, &self.vendor)
                .sign(&self.vendor)
        })
    }

    pub(crate) fn masa_certificate(&self) -> Der {
        self.once("masa", || {
            Certificate::bare("masa", "vendor", &self.masa)
                .basic_constraints(false, None)
                .sign(&self.vendor)
        })
    }

    /// The device's certificate, which says who issued it.
    pub(crate) fn device(&self) -> IDevId {
        let der = self.once("device", || {
            let mut certificate = Certificate::bare("", "vendor", &self.device)
                .basic_constraints(false, None)
                .authority_key_identifier(&self.vendor);
            certificate.subject = serial_name(SERIAL);
            certificate.sign(&self.vendor)
        });
        IDevId::new(&der).unwrap()
    }

    /// What the registrar presents.
    pub(crate) fn registrar(&self) -> Vec<Der> {
        let registrar = self.once("registrar", || {
            self.domain
                .server_named(&[dns("registrar.example.net")])
                .extended_key_usage(&[SERVER_AUTH, CMC_RA])
                .sign(&self.domain.authority)
        });
        vec![registrar, self.authority()]
    }

    /// The domain's authority between anchor and registrar.
    pub(crate) fn authority(&self) -> Der {
        self.once("authority", || {
            self.domain.authority().sign(&self.domain.root)
        })
    }

    /// The domain's anchor.
    pub(crate) fn root(&self) -> Der {
        self.once("root", || self.domain.root().sign(&self.domain.root))
    }

    /// A certificate is signed once: a signature of the same octets is another one each time.
    fn once(&self, name: &'static str, make: impl FnOnce() -> Der) -> Der {
        let mut made = self.made.borrow_mut();
        made.entry(name).or_insert_with(make).clone()
    }

    /// What registrar and MASA make of a pledge's request.
    pub(crate) fn voucher(&self, pledge_request: &[u8], wanted: &Wanted) -> Vec<u8> {
        let registrar = self.registrar();
        let examined = examine_pledge_request(pledge_request, &registrar[0], ALGORITHMS).unwrap();
        assert_eq!(examined.device, self.device());
        let request = registrar_request(&examined, pledge_request, Some(NOW));
        let to_sign = ToSign::new(
            &request.to_json().unwrap(),
            wanted.kind,
            &registrar,
            Some(NOW),
        )
        .unwrap();
        let cms = sign(to_sign, &self.domain.server);
        let mut request = examine_registrar_request(&cms, ALGORITHMS).unwrap().request;
        if let Some(serial) = wanted.serial {
            request.serial_number = serial.into();
        }
        if let Some(nonce) = wanted.nonce {
            request.nonce = nonce.map(Into::into);
        }
        if wanted.idevid_issuer.is_some() {
            request.idevid_issuer.clone_from(&wanted.idevid_issuer);
        }
        let pin = wanted.pin.clone().unwrap_or_else(|| self.root());
        let content = voucher_content(
            &request,
            &wanted.assertion,
            &pin,
            wanted.created_on,
            wanted.expires_on,
        )
        .unwrap();
        let content = match wanted.revocation_checks {
            None => content,
            Some(checks) => {
                let mut json: Value = serde_json::from_slice(&content).unwrap();
                json["ietf-voucher:voucher"]["domain-cert-revocation-checks"] = checks.into();
                json.to_string().into_bytes()
            }
        };
        self.sign_voucher(&content, wanted.kind)
    }

    pub(crate) fn sign_voucher(&self, content: &[u8], kind: ContentKind) -> Vec<u8> {
        let to_sign = ToSign::new(content, kind, &[self.masa_certificate()], Some(NOW)).unwrap();
        sign(to_sign, &self.masa)
    }
}
