//! A DER reader that copies nothing: it walks, and it refuses what DER forbids in tags and lengths.
//!
//! It exists because a guest pays for every octet of code and every allocation: on the path that every handshake takes,
//! three certificates are read field by field and no general ASN.1 tree is built.

/// Universal and context-specific tags that certificates, CRLs and OCSP responses use.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const T61_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]` of a constructed value.
    pub(crate) const fn explicit(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[number]` of a primitive value.
    pub(crate) const fn implicit(number: u8) -> u8 {
        0x80 | number
    }
}

/// The octets are no DER, or not the value that belongs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) type Result<T> = core::result::Result<T, Malformed>;

/// One value: its tag, its content, and the whole with tag and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads values one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next value.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value. Tags above 30 occur in no structure read here and are refused; so are lengths that are indefinite,
    /// not minimal, or longer than what is left.
    pub(crate) fn value(&mut self) -> Result<Value<'a>> {
        let (&tag, after) = self.rest.split_first().ok_or(Malformed)?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        let (&first, after) = after.split_first().ok_or(Malformed)?;
        let (length, after) = if first < 0x80 {
            (usize::from(first), after)
        } else {
            let octets = usize::from(first & 0x7f);
            if octets == 0 || octets > 4 {
                return Err(Malformed);
            }
            let (digits, after) = after.split_at_checked(octets).ok_or(Malformed)?;
            let length = digits
                .iter()
                .fold(0_usize, |sum, &octet| (sum << 8) | usize::from(octet));
            if length < 0x80 || digits.first() == Some(&0) {
                return Err(Malformed);
            }
            (length, after)
        };
        let (content, rest) = after.split_at_checked(length).ok_or(Malformed)?;
        let whole = self
            .rest
            .get(..self.rest.len() - rest.len())
            .ok_or(Malformed)?;
        self.rest = rest;
        Ok(Value {
            tag,
            content,
            whole,
        })
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Value<'a>> {
        let value = self.value()?;
        if value.tag == tag {
            Ok(value)
        } else {
            Err(Malformed)
        }
    }

    /// The next value if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>> {
        if self.peek() == Some(tag) {
            self.value().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A reader of the content of the next value, which must have this tag.
    pub(crate) fn nested(&mut self, tag: u8) -> Result<Self> {
        Ok(Self::new(self.expect(tag)?.content))
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// A reader of the content of the only value in `input`, which must have this tag.
pub(crate) fn only(input: &[u8], tag: u8) -> Result<Reader<'_>> {
    let mut outer = Reader::new(input);
    let inner = outer.nested(tag)?;
    outer.end()?;
    Ok(inner)
}

/// A BOOLEAN's content. DER has two values.
pub(crate) fn boolean(content: &[u8]) -> Result<bool> {
    match content {
        [0xff] => Ok(true),
        [0x00] => Ok(false),
        _ => Err(Malformed),
    }
}

/// A non-negative INTEGER's content that fits 32 bits; a larger one counts as the largest.
pub(crate) fn small(content: &[u8]) -> Result<u32> {
    match content {
        [] => Err(Malformed),
        [first, ..] if first & 0x80 != 0 => Err(Malformed),
        [0, second, ..] if second & 0x80 == 0 => Err(Malformed),
        _ => Ok(content
            .iter()
            .try_fold(0_u32, |sum, &octet| {
                sum.checked_mul(256)?.checked_add(u32::from(octet))
            })
            .unwrap_or(u32::MAX)),
    }
}

/// A BIT STRING's content as octets, which must be whole.
pub(crate) fn octets_of_bits(content: &[u8]) -> Result<&[u8]> {
    match content.split_first() {
        Some((0, octets)) => Ok(octets),
        _ => Err(Malformed),
    }
}

/// A BIT STRING of named bits: the first sixteen of them, the first in the highest place. Bits beyond its end must be zero
/// (X.690 section 11.2.1), or they would grant what nobody signed for.
pub(crate) fn named_bits(content: &[u8]) -> Result<u16> {
    let (&unused, octets) = content.split_first().ok_or(Malformed)?;
    if unused > 7 || (octets.is_empty() && unused != 0) {
        return Err(Malformed);
    }
    if octets
        .last()
        .is_some_and(|last| last & !(0xff << unused) != 0)
    {
        return Err(Malformed);
    }
    let high = octets.first().copied().unwrap_or(0);
    let low = octets.get(1).copied().unwrap_or(0);
    Ok(u16::from_be_bytes([high, low]))
}

/// A UTCTime or GeneralizedTime in the forms that RFC 5280 section 4.1.2.5 demands, as seconds since 1970. Years before
/// 1970 count as its beginning.
pub(crate) fn time(value: &Value<'_>) -> Result<u64> {
    let (year_digits, factor) = match value.tag {
        tag::UTC_TIME if value.content.len() == 13 => (2, 0),
        tag::GENERALIZED_TIME if value.content.len() == 15 => (4, 1),
        _ => return Err(Malformed),
    };
    let (digits, zone) = value
        .content
        .split_at_checked(year_digits + 10)
        .ok_or(Malformed)?;
    if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let number = |from: usize, count: usize| {
        digits
            .iter()
            .skip(from)
            .take(count)
            .fold(0_u64, |sum, d| sum * 10 + u64::from(d - b'0'))
    };
    let year = match (factor, number(0, year_digits)) {
        (0, year @ 0..50) => 2000 + year,
        (0, year) => 1900 + year,
        (_, year) => year,
    };
    let part = |index: usize| number(year_digits + 2 * index, 2);
    let (month, day, hour, minute, second) = (part(0), part(1), part(2), part(3), part(4));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(Malformed),
    };
    if day == 0 || day > days_in_month || hour > 23 || minute > 59 || second > 59 {
        return Err(Malformed);
    }
    if year < 1970 {
        return Ok(0);
    }
    // Days since 1970-01-01, counting years from March so that the leap day is a year's last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let days = days.saturating_sub(719_468);
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_must_be_minimal_and_definite() {
        for bad in [
            &[0x30, 0x80, 0, 0][..],
            &[4, 0x81, 1, 0],
            &[4, 0x82, 0, 0x80],
            &[4, 2, 0],
            &[4],
            &[0x1f, 1, 0],
        ] {
            assert_eq!(Reader::new(bad).value().err(), Some(Malformed), "{bad:?}");
        }
        let mut reader = Reader::new(&[4, 1, 7, 5, 0]);
        assert_eq!(reader.value().unwrap().content, [7]);
        assert_eq!(reader.value().unwrap().whole, [5, 0]);
        assert!(reader.is_empty());
    }

    #[test]
    fn times_are_seconds_since_1970() {
        let read = |tag, content: &[u8]| {
            time(&Value {
                tag,
                content,
                whole: content,
            })
        };
        assert_eq!(read(tag::UTC_TIME, b"700101000000Z"), Ok(0));
        assert_eq!(read(tag::UTC_TIME, b"491231235959Z"), Ok(2_524_607_999));
        assert_eq!(read(tag::UTC_TIME, b"500101000000Z"), Ok(0));
        assert_eq!(
            read(tag::GENERALIZED_TIME, b"20240229120000Z"),
            Ok(1_709_208_000)
        );
        assert_eq!(
            read(tag::GENERALIZED_TIME, b"20230229120000Z"),
            Err(Malformed)
        );
        assert_eq!(read(tag::UTC_TIME, b"7001010000Z"), Err(Malformed));
        assert_eq!(read(tag::UTC_TIME, b"700101000000+"), Err(Malformed));
    }

    #[test]
    fn bits_beyond_the_end_are_refused() {
        assert_eq!(named_bits(&[7, 0x80]), Ok(0x8000));
        assert_eq!(named_bits(&[7, 0, 0x80]), Ok(0x0080));
        assert_eq!(named_bits(&[0]), Ok(0));
        for bad in [
            &[7, 0x84][..],
            &[1, 0x81],
            &[4, 0xff, 8],
            &[1],
            &[8, 0],
            &[],
        ] {
            assert_eq!(named_bits(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn small_integers_saturate() {
        assert_eq!(small(&[0, 0x80]), Ok(128));
        assert_eq!(small(&[0, 1]), Err(Malformed));
        assert_eq!(small(&[0xff]), Err(Malformed));
        assert_eq!(small(&[1, 0, 0, 0, 0]), Ok(u32::MAX));
    }
}
