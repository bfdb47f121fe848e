//! Zones and answers that lead nowhere, in circles, or to too much.

use std::sync::Arc;

use anyhow::Result;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::behaviour::Behaviour;
use super::zone::{TTL, Zone, absolute, naptr};

/// The service that the lab's zones offer.
const DOT: &str = "DPRIVE:dns.tls";
/// Longest name in octets (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;

/// A zone whose only NAPTR record leads to itself.
///
/// # Errors
/// When `origin` is no domain name.
pub fn naptr_to_itself(origin: &str) -> Result<Zone> {
    let mut zone = Zone::new(origin)?;
    zone.naptr("@", 100, 10, "", DOT, "@")?;
    Ok(zone)
}

/// A zone whose NAPTR records lead in a circle of this many names.
///
/// # Errors
/// When `origin` is no domain name.
pub fn naptr_circle(origin: &str, names: u32) -> Result<Zone> {
    let mut zone = Zone::new(origin)?;
    zone.naptr("@", 100, 10, "", DOT, "n0")?;
    for index in 0..names {
        let next = (index + 1) % names.max(1);
        zone.naptr(&format!("n{index}"), 100, 10, "", DOT, &format!("n{next}"))?;
    }
    Ok(zone)
}

/// For every NAPTR question: this many records, each of which leads to a name that was never seen before.
#[must_use]
pub fn endless_fan_out(width: u16) -> Behaviour {
    Behaviour::Synthesise(Arc::new(move |query| {
        let name = query.name();
        match query.query_type() {
            RecordType::NAPTR => (0..width)
                .filter_map(|index| {
                    // Names stay short: deeper names take the place of the first label's number.
                    let (depth, origin) = depth(name);
                    let label = format!("f{}-{}-{index}", depth + 1, fresh(name) % 1_000_000);
                    let next = origin.prepend_label(label).ok()?;
                    Some(Record::from_rdata(
                        name.clone(),
                        TTL,
                        naptr(100, index, "", DOT, next),
                    ))
                })
                .collect(),
            _ => Vec::new(),
        }
    }))
}

/// Twenty NAPTR records at a name, each of which leads to a name with five hundred terminal ones: 10,000 records that all
/// want to be followed to SRV records, which do not exist. One message cannot hold so many.
#[must_use]
pub fn ten_thousand_naptr() -> Behaviour {
    Behaviour::Synthesise(Arc::new(|query| {
        let name = query.name();
        let (label, flags, records) = match name.iter().next() {
            Some([b't', b'-', ..]) => ("s", "S", 500_u16),
            _ => ("t", "", 20),
        };
        (0..records)
            .filter_map(|index| {
                let next = name.prepend_label(format!("{label}-{index}")).ok()?;
                Some(Record::from_rdata(
                    name.clone(),
                    TTL,
                    naptr(100, index, flags, DOT, next),
                ))
            })
            .collect()
    }))
}

/// For every question: this many records of one small kind (A); one message holds about 2,000, so a larger number is cut
/// there, and the header has TC set.
#[must_use]
pub fn crowd_of_addresses(records: u32) -> Behaviour {
    Behaviour::Synthesise(Arc::new(move |query| {
        (0..records)
            .map(|index| {
                let address = std::net::Ipv4Addr::from(0x0a00_0000 | index);
                Record::from_rdata(query.name().clone(), TTL, RData::A(A(address)))
            })
            .collect()
    }))
}

/// A name of exactly 255 octets below `origin`.
///
/// # Errors
/// When `origin` is no domain name or leaves no room for that.
pub fn longest_name(origin: &str) -> Result<Name> {
    let mut name = absolute(origin)?;
    // Each label costs its length and one octet, the root one more, which `Name::len` leaves out.
    loop {
        let room = LONGEST_NAME.saturating_sub(name.len() + 1);
        match room {
            0 => return Ok(name),
            1 => anyhow::bail!("`{origin}` leaves one octet, and no label fits into that"),
            // Never leave a single octet over.
            2..=63 => name = name.prepend_label("x".repeat(room - 1))?,
            64 | 65 => name = name.prepend_label("x".repeat(room - 3))?,
            _ => name = name.prepend_label("x".repeat(63))?,
        }
    }
}

/// How deep in the fan-out a name stands, and the name that it began with.
fn depth(name: &Name) -> (u32, Name) {
    let first = name
        .iter()
        .next()
        .map(|label| String::from_utf8_lossy(label).into_owned());
    let number = first
        .as_deref()
        .and_then(|label| label.strip_prefix('f'))
        .and_then(|label| label.split('-').next())
        .and_then(|digits| digits.parse().ok());
    number.map_or((0, name.clone()), |depth| (depth, name.base_name()))
}

/// A number that differs between names, so that no name of the fan-out is met twice.
fn fresh(name: &Name) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
