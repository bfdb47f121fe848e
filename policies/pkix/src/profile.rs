//! What RFC 5280 demands of each certificate of a path beside its place in the path.
//!
//! webpki and most other validators leave these rules to certification authorities. A policy that guards the way of all
//! queries refuses certificates that break them; where deployed authorities do break one, a setting makes it a warning.

use crate::{
    certificate::{BasicConstraints, Certificate, key_usage, oid},
    der::{self, Malformed, Reader, Result, tag},
    general_name::{GeneralName, is_registry_controlled, syntax_fault},
    identity, name,
    report::{Report, at, text, whole},
    settings::{Settings, Strictness},
};

/// The place of a certificate in its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    EndEntity,
    Intermediate,
    Anchor,
}

impl Role {
    pub(crate) const fn of(position: usize, length: usize) -> Self {
        if position == 0 {
            Self::EndEntity
        } else if position + 1 == length {
            Self::Anchor
        } else {
            Self::Intermediate
        }
    }

    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::EndEntity => "end entity",
            Self::Intermediate => "intermediate authority",
            Self::Anchor => "trust anchor",
        }
    }
}

/// Extensions that this policy processes; only these may be critical (RFC 5280 section 4.2).
const PROCESSED: [&[u8]; 9] = [
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::NAME_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::EXTENDED_KEY_USAGE,
    oid::INHIBIT_ANY_POLICY,
];

/// Extensions that must never be critical, with their paragraphs.
const NEVER_CRITICAL: [(&[u8], &str, &str); 5] = [
    (
        oid::AUTHORITY_KEY_IDENTIFIER,
        "authority key identifier",
        "RFC 5280 4.2.1.1",
    ),
    (
        oid::SUBJECT_KEY_IDENTIFIER,
        "subject key identifier",
        "RFC 5280 4.2.1.2",
    ),
    (oid::FRESHEST_CRL, "freshest CRL", "RFC 5280 4.2.1.15"),
    (
        oid::AUTHORITY_INFO_ACCESS,
        "authority information access",
        "RFC 5280 4.2.2.1",
    ),
    (
        oid::SUBJECT_INFO_ACCESS,
        "subject information access",
        "RFC 5280 4.2.2.2",
    ),
];

/// Extensions that must be critical in an authority's certificate, and whether one that is not refuses. The last two
/// bind here whether critical or not, and deployed authorities (and NIST's suite) leave them uncritical.
const ALWAYS_CRITICAL: [(&[u8], &str, &str, bool); 4] = [
    (
        oid::BASIC_CONSTRAINTS,
        "basic constraints",
        "RFC 5280 4.2.1.9",
        true,
    ),
    (
        oid::NAME_CONSTRAINTS,
        "name constraints",
        "RFC 5280 4.2.1.10",
        true,
    ),
    (
        oid::POLICY_CONSTRAINTS,
        "policy constraints",
        "RFC 5280 4.2.1.11",
        false,
    ),
    (
        oid::INHIBIT_ANY_POLICY,
        "inhibit anyPolicy",
        "RFC 5280 4.2.1.14",
        false,
    ),
];

/// Checks one certificate of a path. What cannot be read is refused by the same code whatever it is.
pub(crate) fn check(
    certificate: &Certificate<'_>,
    role: Role,
    settings: &Settings,
    report: &mut Report,
) {
    // RFC 5280 section 6.1.1 (d) takes of an anchor its name and key; its other contents are the store's business, so
    // a setting can leave them alone.
    let mut own = Report::default();
    let outcome = fields(certificate, role, settings, &mut own)
        .and_then(|()| extensions(certificate, role, settings, &mut own))
        .and_then(|()| authority(certificate, role, settings, &mut own))
        .and_then(|()| key_identifiers(certificate, role, settings, &mut own))
        .and_then(|()| names(certificate, role, &mut own))
        .and_then(|()| information_access(certificate));
    if outcome.is_err() {
        let message = format!(
            "an extension of the {}'s certificate is malformed",
            role.noun()
        );
        own.refuse(
            "extension-malformed",
            message,
            "RFC 5280 4.2",
            whole(certificate),
        );
    }
    if role == Role::Anchor && settings.anchor_certificates == Strictness::Warn {
        own.refused = false;
        for finding in &mut own.findings {
            finding.severity = resolvet_guest::Severity::Warning;
        }
    }
    // A key that is too weak is too weak in an anchor too.
    key(certificate, role, settings, &mut own);
    report.absorb(own);
}

fn fields(c: &Certificate<'_>, role: Role, settings: &Settings, report: &mut Report) -> Result<()> {
    if c.signature_algorithm != c.inner_signature_algorithm {
        let message = format!(
            "the {}'s certificate names two different signature algorithms",
            role.noun()
        );
        report.refuse(
            "signature-algorithm-mismatch",
            message,
            "RFC 5280 4.1.1.2",
            at(c, c.signature_algorithm),
        );
    }
    if name::is_empty(c.issuer) {
        let message = format!("the {}'s certificate has an empty issuer", role.noun());
        report.refuse("issuer-empty", message, "RFC 5280 4.1.2.4", at(c, c.issuer));
    }
    if role != Role::EndEntity && name::is_empty(c.subject) {
        let message = format!("the {}'s certificate has an empty subject", role.noun());
        report.refuse(
            "subject-empty",
            message,
            "RFC 5280 4.1.2.6",
            at(c, c.subject),
        );
    }
    let positive = c.serial.first().is_some_and(|&octet| octet & 0x80 == 0)
        && c.serial.iter().any(|&octet| octet != 0);
    if !positive || c.serial.len() > 20 {
        let message = format!(
            "the {}'s serial number is {}: expected a positive number of at most 20 octets",
            role.noun(),
            if positive {
                "too long"
            } else {
                "zero or negative"
            }
        );
        // Old self-signed roots with serial number 0 are common, and nothing refers to them by serial number.
        let refuses = settings.serial_numbers == Strictness::Require && role != Role::Anchor;
        report.judge(
            refuses,
            "serial-number-invalid",
            message,
            "RFC 5280 4.1.2.2",
            at(c, c.serial),
        );
    }
    Ok(())
}

fn extensions(
    c: &Certificate<'_>,
    role: Role,
    settings: &Settings,
    report: &mut Report,
) -> Result<()> {
    let strict = settings.extension_profile == Strictness::Require;
    for (position, extension) in c.extensions.iter().enumerate() {
        let before = c.extensions.get(..position).unwrap_or_default();
        if before.iter().any(|other| other.oid == extension.oid) {
            let message = format!("the {}'s certificate has an extension twice", role.noun());
            report.refuse(
                "extension-repeated",
                message,
                "RFC 5280 4.2",
                at(c, extension.whole),
            );
        }
        if let Some((_, noun, paragraph)) = NEVER_CRITICAL
            .iter()
            .find(|(oid, ..)| *oid == extension.oid)
        {
            if extension.critical {
                let message = format!(
                    "the {}'s {noun} is critical, which it must not be",
                    role.noun()
                );
                report.judge(
                    strict,
                    "extension-criticality",
                    message,
                    paragraph,
                    at(c, extension.whole),
                );
            }
        } else if extension.critical && !PROCESSED.contains(&extension.oid) {
            let message = format!(
                "the {}'s certificate has a critical extension that is not processed",
                role.noun()
            );
            report.refuse(
                "critical-extension-unknown",
                message,
                "RFC 5280 4.2",
                at(c, extension.whole),
            );
        }
        if role != Role::EndEntity
            && !extension.critical
            && let Some((_, noun, paragraph, refuses)) = ALWAYS_CRITICAL
                .iter()
                .find(|(oid, ..)| *oid == extension.oid)
        {
            let message = format!(
                "the {}'s {noun} are not critical, which they must be",
                role.noun()
            );
            report.judge(
                strict && *refuses,
                "extension-criticality",
                message,
                paragraph,
                at(c, extension.whole),
            );
        }
    }
    Ok(())
}

fn authority(
    c: &Certificate<'_>,
    role: Role,
    settings: &Settings,
    report: &mut Report,
) -> Result<()> {
    let BasicConstraints { ca, path_length } = c.basic_constraints()?;
    let usage = c.key_usage()?;
    let signs_certificates = usage.is_none_or(|bits| bits & key_usage::KEY_CERT_SIGN != 0);
    if usage == Some(0) {
        let message = format!("the {}'s key usage allows nothing", role.noun());
        report.refuse("key-usage-empty", message, "RFC 5280 4.2.1.3", whole(c));
    }
    if role == Role::EndEntity {
        if !ca && usage.is_some_and(|bits| bits & key_usage::KEY_CERT_SIGN != 0) {
            let message =
                "the end entity is no authority, yet its key usage says keyCertSign".into();
            report.refuse("key-usage-cert-sign", message, "RFC 5280 4.2.1.9", whole(c));
        }
        // No handshake that the host speaks proves a key otherwise than by a signature.
        if usage.is_some_and(|bits| bits & key_usage::DIGITAL_SIGNATURE == 0) {
            let message =
                "the end entity's key usage lacks digitalSignature, without which its key proves nothing in a handshake"
                    .into();
            report.refuse(
                "key-usage-no-handshake",
                message,
                "RFC 8446 4.4.2.2",
                whole(c),
            );
        }
    } else {
        if !ca {
            let message = format!("the {}'s certificate is not an authority's", role.noun());
            report.refuse("not-an-authority", message, "RFC 5280 6.1.4 (k)", whole(c));
        }
        if !signs_certificates {
            let message = format!("the {}'s key usage lacks keyCertSign", role.noun());
            report.refuse(
                "key-usage-no-cert-sign",
                message,
                "RFC 5280 6.1.4 (n)",
                whole(c),
            );
        }
        if role == Role::Intermediate && c.version == 3 && usage.is_none() {
            let message = "the intermediate authority's certificate has no key usage".into();
            let refuses = settings.extension_profile == Strictness::Require;
            report.judge(
                refuses,
                "key-usage-missing",
                message,
                "RFC 5280 4.2.1.3",
                whole(c),
            );
        }
    }
    if path_length.is_some() && (!ca || !signs_certificates) {
        let message = format!(
            "the {}'s certificate limits the path length without being an authority's",
            role.noun()
        );
        report.refuse(
            "path-length-misplaced",
            message,
            "RFC 5280 4.2.1.9",
            whole(c),
        );
    }
    Ok(())
}

/// Authority and subject key identifiers (RFC 5280 sections 4.2.1.1 and 4.2.1.2).
fn key_identifiers(
    c: &Certificate<'_>,
    role: Role,
    settings: &Settings,
    report: &mut Report,
) -> Result<()> {
    let strict = settings.key_identifiers == Strictness::Require;
    let subject = c.subject_key_identifier()?;
    if role != Role::EndEntity && subject.is_none() {
        let message = format!(
            "the {}'s certificate has no subject key identifier",
            role.noun()
        );
        report.judge(
            strict,
            "subject-key-identifier-missing",
            message,
            "RFC 5280 4.2.1.2",
            whole(c),
        );
    }
    if subject.is_some_and(<[u8]>::is_empty) {
        return Err(Malformed);
    }
    let self_signed = role == Role::Anchor && c.is_self_issued();
    match c.extension(oid::AUTHORITY_KEY_IDENTIFIER) {
        None if self_signed => {}
        None => {
            let message = format!(
                "the {}'s certificate has no authority key identifier",
                role.noun()
            );
            report.judge(
                strict,
                "authority-key-identifier-missing",
                message,
                "RFC 5280 4.2.1.1",
                whole(c),
            );
        }
        Some(extension) => {
            let identifier = authority_key_identifier(extension.value)?;
            if identifier.is_none() && !self_signed {
                let message = format!(
                    "the {}'s authority key identifier names no key",
                    role.noun()
                );
                let evidence = at(c, extension.whole);
                report.judge(
                    strict,
                    "authority-key-identifier-missing",
                    message,
                    "RFC 5280 4.2.1.1",
                    evidence,
                );
            }
            if self_signed && identifier.is_some() && subject.is_some() && identifier != subject {
                let message =
                    "the trust anchor is self-signed, yet its key identifiers differ".into();
                let evidence = at(c, extension.whole);
                report.judge(
                    strict,
                    "anchor-inconsistent",
                    message,
                    "RFC 5280 4.2.1.1",
                    evidence,
                );
            }
        }
    }
    Ok(())
}

/// The `keyIdentifier` of an authority key identifier.
fn authority_key_identifier(value: &[u8]) -> Result<Option<&[u8]>> {
    let mut fields = der::only(value, tag::SEQUENCE)?;
    let key = fields.optional(tag::implicit(0))?;
    let issuer = fields.optional(tag::explicit(1))?;
    let serial = fields.optional(tag::implicit(2))?;
    fields.end()?;
    if issuer.is_some() != serial.is_some() {
        return Err(Malformed);
    }
    Ok(key.map(|key| key.content))
}

/// The syntax of alternative names (RFC 5280 section 4.2.1.6).
fn names(c: &Certificate<'_>, role: Role, report: &mut Report) -> Result<()> {
    let extension = c.extension(oid::SUBJECT_ALT_NAME);
    if name::is_empty(c.subject) && !extension.is_some_and(|extension| extension.critical) {
        let message = format!(
            "the {}'s subject is empty, yet its alternative name is absent or not critical",
            role.noun()
        );
        report.refuse(
            "alt-name-not-critical",
            message,
            "RFC 5280 4.2.1.6",
            at(c, c.subject),
        );
    }
    let Some(extension) = extension else {
        return Ok(());
    };
    let names = identity::presented(c)?;
    if names.is_empty() {
        return Err(Malformed);
    }
    if role == Role::Anchor {
        return Ok(());
    }
    for presented in &names {
        if let Some(fault) = syntax_fault(presented) {
            let shown = match presented {
                GeneralName::Dns(name) | GeneralName::Srv(name) | GeneralName::Email(name) => {
                    text(name)
                }
                GeneralName::Ip(address) => identity::address_text(address),
                _ => "other".into(),
            };
            let message = format!("the {}'s alternative name `{shown}` {fault}", role.noun());
            report.refuse(
                "alt-name-malformed",
                message,
                "RFC 5280 4.2.1.6",
                at(c, extension.whole),
            );
        }
        if role == Role::EndEntity
            && let GeneralName::Dns(name) = presented
            && (*name == b"*" || name.strip_prefix(b"*.").is_some_and(is_registry_controlled))
        {
            let message = format!(
                "the wildcard `{}` stands for names of many registrants",
                text(name)
            );
            report.refuse(
                "wildcard-too-wide",
                message,
                "RFC 9525 7.1",
                at(c, extension.whole),
            );
        }
    }
    if let Some(extension) = c.extension(oid::ISSUER_ALT_NAME) {
        let mut names = der::only(extension.value, tag::SEQUENCE)?;
        while !names.is_empty() {
            GeneralName::read(&mut names)?;
        }
    }
    Ok(())
}

/// Descriptions of where more is to be found: they are not followed, but must be what they say (section 4.2.2.1).
fn information_access(c: &Certificate<'_>) -> Result<()> {
    for oid in [oid::AUTHORITY_INFO_ACCESS, oid::SUBJECT_INFO_ACCESS] {
        let Some(extension) = c.extension(oid) else {
            continue;
        };
        let mut list = der::only(extension.value, tag::SEQUENCE)?;
        if list.is_empty() {
            return Err(Malformed);
        }
        while !list.is_empty() {
            let mut description = list.nested(tag::SEQUENCE)?;
            description.expect(tag::OID)?;
            GeneralName::read(&mut description)?;
            description.end()?;
        }
    }
    Ok(())
}

/// Strength and kind of the key.
fn key(c: &Certificate<'_>, role: Role, settings: &Settings, report: &mut Report) {
    let evidence = || at(c, c.key_info);
    let mut algorithm = Reader::new(c.key_algorithm);
    let kind = algorithm
        .expect(tag::OID)
        .map(|value| value.content)
        .unwrap_or_default();
    if kind == oid::RSA_ENCRYPTION {
        let Ok((bits, exponent)) = rsa(c.key) else {
            let message = format!("the {}'s RSA key is malformed", role.noun());
            report.refuse("key-malformed", message, "RFC 8017 A.1.1", evidence());
            return;
        };
        if bits < settings.least_rsa_bits {
            let message = format!(
                "the {}'s RSA key has {bits} bits: expected at least {} (setting `least-rsa-bits`)",
                role.noun(),
                settings.least_rsa_bits
            );
            report.refuse("key-weak", message, "RFC 9325 4.5", evidence());
        }
        if exponent < 3 || exponent % 2 == 0 {
            let message = format!("the {}'s RSA exponent is even or below 3", role.noun());
            report.refuse("key-weak", message, "RFC 8017 3.1", evidence());
        }
    } else if kind == oid::EC_PUBLIC_KEY {
        let curve = algorithm.expect(tag::OID).map(|value| value.content);
        if !curve.is_ok_and(|curve| oid::CURVES.contains(&curve)) {
            let message = format!(
                "the {}'s key is on no named curve of P-256, P-384 and P-521",
                role.noun()
            );
            report.refuse("key-unsupported", message, "RFC 5480 2.1.1", evidence());
        }
    } else if !oid::EDWARDS.contains(&kind) {
        let message = format!(
            "the {}'s key is neither RSA nor ECDSA nor EdDSA",
            role.noun()
        );
        report.refuse("key-unsupported", message, "RFC 9325 4.5", evidence());
    }
}

/// Bits of an RSA modulus, and the exponent.
pub(crate) fn rsa(key: &[u8]) -> Result<(u32, u32)> {
    let mut fields = der::only(key, tag::SEQUENCE)?;
    let modulus = fields.expect(tag::INTEGER)?.content;
    let exponent = der::small(fields.expect(tag::INTEGER)?.content)?;
    fields.end()?;
    let modulus = match modulus.split_first() {
        Some((0, rest)) => rest,
        Some((first, _)) if first & 0x80 == 0 => modulus,
        _ => return Err(Malformed),
    };
    let first = modulus.first().ok_or(Malformed)?;
    let octets = u32::try_from(modulus.len()).map_err(|_| Malformed)?;
    Ok((octets * 8 - first.leading_zeros(), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_a_modulus_do_not_count_leading_zeros() {
        assert_eq!(rsa(&[0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 1]), Ok((8, 257)));
        assert_eq!(rsa(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 3]), Ok((8, 3)));
        assert_eq!(rsa(&[0x30, 6, 2, 1, 0x0f, 2, 1, 3]), Ok((4, 3)));
        assert_eq!(rsa(&[0x30, 6, 2, 1, 0xff, 2, 1, 3]), Err(Malformed));
    }
}
