//! Name constraints (RFC 5280 sections 4.2.1.10 and 6.1.4, RFC 4985 section 4).

use crate::{
    certificate::{Certificate, oid},
    der::{self, Malformed, Reader, Result, tag},
    general_name::{GeneralName, is_host_name, is_mailbox, split_srv},
    name,
    report::{Report, at, text},
};

/// Comparisons of one name with one subtree in one path. 50 names below 50 subtrees of each of 6 authorities are 15,000.
const COMPARISONS: u32 = 50_000;

/// Both lists of subtrees, content of the SEQUENCEs.
#[derive(Debug, Clone, Copy)]
struct Subtrees<'a> {
    permitted: Reader<'a>,
    excluded: Reader<'a>,
}

impl<'a> Subtrees<'a> {
    fn read(value: &'a [u8]) -> Result<Self> {
        let mut fields = der::only(value, tag::SEQUENCE)?;
        let permitted = fields.optional(tag::explicit(0))?;
        let excluded = fields.optional(tag::explicit(1))?;
        fields.end()?;
        let empty: &[u8] = &[];
        let reader =
            |list: Option<der::Value<'a>>| Reader::new(list.map_or(empty, |value| value.content));
        let subtrees = Self {
            permitted: reader(permitted),
            excluded: reader(excluded),
        };
        // Section 4.2.1.10: conforming CAs must not issue certificates where it is an empty sequence.
        if permitted.is_some_and(|list| list.content.is_empty())
            || excluded.is_some_and(|list| list.content.is_empty())
            || (permitted.is_none() && excluded.is_none())
        {
            return Err(Malformed);
        }
        Ok(subtrees)
    }
}

/// The base of the next subtree. Minimum and maximum other than their defaults are not supported by RFC 5280's profile.
fn base<'a>(list: &mut Reader<'a>) -> Result<GeneralName<'a>> {
    let mut fields = list.nested(tag::SEQUENCE)?;
    let base = GeneralName::read(&mut fields)?;
    if let Some(minimum) = fields.optional(tag::implicit(0))?
        && minimum.content != [0]
    {
        return Err(Malformed);
    }
    fields.end()?;
    Ok(base)
}

/// What is wrong with the syntax of a base.
fn base_fault(base: &GeneralName<'_>) -> Option<&'static str> {
    match base {
        GeneralName::Dns(name) => (!name.is_empty() && !is_host_name(name))
            .then_some("is no DNS name (a leading period is not allowed)"),
        GeneralName::Ip(range) => {
            (!is_address_range(range)).then_some("is no address range with a contiguous mask")
        }
        GeneralName::Email(mailbox) => {
            let host = mailbox.strip_prefix(b".").unwrap_or(mailbox);
            let good = if mailbox.contains(&b'@') {
                is_mailbox(mailbox)
            } else {
                is_host_name(host)
            };
            (!good).then_some("is neither mailbox, host nor domain")
        }
        GeneralName::Uri(host) => {
            let host = host.strip_prefix(b".").unwrap_or(host);
            (!is_host_name(host)).then_some("is neither host nor domain")
        }
        GeneralName::Srv(name) => (!is_srv_base(name)).then_some("is no SRVName constraint"),
        GeneralName::Directory(_) | GeneralName::Other(..) => None,
    }
}

fn is_address_range(range: &[u8]) -> bool {
    let Some((_, mask)) =
        (range.len() == 8 || range.len() == 32).then(|| range.split_at(range.len() / 2))
    else {
        return false;
    };
    let ones: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    let mut leading = 0;
    for octet in mask {
        leading += octet.leading_ones();
        if *octet != 0xff {
            break;
        }
    }
    ones == leading
}

/// `_service.name`, `_service` or `name` (RFC 4985 section 4).
fn is_srv_base(base: &[u8]) -> bool {
    match base.strip_prefix(b"_") {
        Some(service) if !service.contains(&b'.') => !service.is_empty(),
        Some(_) => split_srv(base).is_some_and(|(_, host)| is_host_name(host)),
        None => is_host_name(base),
    }
}

/// Whether a name lies in a subtree; `None` when they are of different forms.
///
/// `wide`: a wildcard counts with everything that it stands for, as an exclusion must take it; otherwise all that it
/// stands for must lie in the subtree.
fn lies_in(name: &GeneralName<'_>, base: &GeneralName<'_>, wide: bool) -> Option<Result<bool>> {
    Some(Ok(match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => match name.strip_prefix(b"*.") {
            None => is_subdomain(name, base),
            Some(parent) if wide => is_subdomain(parent, base) || is_child(base, parent),
            Some(parent) => is_subdomain(parent, base),
        },
        (GeneralName::Ip(address), GeneralName::Ip(range)) => {
            let (network, mask) = range.split_at(range.len() / 2);
            address.len() == network.len()
                && address
                    .iter()
                    .zip(network)
                    .zip(mask)
                    .all(|((a, n), m)| a & m == n & m)
        }
        (GeneralName::Email(mailbox), GeneralName::Email(base)) => email_lies_in(mailbox, base),
        (GeneralName::Uri(uri), GeneralName::Uri(base)) => match uri_host(uri) {
            Some(host) => host_lies_in(host, base),
            // RFC 5280 section 4.2.1.10: a URI without a host name in it is refused where URIs are constrained.
            None => return Some(Err(Malformed)),
        },
        (GeneralName::Directory(name), GeneralName::Directory(base)) => {
            return Some(name::is_within(name, base));
        }
        (GeneralName::Srv(name), GeneralName::Srv(base)) => srv_lies_in(name, base),
        // A form that cannot be compared: whoever constrains it does not get what it asked for.
        (GeneralName::Other(a, x), GeneralName::Other(b, y)) if a == b && x == y => {
            return Some(Err(Malformed));
        }
        _ => return None,
    }))
}

/// Whether `name` is `base` or has it as its last labels. The empty base holds everything.
fn is_subdomain(name: &[u8], base: &[u8]) -> bool {
    let Some(head) = name.len().checked_sub(base.len()) else {
        return false;
    };
    let (before, tail) = name.split_at(head);
    tail.eq_ignore_ascii_case(base)
        && (base.is_empty() || before.last().is_none_or(|&octet| octet == b'.'))
}

/// Whether `name` is one label below `parent`.
fn is_child(name: &[u8], parent: &[u8]) -> bool {
    name.iter()
        .position(|&octet| octet == b'.')
        .and_then(|point| name.get(point + 1..))
        .is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
}

/// A host, or `.domain` for everything below a domain.
fn host_lies_in(host: &[u8], base: &[u8]) -> bool {
    match base.strip_prefix(b".") {
        Some(domain) => host.len() > domain.len() && is_subdomain(host, domain),
        None => host.eq_ignore_ascii_case(base),
    }
}

fn email_lies_in(mailbox: &[u8], base: &[u8]) -> bool {
    let split = |text: &[u8]| text.iter().rposition(|&octet| octet == b'@');
    let Some((local, host)) = split(mailbox).and_then(|at| mailbox.split_at_checked(at)) else {
        return false;
    };
    let host = host.get(1..).unwrap_or_default();
    match split(base).and_then(|at| base.split_at_checked(at)) {
        Some((base_local, base_host)) => {
            base_local == local
                && base_host
                    .get(1..)
                    .unwrap_or_default()
                    .eq_ignore_ascii_case(host)
        }
        None => host_lies_in(host, base),
    }
}

/// The host of a URI, when it has an authority and the host is a name.
fn uri_host(uri: &[u8]) -> Option<&[u8]> {
    let colon = uri.iter().position(|&octet| octet == b':')?;
    let rest = uri.get(colon + 1..)?.strip_prefix(b"//")?;
    let end = rest
        .iter()
        .position(|octet| matches!(octet, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let host = match authority.iter().rposition(|&octet| octet == b'@') {
        Some(at) => authority.get(at + 1..)?,
        None => authority,
    };
    let end = host
        .iter()
        .position(|&octet| octet == b':')
        .unwrap_or(host.len());
    let host = host.get(..end)?;
    is_host_name(host).then_some(host)
}

/// RFC 4985 section 4: a constraint has a service, a name or both; each part that it has must agree.
fn srv_lies_in(name: &[u8], base: &[u8]) -> bool {
    let Some((service, host)) = split_srv(name) else {
        return false;
    };
    match base.strip_prefix(b"_") {
        None => is_subdomain(host, base),
        Some(wanted) if !wanted.contains(&b'.') => service.eq_ignore_ascii_case(wanted),
        Some(_) => split_srv(base).is_some_and(|(wanted, domain)| {
            service.eq_ignore_ascii_case(wanted) && is_subdomain(host, domain)
        }),
    }
}

/// Checks every name of a path against every constraint above it. `path` has the end entity first and the trust anchor last.
pub(crate) fn check(path: &[&Certificate<'_>], report: &mut Report) {
    let mut budget = COMPARISONS;
    for (depth, &authority) in path.iter().enumerate() {
        let Some(extension) = authority.extension(oid::NAME_CONSTRAINTS) else {
            continue;
        };
        if depth == 0 {
            let message = "the end entity's certificate carries name constraints, which only an authority's may".into();
            let evidence = at(authority, extension.whole);
            report.refuse(
                "name-constraints-misplaced",
                message,
                "RFC 5280 4.2.1.10",
                evidence,
            );
            continue;
        }
        let below = path.get(..depth).unwrap_or_default();
        let outcome = Subtrees::read(extension.value).and_then(|subtrees| {
            if !check_bases(&subtrees, authority, extension.whole, report)? {
                return Ok(());
            }
            for (position, certificate) in below.iter().enumerate() {
                // Section 6.1.3 (b): a self-issued certificate in between is exempt, the last one never is.
                if position > 0 && name::matches(certificate.subject, certificate.issuer) {
                    continue;
                }
                check_certificate(&subtrees, certificate, &mut budget, report)?;
            }
            Ok(())
        });
        if outcome.is_err() {
            let evidence = at(authority, extension.whole);
            let (code, message) = if budget == 0 {
                (
                    "too-much-work",
                    format!("more than {COMPARISONS} comparisons of names with constraints"),
                )
            } else {
                (
                    "name-constraints-malformed",
                    "name constraints cannot be read or cannot be evaluated".into(),
                )
            };
            report.refuse(code, message, "RFC 5280 4.2.1.10", evidence);
        }
    }
}

/// Whether every base is well-formed.
fn check_bases(
    subtrees: &Subtrees<'_>,
    authority: &Certificate<'_>,
    extension: &[u8],
    report: &mut Report,
) -> Result<bool> {
    for mut list in [subtrees.permitted, subtrees.excluded] {
        while !list.is_empty() {
            let base = base(&mut list)?;
            if let Some(fault) = base_fault(&base) {
                let message = format!("a name constraint {fault}");
                report.refuse(
                    "name-constraints-malformed",
                    message,
                    "RFC 5280 4.2.1.10",
                    at(authority, extension),
                );
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn check_certificate(
    subtrees: &Subtrees<'_>,
    certificate: &Certificate<'_>,
    budget: &mut u32,
    report: &mut Report,
) -> Result<()> {
    let mut check = |name: &GeneralName<'_>, part: &[u8], report: &mut Report| {
        if !conforms(subtrees, name, budget)? {
            let message = format!(
                "name `{}` violates the constraints of an authority above it",
                describe(name)
            );
            report.refuse(
                "name-constraints-violated",
                message,
                "RFC 5280 6.1.3",
                at(certificate, part),
            );
        }
        Ok(())
    };
    if !name::is_empty(certificate.subject) {
        check(
            &GeneralName::Directory(certificate.subject),
            certificate.subject,
            report,
        )?;
    }
    let mut has_email = false;
    if let Some(mut names) = certificate.alt_names()? {
        while !names.is_empty() {
            let before = names;
            let name = GeneralName::read(&mut names)?;
            has_email |= matches!(name, GeneralName::Email(_));
            let part = { before }.value()?.whole;
            check(&name, part, report)?;
        }
    }
    if !has_email {
        let mut outcome = Ok(());
        name::attributes(certificate.subject, oid::EMAIL_ADDRESS, |value| {
            if outcome.is_ok() {
                outcome = check(&GeneralName::Email(value.content), value.whole, report);
            }
        })?;
        outcome?;
    }
    Ok(())
}

fn conforms(subtrees: &Subtrees<'_>, name: &GeneralName<'_>, budget: &mut u32) -> Result<bool> {
    let (mut constrained, mut permitted) = (false, false);
    let mut list = subtrees.permitted;
    while !list.is_empty() && !permitted {
        *budget = budget.checked_sub(1).ok_or(Malformed)?;
        if let Some(inside) = lies_in(name, &base(&mut list)?, false) {
            constrained = true;
            permitted = inside?;
        }
    }
    if constrained && !permitted {
        return Ok(false);
    }
    let mut list = subtrees.excluded;
    while !list.is_empty() {
        *budget = budget.checked_sub(1).ok_or(Malformed)?;
        if let Some(inside) = lies_in(name, &base(&mut list)?, true)
            && inside?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::Dns(octets)
        | GeneralName::Email(octets)
        | GeneralName::Uri(octets)
        | GeneralName::Srv(octets) => text(octets),
        GeneralName::Ip(octets) => crate::identity::address_text(octets),
        GeneralName::Directory(_) => "directory name".into(),
        GeneralName::Other(..) => "other name".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_subtrees() {
        assert!(is_subdomain(b"a.example.com", b"example.com"));
        assert!(is_subdomain(b"EXAMPLE.com", b"example.COM"));
        assert!(!is_subdomain(b"badexample.com", b"example.com"));
        assert!(is_subdomain(b"anything", b""));
    }

    #[test]
    fn a_wildcard_must_lie_wholly_inside_and_may_not_reach_into_an_exclusion() {
        let within = |name: &[u8], base: &[u8], wide| {
            lies_in(&GeneralName::Dns(name), &GeneralName::Dns(base), wide)
                .unwrap()
                .unwrap()
        };
        assert!(within(b"*.example.com", b"example.com", false));
        assert!(!within(b"*.example.com", b"foo.example.com", false));
        assert!(within(b"*.example.com", b"foo.example.com", true));
        assert!(!within(b"*.example.com", b"a.foo.example.com", true));
    }

    #[test]
    fn srv_name_constraints_have_service_name_or_both() {
        let name = b"_domain-s.dns.example.net";
        assert!(srv_lies_in(name, b"_domain-s.example.net"));
        assert!(srv_lies_in(name, b"_domain-s"));
        assert!(srv_lies_in(name, b"example.net"));
        assert!(!srv_lies_in(name, b"_imap.example.net"));
        assert!(!srv_lies_in(name, b"_domain-s.example.org"));
        assert!(!srv_lies_in(name, b"_imap"));
    }

    #[test]
    fn masks_are_contiguous() {
        assert!(is_address_range(&[192, 0, 2, 0, 255, 255, 255, 0]));
        assert!(is_address_range(&[0; 8]));
        assert!(!is_address_range(&[192, 0, 2, 0, 255, 0, 255, 0]));
        assert!(!is_address_range(&[192, 0, 2, 0, 255, 255, 127, 0]));
        assert!(!is_address_range(&[192, 0, 2, 0]));
    }

    #[test]
    fn mailboxes_and_uris() {
        assert!(email_lies_in(b"a@example.com", b"example.com"));
        assert!(email_lies_in(b"a@b.example.com", b".example.com"));
        assert!(!email_lies_in(b"a@example.com", b".example.com"));
        assert!(!email_lies_in(b"user@example.com", b"*@example.com"));
        assert_eq!(
            uri_host(b"https://u@a.example:8443/x"),
            Some(&b"a.example"[..])
        );
        assert_eq!(uri_host(b"urn:x"), None);
        assert_eq!(uri_host(b"https://192.0.2.1/"), None);
    }
}
