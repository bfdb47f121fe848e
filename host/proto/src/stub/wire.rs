//! Reading a message where it lies: which records it has and where their times stand.
//!
//! An answer is passed on octet for octet, whatever types it has; only its header, its times to live and its OPT record are
//! the stub's own. So nothing is decoded and encoded again. Any octets may come here: what does not fit is malformed.

use alloc::vec::Vec;

use crate::message::{HEADER, OPT, Place, number, option, records};

/// The type of the SOA record.
pub(super) const SOA: u16 = 6;
/// Octets of a name at most (RFC 1035 section 2.3.4).
const NAME: usize = 255;

/// The octets are no message of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A section behind the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// A record, by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) section: Section,
    /// Class and time to live, which an OPT record uses otherwise.
    pub(super) class: u16,
    pub(super) ttl: u32,
    pub(super) place: Place,
}

impl Record {
    pub(super) fn is_opt(&self) -> bool {
        self.place.rtype == OPT
    }
}

/// A message of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message<'a> {
    octets: &'a [u8],
    question: &'a [u8],
    pub(super) records: Vec<Record>,
}

impl<'a> Message<'a> {
    /// Reads a whole message.
    pub(super) fn read(octets: &'a [u8]) -> Result<Self, Malformed> {
        let question = question(octets).ok_or(Malformed)?;
        let places = records(octets).ok_or(Malformed)?;
        let count = |at| number(octets, at).map_or(0, usize::from);
        let sections = [
            (Section::Answer, count(6)),
            (Section::Authority, count(8)),
            (Section::Additional, count(10)),
        ];
        let sections = sections
            .into_iter()
            .flat_map(|(section, count)| core::iter::repeat_n(section, count));
        let records = places.into_iter().zip(sections);
        let records = records.map(|(place, section)| Record {
            section,
            class: number(octets, place.class.start).unwrap_or_default(),
            ttl: ttl(octets, &place),
            place,
        });
        Ok(Self {
            octets,
            question,
            records: records.collect(),
        })
    }

    /// The question section as it came.
    pub(super) const fn question(&self) -> &'a [u8] {
        self.question
    }

    /// Where the records begin.
    pub(super) const fn records_at(&self) -> usize {
        HEADER.saturating_add(self.question.len())
    }

    /// Two octets of flags and codes.
    pub(super) fn flags(&self) -> u16 {
        number(self.octets, 2).unwrap_or_default()
    }

    /// The OPT record: `None` when there is none.
    ///
    /// # Errors
    /// There are several, or one is not where it belongs (RFC 6891 section 6.1.1).
    pub(super) fn opt(&self) -> Result<Option<&Record>, Malformed> {
        let mut found = self.records.iter().filter(|record| record.is_opt());
        let opt = found.next();
        let is_root = |opt: &Record| self.octets.get(opt.place.start) == Some(&0);
        match opt {
            Some(_) if found.next().is_some() => Err(Malformed),
            Some(opt) if opt.section != Section::Additional || !is_root(opt) => Err(Malformed),
            opt => Ok(opt),
        }
    }

    /// A record's data.
    pub(super) fn data(&self, record: &Record) -> &'a [u8] {
        self.octets
            .get(record.place.data.clone())
            .unwrap_or_default()
    }

    /// The options of an OPT record; those after a malformed one are disregarded.
    pub(super) fn options(&self, opt: &Record) -> Vec<(u16, &'a [u8])> {
        let mut rest = self.data(opt);
        let mut options = Vec::new();
        while let Some((code, length, after)) = option(rest) {
            let Some((data, after)) = after.split_at_checked(length) else {
                break;
            };
            options.push((code, data));
            rest = after;
        }
        options
    }
}

/// The only question, as it stands.
fn question(octets: &[u8]) -> Option<&[u8]> {
    if number(octets, 4)? != 1 {
        return None;
    }
    let mut at = HEADER;
    // There is nothing before the first name that it could point at, so it is labels to the root.
    loop {
        let length = *octets.get(at)?;
        at = at.checked_add(usize::from(length))?.checked_add(1)?;
        if length > 63 || at.checked_sub(HEADER)? > NAME {
            return None;
        }
        if length == 0 {
            return octets.get(HEADER..at.checked_add(4)?);
        }
    }
}

/// The identifier and flags of whatever has a whole header.
pub(super) fn head(octets: &[u8]) -> Option<(u16, u16)> {
    octets.get(..HEADER)?;
    Some((number(octets, 0)?, number(octets, 2)?))
}

fn ttl(octets: &[u8], place: &Place) -> u32 {
    let octets = octets.get(place.ttl.clone()).unwrap_or_default();
    octets
        .first_chunk()
        .map_or(0, |ttl| u32::from_be_bytes(*ttl))
}

#[cfg(test)]
mod tests {
    use super::{
        super::query::{Incoming, read},
        *,
    };
    use crate::stub::tests::query;
    use alloc::vec;

    #[test]
    fn a_query_has_its_question_and_its_opt_record() {
        let query = query("www.example.net.", 1);
        let Incoming::Ask(asked) = read(&query) else {
            panic!()
        };
        let sent = asked.upstream();
        let message = Message::read(&sent).unwrap();
        assert_eq!(message.question().len(), "www.example.net.".len() + 1 + 4);
        let opt = message.opt().unwrap().unwrap();
        assert_eq!((opt.class, opt.ttl), (1_232, 0x8000));
        assert_eq!(message.options(opt).len(), 1, "padding");
        for length in 0..sent.len() {
            assert_eq!(Message::read(&sent[..length]), Err(Malformed), "{length}");
        }
    }

    #[test]
    fn questions_cannot_be_pointers_and_opt_stands_once() {
        let mut query = query("a.example.", 1);
        let opt = Message::read(&query).unwrap().records[0].place.clone();
        let again = query[opt.start..opt.data.end].to_vec();
        query.extend(again);
        query[11] = 2;
        assert_eq!(Message::read(&query).unwrap().opt(), Err(Malformed));
        for pointer in [&[0xC0, 0x0C][..], &[1, b'a', 0xC0, 0], &[1, b'a', 0xC0, 12]] {
            let mut octets = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            octets.extend(pointer);
            octets.extend([0, 1, 0, 1]);
            assert_eq!(Message::read(&octets), Err(Malformed), "{pointer:?}");
        }
    }
}
