//! What a response means (RFC 8484 section 4.2): a pure function of its status, its header fields, its body and the time.

use alloc::{string::String, vec::Vec};

use thiserror::Error;

use super::{LONGEST_WAIT, MEDIA_TYPE};
use crate::{date::http_date, message};

/// Characters of a header field that an error shows.
const SHOWN: usize = 100;

/// The part of a response before its body, as far as it matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// The status.
    pub status: u16,
    /// Content-Type.
    pub content_type: Option<&'a str>,
    /// Age.
    pub age: Option<&'a str>,
    /// Retry-After.
    pub retry_after: Option<&'a str>,
    /// Location.
    pub location: Option<&'a str>,
}

/// A response holds no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It leads elsewhere: to a server that nobody judged, or to a path that discovery did not yield.
    #[error(
        "status {status} leads to `{location}`, which is not followed: discovery did not yield it (RFC 8484 3)"
    )]
    Redirect {
        /// The status.
        status: u16,
        /// Where to, printable characters only.
        location: String,
    },
    /// The server wants to be left alone for a while.
    #[error("status {status}: the server wants no query for {seconds} s (RFC 9110 10.2.3)")]
    Wait {
        /// The status.
        status: u16,
        /// How long.
        seconds: u64,
    },
    /// The server did not answer.
    #[error("status {0}, expected one from 200 to 299 (RFC 8484 4.2.1)")]
    Status(u16),
    /// The body is something else.
    #[error("media type `{presented}`, expected `{MEDIA_TYPE}` (RFC 8484 4.2.1)")]
    MediaType {
        /// What came, printable characters only.
        presented: String,
    },
    /// The body is longer than a message can be.
    #[error("body of more than {} octets (RFC 8484 6)", super::BODY_OCTETS)]
    TooLarge,
    /// The body is no DNS message.
    #[error("body of {0} octets is no DNS message (RFC 8484 6)")]
    NoMessage(usize),
}

impl Head<'_> {
    /// Whether the body is to be read. `now` is seconds since 1970: Retry-After may be a date.
    ///
    /// # Errors
    /// [`ReplyError`]: there is no answer in it.
    pub fn check(&self, now: u64) -> Result<(), ReplyError> {
        let status = self.status;
        match status {
            200..=299 => {}
            300..=399 => {
                let location = shown(self.location.unwrap_or_default());
                return Err(ReplyError::Redirect { status, location });
            }
            _ => {
                return Err(match self.retry_after.and_then(|text| wait(text, now)) {
                    Some(seconds) => ReplyError::Wait { status, seconds },
                    None => ReplyError::Status(status),
                });
            }
        }
        let presented = self.content_type.unwrap_or_default();
        let essence = presented.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(MEDIA_TYPE) {
            Ok(())
        } else {
            let presented = shown(presented);
            Err(ReplyError::MediaType { presented })
        }
    }

    /// The answer in a body, its times to live shortened by what it spent in caches (RFC 8484 section 5.1). An Age that is
    /// no number is none.
    ///
    /// # Errors
    /// The body is no DNS message.
    pub fn answer(&self, mut body: Vec<u8>) -> Result<Vec<u8>, ReplyError> {
        let age = self.age.and_then(|text| {
            let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            // More than fits is very old (RFC 9111 section 1.2.2).
            digits.then(|| text.parse().unwrap_or(u32::MAX))
        });
        let read = message::age(&mut body, age.unwrap_or(0));
        if read && body.len() <= super::BODY_OCTETS {
            Ok(body)
        } else {
            Err(ReplyError::NoMessage(body.len()))
        }
    }
}

/// Seconds of a Retry-After: a number or a date (RFC 9110 section 10.2.3).
fn wait(text: &str, now: u64) -> Option<u64> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => http_date(text)?.saturating_sub(now),
    };
    (seconds > 0).then_some(seconds.min(LONGEST_WAIT))
}

fn shown(text: &str) -> String {
    text.escape_debug().take(SHOWN).collect()
}
