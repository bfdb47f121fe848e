//! Ordering and preference: by order, then by preference within an order.

use crate::zone::{Zone, lines};

#[test]
fn order_comes_before_preference() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (20, 1),
            "A",
            "DPRIVE:dns.tls",
            "d.example.net.",
        )
        .naptr(
            "example.net.",
            (10, 30),
            "A",
            "DPRIVE:dns.tls",
            "c.example.net.",
        )
        .naptr(
            "example.net.",
            (10, 20),
            "A",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .naptr(
            "example.net.",
            (9, 60_000),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 2)
        .a("c.example.net.", 3)
        .a("d.example.net.", 4);
    let discovered = zone.discover();
    let expected = [
        "dot 192.0.2.1 853",
        "dot 192.0.2.2 853",
        "dot 192.0.2.3 853",
        "dot 192.0.2.4 853",
    ];
    assert_eq!(lines(&discovered), expected);
    let ranks: Vec<_> = discovered
        .candidates
        .iter()
        .map(|c| c.ranks.clone())
        .collect();
    assert_eq!(ranks, [[9, 60_000], [10, 20], [10, 30], [20, 1]]);
}

#[test]
fn each_set_on_the_way_is_ordered() {
    let mut zone = Zone::new()
        .naptr(
            "example.net.",
            (1, 1),
            "",
            "DPRIVE:dns.tls",
            "next.example.net.",
        )
        .naptr(
            "next.example.net.",
            (2, 0),
            "A",
            "DPRIVE:dns.tls",
            "b.example.net.",
        )
        .naptr(
            "next.example.net.",
            (1, 0),
            "A",
            "DPRIVE:dns.tls",
            "a.example.net.",
        )
        .a("a.example.net.", 1)
        .a("b.example.net.", 2);
    let discovered = zone.discover();
    assert_eq!(
        lines(&discovered),
        ["dot 192.0.2.1 853", "dot 192.0.2.2 853"]
    );
    assert_eq!(discovered.candidates[1].ranks, [1, 1, 2, 0]);
}
