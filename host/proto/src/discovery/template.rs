//! The path of a DoH server's URI template (RFC 8484 section 4.1.1, RFC 9461 section 5): a relative URI template
//! (RFC 6570) with the variable `dns` and no other that has a value.

use alloc::string::{String, ToString as _};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// The longest template. RFC 9461 sets none; what a query adds to it must still fit a request's line.
pub const TEMPLATE_OCTETS: usize = 512;

/// The path of a URI template: `/dns-query{?dns}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Template(String);

/// A text that is no such template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Too long.
    #[error("template of {octets} octets, at most {TEMPLATE_OCTETS} are used")]
    TooLong {
        /// How many came.
        octets: usize,
    },
    /// It has a scheme or a host of its own, or does not begin at the root.
    #[error(
        "template `{text}` is not a path, expected one `/` and a path after it (RFC 9461 section 5)"
    )]
    NotRelative {
        /// What came.
        text: String,
    },
    /// An octet that no URI has.
    #[error("template `{text}` has octets that no URI has (RFC 3986 section 2)")]
    Octets {
        /// What came, escaped.
        text: String,
    },
    /// An expression that is not closed, is empty, or has an operator that cannot be used.
    #[error("template `{text}` has an expression that cannot be expanded (RFC 6570 section 2.2)")]
    Expression {
        /// What came.
        text: String,
    },
    /// There is no place for the query.
    #[error("template `{text}` has no variable `dns` (RFC 8484 section 4.1.1)")]
    NoVariable {
        /// What came.
        text: String,
    },
}

/// A part of a template.
enum Part<'a> {
    Literal(&'a str),
    /// The operator, if there is one, and the list of variables.
    Expression(Option<char>, &'a str),
}

impl Template {
    /// The template of these octets.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn from_octets(octets: &[u8]) -> Result<Self, TemplateError> {
        let text = || octets.escape_ascii().to_string();
        if octets.len() > TEMPLATE_OCTETS {
            return Err(TemplateError::TooLong {
                octets: octets.len(),
            });
        }
        let is_of_a_uri = |octet: &u8| octet.is_ascii_graphic() && !b"\"<>\\^`|#".contains(octet);
        if !octets.iter().all(is_of_a_uri) {
            return Err(TemplateError::Octets { text: text() });
        }
        if octets.first() != Some(&b'/') || octets.get(1) == Some(&b'/') {
            return Err(TemplateError::NotRelative { text: text() });
        }
        let template = Self(text());
        let mut found = false;
        for part in parts(&template.0) {
            let part = part.ok_or_else(|| TemplateError::Expression { text: text() })?;
            found |= matches!(part, Part::Expression(_, list) if has_dns(list));
        }
        if !found {
            return Err(TemplateError::NoVariable { text: text() });
        }
        Ok(template)
    }

    /// The template as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Path and query of a request: with the base64url of a message for GET, with nothing for POST (RFC 8484 section 4.1).
    /// Base64url needs no escaping, and every other variable is undefined.
    #[must_use]
    pub fn expand(&self, dns: Option<&str>) -> String {
        let mut text = String::with_capacity(self.0.len());
        for part in parts(&self.0).flatten() {
            match (part, dns) {
                (Part::Literal(literal), _) => text.push_str(literal),
                (Part::Expression(operator, list), Some(value)) if has_dns(list) => {
                    match operator {
                        Some('?') => text.push_str("?dns="),
                        Some('&') => text.push_str("&dns="),
                        Some(';') => text.push_str(";dns="),
                        Some(operator @ ('/' | '.')) => text.push(operator),
                        _ => {}
                    }
                    text.push_str(value);
                }
                (Part::Expression(..), _) => {}
            }
        }
        text
    }
}

/// The parts in order; `None` where an expression is none.
fn parts(text: &str) -> impl Iterator<Item = Option<Part<'_>>> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(after) = rest.strip_prefix('{') else {
            let (literal, next) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
            rest = next;
            return Some((!literal.contains('}')).then_some(Part::Literal(literal)));
        };
        let (expression, next) = after.split_once('}').unwrap_or(("", ""));
        rest = next;
        Some(read_expression(expression))
    })
}

/// The operators of RFC 6570 section 2.2, but for the fragment, which never reaches a server, and those that it reserves.
fn read_expression(expression: &str) -> Option<Part<'_>> {
    let operator = expression
        .chars()
        .next()
        .filter(|first| "+./;?&".contains(*first));
    let list = expression
        .strip_prefix(['+', '.', '/', ';', '?', '&'])
        .unwrap_or(expression);
    let is_variable = |name: &str| {
        let name = name.strip_suffix('*').unwrap_or(name);
        let octet = |octet: u8| octet.is_ascii_alphanumeric() || b"_.".contains(&octet);
        !name.is_empty() && name.bytes().all(octet)
    };
    list.split(',')
        .all(is_variable)
        .then_some(Part::Expression(operator, list))
}

fn has_dns(list: &str) -> bool {
    list.split(',')
        .any(|name| name.strip_suffix('*').unwrap_or(name) == "dns")
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::from_octets(text.as_bytes())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion_with_and_without_a_query() {
        for (template, get, post) in [
            ("/dns-query{?dns}", "/dns-query?dns=AAA", "/dns-query"),
            ("/q{?dns,ct}", "/q?dns=AAA", "/q"),
            ("/q?a=b{&dns}", "/q?a=b&dns=AAA", "/q?a=b"),
            ("/q{/dns}", "/q/AAA", "/q"),
            ("/q/{dns}/x", "/q/AAA/x", "/q//x"),
            ("/q{;dns*}", "/q;dns=AAA", "/q"),
        ] {
            let template: Template = template.parse().unwrap();
            assert_eq!(template.expand(Some("AAA")), get);
            assert_eq!(template.expand(None), post);
        }
    }

    #[test]
    fn what_is_no_template() {
        use TemplateError as E;
        let read = |text: &str| text.parse::<Template>().unwrap_err();
        for text in [
            "",
            "dns-query{?dns}",
            "https://a.example/{?dns}",
            "//a.example/{?dns}",
        ] {
            assert!(matches!(read(text), E::NotRelative { .. }), "{text}");
        }
        for text in [
            "/a{?dns",
            "/a}{?dns}",
            "/{}{?dns}",
            "/{=dns}",
            "/{?dns,}",
            "/{dns:3}",
        ] {
            assert!(matches!(read(text), E::Expression { .. }), "{text}");
        }
        for text in ["/dns-query", "/dns-query{?query}", "/dns"] {
            assert!(matches!(read(text), E::NoVariable { .. }), "{text}");
        }
        for text in [
            "/a b{?dns}",
            "/ä{?dns}",
            "/a{?dns}#b",
            "/a{#dns}",
            "/a\r\nb{?dns}",
        ] {
            assert!(matches!(read(text), E::Octets { .. }), "{text}");
        }
        let long = alloc::format!("/{}{{?dns}}", "a".repeat(600));
        assert!(matches!(read(&long), E::TooLong { octets: 607 }));
    }
}
