//! The log of decisions, read back: whatever stands in it.

use resolvet::decisions::{Reader, Recorded};

/// What a log begins with, so that the lines after it are read in all ways.
const BEGINNING: &str = r#"{"version":1,"record":"start","time":1,"versions":{}}
{"version":1,"record":"generation","generation":1,"set-milliseconds":500,"rules":[]}
"#;
/// A decision up to its answers.
const DECISION: &str = r#"{"version":1,"record":"decision","id":"0123456789abcdef","time":1,"generation":1,"stage":"validation","purpose":"dns-server","usage-profile":"strict","request-digest":"0000000000000000000000000000000000000000000000000000000000000000","outcome":"accepted","nanoseconds":1,"answers":"#;

/// Each line is told once, with its number, and none is lost: neither by what stands in it nor by half a line at the end.
#[test]
fn any_octets() {
    bolero::check!().for_each(|input: &[u8]| {
        let begun = [BEGINNING.as_bytes(), input].concat();
        let decision = [BEGINNING.as_bytes(), DECISION.as_bytes(), input].concat();
        for octets in [input, &begun, &decision] {
            let lines = octets.split(|&octet| octet == b'\n').count();
            let (mut told, mut last) = (0, 0);
            for recorded in Reader::new(octets) {
                told += 1;
                let line = match recorded.unwrap() {
                    Recorded::Decision { line, .. } | Recorded::Unreadable { line, .. } => line,
                    // It has no number of its own.
                    _ => last + 1,
                };
                assert!(line > last, "{line} after {last}");
                last = line;
            }
            assert!(told <= lines, "{told} of {lines} lines");
        }
    });
}

/// A reason is a text for a terminal, whatever the line holds.
#[test]
fn reasons() {
    bolero::check!().for_each(|input: &[u8]| {
        let hostile = format!(
            "{{\"version\":1,\"record\":{}}}\n",
            serde_json::Value::from(String::from_utf8_lossy(input))
        );
        for recorded in Reader::new(hostile.as_bytes()) {
            if let Recorded::Unreadable { reason, .. } = recorded.unwrap() {
                assert!(!reason.chars().any(char::is_control), "{reason:?}");
                assert!(reason.len() < 2_000);
            }
        }
    });
}
