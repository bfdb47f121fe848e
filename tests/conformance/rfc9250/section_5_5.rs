//! 5.5.2: the option edns-tcp-keepalive ends a connection.

use resolvet_proto::doq::{StreamError, answer};

/// An answer to nothing, with one option of EDNS, behind its length.
fn with_option(code: u8) -> Vec<u8> {
    let header = [0, 29, 0, 0, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1];
    let opt = [0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 6, 0, code, 0, 2, 0, 100];
    [&header[..], &opt].concat()
}

#[test]
fn keepalive_of_tcp_has_no_place() {
    assert_eq!(answer(&with_option(11)), Err(StreamError::Keepalive));
    assert!(answer(&with_option(12)).is_ok(), "padding has");
}
