//! Ports of other protocols.

use resolvet_proto::discovery::{NoteCode, svcb::Params};

use crate::zone::{Zone, lines, notes, svcb_plan};

#[test]
fn no_port_of_another_protocol_is_spoken_to() {
    for port in [0, 22, 25, 53, 110, 143, 587, 993, 6_667, 10_080] {
        let params = Params::new().with_alpn(&["dot"]).with_port(port);
        let mut zone = Zone::new()
            .svcb("_dns.example.net.", 1, "a.example.net.", &params)
            .a("a.example.net.", 1);
        let discovered = zone.resolve(svcb_plan());
        assert_eq!(lines(&discovered), [""; 0], "{port}");
        assert_eq!(
            notes(&discovered, "_dns.example.net."),
            [NoteCode::UnusableService]
        );
    }
}
