//! Reading the extension, strictly by one tagging at a time.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use der::{
    Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _,
    asn1::{AnyRef, BitStringRef, Ia5StringRef, Null, Utf8StringRef},
};

use super::{Logging, LoggingKind, PrivacyError, PrivacyPolicy, PrivacyStatement, Sharing};

type Result<T> = core::result::Result<T, PrivacyError>;

/// The largest number of partners that is read. A certificate has room for more; a person has not.
const PARTNERS: usize = 256;

#[derive(Clone, Copy, PartialEq)]
enum Tagging {
    Implicit,
    Explicit,
}

impl PrivacyStatement {
    /// Reads the value of the extension (the content of `extnValue`), in either tagging.
    ///
    /// # Errors
    /// Neither tagging reads it. The error is the one of the tagging that `transferdata`'s form suggests; where that
    /// cannot be told, of IMPLICIT.
    pub fn from_der(value: &[u8]) -> Result<Self> {
        if Null::from_der(value).is_ok() {
            return Ok(Self::None);
        }
        read(value, Tagging::Implicit)
            .map(Self::Policy)
            .or_else(|implicit| {
                read(value, Tagging::Explicit)
                    .map(Self::Policy)
                    .map_err(|explicit| {
                        // The one that came further tells more: the fields after `log` are reached in one tagging only.
                        if depth(&explicit) > depth(&implicit) {
                            explicit
                        } else {
                            implicit
                        }
                    })
            })
    }
}

/// The fields in the order in which they are read.
const ORDER: [&str; 13] = [
    "Privacy",
    "base",
    "ipaddresspii",
    "log",
    "loggingTypes",
    "loggingDuration",
    "sdata",
    "sharepartners",
    "partners",
    "anonymizeddata",
    "transferdata",
    "blockdomains",
    "pURL",
];

fn depth(error: &PrivacyError) -> usize {
    match error {
        PrivacyError::Malformed { field, .. } => ORDER
            .iter()
            .position(|name| name == field)
            .unwrap_or(ORDER.len()),
        _ => 0,
    }
}

fn malformed(field: &'static str, reason: &dyn core::fmt::Display) -> PrivacyError {
    PrivacyError::Malformed {
        field,
        reason: reason.to_string(),
    }
}

fn read(value: &[u8], tagging: Tagging) -> Result<PrivacyPolicy> {
    let mut outer = Fields::of(value, tagging, "Privacy")?;
    let content = outer.untagged("Privacy", Tag::Sequence)?;
    outer.end("Privacy")?;
    let mut policy = Fields::of(content, tagging, "base")?;
    let base = policy.untagged("base", Tag::Sequence)?;
    let policy_url = policy
        .optional("pURL", 0, Tag::Ia5String)?
        .map(|url| ia5("pURL", url));
    let audit_url = policy
        .optional("aURL", 1, Tag::Ia5String)?
        .map(|url| ia5("aURL", url));
    policy.end("Privacy")?;

    let mut info = Fields::of(base, tagging, "base")?;
    let personal = boolean("ipaddresspii", info.untagged("ipaddresspii", Tag::Boolean)?)?;
    let logging = read_logging(info.required("log", 0, Tag::Sequence)?, tagging)?;
    let sharing = read_sharing(info.required("sdata", 2, Tag::Sequence)?, tagging)?;
    let transfers = boolean(
        "transferdata",
        info.required("transferdata", 3, Tag::Boolean)?,
    )?;
    let blocks = boolean(
        "blockdomains",
        info.required("blockdomains", 4, Tag::Boolean)?,
    )?;
    info.end("base")?;
    Ok(PrivacyPolicy {
        ip_address_is_personal: personal,
        logging,
        sharing,
        transfers_data: transfers,
        blocks_domains: blocks,
        policy_url: policy_url.transpose()?,
        audit_url: audit_url.transpose()?,
    })
}

fn read_logging(content: &[u8], tagging: Tagging) -> Result<Logging> {
    const FIELD: &str = "loggingTypes";
    let mut fields = Fields::of(content, tagging, "log")?;
    let mut logging = Logging::default();
    if fields.next_is(Tag::BitString) {
        let bits = fields.untagged(FIELD, Tag::BitString)?;
        let bits: BitStringRef<'_> = value_of(FIELD, Tag::BitString, bits)?;
        for (position, _) in bits.bits().enumerate().filter(|(_, set)| *set) {
            match position
                .checked_sub(1)
                .and_then(|kind| LoggingKind::EVERY.get(kind))
            {
                _ if position == 0 => logging.none = true,
                Some(kind) => logging.kinds.push(*kind),
                None => logging.unknown_kinds = true,
            }
        }
    } else {
        // DEFAULT {none}
        logging.none = true;
    }
    if fields.next_is(Tag::Sequence) {
        const FIELD: &str = "loggingDuration";
        let mut durations = Fields::of(fields.untagged(FIELD, Tag::Sequence)?, tagging, FIELD)?;
        for (number, kind) in (0..).zip(LoggingKind::EVERY) {
            if let Some(hours) = durations.optional(FIELD, number, Tag::Integer)? {
                logging
                    .durations
                    .push((kind, value_of::<i64>(FIELD, Tag::Integer, hours)?));
            }
        }
        durations.end(FIELD)?;
    }
    fields.end("log")?;
    Ok(logging)
}

fn read_sharing(content: &[u8], tagging: Tagging) -> Result<Sharing> {
    let mut fields = Fields::of(content, tagging, "sdata")?;
    let with_partners = boolean(
        "sharepartners",
        fields.untagged("sharepartners", Tag::Boolean)?,
    )?;
    let partners = match fields.optional("partners", 1, Tag::Sequence)? {
        Some(content) => Some(read_partners(content)?),
        None => None,
    };
    let anonymized = match fields.optional("anonymizeddata", 0, Tag::Boolean)? {
        Some(content) => Some(boolean("anonymizeddata", content)?),
        None => None,
    };
    fields.end("sdata")?;
    Ok(Sharing {
        with_partners,
        partners,
        anonymized,
    })
}

fn read_partners(content: &[u8]) -> Result<Vec<String>> {
    const FIELD: &str = "partners";
    let mut reader = SliceReader::new(content).map_err(|error| malformed(FIELD, &error))?;
    let mut names = Vec::new();
    while !reader.is_finished() {
        if names.len() == PARTNERS {
            return Err(malformed(FIELD, &"more than 256 names"));
        }
        let name = Utf8StringRef::decode(&mut reader).map_err(|error| malformed(FIELD, &error))?;
        names.push(name.as_str().into());
    }
    if names.is_empty() {
        Err(malformed(FIELD, &"expected at least one name"))
    } else {
        Ok(names)
    }
}

fn boolean(field: &'static str, content: &[u8]) -> Result<bool> {
    value_of(field, Tag::Boolean, content)
}

fn ia5(field: &'static str, content: &[u8]) -> Result<String> {
    value_of::<Ia5StringRef<'_>>(field, Tag::Ia5String, content).map(|text| text.as_str().into())
}

/// Decodes the content of a value as if it had its universal tag.
fn value_of<'a, T>(field: &'static str, tag: Tag, content: &'a [u8]) -> Result<T>
where
    T: der::Choice<'a> + der::DecodeValue<'a, Error = der::Error>,
{
    AnyRef::new(tag, content)
        .and_then(AnyRef::decode_as)
        .map_err(|error| malformed(field, &error))
}

/// The fields of a SEQUENCE, read in order.
struct Fields<'a> {
    reader: SliceReader<'a>,
    tagging: Tagging,
}

impl<'a> Fields<'a> {
    fn of(content: &'a [u8], tagging: Tagging, field: &'static str) -> Result<Self> {
        let reader = SliceReader::new(content).map_err(|error| malformed(field, &error))?;
        Ok(Self { reader, tagging })
    }

    fn next_is(&self, tag: Tag) -> bool {
        Tag::peek(&self.reader).is_ok_and(|next| next == tag)
    }

    /// The content of the next value, whatever its tag, and that tag.
    fn next(&mut self, field: &'static str) -> Result<(Tag, &'a [u8])> {
        let any = AnyRef::decode(&mut self.reader).map_err(|error| malformed(field, &error))?;
        Ok((any.tag(), any.value()))
    }

    /// The content of a mandatory field that has no tag of its own.
    fn untagged(&mut self, field: &'static str, expected: Tag) -> Result<&'a [u8]> {
        let (tag, content) = self.next(field)?;
        if tag == expected {
            Ok(content)
        } else {
            Err(unexpected(field, expected, tag))
        }
    }

    /// The content of a field `[number]`, under this tagging, when it is the next one.
    fn optional(
        &mut self,
        field: &'static str,
        number: u32,
        inner: Tag,
    ) -> Result<Option<&'a [u8]>> {
        let number = TagNumber(number);
        let constructed = self.tagging == Tagging::Explicit || inner.is_constructed();
        let outer = Tag::ContextSpecific {
            constructed,
            number,
        };
        let is_next = |tag: Tag| tag.is_context_specific() && tag.number() == number;
        if !Tag::peek(&self.reader).is_ok_and(is_next) {
            return Ok(None);
        }
        let content = self.untagged(field, outer)?;
        if self.tagging == Tagging::Implicit {
            return Ok(Some(content));
        }
        let mut wrapped = Fields::of(content, self.tagging, field)?;
        let content = wrapped.untagged(field, inner)?;
        wrapped.end(field)?;
        Ok(Some(content))
    }

    /// As [`Self::optional`] for a mandatory field.
    fn required(&mut self, field: &'static str, number: u32, inner: Tag) -> Result<&'a [u8]> {
        self.optional(field, number, inner)?
            .ok_or_else(|| malformed(field, &"absent"))
    }

    fn end(self, field: &'static str) -> Result<()> {
        if self.reader.is_finished() {
            Ok(())
        } else {
            Err(malformed(field, &"something follows its last field"))
        }
    }
}

fn unexpected(field: &'static str, expected: Tag, came: Tag) -> PrivacyError {
    malformed(field, &format_args!("expected {expected}, came {came}"))
}
