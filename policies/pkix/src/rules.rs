//! Every rule that a path must keep beside its signatures (RFC 5280 section 6.1).

use resolvet_guest::{
    date::to_rfc3339,
    words::{AnchorDatabase, Purpose},
};

use crate::{
    baseline,
    certificate::{Certificate, Place, oid},
    certificate_policies::{self, Fault},
    constraints, dane,
    facts::Facts,
    name, pins,
    profile::{self, Role},
    report::{Report, at, whole},
    revocation,
    settings::{Baseline, Settings},
};

/// Purposes that the extended key usage may name, for the purpose of the request.
pub(crate) fn purposes(purpose: &Purpose) -> &'static [&'static [u8]] {
    match purpose {
        Purpose::EstServer | Purpose::Registrar => &[oid::SERVER_AUTH, oid::CMC_RA],
        _ => &[oid::SERVER_AUTH],
    }
}

/// Judges a path, the end entity's certificate first and the trust anchor's last. Its signatures are verified already.
pub(crate) fn check(path: &[&Certificate<'_>], facts: &Facts<'_>, settings: &Settings) -> Report {
    let mut report = Report::default();
    let public = match settings.baseline_requirements {
        Baseline::Always => true,
        Baseline::Never => false,
        Baseline::Implicit => facts.database == AnchorDatabase::Implicit,
    };
    for (position, certificate) in path.iter().enumerate() {
        let role = Role::of(position, path.len());
        profile::check(certificate, role, settings, &mut report);
        validity(certificate, role, facts, settings, &mut report);
        if public {
            baseline::check(certificate, role, &mut report);
        } else if role == Role::EndEntity
            && baseline::common_name(certificate, false, &mut report).is_err()
        {
            let message = "the end entity's subject is malformed".into();
            report.refuse(
                "extension-malformed",
                message,
                "RFC 5280 4.1.2.6",
                at(certificate, certificate.subject),
            );
        }
        if role != Role::Anchor {
            version(certificate, role, &mut report);
            extended_key_usage(certificate, role, public, facts, settings, &mut report);
        }
    }
    path_length(path, settings, &mut report);
    constraints::check(path, &mut report);
    policies(path, settings, &mut report);
    // Costly checks only for a path that could still be accepted.
    if !report.refused {
        revocation::check(path, facts, &mut report);
        pins::check(path, settings, &mut report);
        // A path to an authority that DANE-TA vouches for is kept by that already.
        let is_anchored = |last: &&&Certificate<'_>| matches!(last.place, Place::Anchor(_));
        if path.last().filter(is_anchored).is_some() && dane::narrows(&facts.associations) {
            dane::narrow(&facts.associations, path, &mut report);
        }
    }
    report
}

fn version(certificate: &Certificate<'_>, role: Role, report: &mut Report) {
    if certificate.version != 3 {
        let message = format!(
            "the {}'s certificate is of version {}: expected 3, since it needs extensions",
            role.noun(),
            certificate.version
        );
        report.refuse(
            "version-unsupported",
            message,
            "RFC 5280 4.1.2.1",
            whole(certificate),
        );
    }
}

fn validity(
    c: &Certificate<'_>,
    role: Role,
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) {
    let lenient =
        role == Role::Anchor && settings.anchor_certificates == crate::settings::Strictness::Warn;
    let evidence = || at(c, c.validity);
    if c.not_before > c.not_after {
        let message = format!("the {}'s certificate ends before it begins", role.noun());
        report.judge(
            !lenient,
            "validity-inverted",
            message,
            "RFC 5280 4.1.2.5",
            evidence(),
        );
    } else if facts.validity_counts_from(c.not_before) {
        let message = format!(
            "the {}'s certificate is not valid yet: it begins at {}, the time is {}",
            role.noun(),
            to_rfc3339(c.not_before),
            to_rfc3339(facts.now)
        );
        report.judge(
            !lenient,
            "not-yet-valid",
            message,
            "RFC 5280 6.1.3 (a)(2)",
            evidence(),
        );
    } else if facts.validity_counts_to(c.not_after) {
        let message = format!(
            "the {}'s certificate has expired: it ended at {}, the time is {}",
            role.noun(),
            to_rfc3339(c.not_after),
            to_rfc3339(facts.now)
        );
        let code = if role == Role::Anchor {
            "anchor-expired"
        } else {
            "expired"
        };
        report.judge(!lenient, code, message, "RFC 5280 6.1.3 (a)(2)", evidence());
    }
    report.until(Some(c.not_after));
}

fn extended_key_usage(
    c: &Certificate<'_>,
    role: Role,
    public: bool,
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) {
    let wanted = purposes(&facts.purpose);
    let extension = c
        .extension(oid::EXTENDED_KEY_USAGE)
        .map_or(&[][..], |extension| extension.whole);
    let named = wanted
        .iter()
        .try_fold(None, |found: Option<bool>, purpose| {
            let named = c.has_purpose(purpose)?;
            Ok::<_, crate::der::Malformed>(named.map(|named| named || found.unwrap_or(false)))
        });
    let any = c.has_purpose(oid::ANY_EXTENDED_KEY_USAGE);
    let (Ok(named), Ok(any)) = (named, any) else {
        let message = format!(
            "the {}'s extended key usage is malformed or empty",
            role.noun()
        );
        report.refuse(
            "extension-malformed",
            message,
            "RFC 5280 4.2.1.12",
            at(c, extension),
        );
        return;
    };
    match named {
        None if role == Role::EndEntity && settings.require_extended_key_usage => {
            let message =
                "the end entity has no extended key usage (setting `require-extended-key-usage`)"
                    .to_string();
            report.refuse(
                "extended-key-usage-missing",
                message,
                "RFC 5280 4.2.1.12",
                whole(c),
            );
        }
        None => {}
        // Beside the purpose that is wanted it takes nothing away; public authorities must not write it at all.
        Some(named)
            if role == Role::EndEntity
                && any == Some(true)
                && (public || !named)
                && !settings.accept_any_extended_key_usage =>
        {
            let message =
                "the end entity's extended key usage says anyExtendedKeyUsage".to_string();
            report.refuse(
                "any-extended-key-usage",
                message,
                "RFC 5280 4.2.1.12",
                at(c, extension),
            );
        }
        Some(false) if any != Some(true) => {
            let expected = if wanted.len() > 1 {
                "serverAuth or id-kp-cmcRA"
            } else {
                "serverAuth"
            };
            let message = format!("the {}'s extended key usage lacks {expected}", role.noun());
            report.refuse(
                "purpose-not-allowed",
                message,
                "RFC 5280 4.2.1.12",
                at(c, extension),
            );
        }
        Some(_) => {}
    }
}

/// The limits of path lengths (RFC 5280 section 6.1.4 (l) and (m)) and the setting's. Self-issued certificates do not
/// count.
fn path_length(path: &[&Certificate<'_>], settings: &Settings, report: &mut Report) {
    let mut below = 0_u32;
    for (position, certificate) in path.iter().enumerate().skip(1) {
        let limit = certificate
            .basic_constraints()
            .ok()
            .and_then(|constraints| constraints.path_length);
        if let Some(limit) = limit
            && below > limit
        {
            let role = Role::of(position, path.len());
            let message = format!(
                "the {} allows {limit} authorities below it, there are {below}",
                role.noun()
            );
            report.refuse(
                "path-too-long",
                message,
                "RFC 5280 6.1.4 (l)",
                whole(certificate),
            );
        }
        if Role::of(position, path.len()) == Role::Intermediate
            && !name::matches(certificate.subject, certificate.issuer)
        {
            below += 1;
        }
    }
    if below > settings.most_intermediates {
        let message = format!(
            "the path has {below} intermediate authorities: expected at most {} (setting `most-intermediates`)",
            settings.most_intermediates
        );
        report.refuse(
            "path-too-long",
            message,
            "RFC 5280 6.1",
            path.first().and_then(|leaf| whole(leaf)),
        );
    }
}

fn policies(path: &[&Certificate<'_>], settings: &Settings, report: &mut Report) {
    let (code, message) = match certificate_policies::check(path, settings) {
        Ok(()) => return,
        Err(Fault::Malformed) => (
            "extension-malformed",
            "an extension about certificate policies is malformed",
        ),
        Err(Fault::Qualifier) => (
            "critical-extension-unknown",
            "critical certificate policies have a qualifier that is not processed",
        ),
        Err(Fault::None) => (
            "certificate-policies",
            "no acceptable certificate policy holds along the path",
        ),
        Err(Fault::TooMany) => (
            "too-much-work",
            "the path has more certificate policies than are processed",
        ),
    };
    let evidence = path.first().and_then(|leaf| whole(leaf));
    report.refuse(code, message.into(), "RFC 5280 6.1.5", evidence);
}
