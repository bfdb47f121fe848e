//! Dates in headers and in JSON, as seconds since 1970.

use alloc::string::{String, ToString as _};
use core::time::Duration;

use der::DateTime;

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a date of HTTP in the form that senders use today (RFC 9110 section 5.6.7, IMF-fixdate):
/// `Sun, 06 Nov 1994 08:49:37 GMT`. What lies before 1970 or after 9999 is no date.
#[must_use]
pub fn http_date(text: &str) -> Option<u64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = number(words.next()?)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = number(words.next()?)?;
    let mut time = words.next()?.split(':').map(number);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let known = time.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    if !known {
        return None;
    }
    let month = u8::try_from(month).ok()?.checked_add(1)?;
    seconds(year, month, day, hour, minute, second)
}

/// Reads a date and time of RFC 3339 (section 5.6), as YANG's `date-and-time` is: fractions of a second are dropped, an
/// offset is taken off. What lies before 1970 or after 9999 is no date.
#[must_use]
pub fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if date.next().is_some() {
        return None;
    }
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (time, offset) = time.split_at_checked(at)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let minutes = i64::from(number(hours)?) * 60 + i64::from(number(minutes)?);
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            (time, sign * minutes * 60)
        }
    };
    let time = match time.split_once('.') {
        Some((time, fraction)) if fraction.bytes().all(|digit| digit.is_ascii_digit()) => time,
        Some(_) => return None,
        None => time,
    };
    let mut time = time.split(':').map(number);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if time.next().is_some() {
        return None;
    }
    let part = |number: u16| u8::try_from(number).ok();
    let local = seconds(
        year,
        part(month)?,
        day,
        hour,
        minute,
        second.min(59), // a leap second (RFC 3339 section 5.7) counts as the one before it
    )?;
    u64::try_from(i64::try_from(local).ok()?.checked_sub(offset)?).ok()
}

/// Writes a date and time of RFC 3339 in UTC: `2027-01-31T00:00:00Z`. What lies after 9999 is written as its last second.
#[must_use]
pub fn to_rfc3339(seconds: u64) -> String {
    let time = DateTime::from_unix_duration(Duration::from_secs(seconds.min(LAST)));
    time.map_or_else(|_| String::new(), |time| time.to_string())
}

fn number(text: &str) -> Option<u16> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn seconds(year: u16, month: u8, day: u16, hour: u16, minute: u16, second: u16) -> Option<u64> {
    let part = |number: u16| u8::try_from(number).ok();
    let time = DateTime::new(
        year,
        month,
        part(day)?,
        part(hour)?,
        part(minute)?,
        part(second)?,
    );
    Some(time.ok()?.unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn dates_of_vouchers_are_read() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            rfc3339("2021-04-13T17:43:24.589-04:00"),
            rfc3339("2021-04-13T21:43:24Z")
        );
        assert_eq!(rfc3339("2021-04-13T21:43:24Z"), Some(1_618_350_204));
        for text in [
            "",
            "2021-04-13",
            "2021-04-13T21:43:24",
            "2021-04-13T21:43:24.5xZ",
            "2021-13-13T21:43:24Z",
            "1969-12-31T23:59:59Z",
            "2021-04-13T21:43:24+é1:00",
            "2021-04-13T21:43:24+9999999:00",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
