//! A zone built in code, and how a server finds an answer in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use hickory_proto::rr::rdata::svcb::{Alpn, SVCB, SvcParamKey, SvcParamValue, Unknown};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NAPTR, NS, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordSet, RecordType};
use hickory_proto::serialize::binary::BinEncodable as _;
use hickory_proto::serialize::txt::Parser;

/// Time to live of records that are added without one, in seconds.
pub const TTL: u32 = 300;

/// Aliases followed in one answer; a real recursive resolver stops about there too.
const ALIASES: usize = 8;

/// The parameter of an SVCB record that holds the path of a URI template (RFC 9461 section 5).
const DOHPATH: u16 = 7;

/// A server that Figure 2's zone leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's label below the zone's origin: `a` in the figure.
    pub host: String,
    /// Where it listens; several addresses become A and AAAA records.
    pub addresses: Vec<IpAddr>,
    /// The port, the same for every address.
    pub port: u16,
}

/// What a zone has for a question.
#[derive(Clone, Debug)]
pub enum Found {
    /// These records: aliases first, then the answer (which can be missing after an alias that leads nowhere).
    Records(Vec<Record>),
    /// The name exists, the type does not; the SOA for the authority section.
    NoData(Box<Record>),
    /// The name does not exist; the SOA for the authority section.
    NxDomain(Box<Record>),
}

/// Records below one origin.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    records: BTreeMap<Name, Vec<Record>>,
}

impl Zone {
    /// A zone with nothing but SOA and NS.
    ///
    /// # Errors
    /// When `origin` is no domain name.
    pub fn new(origin: &str) -> Result<Self> {
        let origin = absolute(origin)?;
        let mut zone = Self {
            origin: origin.clone(),
            records: BTreeMap::new(),
        };
        let server = origin.prepend_label("ns")?;
        let mailbox = origin.prepend_label("hostmaster")?;
        let soa = SOA::new(server.clone(), mailbox, 1, 3600, 600, 86_400, 60);
        zone.add("@", TTL, RData::SOA(soa))?;
        zone.add("@", TTL, RData::NS(NS(server)))?;
        zone.address("ns", Ipv4Addr::LOCALHOST.into())?;
        Ok(zone)
    }

    /// The zone of Figure 2 of draft-reddy-dprive-bootstrap-dns-server-04 with the lab's ports and addresses: the service
    /// tag `DPRIVE` leads over `dns1` to DNS over TLS and over `dns2` to DNS over DTLS. Several endpoints become SRV
    /// records of rising priority. An ordinary name `www` is there to be asked for.
    ///
    /// # Errors
    /// When `origin` or a host is no domain name.
    pub fn figure_2(origin: &str, endpoints: &[Endpoint]) -> Result<Self> {
        let mut zone = Self::new(origin)?;
        zone.naptr("@", 100, 10, "", "DPRIVE:dns.tls", "dns1")?;
        zone.naptr("@", 200, 10, "", "DPRIVE:dns.dtls", "dns2")?;
        zone.naptr("dns1", 100, 10, "S", "DPRIVE:dns.tls", "_domain-s._tcp")?;
        zone.naptr("dns2", 100, 10, "S", "DPRIVE:dns.dtls", "_domain-s._udp")?;
        for (priority, endpoint) in (0..).step_by(10).zip(endpoints) {
            zone.srv("_domain-s._tcp", priority, 0, endpoint.port, &endpoint.host)?;
            zone.srv("_domain-s._udp", priority, 0, endpoint.port, &endpoint.host)?;
            for address in &endpoint.addresses {
                zone.address(&endpoint.host, *address)?;
            }
        }
        zone.address("www", Ipv4Addr::new(192, 0, 2, 80).into())?;
        zone.address(
            "www",
            Ipv6Addr::new(0x2001, 0xdb8, 8, 4, 0, 0, 0, 0x80).into(),
        )?;
        zone.cname("alias", "www")?;
        Ok(zone)
    }

    /// A zone with these records, lines of a master file (RFC 1035 section 5), beside SOA and NS.
    ///
    /// # Errors
    /// When `origin` is no domain name, or the text is no master file.
    pub fn read(origin: &str, text: &str) -> Result<Self> {
        let mut zone = Self::new(origin)?;
        let (_, sets) = Parser::new(text, None, Some(zone.origin.clone())).parse()?;
        for record in sets.values().flat_map(RecordSet::records_without_rrsigs) {
            zone.add_at(record.name.clone(), record.ttl, record.data.clone());
        }
        Ok(zone)
    }

    /// The name that all others end in.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Adds a record. `@` is the origin, a name without a dot at its end stands below the origin.
    ///
    /// # Errors
    /// When `owner` is no domain name.
    pub fn add(&mut self, owner: &str, ttl: u32, data: RData) -> Result<&mut Self> {
        let owner = self.name(owner)?;
        self.add_at(owner, ttl, data);
        Ok(self)
    }

    /// Adds a record at a name with any octets in its labels, as instances of services have (RFC 6763 section 4.1.1).
    pub fn add_at(&mut self, owner: Name, ttl: u32, data: RData) {
        let record = Record::from_rdata(owner.clone(), ttl, data);
        self.records
            .entry(owner.to_lowercase())
            .or_default()
            .push(record);
    }

    /// Adds a NAPTR record without a regular expression (RFC 3958 section 6.3 forbids one).
    ///
    /// # Errors
    /// When a name is none.
    pub fn naptr(
        &mut self,
        owner: &str,
        order: u16,
        preference: u16,
        flags: &str,
        services: &str,
        replacement: &str,
    ) -> Result<&mut Self> {
        let data = naptr(order, preference, flags, services, self.name(replacement)?);
        self.add(owner, TTL, data)
    }

    /// Adds an SRV record; the target `.` says that the service is not available (RFC 2782).
    ///
    /// # Errors
    /// When a name is none.
    pub fn srv(
        &mut self,
        owner: &str,
        priority: u16,
        weight: u16,
        port: u16,
        target: &str,
    ) -> Result<&mut Self> {
        let data = RData::SRV(SRV::new(priority, weight, port, self.name(target)?));
        self.add(owner, TTL, data)
    }

    /// Adds an SVCB record of DNS (RFC 9461): these protocols at this port of the target, with a path for DNS over HTTPS.
    ///
    /// # Errors
    /// When a name is none.
    pub fn svcb(
        &mut self,
        owner: &str,
        priority: u16,
        target: &str,
        alpn: &[&str],
        port: u16,
        path: Option<&str>,
    ) -> Result<&mut Self> {
        let alpn = alpn.iter().map(|protocol| (*protocol).to_owned()).collect();
        let mut parameters = vec![
            (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(alpn))),
            (SvcParamKey::Port, SvcParamValue::Port(port)),
        ];
        // The library has no name for the key of RFC 9461 section 5.
        parameters.extend(path.map(|path| {
            let value = Unknown(path.as_bytes().to_vec());
            (SvcParamKey::Key(DOHPATH), SvcParamValue::Unknown(value))
        }));
        let data = SVCB::new(priority, self.name(target)?, parameters);
        self.add(owner, TTL, RData::SVCB(data))
    }

    /// Adds an A or AAAA record.
    ///
    /// # Errors
    /// When `owner` is no domain name.
    pub fn address(&mut self, owner: &str, address: IpAddr) -> Result<&mut Self> {
        let data = match address {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        };
        self.add(owner, TTL, data)
    }

    /// Adds an alias.
    ///
    /// # Errors
    /// When a name is none.
    pub fn cname(&mut self, owner: &str, target: &str) -> Result<&mut Self> {
        let data = RData::CNAME(CNAME(self.name(target)?));
        self.add(owner, TTL, data)
    }

    /// Adds a TXT record of one string.
    ///
    /// # Errors
    /// When `owner` is no domain name.
    pub fn txt(&mut self, owner: &str, text: &str) -> Result<&mut Self> {
        self.add(owner, TTL, RData::TXT(TXT::new(vec![text.to_owned()])))
    }

    /// Takes away all records of a name and type.
    ///
    /// # Errors
    /// When `owner` is no domain name.
    pub fn remove(&mut self, owner: &str, record_type: RecordType) -> Result<&mut Self> {
        let owner = self.name(owner)?.to_lowercase();
        if let Some(records) = self.records.get_mut(&owner) {
            records.retain(|record| record.record_type() != record_type);
        }
        self.records.retain(|_, records| !records.is_empty());
        Ok(self)
    }

    /// What the zone has for a question; aliases within the zone are followed, at most eight.
    #[must_use]
    pub fn find(&self, name: &Name, record_type: RecordType) -> Found {
        let mut found = Vec::new();
        let mut wanted = name.to_lowercase();
        for _ in 0..ALIASES {
            let here = self
                .records
                .get(&wanted)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let before = found.len();
            found.extend(
                here.iter()
                    .filter(|record| record.record_type() == record_type)
                    .cloned(),
            );
            if found.len() > before {
                break;
            }
            let alias = here.iter().find_map(|record| match &record.data {
                RData::CNAME(target) => Some((record.clone(), target.0.to_lowercase())),
                _ => None,
            });
            let Some((record, target)) = alias else { break };
            found.push(record);
            wanted = target;
        }
        if !found.is_empty() {
            return Found::Records(found);
        }
        // An empty non-terminal exists (RFC 8020).
        if self.records.keys().any(|owner| name.zone_of(owner)) {
            Found::NoData(Box::new(self.soa()))
        } else {
            Found::NxDomain(Box::new(self.soa()))
        }
    }

    /// The zone as a master file (RFC 1035 section 5), for servers that others wrote.
    #[must_use]
    pub fn to_master_file(&self) -> String {
        let soa = self.soa();
        let rest = self
            .records
            .values()
            .flatten()
            .filter(|record| **record != soa);
        std::iter::once(&soa)
            .chain(rest)
            .map(|record| format!("{}\n", master_line(record)))
            .collect()
    }

    /// The record that begins the zone.
    fn soa(&self) -> Record {
        let apex = self
            .records
            .get(&self.origin.to_lowercase())
            .into_iter()
            .flatten();
        let mut soa = apex.filter(|record| record.record_type() == RecordType::SOA);
        soa.next_back().cloned().unwrap_or_else(|| {
            let data = SOA::new(Name::root(), Name::root(), 1, 3600, 600, 86_400, 60);
            Record::from_rdata(self.origin.clone(), TTL, RData::SOA(data))
        })
    }

    /// A name as it is written in this zone.
    fn name(&self, written: &str) -> Result<Name> {
        if written == "@" {
            return Ok(self.origin.clone());
        }
        if written.ends_with('.') {
            return absolute(written);
        }
        let relative =
            Name::from_ascii(written).with_context(|| format!("`{written}` is no domain name"))?;
        relative
            .append_domain(&self.origin)
            .with_context(|| format!("`{written}` is too long here"))
    }
}

/// A fully qualified name, whether it was written with a dot at its end or not.
///
/// # Errors
/// When it is no domain name.
pub fn absolute(written: &str) -> Result<Name> {
    let mut name =
        Name::from_ascii(written).with_context(|| format!("`{written}` is no domain name"))?;
    name.set_fqdn(true);
    Ok(name)
}

/// The data of a NAPTR record without a regular expression.
#[must_use]
pub fn naptr(order: u16, preference: u16, flags: &str, services: &str, replacement: Name) -> RData {
    RData::NAPTR(NAPTR::new(
        order,
        preference,
        flags.as_bytes().into(),
        services.as_bytes().into(),
        Box::default(),
        replacement,
    ))
}

/// A record as a line of a master file. NAPTR is written here, since its character strings need their quotes, and SVCB as data
/// of an unknown type (RFC 3597 section 5), since older servers do not know all of its keys.
fn master_line(record: &Record) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let data = match &record.data {
        RData::NAPTR(data) => format!(
            "{} {} \"{}\" \"{}\" \"{}\" {}",
            data.order,
            data.preference,
            text(&data.flags),
            text(&data.services),
            text(&data.regexp),
            data.replacement
        ),
        RData::TXT(data) => data
            .txt_data
            .iter()
            .map(|part| format!("\"{}\"", text(part)))
            .collect::<Vec<_>>()
            .join(" "),
        RData::SVCB(data) => {
            let octets = data.to_bytes().unwrap_or_default();
            let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("\\# {} {digits}", octets.len())
        }
        data => data.to_string(),
    };
    let record_type = match record.record_type() {
        RecordType::SVCB => "TYPE64".to_owned(),
        record_type => record_type.to_string(),
    };
    format!("{} {} IN {record_type} {data}", record.name, record.ttl)
}
