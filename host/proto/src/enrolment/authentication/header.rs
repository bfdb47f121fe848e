//! Header fields as schemes with parameters (RFC 9110 section 11), and parameters as texts.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt::Write as _, iter::Peekable, str::Chars};

use thiserror::Error;

use super::limits;

/// A header field cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It is longer than [`limits::FIELD_OCTETS`].
    #[error("a header field of {presented} octets, expected at most {expected}")]
    TooLong {
        /// The limit.
        expected: usize,
        /// How long it is.
        presented: usize,
    },
    /// Too many fields, challenges or parameters.
    #[error("more than {expected} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        expected: usize,
    },
    /// It is no UTF-8, or has control characters.
    #[error("a header field is no text (RFC 9110 5.5)")]
    NoText,
    /// It does not have the form of a challenge or of credentials.
    #[error("a header field has no form of a challenge: {problem} (RFC 9110 11)")]
    Form {
        /// What is wrong.
        problem: &'static str,
    },
    /// A parameter stands there twice.
    #[error("parameter `{name}` twice (RFC 9110 11.2)")]
    Twice {
        /// Its name.
        name: String,
    },
    /// An extended parameter is not `UTF-8''` with percent-encoded octets of a text.
    #[error("parameter `{name}*` is no percent-encoded UTF-8 (RFC 8187 3.2)")]
    Extended {
        /// Its name.
        name: String,
    },
}

/// Parameters of one challenge, of credentials, or of an Authentication-Info.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::enrolment) struct Parameters(Vec<Parameter>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    /// In lower case, without the `*` of the extended form.
    name: String,
    value: String,
    extended: bool,
}

impl Parameters {
    /// The value of a parameter, whichever form it has.
    pub(in crate::enrolment) fn get(&self, name: &str) -> Option<&str> {
        let parameter = self.0.iter().find(|parameter| parameter.name == name)?;
        Some(&parameter.value)
    }

    /// Whether a parameter has the extended form.
    pub(in crate::enrolment) fn is_extended(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|parameter| parameter.name == name && parameter.extended)
    }

    pub(in crate::enrolment) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|parameter| parameter.name.as_str())
    }

    fn push(&mut self, name: &str, value: String) -> Result<(), HeaderError> {
        if self.0.len() >= limits::PARAMETERS {
            return Err(HeaderError::TooMany {
                what: "parameters",
                expected: limits::PARAMETERS,
            });
        }
        let name = name.to_ascii_lowercase();
        let (name, value, extended) = match name.strip_suffix('*') {
            Some(name) => (name.to_string(), extended(name, &value)?, true),
            None => (name, value, false),
        };
        if name.is_empty() {
            return Err(HeaderError::Form {
                problem: "expected a name",
            });
        }
        // The plain and the extended form are one parameter.
        if self.get(&name).is_some() {
            return Err(HeaderError::Twice { name });
        }
        self.0.push(Parameter {
            name,
            value,
            extended,
        });
        Ok(())
    }
}

/// The challenges of a scheme among the values of WWW-Authenticate fields; those of other schemes are left out.
pub(in crate::enrolment) fn challenges(
    scheme: &str,
    fields: &[&[u8]],
) -> Result<Vec<Parameters>, HeaderError> {
    if fields.len() > limits::FIELDS {
        return Err(HeaderError::TooMany {
            what: "header fields",
            expected: limits::FIELDS,
        });
    }
    let mut wanted = Vec::new();
    for field in fields {
        let all = schemes(text(field)?)?;
        let ours = all
            .into_iter()
            .filter(|(presented, _)| presented.eq_ignore_ascii_case(scheme));
        wanted.extend(ours.map(|(_, parameters)| parameters));
    }
    Ok(wanted)
}

/// The names of all schemes that WWW-Authenticate fields offer, in their order.
pub(in crate::enrolment) fn names(fields: &[&[u8]]) -> Result<Vec<String>, HeaderError> {
    let mut names = Vec::new();
    for field in fields.iter().take(limits::FIELDS) {
        names.extend(schemes(text(field)?)?.into_iter().map(|(scheme, _)| scheme));
    }
    Ok(names)
}

/// The parameters of the credentials in an Authorization field; `None` for those of another scheme.
pub(in crate::enrolment) fn credentials(
    scheme: &str,
    field: &[u8],
) -> Result<Option<Parameters>, HeaderError> {
    let mut all = schemes(text(field)?)?.into_iter();
    match (all.next(), all.next()) {
        (Some((presented, parameters)), None) => {
            Ok(presented.eq_ignore_ascii_case(scheme).then_some(parameters))
        }
        _ => Err(HeaderError::Form {
            problem: "expected one scheme",
        }),
    }
}

/// The parameters of an Authentication-Info field. Its form has no scheme (RFC 7615 section 3); one that stands there as in
/// other fields is accepted.
pub(in crate::enrolment) fn information(
    scheme: &str,
    field: &[u8],
) -> Result<Parameters, HeaderError> {
    let text = text(field)?;
    let mut reader = Reader::new(text);
    let mut parameters = Parameters::default();
    if reader.starts_with_scheme() {
        return credentials(scheme, field)?.ok_or(HeaderError::Form {
            problem: "expected the scheme of the request",
        });
    }
    loop {
        reader.separators();
        if reader.is_at_end() {
            return Ok(parameters);
        }
        let name = reader.token()?;
        let value = reader.value()?;
        parameters.push(&name, value)?;
        reader.end_of_element()?;
    }
}

fn text(field: &[u8]) -> Result<&str, HeaderError> {
    if field.len() > limits::FIELD_OCTETS {
        return Err(HeaderError::TooLong {
            expected: limits::FIELD_OCTETS,
            presented: field.len(),
        });
    }
    let text = core::str::from_utf8(field).map_err(|_| HeaderError::NoText)?;
    let control = |character: char| character.is_control() && character != '\t';
    if text.contains(control) {
        return Err(HeaderError::NoText);
    }
    Ok(text)
}

/// Schemes with their parameters. A comma separates parameters and challenges alike, so a token that is followed by another
/// one begins a challenge.
fn schemes(text: &str) -> Result<Vec<(String, Parameters)>, HeaderError> {
    let mut reader = Reader::new(text);
    let mut all: Vec<(String, Parameters)> = Vec::new();
    loop {
        reader.separators();
        if reader.is_at_end() {
            return Ok(all);
        }
        let token = reader.token()?;
        if reader.is_at_equals() {
            let value = reader.value()?;
            let (_, parameters) = all.last_mut().ok_or(HeaderError::Form {
                problem: "a parameter before any scheme",
            })?;
            parameters.push(&token, value)?;
        } else {
            if all.len() >= limits::CHALLENGES {
                return Err(HeaderError::TooMany {
                    what: "challenges",
                    expected: limits::CHALLENGES,
                });
            }
            all.push((token, Parameters::default()));
            if reader.skip_token68() {
                continue;
            }
            // The first parameter follows its scheme after a space, without a comma.
            if !reader.is_at_comma_or_end() {
                continue;
            }
        }
        reader.end_of_element()?;
    }
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self(text.chars().peekable())
    }

    fn spaces(&mut self) {
        while self.0.next_if(|next| matches!(next, ' ' | '\t')).is_some() {}
    }

    /// Spaces and commas: elements of a list may be empty (RFC 9110 section 5.6.1.2).
    fn separators(&mut self) {
        let separator = |next: &char| matches!(next, ' ' | '\t' | ',');
        while self.0.next_if(separator).is_some() {}
    }

    fn is_at_end(&mut self) -> bool {
        self.0.peek().is_none()
    }

    fn is_at_comma_or_end(&mut self) -> bool {
        self.spaces();
        self.0.peek().is_none_or(|next| *next == ',')
    }

    fn is_at_equals(&mut self) -> bool {
        let mut ahead = self.0.clone();
        while ahead.next_if(|next| matches!(next, ' ' | '\t')).is_some() {}
        ahead.peek() == Some(&'=')
    }

    fn end_of_element(&mut self) -> Result<(), HeaderError> {
        if self.is_at_comma_or_end() {
            return Ok(());
        }
        Err(HeaderError::Form {
            problem: "expected a comma",
        })
    }

    fn token(&mut self) -> Result<String, HeaderError> {
        let token = self.take_while(is_token, limits::FIELD_OCTETS)?;
        if token.is_empty() {
            return Err(HeaderError::Form {
                problem: "expected a token",
            });
        }
        if token.len() > limits::NAME_OCTETS {
            return Err(HeaderError::Form {
                problem: "a name that is too long",
            });
        }
        Ok(token)
    }

    fn take_while(&mut self, good: fn(char) -> bool, limit: usize) -> Result<String, HeaderError> {
        let mut text = String::new();
        while let Some(next) = self.0.next_if(|next| good(*next)) {
            if text.len() >= limit {
                return Err(HeaderError::Form {
                    problem: "a value that is too long",
                });
            }
            text.push(next);
        }
        Ok(text)
    }

    /// `=` and a token or a quoted string. Base64 without quotation marks is accepted as well.
    fn value(&mut self) -> Result<String, HeaderError> {
        self.spaces();
        if self.0.next_if_eq(&'=').is_none() {
            return Err(HeaderError::Form {
                problem: "expected `=` and a value",
            });
        }
        self.spaces();
        if self.0.next_if_eq(&'"').is_some() {
            return self.quoted();
        }
        let value = self.take_while(
            |next| is_token(next) || matches!(next, '/' | '='),
            limits::FIELD_OCTETS,
        )?;
        if value.is_empty() {
            return Err(HeaderError::Form {
                problem: "expected a value",
            });
        }
        Ok(value)
    }

    fn quoted(&mut self) -> Result<String, HeaderError> {
        let mut text = String::new();
        loop {
            let next = match self.0.next() {
                Some('"') => return Ok(text),
                Some('\\') => self.0.next(),
                next => next,
            };
            text.push(next.ok_or(HeaderError::Form {
                problem: "a quotation that does not end",
            })?);
        }
    }

    /// Steps over a token68, the other form that credentials of a scheme may have, such as Basic's.
    fn skip_token68(&mut self) -> bool {
        let mut ahead = Self(self.0.clone());
        ahead.spaces();
        let good = |next: &char| next.is_ascii_alphanumeric() || "-._~+/".contains(*next);
        let mut octets = 0;
        while ahead.0.next_if(good).is_some() {
            octets += 1;
        }
        while ahead.0.next_if_eq(&'=').is_some() {}
        if octets == 0 || !ahead.is_at_comma_or_end() {
            return false;
        }
        *self = ahead;
        true
    }

    /// Whether it begins with a token that is followed by another one.
    fn starts_with_scheme(&mut self) -> bool {
        let mut ahead = Self(self.0.clone());
        ahead.separators();
        ahead.token().is_ok() && !ahead.is_at_equals() && !ahead.is_at_comma_or_end()
    }
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// Reads `UTF-8''` and percent-encoded octets.
fn extended(name: &str, value: &str) -> Result<String, HeaderError> {
    let failed = || HeaderError::Extended {
        name: name.to_string(),
    };
    let mut parts = value.splitn(3, '\'');
    let (Some(charset), Some(_), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(failed());
    };
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return Err(failed());
    }
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes().iter();
    while let Some(octet) = rest.next() {
        if *octet == b'%' {
            let mut digit = || char::from(*rest.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or_else(failed)?;
            octets.push(u8::try_from(high << 4 | low).map_err(|_| failed())?);
        } else {
            octets.push(*octet);
        }
    }
    let text = String::from_utf8(octets).map_err(|_| failed())?;
    if text.contains(char::is_control) {
        return Err(failed());
    }
    Ok(text)
}

/// Writes parameters one after the other.
pub(in crate::enrolment) struct Writer(String);

impl Writer {
    /// Begins with the scheme.
    pub(in crate::enrolment) fn with_scheme(scheme: &str) -> Self {
        Self(alloc::format!("{scheme} "))
    }

    /// Begins without, as Authentication-Info has it.
    pub(in crate::enrolment) fn without_scheme() -> Self {
        Self(String::new())
    }

    fn name(&mut self, name: &str) {
        if !self.0.is_empty() && !self.0.ends_with(' ') {
            self.0.push_str(", ");
        }
        self.0.push_str(name);
        self.0.push('=');
    }

    /// A token, a number or hexadecimal digits, without quotation marks.
    pub(in crate::enrolment) fn token(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    /// A string, always with quotation marks.
    pub(in crate::enrolment) fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push('"');
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                self.0.push('\\');
            }
            self.0.push(character);
        }
        self.0.push('"');
    }

    /// A string that may have characters beyond ASCII: then in the extended form (RFC 8187 section 3.2).
    pub(in crate::enrolment) fn text(&mut self, name: &str, value: &str) {
        if value.is_ascii() {
            return self.string(name, value);
        }
        self.name(&alloc::format!("{name}*"));
        self.0.push_str("UTF-8''");
        for octet in value.bytes() {
            if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                self.0.push(octet.into());
            } else {
                // Writing to a string cannot fail.
                let _ = write!(self.0, "%{octet:02X}");
            }
        }
    }

    pub(in crate::enrolment) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(field: &str) -> Parameters {
        let mut all = challenges("Mutual", &[field.as_bytes()]).unwrap();
        assert_eq!(all.len(), 1, "{field}");
        all.remove(0)
    }

    #[test]
    fn challenges_are_told_apart() {
        let field = r#"Basic realm="a, Mutual b=c", mutual version=1 , , realm = "x\"y",Negotiate dG9rZW4=, Digest nonce=1"#;
        let all = challenges("Mutual", &[field.as_bytes(), b"MUTUAL version=2"]).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].get("version"), Some("1"));
        assert_eq!(all[0].get("realm"), Some("x\"y"));
        assert_eq!(all[0].names().count(), 2);
        assert_eq!(all[1].get("version"), Some("2"));
    }

    #[test]
    fn quoted_and_unquoted_are_the_same() {
        assert_eq!(
            one(r#"Mutual version="1",ks1="Ab+/==""#),
            one("Mutual Version=1 ,\tKS1=Ab+/==")
        );
    }

    #[test]
    fn extended_parameters() {
        let user = one("Mutual user*=UTF-8''Ren%C3%A9e%20x");
        assert_eq!(user.get("user"), Some("Renée x"));
        assert!(user.is_extended("user"));
        let mut writer = Writer::with_scheme("Mutual");
        writer.text("user", "Renée x");
        assert_eq!(writer.finish(), "Mutual user*=UTF-8''Ren%C3%A9e%20x");
        for wrong in [
            "x",
            "''x",
            "ISO-8859-1''x",
            "UTF-8''%C3",
            "UTF-8''%zz",
            "UTF-8''%4",
            "UTF-8''%0a",
        ] {
            let field = alloc::format!("Mutual user*={wrong}");
            assert!(
                matches!(
                    challenges("Mutual", &[field.as_bytes()]),
                    Err(HeaderError::Extended { .. })
                ),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_no_list_of_challenges_is_refused() {
        for field in [
            "version=1",
            "Mutual version=1 realm=x",
            "Mutual realm=\"x",
            "Mutual realm=\"x\"y",
            "Mutual =1",
            "Mutual a=\"b\\",
        ] {
            let read = challenges("Mutual", &[field.as_bytes()]);
            assert!(
                matches!(read, Err(HeaderError::Form { .. })),
                "{field}: {read:?}"
            );
        }
        let twice = challenges("Mutual", &[b"Mutual user=x, user*=UTF-8''y"]);
        assert!(matches!(twice, Err(HeaderError::Twice { .. })));
        assert_eq!(
            challenges("Mutual", &[b"Mutual realm=\"\xff\""]),
            Err(HeaderError::NoText)
        );
        assert_eq!(
            challenges("Mutual", &[b"Mutual realm=\"\r\n\""]),
            Err(HeaderError::NoText)
        );
    }

    #[test]
    fn everything_is_bounded() {
        let long = "x".repeat(limits::FIELD_OCTETS + 1);
        let many = |what| alloc::format!("Mutual {}", alloc::vec![what; 40].join(","));
        assert!(matches!(
            challenges("Mutual", &[long.as_bytes()]),
            Err(HeaderError::TooLong { .. })
        ));
        assert!(matches!(
            challenges("Mutual", &[&b"Mutual a=b"[..]; limits::FIELDS + 1]),
            Err(HeaderError::TooMany { .. })
        ));
        let parameters = (0..40)
            .map(|n| alloc::format!("p{n}=1"))
            .collect::<Vec<_>>();
        assert!(matches!(
            challenges(
                "Mutual",
                &[alloc::format!("Mutual {}", parameters.join(",")).as_bytes()]
            ),
            Err(HeaderError::TooMany {
                what: "parameters",
                ..
            })
        ));
        assert!(matches!(
            challenges("Mutual", &[many("Mutual a=1").as_bytes()]),
            Err(HeaderError::TooMany {
                what: "challenges",
                ..
            })
        ));
    }

    #[test]
    fn information_has_no_scheme_and_may_have_one() {
        let bare = information("Mutual", b"version=1, sid=00, vks=\"ab\"").unwrap();
        assert_eq!(
            bare,
            information("Mutual", b"Mutual version=1, sid=00, vks=ab").unwrap()
        );
        assert!(information("Mutual", b"Digest version=1, sid=00").is_err());
        assert!(information("Mutual", b"version").is_err());
    }
}
