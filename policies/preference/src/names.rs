//! Patterns of host names.

/// Whether a name is what a pattern stands for: the name itself, or with `*.` before it every name below. Letters count
/// without case (RFC 4343), a final dot does not count.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    let Some(parent) = pattern.strip_prefix("*.") else {
        return name.eq_ignore_ascii_case(pattern);
    };
    let labels = name
        .len()
        .checked_sub(parent.len())
        .and_then(|at| name.split_at_checked(at));
    labels.is_some_and(|(below, end)| {
        end.eq_ignore_ascii_case(parent) && below.len() > 1 && below.ends_with('.')
    })
}

/// Whether a pattern can match anything: a host name of letters, digits, hyphens and underscores, `*.` before it or not.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    let name = pattern.strip_suffix('.').unwrap_or(pattern);
    let name = name.strip_prefix("*.").unwrap_or(name);
    let octet = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    name.len() <= 253
        && name
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_name_below_and_not_for_the_name_itself() {
        for (pattern, name, expected) in [
            ("dns.example.net", "dns.example.net", true),
            ("dns.example.net", "DNS.Example.net.", true),
            ("dns.example.net", "x.dns.example.net", false),
            ("*.example.net", "dns.example.net", true),
            ("*.example.net.", "a.b.Example.NET", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", ".example.net", false),
            ("*.example.net", "evilexample.net", false),
            ("*.example.net", "ä.example.net", true),
            ("*.example.net", "net", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_no_pattern() {
        for (pattern, expected) in [
            ("example.net", true),
            ("*.example.net.", true),
            ("_853._tcp.example.net", true),
            ("", false),
            ("*", false),
            ("a..b", false),
            ("dns.*.net", false),
            ("*example.net", false),
            ("https://example.net", false),
        ] {
            assert_eq!(is_pattern(pattern), expected, "{pattern}");
        }
    }
}
