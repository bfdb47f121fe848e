//! What a network offers, asked of dnsmasq and radvd on a link of their own (RFC 9463, RFC 2131, RFC 8415, RFC 4861).

use std::time::Duration;

use resolvet::offers::{self, Offers, Source};
use resolvet_proto::discovery::{
    DomainName,
    dnr::{
        Carrier, Designation, NetworkOption, Service, read, write_dhcp_v4, write_dhcp_v6,
        write_router_advertisement,
    },
    svcb::Params,
};

use crate::namespace::{CLIENT, SERVER, run};
use crate::process::{program, write};

/// A resolver that speaks DNS over TLS.
fn designation(name: &str, address: &str) -> Designation {
    Designation {
        priority: 1,
        name: DomainName::parse(name).unwrap(),
        lifetime: None,
        service: Some(Service {
            addresses: vec![address.parse().unwrap()],
            params: Params::new().with_alpn(&["dot"]),
        }),
    }
}

/// What a router is told to send: for ten minutes, for an hour, or never again.
fn router(name: &str, address: &str, lifetime: u32) -> Vec<u8> {
    write_router_advertisement(&Designation {
        lifetime: Some(lifetime),
        ..designation(name, address)
    })
    .unwrap()
}

fn first_router() -> Vec<u8> {
    [
        router("router.test", "2001:db8::54", 600),
        router("other.test", "2001:db8::55", 3_600),
    ]
    .concat()
}

fn second_router() -> Vec<u8> {
    router("another.test", "2001:db8::56", 3_600)
}

/// What dnsmasq is told to send: it does not know the options.
fn dhcp_v4() -> Vec<u8> {
    write_dhcp_v4(&[
        designation("a.test", "192.0.2.53"),
        designation("b.test", "192.0.2.54"),
    ])
    .unwrap()
}

fn dhcp_v6() -> Vec<u8> {
    write_dhcp_v6(&designation("six.test", "2001:db8::53")).unwrap()
}

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
        colons(&dhcp_v4()),
        colons(&dhcp_v6()),
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
    let (designations, discarded) = read(&said.options[0]);
    assert_eq!(*said.options[0].data, *dhcp_v4());
    assert_eq!((designations.len(), discarded.len()), (2, 0));
    let said = of(Source::DhcpV6);
    assert_eq!(names(&said.domains), ["six.test"]);
    let (designations, discarded) = read(&said.options[0]);
    assert_eq!(*said.options[0].data, *dhcp_v6());
    assert_eq!(designations[0].name.without_dot(), "six.test");
    assert!(discarded.is_empty(), "{discarded:?}");
    assert_eq!(asked.options().len(), 2);
    let said = of(Source::Router);
    assert_eq!(names(&said.domains), ["router.test", "eng.router.test"]);

    let error = offers::ask("nowhere", WITHIN).await.unwrap_err();
    assert_eq!(error.to_string(), "interface `nowhere` has no address");
}

/// Scapy's packets, since no router of Debian's sends the option (radvd 2.19, dnsmasq 2.90).
#[test]
fn a_router_is_solicited_and_asked_again() {
    // Scapy is Debian's, so it is for Debian's Python.
    let python = std::path::Path::new("/usr/bin/python3");
    assert!(
        python.is_file(),
        "install Debian's packages `python3` and `python3-scapy`"
    );
    let hex =
        |octets: Vec<u8>| -> String { octets.iter().map(|octet| format!("{octet:02x}")).collect() };
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/router.py");
    let servers = format!(
        "{} {script} {SERVER} {} $FOLDER/second {} > $FOLDER/server.log 2>&1 &",
        python.display(),
        hex(first_router()),
        hex(second_router()),
    );
    run(folder.path(), &servers, "offers::solicited").unwrap();
}

/// The designations of options, each with its lifetime.
fn designated(options: &[NetworkOption]) -> Vec<(String, Option<u32>)> {
    assert!(
        options
            .iter()
            .all(|option| option.carrier == Carrier::RouterAdvertisement)
    );
    let designations = options.iter().flat_map(|option| {
        let (designations, discarded) = read(option);
        assert!(discarded.is_empty(), "{discarded:?}");
        designations
    });
    let named = |it: Designation| (it.name.without_dot().to_owned(), it.lifetime);
    designations.map(named).collect()
}

#[tokio::test]
#[ignore = "runs inside of a network namespace, started by the test above"]
async fn solicited() {
    let asked = offers::ask(CLIENT, WITHIN).await.unwrap();
    let mut said = designated(&asked.options());
    said.sort();
    let both = [("other.test", 3_600), ("router.test", 600)];
    assert_eq!(
        said,
        both.map(|(name, seconds)| (name.to_owned(), Some(seconds)))
    );
    assert_eq!(asked.ask_again(), Duration::from_secs(300));

    // Another address is how another network looks: it is asked at once.
    let mut offers = Offers::after(CLIENT, &asked);
    let folder = std::env::var_os("FOLDER").unwrap();
    std::fs::write(std::path::Path::new(&folder).join("second"), "").unwrap();
    let ip = |arguments: &str| {
        let status = std::process::Command::new(program("ip", "iproute2").unwrap())
            .args(arguments.split(' '))
            .status();
        assert!(status.unwrap().success(), "{arguments}");
    };
    ip("address add 192.0.2.3/24 dev client");
    let options = offers.next(WITHIN).await.unwrap().unwrap();
    assert_eq!(
        designated(&options),
        [("another.test".to_owned(), Some(3_600))]
    );

    // What was said is not said any more where there is no network.
    ip("link set client down");
    ip("address flush dev client");
    assert_eq!(offers.next(WITHIN).await.unwrap(), Some(Vec::new()));
}
