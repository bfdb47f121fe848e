//! Status telemetry.

use resolvet_proto::enrolment::brski::{TelemetryError, parse_status, status};

/// 5.7 and 5.9.4: the published examples, and what we write.
#[test]
fn statuses() {
    let voucher = parse_status(include_bytes!(
        "../../vectors/rfc8995/section-5.7-12.1.json"
    ));
    assert_eq!(
        voucher,
        Ok((false, Some("Informative human-readable message".into())))
    );
    let enrol = parse_status(include_bytes!(
        "../../vectors/rfc8995/section-5.9.4-9.1.json"
    ));
    assert!(enrol.unwrap().0);
    assert_eq!(status(true, None), br#"{"version":1,"status":true}"#);
    assert_eq!(
        parse_status(&status(false, Some("no"))),
        Ok((false, Some("no".into())))
    );
    assert_eq!(
        parse_status(br#"{"version":2,"status":true}"#),
        Err(TelemetryError::Version { presented: 2 })
    );
    assert!(matches!(
        parse_status(b"{}"),
        Err(TelemetryError::Json { .. })
    ));
    assert!(matches!(
        parse_status(&vec![b' '; 20_000]),
        Err(TelemetryError::TooLarge { .. })
    ));
}
