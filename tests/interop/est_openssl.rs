//! OpenSSL reads what we write: certs-only messages, revocation lists, certification requests, vouchers.

use std::path::Path;
use std::process::{Command, Output};

use resolvet_proto::enrolment::brski::{ContentKind, IDevId, Signed, pledge_request};
use resolvet_proto::enrolment::est::{
    CsrAttributes, RequestToSign, Subject, certs_only, challenge_password,
};
use resolvet_proto::judgement::Der;
use resolvet_tests::lab::ca::{Authority, Leaf, pem};
use resolvet_tests::lab::masa::{self, Masa, MasaOptions};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::process::program;

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("openssl", "openssl").unwrap());
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Standard output of a command that succeeds.
fn read(folder: &Path, arguments: &[&str]) -> String {
    let output = openssl(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn ders<const N: usize>(values: [&[u8]; N]) -> Vec<Der> {
    values.map(Der::from).into()
}

#[test]
fn openssl_reads_certs_only_messages() {
    let authority = Authority::new().unwrap();
    let server = authority.issue(&Leaf::good("example.net")).unwrap();
    let certificates = ders([authority.root(), server.end_entity()]);
    let lists = authority.crls(&[&server]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let message = certs_only(&certificates, &ders([&lists[0]])).unwrap();
    std::fs::write(folder.path().join("all.p7"), message).unwrap();
    let printed = read(
        folder.path(),
        &["pkcs7", "-inform", "DER", "-in", "all.p7", "-print_certs"],
    );
    for der in [authority.root().as_ref(), server.end_entity()] {
        assert!(printed.contains(&pem("CERTIFICATE", der)), "{printed}");
    }
    assert!(printed.contains(&pem("X509 CRL", &lists[0])), "{printed}");
    let cms = read(
        folder.path(),
        &[
            "cms", "-cmsout", "-print", "-inform", "DER", "-in", "all.p7",
        ],
    );
    assert!(cms.contains("signerInfos:"), "{cms}");
}

#[test]
fn openssl_verifies_certification_requests() {
    let authority = Authority::new().unwrap();
    let owner = authority.issue_client("laptop").unwrap();
    let (_, certificate) = X509Certificate::from_der(owner.end_entity()).unwrap();
    let key = certificate.public_key().raw;
    let subject = Subject::Text("CN=laptop,O=Example".to_owned());
    let binding = challenge_password(&[7; 32]).unwrap();
    let wanted = CsrAttributes::default();
    let to_sign = RequestToSign::new(&subject, key, &wanted, Some(&binding)).unwrap();
    let signature = owner.sign(to_sign.octets()).unwrap();
    let request = to_sign.signed(&masa::SIGNATURE, &signature).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("request.p10"), &**request.der()).unwrap();
    let printed = read(
        folder.path(),
        &[
            "req",
            "-inform",
            "DER",
            "-in",
            "request.p10",
            "-verify",
            "-noout",
            "-text",
        ],
    );
    assert!(printed.contains(&binding), "{printed}");
    assert!(printed.contains("CN = laptop"), "{printed}");
}

#[test]
fn openssl_verifies_voucher_requests() {
    let masa = Masa::start(MasaOptions::default()).unwrap();
    let device = masa.device("00-D0-E5-F2-00-07").unwrap();
    let idevid = IDevId::new(device.end_entity()).unwrap();
    let registrar = Der::from(masa.anchor().as_ref());
    let request = pledge_request(&idevid, &registrar, &[7; 16], None).unwrap();
    let json = request.to_json().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let anchor = pem("CERTIFICATE", masa.anchor());
    std::fs::write(folder.path().join("manufacturer.pem"), anchor).unwrap();
    for (kind, spoilt) in [
        (ContentKind::JsonVoucher, false),
        (ContentKind::Data, false),
        (ContentKind::JsonVoucher, true),
    ] {
        let signed = masa::sign(&json, kind, &device, spoilt).unwrap();
        Signed::from_der(&signed).unwrap();
        std::fs::write(folder.path().join("request.cms"), signed).unwrap();
        let arguments = [
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            "request.cms",
            "-binary",
        ];
        let trust = ["-CAfile", "manufacturer.pem", "-purpose", "any"];
        let output = openssl(folder.path(), &[arguments.as_slice(), &trust].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), !spoilt, "{kind:?}: {said}");
        if spoilt {
            assert!(said.contains("verification failure"), "{said}");
        } else {
            assert_eq!(output.stdout, json, "{kind:?}");
        }
    }
}
