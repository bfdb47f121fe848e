//! 4: the order in which addresses are attempted.

use super::Race;

/// The first address family count is 1, and the families alternate as long as both have addresses.
#[test]
fn families_are_interleaved_within_a_server() {
    let addresses = [
        "2001:db8::1",
        "2001:db8::2",
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ];
    assert_eq!(
        Race::start(&[&addresses]).order(5),
        [
            "2001:db8::1",
            "192.0.2.1",
            "2001:db8::2",
            "192.0.2.2",
            "192.0.2.3"
        ]
    );
}

/// Whichever family comes first stays first.
#[test]
fn the_first_address_stays_the_first() {
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    assert_eq!(
        Race::start(&[&addresses]).order(3),
        ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    );
}

/// Another server's addresses are not mixed in: the order of servers is the selection's.
#[test]
fn servers_stay_in_their_order() {
    let servers: [&[&str]; 2] = [&["192.0.2.1", "192.0.2.2"], &["2001:db8::1"]];
    assert_eq!(
        Race::start(&servers).order(3),
        ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    );
}
