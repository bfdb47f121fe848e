//! What a signature says of the component: the trusted comment of minisign.

use std::fmt;

use resolvet_proto::date;
use serde::Serialize;

/// How the comment begins: a signature that was made for another end is none of a policy.
const BEGINNING: &str = "resolvet-policy";

/// What is signed beside the octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Statement {
    /// A number that grows from one version of a policy to the next. A host never goes back.
    pub revision: u64,
    /// The last second, since 1970, at which the component may be admitted.
    pub not_after: u64,
}

impl Statement {
    /// Reads a trusted comment: `resolvet-policy revision=7 not-after=2027-01-31T00:00:00Z`. Words that are unknown, missing or
    /// there twice make it none.
    #[must_use]
    pub fn parse(comment: &str) -> Option<Self> {
        let mut words = comment.split(' ');
        if words.next() != Some(BEGINNING) {
            return None;
        }
        let (mut revision, mut not_after) = (None, None);
        for word in words {
            let (name, value) = word.split_once('=')?;
            let slot = match name {
                "revision" => &mut revision,
                "not-after" => &mut not_after,
                _ => return None,
            };
            let value = match name {
                "revision" if value.bytes().all(|octet| octet.is_ascii_digit()) => {
                    value.parse().ok()?
                }
                "revision" => return None,
                _ => date::rfc3339(value)?,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            revision: revision?,
            not_after: not_after?,
        })
    }
}

/// The trusted comment that says so.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not_after = date::to_rfc3339(self.not_after);
        write!(
            f,
            "{BEGINNING} revision={} not-after={not_after}",
            self.revision
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let statement = Statement {
            revision: 7,
            not_after: 1_801_353_600,
        };
        let comment = "resolvet-policy revision=7 not-after=2027-01-31T00:00:00Z";
        assert_eq!(statement.to_string(), comment);
        assert_eq!(Statement::parse(comment), Some(statement));
    }

    #[test]
    fn anything_else_is_no_statement() {
        for comment in [
            "",
            "timestamp:1633700835\tfile:rule.wasm\thashed",
            "revision=7 not-after=2027-01-31T00:00:00Z",
            "resolvet-policy revision=7",
            "resolvet-policy not-after=2027-01-31T00:00:00Z",
            "resolvet-policy revision=+7 not-after=2027-01-31T00:00:00Z",
            "resolvet-policy revision=7 revision=8 not-after=2027-01-31T00:00:00Z",
            "resolvet-policy revision=7 not-after=2027-01-31T00:00:00Z name=x",
            "resolvet-policy revision=18446744073709551616 not-after=2027-01-31T00:00:00Z",
            "resolvet-policy  revision=7 not-after=2027-01-31T00:00:00Z",
            "resolvet-policy revision=7 not-after=2027-02-30T00:00:00Z",
        ] {
            assert_eq!(Statement::parse(comment), None, "{comment}");
        }
    }
}
