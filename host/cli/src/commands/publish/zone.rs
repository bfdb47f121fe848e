//! `resolvet publish zone`: what a network's administrator puts into the zone.

use std::{fmt::Write as _, net::IpAddr};

use resolvet_proto::discovery::{DomainName, Protocol, SERVICE};
use serde::Serialize;

use crate::{
    args::{NamedHost, Zone as Arguments},
    exit::Exit,
    journey::domain_name,
    output::Output,
    report::VERSION,
};

/// Records, each in the form of master files.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ZoneReport<'a> {
    version: u32,
    records: Vec<&'a str>,
}

/// Seconds for which resolvers may keep a record: a replaced server is known within the hour.
const TTL: u32 = 3_600;

pub(super) fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Exit> {
    let domain = domain_name(&arguments.domain)?;
    let mut zone = Zone::default();
    zone.dns_servers(&domain, &arguments.server, arguments.port);
    if let Some(est) = &arguments.est {
        let remark = "its EST server (draft-reddy-dprive-bootstrap-dns-server-04 8, RFC 6763)";
        let place = (est, arguments.est_port);
        zone.instance(&domain, ("_est._tcp", "EST"), place, remark);
    }
    if let Some(registrar) = &arguments.registrar {
        let remark = "its registrar (RFC 8995 4.1, RFC 6763)";
        let place = (registrar, arguments.registrar_port);
        zone.instance(
            &domain,
            ("_brski-registrar._tcp", "Registrar"),
            place,
            remark,
        );
    }
    let text = zone.text.trim_end();
    if output.is_json() {
        let is_record = |line: &&str| !line.starts_with(';');
        output.document(&ZoneReport {
            version: VERSION,
            records: text.lines().filter(is_record).collect(),
        })?;
    } else {
        output.line(text)?;
    }
    Ok(Exit::Done)
}

/// A zone's records in the form of master files (RFC 1035 section 5), names absolute.
#[derive(Default)]
struct Zone {
    text: String,
}

impl Zone {
    fn remark(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "; {text}");
    }

    fn record(&mut self, owner: &str, kind: &str, data: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{owner} {TTL} IN {kind} {data}");
    }

    /// Figure 2 of the draft for DNS over TLS; the first server is the most wanted one.
    fn dns_servers(&mut self, domain: &DomainName, servers: &[NamedHost], port: u16) {
        let domain = domain.as_str();
        let tag = Protocol::Tls.tag();
        let (rule, service) = (format!("dns1.{domain}"), format!("_domain-s._tcp.{domain}"));
        self.remark(
            "this domain has DNS over TLS (draft-reddy-dprive-bootstrap-dns-server-04 6, RFC 3958)",
        );
        let data = format!("100 10 \"\" \"{SERVICE}:{tag}\" \"\" {rule}");
        self.record(domain, "NAPTR", &data);
        let data = format!("100 10 \"S\" \"{SERVICE}:{tag}\" \"\" {service}");
        self.record(&rule, "NAPTR", &data);
        for (priority, server) in (0..).step_by(10).zip(servers) {
            let data = format!("{priority} 0 {port} {}", server.name.as_str());
            self.record(&service, "SRV", &data);
        }
        servers.iter().for_each(|server| self.addresses(server));
    }

    /// The announcement of an instance of a service (RFC 6763).
    fn instance(
        &mut self,
        domain: &DomainName,
        (service, label): (&str, &str),
        (host, port): (&NamedHost, u16),
        remark: &str,
    ) {
        let service = format!("{service}.{}", domain.as_str());
        let instance = format!("{label}.{service}");
        self.remark(remark);
        self.record(&service, "PTR", &instance);
        let data = format!("0 0 {port} {}", host.name.as_str());
        self.record(&instance, "SRV", &data);
        self.record(&instance, "TXT", "\"\"");
        self.addresses(host);
    }

    fn addresses(&mut self, host: &NamedHost) {
        for address in &host.addresses {
            let kind = match address {
                IpAddr::V4(_) => "A",
                IpAddr::V6(_) => "AAAA",
            };
            self.record(host.name.as_str(), kind, &address.to_string());
        }
    }
}
