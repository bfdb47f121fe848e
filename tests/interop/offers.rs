//! What a network offers, asked of dnsmasq and radvd on a link of their own (RFC 9463, RFC 2131, RFC 8415, RFC 4861).

use std::time::Duration;

use resolvet::offers::{self, Source};
use resolvet_proto::discovery::DomainName;

use crate::namespace::{CLIENT, SERVER, run};
use crate::process::{program, write};

/// What dnsmasq sends as option 162 of DHCP: two instances whose names are `a.test` and `b.test`, in ADN-only mode, longer
/// than nothing and of no meaning to dnsmasq.
const DHCP_V4: [u8; 26] = *b"\0\x0b\0\x01\x08\x01a\x04test\0\0\x0b\0\x02\x08\x01b\x04test\0";
/// What it sends as option 144 of DHCPv6.
const DHCP_V6: [u8; 12] = *b"\0\x01\0\x08\x01a\x04test\0";

const WITHIN: Duration = Duration::from_secs(20);

fn colons(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

fn names(domains: &[DomainName]) -> Vec<&str> {
    domains.iter().map(DomainName::without_dot).collect()
}

#[test]
fn dnsmasq_and_radvd_are_asked() {
    program("dnsmasq", "dnsmasq-base").unwrap();
    program("radvd", "radvd").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let radvd = format!(
        "interface {SERVER} {{ AdvSendAdvert on; AdvOtherConfigFlag on; prefix 2001:db8::/64 {{ }};\n\
         DNSSL router.test eng.router.test {{ }}; }};\n"
    );
    write(folder.path(), "radvd.conf", radvd).unwrap();
    let servers = format!(
        "dnsmasq --conf-file=/dev/null --port=0 --interface={SERVER} --bind-interfaces --user=root --leasefile-ro \
         --pid-file=$FOLDER/dnsmasq.pid --log-facility=$FOLDER/server.log --log-dhcp \
         --dhcp-range=192.0.2.10,192.0.2.20,1h --dhcp-range=2001:db8::,static \
         --domain=corp.test --dhcp-option=option:domain-search,eng.corp.test,corp.test \
         --dhcp-option-force=162,{} --dhcp-option=option6:144,{} \
         --dhcp-option=option6:domain-search,six.test\n\
         echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n\
         radvd --config=$FOLDER/radvd.conf --pidfile=$FOLDER/radvd.pid --logmethod=logfile --logfile=$FOLDER/radvd.log",
        colons(&DHCP_V4),
        colons(&DHCP_V6),
    );
    run(folder.path(), &servers, "offers::inside").unwrap();
}

#[tokio::test]
#[ignore = "runs inside of a network namespace, started by the test above"]
async fn inside() {
    let asked = offers::ask(CLIENT, WITHIN).await.unwrap();
    assert!(asked.failures.is_empty(), "{asked:?}");
    let of = |wanted| {
        let mut answers = asked.answers.iter().filter(|(source, _)| *source == wanted);
        let (_, said) = answers
            .next()
            .unwrap_or_else(|| panic!("{wanted:?}: {asked:?}"));
        said
    };
    let said = of(Source::DhcpV4);
    assert_eq!(names(&said.domains), ["corp.test", "eng.corp.test"]);
    assert_eq!(said.designations, [DHCP_V4]);
    let said = of(Source::DhcpV6);
    assert_eq!(names(&said.domains), ["six.test"]);
    assert_eq!(said.designations, [DHCP_V6]);
    let said = of(Source::Router);
    assert_eq!(names(&said.domains), ["router.test", "eng.router.test"]);

    let error = offers::ask("nowhere", WITHIN).await.unwrap_err();
    assert_eq!(error.to_string(), "interface `nowhere` has no address");
}
