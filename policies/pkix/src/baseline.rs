//! Rules for public certificates: the CA/Browser Forum's Baseline Requirements for TLS server certificates, where they
//! are stricter than RFC 5280. By default they apply to paths that end at the system's anchors (implicit database).

use crate::{
    certificate::{Certificate, oid},
    der::{self, Reader, Result, tag},
    general_name::{GeneralName, looks_like_ipv4},
    identity, name,
    profile::{Role, rsa},
    report::{Report, at, text, whole},
};

/// Checks one certificate of a path.
pub(crate) fn check(certificate: &Certificate<'_>, role: Role, report: &mut Report) {
    let outcome = match role {
        Role::EndEntity => end_entity(certificate, report),
        Role::Anchor => anchor(certificate, report),
        Role::Intermediate => Ok(()),
    };
    if outcome.is_err() {
        let message = format!(
            "an extension of the {}'s certificate is malformed",
            role.noun()
        );
        report.refuse(
            "extension-malformed",
            message,
            "RFC 5280 4.2",
            whole(certificate),
        );
    }
    if certificate.key_algorithm.get(2..11) == Some(oid::RSA_ENCRYPTION)
        && rsa(certificate.key).is_ok_and(|(bits, _)| bits % 8 != 0)
    {
        let message = format!(
            "the length of the {}'s RSA key is no multiple of 8 bits",
            role.noun()
        );
        report.refuse(
            "baseline-key-size",
            message,
            "CA/B TLS BR 6.1.5",
            at(certificate, certificate.key_info),
        );
    }
}

fn end_entity(c: &Certificate<'_>, report: &mut Report) -> Result<()> {
    match c.extension(oid::EXTENDED_KEY_USAGE) {
        None => {
            let message = "a public server certificate must have an extended key usage".into();
            report.refuse(
                "extended-key-usage-missing",
                message,
                "CA/B TLS BR 7.1.2.7.6",
                whole(c),
            );
        }
        Some(extension) if extension.critical => {
            let message =
                "the extended key usage of a public server certificate must not be critical".into();
            report.refuse(
                "baseline-criticality",
                message,
                "CA/B TLS BR 7.1.2.7.6",
                at(c, extension.whole),
            );
        }
        Some(_) => {}
    }
    if c.basic_constraints()?.ca {
        let message = "a public server certificate must not be an authority's".into();
        report.refuse(
            "baseline-end-entity-profile",
            message,
            "CA/B TLS BR 7.1.2.7.6",
            whole(c),
        );
    }
    if let Some(extension) = c.extension(oid::SUBJECT_ALT_NAME) {
        if extension.critical && !name::is_empty(c.subject) {
            let message =
                "with a subject, the alternative name of a public certificate must not be critical"
                    .into();
            report.refuse(
                "baseline-criticality",
                message,
                "CA/B TLS BR 7.1.2.7.12",
                at(c, extension.whole),
            );
        }
        let underscored =
            |name: &GeneralName<'_>| matches!(name, GeneralName::Dns(name) if name.contains(&b'_'));
        if identity::presented(c)?.iter().any(underscored) {
            let message = "a DNS name of a public certificate must not have an underscore".into();
            report.refuse(
                "baseline-end-entity-profile",
                message,
                "CA/B TLS BR 7.1.4.2",
                at(c, extension.whole),
            );
        }
    }
    common_name(c, true, report)
}

/// A common name that looks like a host's must repeat one of the alternative names. It is never an identifier (RFC 9525 section 2); but software
/// that still takes it for one would be led elsewhere.
pub(crate) fn common_name(c: &Certificate<'_>, public: bool, report: &mut Report) -> Result<()> {
    let names = identity::presented(c)?;
    let mut strange: Vec<&[u8]> = Vec::new();
    name::common_names(c.subject, |value| {
        let octets = value.content;
        let repeats = names.iter().any(|name| match name {
            // Whoever was given a wildcard was shown to own the name below it.
            GeneralName::Dns(name) => *name == octets || name.strip_prefix(b"*.") == Some(octets),
            GeneralName::Ip(address) => identity::address_text(address).as_bytes() == octets,
            _ => false,
        });
        // Software reads addresses in other notations too (`0xC0A80101`, `3232235777`), so a public authority's word is a
        // name. Words for a person, as private authorities like to give, lead no software anywhere.
        let looks_like_a_name = (public && !octets.contains(&b' '))
            || looks_like_ipv4(octets)
            || octets.contains(&b':')
            || (octets.contains(&b'.') && !octets.contains(&b' '));
        if !repeats && looks_like_a_name {
            strange.push(octets);
        }
    })?;
    for value in strange {
        let message = format!(
            "the common name `{}` is none of the alternative names",
            text(value)
        );
        report.judge(
            public,
            "common-name-not-in-alt-names",
            message,
            "CA/B TLS BR 7.1.4.3",
            at(c, value),
        );
    }
    Ok(())
}

fn anchor(c: &Certificate<'_>, report: &mut Report) -> Result<()> {
    if let Some(extension) = c.extension(oid::EXTENDED_KEY_USAGE) {
        let message = "a public root must not have an extended key usage".into();
        report.refuse(
            "baseline-root-profile",
            message,
            "CA/B TLS BR 7.1.2.1.2",
            at(c, extension.whole),
        );
    }
    let Some(extension) = c.extension(oid::AUTHORITY_KEY_IDENTIFIER) else {
        return Ok(());
    };
    let mut fields: Reader<'_> = der::only(extension.value, tag::SEQUENCE)?;
    let has_key = fields.optional(tag::implicit(0))?.is_some();
    if !has_key || !fields.is_empty() {
        let message =
            "the authority key identifier of a public root must be a key identifier alone".into();
        report.refuse(
            "baseline-root-profile",
            message,
            "CA/B TLS BR 7.1.2.1.3",
            at(c, extension.whole),
        );
    }
    Ok(())
}
