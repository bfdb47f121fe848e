//! Places in a DNS message (RFC 1035 section 4), found without decoding what stands there: a transport changes a few octets
//! of what it forwards and leaves the rest as it came.

use core::ops::Range;

use alloc::vec::Vec;

/// Octets of the header.
pub(crate) const HEADER: usize = 12;
/// The type number of OPT, whose class and time to live are something else (RFC 6891 section 6.1.2).
pub(crate) const OPT: u16 = 41;
/// Octets of an option's code and length.
const OPTION_HEAD: usize = 4;
/// Queries are padded to a multiple of this many octets (RFC 8467 section 4.1).
pub const QUERY_BLOCK: usize = 128;
/// The option of padding (RFC 7830 section 3).
const PADDING: u16 = 12;
/// The option edns-tcp-keepalive (RFC 7828).
const KEEPALIVE: u16 = 11;

/// Where the parts of one record are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) rtype: u16,
    pub(crate) class: Range<usize>,
    pub(crate) ttl: Range<usize>,
    pub(crate) data: Range<usize>,
}

/// The places of all records behind the question section; `None` when the message ends early or goes on behind them.
pub(crate) fn records(message: &[u8]) -> Option<Vec<Place>> {
    let count = |at: usize| number(message, at).map(usize::from);
    let questions = count(4)?;
    let expected = count(6)?.checked_add(count(8)?)?.checked_add(count(10)?)?;
    let mut at = HEADER;
    for _ in 0..questions {
        at = behind_name(message, at)?.checked_add(4)?;
    }
    let mut places = Vec::new();
    for _ in 0..expected {
        let fixed = behind_name(message, at)?;
        let rtype = number(message, fixed)?;
        let begin = fixed.checked_add(10)?;
        let length = usize::from(number(message, fixed.checked_add(8)?)?);
        let end = begin.checked_add(length)?;
        message.get(begin..end)?;
        places.push(Place {
            start: at,
            rtype,
            class: fixed.checked_add(2)?..fixed.checked_add(4)?,
            ttl: fixed.checked_add(4)?..fixed.checked_add(8)?,
            data: begin..end,
        });
        at = end;
    }
    (at == message.len()).then_some(places)
}

/// Takes this many seconds off the time to live of every record, as HTTP's Age asks for (RFC 8484 section 5.1). Nothing is
/// changed when the message cannot be read.
///
/// Says whether it can.
#[must_use]
pub fn age(message: &mut [u8], seconds: u32) -> bool {
    let Some(places) = records(message) else {
        return false;
    };
    for place in places.into_iter().filter(|place| place.rtype != OPT) {
        if let Some(octets) = message.get_mut(place.ttl)
            && let Ok(ttl) = <[u8; 4]>::try_from(&*octets)
        {
            // A number beyond 31 bits is taken for 0 (RFC 2181 section 8).
            let ttl = u32::from_be_bytes(ttl);
            let ttl = if ttl > i32::MAX.unsigned_abs() {
                0
            } else {
                ttl
            };
            octets.copy_from_slice(&ttl.saturating_sub(seconds).to_be_bytes());
        }
    }
    true
}

/// Lowers the size of UDP answer that a query asks for to at most this many octets (RFC 6891 section 6.2.3). A query without
/// EDNS stays as it is: it asks for 512.
pub fn limit_payload(query: &mut [u8], octets: u16) {
    for place in records(query).unwrap_or_default() {
        if place.rtype == OPT
            && number(query, place.class.start).is_some_and(|size| size > octets)
            && let Some(size) = query.get_mut(place.class)
        {
            size.copy_from_slice(&octets.to_be_bytes());
        }
    }
}

/// Pads a query to a multiple of [`QUERY_BLOCK`] octets (RFC 7830). It stays as it is when it cannot be read, has no EDNS to pad
/// in, is padded already, or is signed, which is to say that something follows its OPT record.
pub fn pad(query: &mut Vec<u8>) {
    let Some(place) = records(query).unwrap_or_default().pop() else {
        return;
    };
    let options = query.get(place.data.clone()).unwrap_or_default();
    if place.rtype != OPT || has_option(options, PADDING) {
        return;
    }
    let Some(bare) = query.len().checked_add(OPTION_HEAD) else {
        return;
    };
    let padding = bare.next_multiple_of(QUERY_BLOCK).saturating_sub(bare);
    let length = options
        .len()
        .saturating_add(OPTION_HEAD)
        .saturating_add(padding);
    let (Ok(length), Ok(octets)) = (u16::try_from(length), u16::try_from(padding)) else {
        return;
    };
    if bare.saturating_add(padding) > usize::from(u16::MAX) {
        return;
    }
    let before = place.data.start.saturating_sub(2)..place.data.start;
    if let Some(place) = query.get_mut(before) {
        place.copy_from_slice(&length.to_be_bytes());
        query.extend(PADDING.to_be_bytes());
        query.extend(octets.to_be_bytes());
        query.extend(core::iter::repeat_n(0, padding));
    }
}

/// Whether the message holds the option edns-tcp-keepalive, which ends a connection of DNS over QUIC (RFC 9250 section
/// 5.5.2).
#[must_use]
pub fn has_keepalive(message: &[u8]) -> bool {
    records(message)
        .unwrap_or_default()
        .into_iter()
        .filter(|place| place.rtype == OPT)
        .any(|place| {
            let options = message.get(place.data).unwrap_or_default();
            has_option(options, KEEPALIVE)
        })
}

fn has_option(mut options: &[u8], wanted: u16) -> bool {
    while let Some((code, length, rest)) = option(options) {
        if code == wanted {
            return true;
        }
        options = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Whether the message says that it was cut (TC).
#[must_use]
pub fn is_truncated(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// Has the message say nothing of whether its records are authentic (AD).
pub fn clear_authentic_data(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(3) {
        *flags &= !0x20;
    }
}

/// Code and length of the first option, and what follows.
pub(crate) fn option(options: &[u8]) -> Option<(u16, usize, &[u8])> {
    let (head, rest) = options.split_first_chunk::<4>()?;
    let [code, code_low, length, length_low] = *head;
    let length = usize::from(u16::from_be_bytes([length, length_low]));
    Some((u16::from_be_bytes([code, code_low]), length, rest))
}

/// Where a name that begins here ends: behind its root label or its pointer.
fn behind_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return at.checked_add(1),
            1..=63 => at = at.checked_add(usize::from(length))?.checked_add(1)?,
            192.. => {
                message.get(at.checked_add(1)?)?;
                return at.checked_add(2);
            }
            64..=191 => return None,
        }
    }
}

pub(crate) fn number(message: &[u8], at: usize) -> Option<u16> {
    let octets = message.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use hickory_proto::{
        op::{Edns, Message, OpCode, Query},
        rr::{Name, RData, Record, RecordType, rdata::A, rdata::opt::EdnsOption},
    };

    use super::*;

    fn message(ttls: &[u32], option: Option<(u16, Vec<u8>)>) -> Vec<u8> {
        let name = Name::from_ascii("www.example.net.").unwrap();
        let mut message = Message::response(0, OpCode::Query);
        message.add_query(Query::query(name.clone(), RecordType::A));
        for ttl in ttls {
            let data = RData::A(A::new(192, 0, 2, 1));
            message.add_answer(Record::from_rdata(name.clone(), *ttl, data));
        }
        let mut edns = Edns::new();
        edns.set_max_payload(4_096);
        if let Some((code, value)) = option {
            edns.options_mut().insert(EdnsOption::Unknown(code, value));
        }
        message.set_edns(edns);
        message.to_vec().unwrap()
    }

    fn ttls(message: &[u8]) -> Vec<u32> {
        let message = Message::from_vec(message).unwrap();
        message.answers.iter().map(|record| record.ttl).collect()
    }

    #[test]
    fn age_is_taken_off_every_record_and_off_no_option() {
        let mut aged = message(&[300, 10, 0, u32::MAX], None);
        let edns = Message::from_vec(&aged).unwrap().edns;
        assert!(age(&mut aged, 20));
        assert_eq!(ttls(&aged), [280, 0, 0, 0]);
        assert_eq!(Message::from_vec(&aged).unwrap().edns, edns);
    }

    #[test]
    fn what_cannot_be_read_is_not_changed() {
        let whole = message(&[300], None);
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            assert!(!age(&mut cut, 20), "{length} octets");
            assert_eq!(cut, whole[..length]);
        }
        let mut longer = whole;
        longer.push(0);
        assert!(!age(&mut longer, 20));
    }

    #[test]
    fn the_size_is_lowered_and_never_raised() {
        for (limit, expected) in [(1_195, 1_195), (u16::MAX, 4_096)] {
            let mut query = message(&[], None);
            limit_payload(&mut query, limit);
            let edns = Message::from_vec(&query).unwrap().edns.unwrap();
            assert_eq!(edns.max_payload(), expected);
        }
    }

    #[test]
    fn queries_with_edns_are_padded_once() {
        for option in [None, Some((10, vec![7; 8])), Some((65_001, vec![0; 120]))] {
            let mut query = message(&[], option.clone());
            let before = Message::from_vec(&query).unwrap();
            pad(&mut query);
            assert_eq!(query.len() % QUERY_BLOCK, 0, "{option:?}");
            let after = Message::from_vec(&query).unwrap();
            assert_eq!(after.queries, before.queries);
            let options = after.edns.as_ref().unwrap().options().as_ref().len();
            assert_eq!(options, usize::from(option.is_some()) + 1);
            let padded = query.clone();
            pad(&mut query);
            assert_eq!(query, padded, "it has padding");
        }
    }

    #[test]
    fn what_cannot_be_padded_stays() {
        let whole = message(&[], None);
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            pad(&mut cut);
            assert_eq!(cut, whole[..length], "{length} octets");
        }
        // No EDNS; something behind EDNS, as a signature is; no room.
        let mut bare = whole[..whole.len() - 11].to_vec();
        bare[11] = 0;
        let mut signed = whole.clone();
        signed[11] = 2;
        signed.extend([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
        let full = message(&[], Some((65_001, vec![0; 65_430])));
        for mut query in [bare, signed, full] {
            assert!(records(&query).is_some());
            let before = query.clone();
            pad(&mut query);
            assert_eq!(query, before);
        }
    }

    #[test]
    fn the_option_is_seen_among_others() {
        assert!(has_keepalive(&message(
            &[300],
            Some((KEEPALIVE, vec![0, 100]))
        )));
        assert!(!has_keepalive(&message(&[300], Some((12, vec![0; 11])))));
        assert!(!has_keepalive(&message(&[300], None)));
        assert!(!has_keepalive(&[0; 12]));
    }
}
