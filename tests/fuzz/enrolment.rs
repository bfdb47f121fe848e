//! What enrolment reads from the network and from the store.

use resolvet::enrolment::TokenUri;
use resolvet_proto::{
    enrolment::{
        Enrolment,
        brski::{
            IDevId, Signed, Voucher, VoucherRequest, check_pin, examine_pledge_request,
            examine_registrar_request, masa_endpoint, parse_status,
        },
        est::{
            CaLabel, CertificationRequest, CsrAttributes, Endpoint, HttpReply, Operation,
            certificates, certs_only, crls, decode, dns_server, encode, http_date, limits,
            pal_from_json, pal_from_xml, parts, rfc3339, sort_ca_certificates,
        },
        journey::Event,
    },
    judgement::Der,
};

const ALGORITHMS: resolvet_proto::enrolment::brski::Algorithms = webpki::ALL_VERIFICATION_ALGS;

/// Messages to begin with, so that a run comes further than the first header.
const SEEDS: [&[u8]; 4] = [
    include_bytes!("../vectors/rfc7030/cacerts.p7"),
    include_bytes!("../vectors/rfc9148/A_1_cacerts-0.der"),
    include_bytes!("../vectors/rfc8995/voucher_00-D0-E5-F2-00-02.cms.der"),
    include_bytes!("../vectors/rfc8995/parboiled_vr_00-D0-E5-F2-00-02.cms.der"),
];

/// The input itself, and each seed with a few octets of it changed: pairs of position and value.
fn mutated(input: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![input.to_vec()];
    for seed in SEEDS {
        let mut message = seed.to_vec();
        for change in input.chunks_exact(3).take(16) {
            let position = usize::from(change[0]) << 8 | usize::from(change[1]);
            let length = message.len();
            message[position % length] = change[2];
        }
        if let [cut, ..] = input {
            message.truncate(message.len() - usize::from(*cut) % 8);
        }
        all.push(message);
    }
    all
}

#[test]
fn body() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(octets) = decode(input, 1_024) {
            assert_eq!(octets.first(), Some(&0x30));
            // What was read is written and read the same.
            assert_eq!(decode(encode(&octets).as_bytes(), 4_096).unwrap(), octets);
        }
    });
}

#[test]
fn cms() {
    bolero::check!().for_each(|input: &[u8]| {
        for message in mutated(input) {
            if let Ok(found) = certificates(&message) {
                assert!((1..=limits::CERTIFICATES).contains(&found.len()));
                let sorted = sort_ca_certificates(found.clone());
                let others = sorted.intermediates().count() + sorted.others.len();
                assert_eq!(sorted.roots.len() + others, found.len());
                let _ = dns_server(&found, None);
                // A message of the same certificates is one that is read.
                let mut again = certificates(&certs_only(&found, &[]).unwrap()).unwrap();
                let mut found = found;
                again.sort();
                found.sort();
                assert_eq!(again, found);
            }
            let _ = crls(&message);
        }
    });
}

#[test]
fn reply() {
    bolero::check!().for_each(|input: &[u8]| {
        let [status, operation, rest @ ..] = input else {
            return;
        };
        let status = [200, 202, 204, 302, 401, 404, 500, 999][usize::from(*status) % 8];
        let operation = Operation::ALL[usize::from(*operation) % Operation::ALL.len()];
        let (head, body) = rest.split_at(rest.len().min(64));
        let head = String::from_utf8_lossy(head);
        let types = [operation.accept(), "multipart/mixed; boundary=b", &head];
        let endpoint = Endpoint::new("est.example.net", 443).unwrap();
        for content_type in types {
            let headers = [
                ("content-type", content_type),
                ("location", &head),
                ("retry-after", &head),
                ("www-authenticate", &head),
            ];
            let reply = HttpReply::new(status, &headers, body);
            let outcome = resolvet_proto::enrolment::est::classify(operation, &endpoint, &reply, 0);
            if let Err(error) = outcome {
                let text = error.to_string();
                assert!(
                    text.len() < 4_096 && !text.contains(['\n', '\u{1b}']),
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn csr_attributes() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(wanted) = CsrAttributes::from_der(input) {
            assert!(wanted.others.len() <= limits::CSR_ATTRIBUTES);
        }
        let _ = CertificationRequest::from_der(input);
    });
}

#[test]
fn pal() {
    bolero::check!().for_each(|input: &[u8]| {
        let wrapped = [
            br#"<pal xmlns="urn:ietf:params:xml:ns:pal"><message>"#,
            input,
            b"</message></pal>",
        ]
        .concat();
        let lists = [
            pal_from_json(input),
            pal_from_xml(input),
            pal_from_xml(&wrapped),
        ];
        for list in lists.into_iter().flatten() {
            assert!(list.entries.len() <= limits::PAL_ENTRIES);
        }
    });
}

#[test]
fn multipart() {
    bolero::check!().for_each(|input: &[u8]| {
        let body = [b"--b\r\n", input, b"\r\n--b--\r\n"].concat();
        let found = [
            parts("multipart/mixed; boundary=b", &body),
            parts("x; boundary=b", input),
        ];
        for found in found.into_iter().flatten() {
            assert!(found.len() <= limits::PARTS);
        }
    });
}

#[test]
fn voucher() {
    bolero::check!().for_each(|input: &[u8]| {
        for message in mutated(input) {
            if let Ok(signed) = Signed::from_der(&message) {
                let _ = Voucher::from_json(signed.content());
                let _ = signed.verify(&[], ALGORITHMS);
            }
            let _ = examine_registrar_request(&message, ALGORITHMS);
            let _ = examine_pledge_request(&message, &[], ALGORITHMS);
            let _ = IDevId::new(&message);
            let _ = masa_endpoint(&message);
            let der = Der::from(message);
            let _ = check_pin(&der, std::slice::from_ref(&der), 0, ALGORITHMS);
        }
        let json = [b"{\"ietf-voucher:voucher\":", input, b"}"].concat();
        let _ = Voucher::from_json(&json);
        let json = [b"{\"ietf-voucher-request:voucher\":", input, b"}"].concat();
        if let Ok(request) = VoucherRequest::from_json(&json) {
            let text = request.to_json().unwrap();
            assert_eq!(VoucherRequest::from_json(&text).unwrap(), request);
        }
        let _ = parse_status(input);
    });
}

#[test]
fn texts() {
    bolero::check!().for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let _ = (http_date(&text), rfc3339(&text));
        if let Ok((endpoint, path)) = Endpoint::parse(&text) {
            assert!(path.starts_with('/'));
            let (again, _) = Endpoint::parse(&endpoint.to_string()).unwrap();
            assert_eq!(again, endpoint);
        }
        for text in [text.to_string(), format!("pkcs11:{text}")] {
            if let Ok(uri) = text.parse::<TokenUri>() {
                let again = uri.to_string();
                // Octets that are escaped take three times their room.
                if again.len() <= 2_048 {
                    assert_eq!(again.parse(), Ok(uri), "{again}");
                }
            }
        }
        if let Ok(label) = CaLabel::new(&text) {
            let path = Operation::CaCerts.path(Some(&label));
            assert_eq!(path.matches('/').count(), 4);
        }
        let _ = serde_json::from_slice::<Enrolment>(input);
        let _ = serde_json::from_slice::<Event>(input);
    });
}
