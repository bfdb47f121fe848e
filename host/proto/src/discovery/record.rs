//! The records that discovery understands, each read strictly from its data.

use alloc::vec::Vec;
use core::net::IpAddr;

use hickory_proto::{
    rr::Name,
    serialize::binary::{BinDecodable as _, BinDecoder},
};

use super::{
    name::{self, DomainName},
    svcb::Svcb,
};
use crate::judgement::{Der, DnsRecord, Dnssec, Transport};

/// The application service tag of the draft's section 12.1.1.
pub const SERVICE: &str = "DPRIVE";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// NAPTR (RFC 3403).
    Naptr,
    /// SRV (RFC 2782).
    Srv,
    /// A.
    A,
    /// AAAA.
    Aaaa,
    /// PTR (RFC 1035 section 3.3.12).
    Ptr,
    /// SVCB (RFC 9460).
    Svcb,
    /// RESINFO (RFC 9606).
    Resinfo,
    /// TLSA (RFC 6698).
    Tlsa,
    /// TXT (RFC 1035 section 3.3.14).
    Txt,
}

impl Kind {
    /// The type's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Naptr => 35,
            Self::Srv => 33,
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Ptr => 12,
            Self::Svcb => 64,
            Self::Resinfo => 261,
            Self::Tlsa => 52,
            Self::Txt => 16,
        }
    }

    /// The type's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Ptr => "PTR",
            Self::Svcb => "SVCB",
            Self::Resinfo => "RESINFO",
            Self::Tlsa => "TLSA",
            Self::Txt => "TXT",
        }
    }
}

/// The number of the type CNAME.
pub(super) const CNAME: u16 = 5;
/// The number of the type SOA.
pub(super) const SOA: u16 = 6;

/// A protocol that a NAPTR record can name (the draft's section 12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `dns.tls`.
    Tls,
    /// `dns.dtls`.
    Dtls,
    /// `dns.https`, or `dnshttps`, which the draft's section 12.1.4 prints.
    Https,
}

impl Protocol {
    /// The protocol of a tag, whatever its case.
    #[must_use]
    pub fn of_tag(tag: &[u8]) -> Option<Self> {
        [
            ("dns.tls", Self::Tls),
            ("dns.dtls", Self::Dtls),
            ("dns.https", Self::Https),
            ("dnshttps", Self::Https),
        ]
        .into_iter()
        .find_map(|(known, protocol)| {
            tag.eq_ignore_ascii_case(known.as_bytes())
                .then_some(protocol)
        })
    }

    /// The tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Tls => "dns.tls",
            Self::Dtls => "dns.dtls",
            Self::Https => "dns.https",
        }
    }

    /// How its servers are spoken to.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match self {
            Self::Tls => Transport::Dot,
            Self::Dtls => Transport::Dtls,
            Self::Https => Transport::Doh,
        }
    }

    /// The port where a record says none: RFC 7858 section 3.1, RFC 8094 section 3.1, RFC 8484 section 4.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Tls | Self::Dtls => 853,
            Self::Https => 443,
        }
    }
}

/// The data of a NAPTR record (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Processed in this order, smaller first.
    pub order: u16,
    /// Within one order, smaller first.
    pub preference: u16,
    /// Flags as they came.
    pub flags: Vec<u8>,
    /// Service and protocol tags as they came.
    pub service: Vec<u8>,
    /// The regular expression, which S-NAPTR does not use.
    pub regexp: Vec<u8>,
    /// The next name.
    pub replacement: DomainName,
}

impl Naptr {
    /// Reads the data of one record, names uncompressed. `None`: it is malformed, or octets are left over.
    #[must_use]
    pub fn parse(rdata: &[u8]) -> Option<Self> {
        let mut decoder = BinDecoder::new(rdata);
        let (naptr, _) = Self::read(&mut decoder)?;
        decoder.is_empty().then_some(naptr)
    }

    fn read(decoder: &mut BinDecoder<'_>) -> Option<(Self, Name)> {
        let order = number(decoder)?;
        let preference = number(decoder)?;
        let flags = character_string(decoder)?;
        let service = character_string(decoder)?;
        let regexp = character_string(decoder)?;
        let replacement = Name::read(decoder).ok()?;
        let naptr = Self {
            order,
            preference,
            flags,
            service,
            regexp,
            replacement: DomainName::of(&replacement),
        };
        Some((naptr, replacement))
    }

    /// Whether the service is ours.
    #[must_use]
    pub fn is_for_service(&self) -> bool {
        self.tags()
            .next()
            .is_some_and(|tag| tag.eq_ignore_ascii_case(SERVICE.as_bytes()))
    }

    /// The protocols that it names, in its order; none when the service is another.
    #[must_use]
    pub fn protocols(&self) -> Vec<Protocol> {
        let mut protocols = Vec::new();
        if self.is_for_service() {
            for protocol in self.tags().skip(1).filter_map(Protocol::of_tag) {
                if !protocols.contains(&protocol) {
                    protocols.push(protocol);
                }
            }
        }
        protocols
    }

    /// The tags between colons.
    pub(super) fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.service.split(|octet| *octet == b':')
    }
}

/// The data of an SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Smaller first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; the root means that the service is not available.
    pub target: DomainName,
}

impl Srv {
    /// Reads the data of one record, names uncompressed. `None`: it is malformed, or octets are left over.
    #[must_use]
    pub fn parse(rdata: &[u8]) -> Option<Self> {
        let mut decoder = BinDecoder::new(rdata);
        let (srv, _) = Self::read(&mut decoder)?;
        decoder.is_empty().then_some(srv)
    }

    fn read(decoder: &mut BinDecoder<'_>) -> Option<(Self, Name)> {
        let priority = number(decoder)?;
        let weight = number(decoder)?;
        let port = number(decoder)?;
        let target = Name::read(decoder).ok()?;
        Some((
            Self {
                priority,
                weight,
                port,
                target: DomainName::of(&target),
            },
            target,
        ))
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// NAPTR.
    Naptr(Naptr),
    /// SRV.
    Srv(Srv),
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME.
    Alias(DomainName),
    /// PTR: a name whose labels may have any octets, as instances of services have (RFC 6763 section 4.1.1).
    Pointer(Name),
    /// SVCB.
    Svcb(Svcb),
    /// RESINFO: read by [`super::resinfo`].
    Resinfo,
    /// TLSA: read by policies.
    Tlsa,
    /// TXT: its strings, one after another.
    Text(Vec<u8>),
}

/// One record of class IN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Owner.
    pub owner: DomainName,
    /// The type's number.
    pub rtype: u16,
    /// Time to live, seconds; 0 when the most significant bit was set (RFC 2181 section 8).
    pub ttl: u32,
    /// What it says.
    pub data: Data,
    /// Its data on the wire, names uncompressed.
    pub rdata: Vec<u8>,
    /// What is known of its signatures.
    pub dnssec: Dnssec,
}

impl Record {
    /// The record as policies see it.
    #[must_use]
    pub fn evidence(&self) -> DnsRecord {
        DnsRecord {
            owner: self.owner.as_str().into(),
            rtype: self.rtype,
            ttl: self.ttl,
            rdata: Der::from(self.rdata.as_slice()),
            dnssec: self.dnssec.clone(),
        }
    }
}

/// Reads data of `length` octets at the decoder's place: what it says, and its octets without compression.
pub(super) fn read_data(
    decoder: &mut BinDecoder<'_>,
    rtype: u16,
    length: usize,
) -> Option<(Data, Vec<u8>)> {
    let start = decoder.index();
    let (data, fixed, name) = if rtype == Kind::Naptr.number() {
        let (naptr, name) = Naptr::read(decoder)?;
        let mut fixed = Vec::new();
        fixed.extend_from_slice(&naptr.order.to_be_bytes());
        fixed.extend_from_slice(&naptr.preference.to_be_bytes());
        for text in [&naptr.flags, &naptr.service, &naptr.regexp] {
            fixed.push(u8::try_from(text.len()).ok()?);
            fixed.extend_from_slice(text);
        }
        (Data::Naptr(naptr), fixed, Some(name))
    } else if rtype == Kind::Srv.number() {
        let (srv, name) = Srv::read(decoder)?;
        let fixed = [srv.priority, srv.weight, srv.port]
            .map(u16::to_be_bytes)
            .concat();
        (Data::Srv(srv), fixed, Some(name))
    } else if rtype == CNAME {
        let name = Name::read(decoder).ok()?;
        (Data::Alias(DomainName::of(&name)), Vec::new(), Some(name))
    } else if rtype == Kind::Ptr.number() {
        let name = Name::read(decoder).ok()?;
        (Data::Pointer(name.clone()), Vec::new(), Some(name))
    } else if rtype == Kind::Svcb.number() {
        let octets = decoder.read_slice(length).ok()?.unverified();
        (Data::Svcb(Svcb::parse(octets).ok()?), octets.to_vec(), None)
    } else if rtype == Kind::Resinfo.number() {
        let octets = decoder.read_slice(length).ok()?.unverified();
        (Data::Resinfo, octets.to_vec(), None)
    } else if rtype == Kind::Tlsa.number() {
        // Usage, selector, matching type, and something to match (RFC 6698 section 2.1).
        let octets = decoder.read_slice(length).ok()?.unverified();
        (octets.len() > 3).then_some(())?;
        (Data::Tlsa, octets.to_vec(), None)
    } else if rtype == Kind::Txt.number() {
        let octets = decoder.read_slice(length).ok()?.unverified();
        (Data::Text(strings(octets)?), octets.to_vec(), None)
    } else {
        let octets = decoder.read_slice(length).ok()?.unverified();
        let address = if rtype == Kind::A.number() {
            IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)
        } else if rtype == Kind::Aaaa.number() {
            IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)
        } else {
            return None;
        };
        (Data::Address(address), octets.to_vec(), None)
    };
    if decoder.index().checked_sub(start)? != length {
        return None;
    }
    let mut rdata = fixed;
    if let Some(name) = name {
        rdata.extend_from_slice(&name::wire(&name));
    }
    Some((data, rdata))
}

/// Character-strings (RFC 1035 section 3.3), one after another; there is at least one.
pub(in crate::discovery) fn strings(octets: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(octets.len());
    let mut rest = octets;
    loop {
        let (length, after) = rest.split_first()?;
        let (string, after) = after.split_at_checked(usize::from(*length))?;
        text.extend_from_slice(string);
        if after.is_empty() {
            return Some(text);
        }
        rest = after;
    }
}

fn number(decoder: &mut BinDecoder<'_>) -> Option<u16> {
    Some(decoder.read_u16().ok()?.unverified())
}

fn character_string(decoder: &mut BinDecoder<'_>) -> Option<Vec<u8>> {
    Some(decoder.read_character_data().ok()?.unverified().to_vec())
}
