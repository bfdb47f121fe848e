//! The lab's servers as a plain client of rustls sees them.

use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;

use super::ask;
use super::ca::{Algorithm, Authority, Fault, Leaf, pem};
use super::dot::{DotFault, DotOptions, Versions};
use super::{Lab, Options};

/// Asks the first server of a lab over TLS, and says why that failed.
fn attempt(lab: &Lab) -> Result<(), String> {
    let server = &lab.site().servers()[0];
    let mut stream = ask::tls(
        server.dot.addresses()[0],
        lab.site().domain(),
        &lab.anchors(),
    )
    .map_err(|error| error.to_string())?;
    let query =
        ask::query(7, "www.example.net", RecordType::A).map_err(|error| error.to_string())?;
    ask::send(&mut stream, &query).map_err(|error| error.to_string())?;
    let answer = ask::receive(&mut stream).map_err(|error| error.to_string())?;
    let answer = Message::from_vec(&answer).map_err(|error| error.to_string())?;
    assert_eq!((answer.metadata.id, answer.answers.len()), (7, 1));
    Ok(())
}

fn lab(leaf: Leaf, versions: Versions) -> Lab {
    let options = DotOptions {
        versions,
        ..DotOptions::default()
    };
    Lab::start(
        Options::new()
            .servers("example.net", vec![leaf])
            .dot(options),
    )
    .unwrap()
}

#[test]
fn a_good_server_answers_and_counts() {
    for (versions, name) in [(Versions::Tls12, "TLSv1_2"), (Versions::Tls13, "TLSv1_3")] {
        let lab = lab(Leaf::good("example.net"), versions);
        attempt(&lab).unwrap();
        let statistics = lab.site().servers()[0].dot.statistics();
        assert_eq!((statistics.connections, statistics.handshakes), (1, 1));
        assert_eq!(
            (statistics.versions, statistics.server_names),
            (vec![name.into()], vec!["example.net".into()])
        );
        assert_eq!(lab.site().servers()[0].dot.journal().len(), 1);
        assert!(lab.dns().journal().is_empty());
    }
}

#[test]
fn an_rsa_hierarchy_works_too() {
    let leaf = Leaf::good("example.net").rsa();
    let options = Options::new()
        .servers("example.net", vec![leaf])
        .algorithm(Algorithm::Rsa2048);
    attempt(&Lab::start(options).unwrap()).unwrap();
}

#[test]
fn faults_that_plain_tls_notices_are_noticed() {
    for (fault, reason) in [
        (Fault::Expired, "certificate expired"),
        (Fault::NotYetValid, "certificate not valid yet"),
        (Fault::WrongName, "not valid for name"),
        (Fault::WrongIssuer, "BadSignature"),
        (Fault::NoIntermediate, "UnknownIssuer"),
        (
            Fault::WrongUsage,
            "certificate does not allow extended key usage",
        ),
    ] {
        let lab = lab(Leaf::good("example.net").with(fault), Versions::Both);
        let error = attempt(&lab).unwrap_err();
        assert!(error.contains(reason), "{fault}: {error}");
    }
}

#[test]
fn faults_that_plain_tls_does_not_notice_are_not() {
    for fault in [
        Fault::NoSrvId,
        Fault::NotConveyed,
        Fault::PrivacyNone,
        Fault::PrivacyAbsent,
        Fault::PrivacySells,
        Fault::PrivacyGarbage,
    ] {
        attempt(&lab(Leaf::good("example.net").with(fault), Versions::Both)).unwrap();
    }
}

#[test]
fn the_right_chain_with_another_key_fails_on_both_versions() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let lab = lab(Leaf::good("example.net").with(Fault::OtherKey), versions);
        let error = attempt(&lab).unwrap_err();
        assert!(error.contains("BadSignature"), "{versions:?}: {error}");
        let statistics = lab.site().servers()[0].dot.statistics();
        assert_eq!(statistics.handshakes, 0, "{versions:?}");
    }
}

#[test]
fn what_was_conveyed_differs_from_what_is_presented_by_fault_only() {
    let authority = Authority::new().unwrap();
    let good = authority.issue(&Leaf::good("example.net")).unwrap();
    assert_eq!(good.conveyed().as_ref(), good.end_entity());
    let other = authority
        .issue(&Leaf::good("example.net").with(Fault::NotConveyed))
        .unwrap();
    assert_ne!(other.conveyed().as_ref(), other.end_entity());
}

#[test]
fn answers_come_in_reverse_when_asked_to() {
    let options = DotOptions {
        reverse: 3,
        ..DotOptions::default()
    };
    let lab = Lab::start(Options::new().dot(options)).unwrap();
    let server = &lab.site().servers()[0];
    let mut stream = ask::tls(server.dot.addresses()[0], "example.net", &lab.anchors()).unwrap();
    for id in 1..=3 {
        ask::send(
            &mut stream,
            &ask::query(id, "www.example.net", RecordType::A).unwrap(),
        )
        .unwrap();
    }
    let ids: Vec<_> = (0..3)
        .map(|_| {
            Message::from_vec(&ask::receive(&mut stream).unwrap())
                .unwrap()
                .metadata
                .id
        })
        .collect();
    assert_eq!(ids, [3, 2, 1]);
    ask::send(
        &mut stream,
        &ask::query(4, "www.example.net", RecordType::A).unwrap(),
    )
    .unwrap();
    let last = Message::from_vec(&ask::receive(&mut stream).unwrap()).unwrap();
    assert_eq!(
        last.metadata.id, 4,
        "one that is held back alone comes all the same"
    );
}

#[test]
fn connections_fail_as_they_are_told_to() {
    let lab = Lab::start(Options::new()).unwrap();
    let dot = &lab.site().servers()[0].dot;
    for fault in [
        DotFault::Closes,
        DotFault::ClosesInHandshake,
        DotFault::Silent,
        DotFault::NoTls(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ] {
        dot.fail(fault.clone());
        assert!(attempt(&lab).is_err(), "{fault:?}");
        assert_eq!(dot.statistics().handshakes, 0, "{fault:?}");
    }
    dot.fail(DotFault::Stream(vec![0xff, 0xff, 0x00]));
    let error = attempt(&lab).unwrap_err();
    assert_eq!(error, "the answer ended early");
    dot.fail(DotFault::ClosesAfter {
        answers: 0,
        abrupt: true,
    });
    assert!(
        attempt(&lab).is_ok(),
        "an end after the first answer comes too late to matter"
    );
    dot.fail(DotFault::None);
    attempt(&lab).unwrap();
}

#[test]
fn an_idle_connection_is_closed() {
    let options = DotOptions {
        idle: Duration::from_millis(100),
        ..DotOptions::default()
    };
    let lab = Lab::start(Options::new().dot(options)).unwrap();
    let server = &lab.site().servers()[0];
    let mut stream = ask::tls(server.dot.addresses()[0], "example.net", &lab.anchors()).unwrap();
    assert_eq!(
        ask::receive(&mut stream).unwrap_err().to_string(),
        "no answer on the stream"
    );
}

#[test]
fn a_server_changes_its_certificate_while_it_runs() {
    let lab = Lab::start(Options::new()).unwrap();
    attempt(&lab).unwrap();
    let expired = lab
        .authority()
        .issue(&Leaf::good("example.net").with(Fault::Expired))
        .unwrap();
    lab.site().servers()[0].dot.present(&expired).unwrap();
    assert!(attempt(&lab).unwrap_err().contains("expired"));
    // The client's alert arrives after the client has given up.
    let told = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        lab.site().servers()[0].dot.statistics().failures.pop()
    });
    assert!(
        told.as_deref()
            .unwrap_or_default()
            .contains("CertificateExpired"),
        "{told:?}"
    );
}

#[test]
fn several_servers_have_rising_priorities() {
    let leaves = vec![
        Leaf::good("example.net").with(Fault::Expired),
        Leaf::good("example.net"),
    ];
    let lab = Lab::start(Options::new().servers("example.net", leaves)).unwrap();
    let query = ask::query(1, "_domain-s._tcp.example.net", RecordType::SRV).unwrap();
    let answer = Message::from_vec(&ask::udp(lab.resolver(), &query).unwrap()).unwrap();
    let ports = lab.site().servers().iter().map(|server| server.dot.port());
    for (record, (priority, port)) in answer.answers.iter().zip([0, 10].into_iter().zip(ports)) {
        let hickory_proto::rr::RData::SRV(srv) = &record.data else {
            panic!("{record}")
        };
        assert_eq!((srv.priority, srv.port), (priority, port));
    }
    assert_eq!(answer.answers.len(), 2);
}

#[test]
fn pem_has_short_lines_and_a_label() {
    let text = pem("CERTIFICATE", &[0x5a; 60]);
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(text.ends_with("\n-----END CERTIFICATE-----\n"));
    assert!(text.lines().all(|line| line.len() <= 64));
}

#[test]
fn revocation_lists_are_signed_and_name_the_certificate() {
    let authority = Authority::new().unwrap();
    let good = authority.issue(&Leaf::good("example.net")).unwrap();
    let [with, _] = authority.crls(&[&good]).unwrap();
    let [without, _] = authority.crls(&[]).unwrap();
    let crl = webpki_crl(&with);
    assert_eq!(crl, 1);
    assert_eq!(webpki_crl(&without), 0);
}

/// How many certificates a list revokes.
fn webpki_crl(der: &[u8]) -> usize {
    let (rest, crl) = x509_parser::parse_x509_crl(der).unwrap();
    assert!(rest.is_empty());
    crl.iter_revoked_certificates().count()
}
