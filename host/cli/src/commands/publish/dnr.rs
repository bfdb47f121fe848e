//! `resolvet publish dnr`: what DHCP and router advertisements say of the DNS server (RFC 9463), and how others' programs
//! are told to say it.

use std::net::IpAddr;

use resolvet_proto::discovery::{
    Template,
    dnr::{
        self, Carrier, Designation, NetworkOption, Service, dhcp_v4_fragments, write_dhcp_v4,
        write_dhcp_v6, write_router_advertisement,
    },
    svcb::{Params, is_bad_port},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::Dnr,
    exit::{Exit, UsageError},
    journey::domain_name,
    output::{Output, Tone, tinted},
    report::VERSION,
};

/// Protocols that a designated server can speak (RFC 9461 section 4).
const PROTOCOLS: [&str; 4] = ["dot", "doq", "h2", "h3"];
/// Octets of one option of DHCPv4; what is longer is split (RFC 3396), which dnsmasq does not do.
const WHOLE: usize = 255;

/// The options.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DnrReport {
    version: u32,
    authentication_domain_name: String,
    /// Absent without an address of IPv4.
    dhcp_v4: Option<OptionReport>,
    /// Absent without an address of IPv6, as the one below.
    dhcp_v6: Option<OptionReport>,
    router_advertisement: Option<OptionReport>,
    /// Members for `option-data` of Kea's `Dhcp4` and `Dhcp6`.
    kea: Vec<Value>,
    /// Lines of dnsmasq's configuration.
    dnsmasq: Vec<String>,
}

/// An option in hexadecimal digits.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct OptionReport {
    code: u16,
    /// DHCP: the option's data. Router advertisement: the whole option, with type and length.
    hex: String,
}

pub(super) fn run(arguments: &Dnr, output: &Output) -> anyhow::Result<Exit> {
    let domain = domain_name(&arguments.domain)?;
    let params = params(arguments)?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in arguments.server.iter().flat_map(|server| &server.addresses) {
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    // All servers answer for one domain in one way, so they are one designation: some DHCP servers send an option once.
    let designation = |is_v4| Designation {
        priority: 1,
        name: domain.clone(),
        lifetime: Some(arguments.lifetime),
        service: Some(Service {
            addresses: addresses
                .iter()
                .copied()
                .filter(|address| address.is_ipv4() == is_v4)
                .collect(),
            params: params.clone(),
        }),
    };
    let has = |is_v4| addresses.iter().any(|address| address.is_ipv4() == is_v4);
    let mut report = DnrReport {
        version: VERSION,
        authentication_domain_name: domain.without_dot().to_owned(),
        dhcp_v4: None,
        dhcp_v6: None,
        router_advertisement: None,
        kea: Vec::new(),
        dnsmasq: Vec::new(),
    };
    if has(true) {
        let wanted = designation(true);
        let data = write_dhcp_v4(std::slice::from_ref(&wanted))?;
        reads_back(Carrier::DhcpV4, &data, &wanted)?;
        let code = u16::from(dnr::DHCP_V4_CODE);
        report.kea.push(kea("dhcp4", code, &data));
        if dhcp_v4_fragments(&data).len() == 1 {
            report
                .dnsmasq
                .push(format!("dhcp-option={code},{}", digits(&data, ":")));
        }
        report.dhcp_v4 = Some(option(code, &data));
    }
    if has(false) {
        let wanted = designation(false);
        let data = write_dhcp_v6(&wanted)?;
        reads_back(Carrier::DhcpV6, &data, &wanted)?;
        let code = dnr::DHCP_V6_CODE;
        report.kea.push(kea("dhcp6", code, &data));
        if data.len() <= WHOLE {
            report
                .dnsmasq
                .push(format!("dhcp-option=option6:{code},{}", digits(&data, ":")));
        }
        report.dhcp_v6 = Some(option(code, &data));
        let data = write_router_advertisement(&wanted)?;
        reads_back(Carrier::RouterAdvertisement, &data, &wanted)?;
        let code = u16::from(dnr::ROUTER_ADVERTISEMENT_TYPE);
        report.router_advertisement = Some(option(code, &data));
    }
    if output.is_json() {
        output.document(&report)?;
    } else {
        tell(&report, output)?;
    }
    Ok(Exit::Done)
}

/// How the servers are spoken to.
fn params(arguments: &Dnr) -> Result<Params, UsageError> {
    let alpn: Vec<&str> = arguments.alpn.iter().map(String::as_str).collect();
    if let Some(other) = alpn.iter().find(|name| !PROTOCOLS.contains(name)) {
        return Err(UsageError(format!(
            "--alpn: `{}` is no protocol of DNS: expected {} (RFC 9461 4)",
            other.escape_debug(),
            PROTOCOLS.join(", ")
        )));
    }
    let mut params = Params::new().with_alpn(&alpn);
    if let Some(port) = arguments.port {
        if is_bad_port(port) {
            return Err(UsageError(format!(
                "--port: clients refuse {port}, which is another protocol's (RFC 9461 8)"
            )));
        }
        params = params.with_port(port);
    }
    let over_http = alpn.iter().any(|name| name.starts_with('h'));
    match &arguments.dohpath {
        Some(path) if over_http => {
            let template = Template::from_octets(path.as_bytes())
                .map_err(|error| UsageError(format!("--dohpath: {error}")))?;
            Ok(params.with_path(&template))
        }
        Some(_) => Err(UsageError(
            "--dohpath is for DNS over HTTPS: give --alpn h2 or h3 too".into(),
        )),
        None if over_http => Err(UsageError(
            "DNS over HTTPS needs its path: --dohpath '/dns-query{?dns}' (RFC 9461 5)".into(),
        )),
        None => Ok(params),
    }
}

/// Reads what was written as a device does; what it would discard is not published.
fn reads_back(carrier: Carrier, data: &[u8], wanted: &Designation) -> Result<(), UsageError> {
    let (found, errors) = dnr::read(&NetworkOption {
        carrier,
        data: data.into(),
        lifetime: wanted.lifetime,
    });
    if found == [wanted.clone()] && errors.is_empty() {
        return Ok(());
    }
    let why = errors.first().map_or_else(
        || "an address is no server's, or there are more than are used".to_owned(),
        ToString::to_string,
    );
    Err(UsageError(format!("devices would not use this: {why}")))
}

fn option(code: u16, data: &[u8]) -> OptionReport {
    OptionReport {
        code,
        hex: digits(data, ""),
    }
}

/// A member of `option-data`, by its code alone: Kea knows the option by name in later versions only.
fn kea(space: &str, code: u16, data: &[u8]) -> Value {
    json!({
        "space": space,
        "code": code,
        "csv-format": false,
        "data": digits(data, ""),
    })
}

fn digits(octets: &[u8], between: &str) -> String {
    let digits: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    digits.join(between)
}

fn tell(report: &DnrReport, output: &Output) -> anyhow::Result<()> {
    let head = |text: &str| output.line(&tinted(Tone::Head, text));
    for (title, option) in [
        (
            "DHCPv4 option 162 (RFC 9463 5.1), its data",
            &report.dhcp_v4,
        ),
        (
            "DHCPv6 option 144 (RFC 9463 4.1), its data",
            &report.dhcp_v6,
        ),
        (
            "router advertisement option 144 (RFC 9463 6.1), whole",
            &report.router_advertisement,
        ),
    ] {
        if let Some(option) = option {
            head(&format!("# {title}"))?;
            output.line(&option.hex)?;
        }
    }
    head("# Kea: a member of \"option-data\" of \"Dhcp4\", \"Dhcp6\" or a subnet")?;
    for member in &report.kea {
        output.line(&member.to_string())?;
    }
    head("# dnsmasq")?;
    for line in &report.dnsmasq {
        output.line(line)?;
    }
    if report.dnsmasq.len() < report.kea.len() {
        output.remark("dnsmasq sends no option of more than 255 octets");
    }
    if report.router_advertisement.is_some() {
        output.remark(
            "radvd has no statement for this option (seen in 2.19): let it say that there is DHCPv6 (`AdvOtherConfigFlag on`), \
             and announce the server there",
        );
    }
    Ok(())
}
