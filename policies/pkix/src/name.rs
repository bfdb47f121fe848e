//! Comparison of distinguished names (RFC 5280 section 7.1).

use crate::{
    certificate::oid,
    der::{self, Malformed, Reader, Result, Value, tag},
};

/// Whether two `Name`s are the same: octet for octet, or attribute for attribute with case and white space folded in the
/// string types that allow it. A name that cannot be read matches nothing but itself.
pub(crate) fn matches(a: &[u8], b: &[u8]) -> bool {
    a == b || (starts_with(a, b).unwrap_or(false) && count(a) == count(b))
}

/// Whether `name` lies in the subtree of `base`: its first relative distinguished names are those of `base`.
pub(crate) fn is_within(name: &[u8], base: &[u8]) -> Result<bool> {
    starts_with(name, base)
}

/// Whether the name has no attribute at all.
pub(crate) fn is_empty(name: &[u8]) -> bool {
    der::only(name, tag::SEQUENCE).is_ok_and(|inner| inner.is_empty())
}

fn count(name: &[u8]) -> Option<usize> {
    let mut rdns = der::only(name, tag::SEQUENCE).ok()?;
    let mut count = 0;
    while !rdns.is_empty() {
        rdns.value().ok()?;
        count += 1;
    }
    Some(count)
}

fn starts_with(name: &[u8], base: &[u8]) -> Result<bool> {
    let mut rdns = der::only(name, tag::SEQUENCE)?;
    let mut wanted = der::only(base, tag::SEQUENCE)?;
    while !wanted.is_empty() {
        let want = wanted.expect(tag::SET)?;
        if rdns.is_empty() {
            return Ok(false);
        }
        let have = rdns.expect(tag::SET)?;
        if have.content != want.content && !same_rdn(have.content, want.content)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sets of attributes: each of one has its like in the other, and there are as many.
fn same_rdn(a: &[u8], b: &[u8]) -> Result<bool> {
    let mut left = Reader::new(a);
    let mut pairs = 0_i32;
    while !left.is_empty() {
        let (kind, value) = attribute(&mut left)?;
        pairs += 1;
        let mut right = Reader::new(b);
        let mut found = false;
        while !right.is_empty() {
            let (other_kind, other) = attribute(&mut right)?;
            found |= kind == other_kind && same_value(&value, &other);
        }
        if !found {
            return Ok(false);
        }
    }
    let mut right = Reader::new(b);
    while !right.is_empty() {
        attribute(&mut right)?;
        pairs -= 1;
    }
    Ok(pairs == 0)
}

fn attribute<'a>(set: &mut Reader<'a>) -> Result<(&'a [u8], Value<'a>)> {
    let mut fields = set.nested(tag::SEQUENCE)?;
    let kind = fields.expect(tag::OID)?.content;
    let value = fields.value()?;
    fields.end()?;
    Ok((kind, value))
}

fn same_value(a: &Value<'_>, b: &Value<'_>) -> bool {
    if a.whole == b.whole {
        return true;
    }
    let folds = |tag| {
        matches!(
            tag,
            tag::PRINTABLE_STRING | tag::UTF8_STRING | tag::IA5_STRING | tag::T61_STRING
        )
    };
    folds(a.tag) && folds(b.tag) && folded(a.content).eq(folded(b.content))
}

/// Lower case, without white space at either end, runs of it as one blank.
fn folded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let text = text.trim_ascii();
    text.iter().enumerate().filter_map(move |(index, &octet)| {
        let blank_before = index > 0 && text.get(index - 1).is_some_and(u8::is_ascii_whitespace);
        match octet.is_ascii_whitespace() {
            true if blank_before => None,
            true => Some(b' '),
            false => Some(octet.to_ascii_lowercase()),
        }
    })
}

/// Calls `each` with every attribute of this type. Refuses a name that cannot be read.
pub(crate) fn attributes<'a>(
    name: &'a [u8],
    kind: &[u8],
    mut each: impl FnMut(Value<'a>),
) -> Result<()> {
    let mut rdns = der::only(name, tag::SEQUENCE)?;
    while !rdns.is_empty() {
        let mut set = rdns.nested(tag::SET)?;
        if set.is_empty() {
            return Err(Malformed);
        }
        while !set.is_empty() {
            let (found, value) = attribute(&mut set)?;
            if found == kind {
                each(value);
            }
        }
    }
    Ok(())
}

/// Calls `each` with every common name.
pub(crate) fn common_names<'a>(name: &'a [u8], each: impl FnMut(Value<'a>)) -> Result<()> {
    attributes(name, oid::COMMON_NAME, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(tag: u8, text: &[u8]) -> Vec<u8> {
        let n = u8::try_from(text.len()).unwrap();
        let mut der = vec![
            0x30,
            n + 11,
            0x31,
            n + 9,
            0x30,
            n + 7,
            6,
            3,
            0x55,
            4,
            3,
            tag,
            n,
        ];
        der.extend_from_slice(text);
        der
    }

    #[test]
    fn case_and_white_space_are_folded_in_strings() {
        let a = name(tag::PRINTABLE_STRING, b"Example  CA");
        assert!(matches(&a, &name(tag::UTF8_STRING, b" example CA ")));
        assert!(!matches(&a, &name(tag::UTF8_STRING, b"exampleCA")));
        assert!(!matches(&a, &name(0x1e, b"Example  CA")));
        assert!(matches(b"no name", b"no name"));
        assert!(!matches(b"no name", &a));
    }

    #[test]
    fn everything_lies_below_the_empty_name() {
        let a = name(tag::PRINTABLE_STRING, b"a");
        assert_eq!(is_within(&a, &[0x30, 0]), Ok(true));
        assert_eq!(is_within(&[0x30, 0], &a), Ok(false));
        assert!(is_empty(&[0x30, 0]) && !is_empty(&a));
    }
}
