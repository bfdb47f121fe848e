//! What a resolver says about itself: RESINFO records (RFC 9606), in the form of TXT records with keys (RFC 6763 section
//! 6.3). They are claims that nobody verified.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use thiserror::Error;

use super::{Answer, AnswerError, BogusAnswer, DomainName, Kind, Outcome, Question, Validation};
use crate::judgement::Der;

/// Keys that are kept of one record. RFC 9606 registers three.
pub const KEYS: usize = 64;

/// A message or a record that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResinfoError {
    /// The message answers nothing.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The resolver does not speak for itself.
    #[error("answer is not authoritative, another resolver may have made it (RFC 9606 section 3)")]
    NotAuthoritative,
    /// There is no record, or the name led elsewhere.
    #[error("`{name}` has no RESINFO record of its own (RFC 9606 section 3)")]
    None {
        /// The name that was asked for.
        name: DomainName,
    },
    /// There are several records, and no way to say which holds.
    #[error("{came} RESINFO records, expected one (RFC 9606 section 3)")]
    Several {
        /// How many.
        came: usize,
    },
    /// Its signatures should be there and are not, or are wrong.
    #[error(transparent)]
    Bogus(#[from] BogusAnswer),
    /// The data is no sequence of character-strings.
    #[error(
        "data is malformed at octet {at}, expected character-strings (RFC 1035 section 3.3.14)"
    )]
    Malformed {
        /// Where.
        at: usize,
    },
}

/// Reads the answer to a RESINFO question, with what is known of its signatures where they were looked at: the data of the one
/// record.
///
/// # Errors
/// [`ResinfoError`]; the message then counts for nothing.
pub fn read(
    message: &[u8],
    name: &DomainName,
    validation: Option<&Validation>,
) -> Result<Der, ResinfoError> {
    let question = Question {
        name: name.clone(),
        kind: Kind::Resinfo,
    };
    let mut answer = Answer::parse(message, &question)?;
    if let Some(validation) = validation {
        answer = answer.validated(validation)?;
    }
    if !answer.authoritative {
        return Err(ResinfoError::NotAuthoritative);
    }
    let none = || ResinfoError::None { name: name.clone() };
    match answer.records.as_slice() {
        _ if answer.outcome != Outcome::Found || !answer.aliases.is_empty() => Err(none()),
        [record] => {
            keys(&record.rdata)?;
            Ok(Der::from(record.rdata.as_slice()))
        }
        [] => Err(none()),
        several => Err(ResinfoError::Several {
            came: several.len(),
        }),
    }
}

/// The keys of a record's data, each in lower case and once, in the order in which they came; a key without `=` has no
/// value. A string that begins with `=`, a key with other than printable characters and a value that is no printable text
/// are ignored, and so is what comes beyond [`KEYS`].
///
/// # Errors
/// [`ResinfoError::Malformed`].
pub fn keys(rdata: &[u8]) -> Result<Vec<(String, Option<String>)>, ResinfoError> {
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    let mut rest = rdata;
    let malformed = |rest: &[u8]| ResinfoError::Malformed {
        at: rdata.len() - rest.len(),
    };
    if rest.is_empty() {
        return Err(malformed(rest));
    }
    while let Some((length, after)) = rest.split_first() {
        let (text, after) = after
            .split_at_checked(usize::from(*length))
            .ok_or_else(|| malformed(rest))?;
        rest = after;
        let Some((key, value)) = pair(text) else {
            continue;
        };
        if keys.len() < KEYS && keys.iter().all(|(known, _)| *known != key) {
            keys.push((key, value));
        }
    }
    Ok(keys)
}

fn pair(text: &[u8]) -> Option<(String, Option<String>)> {
    let mut parts = text.splitn(2, |octet| *octet == b'=');
    let key = parts.next().filter(|key| !key.is_empty())?;
    if !key.iter().all(|octet| (b' '..=b'~').contains(octet)) {
        return None;
    }
    let key = key.to_ascii_lowercase().escape_ascii().to_string();
    let value = match parts.next() {
        Some(value) => Some(printable(value)?),
        None => None,
    };
    Some((key, value))
}

fn printable(value: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(value).ok()?;
    text.chars()
        .all(|character| !character.is_control())
        .then(|| text.into())
}

/// The data that says this: for whoever publishes.
///
/// # Errors
/// A key or a value makes a string of more than 255 octets; the text names it.
pub fn write(keys: &[(&str, Option<&str>)]) -> Result<Vec<u8>, String> {
    let mut rdata = Vec::new();
    for (key, value) in keys {
        let text = value.map_or_else(|| (*key).into(), |value| format!("{key}={value}"));
        let length = u8::try_from(text.len()).map_err(|_| {
            format!(
                "`{key}` and its value have {} octets, at most 255 fit",
                text.len()
            )
        })?;
        rdata.push(length);
        rdata.extend_from_slice(text.as_bytes());
    }
    Ok(rdata)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn strings(texts: &[&[u8]]) -> Vec<u8> {
        let string = |text: &&[u8]| [&[u8::try_from(text.len()).unwrap()], *text].concat();
        texts.iter().flat_map(string).collect()
    }

    #[test]
    fn keys_as_rfc_6763_reads_them() {
        let rdata = strings(&[
            b"qnamemin",
            b"ExtErr=15-17,22",
            b"infourl=https://resolver.example/guide?a=b",
            b"EXTERR=1",
            b"=nothing",
            b"",
            b"temp-\x00=x",
            b"temp-a=\x07bell",
            b"temp-b=",
        ]);
        let text = |text: &str| Some(text.to_string());
        assert_eq!(
            keys(&rdata).unwrap(),
            vec![
                ("qnamemin".to_string(), None),
                ("exterr".to_string(), text("15-17,22")),
                (
                    "infourl".to_string(),
                    text("https://resolver.example/guide?a=b")
                ),
                ("temp-b".to_string(), text("")),
            ]
        );
        assert_eq!(
            write(&[("qnamemin", None), ("exterr", Some("22"))]).unwrap(),
            strings(&[b"qnamemin", b"exterr=22"])
        );
        assert!(write(&[("infourl", Some(&"a".repeat(300)))]).is_err());
    }

    #[test]
    fn no_character_strings() {
        for (rdata, at) in [(&b""[..], 0), (b"\x05abcd", 0), (b"\x01a\x02b", 2)] {
            assert_eq!(keys(rdata), Err(ResinfoError::Malformed { at }));
        }
    }
}
