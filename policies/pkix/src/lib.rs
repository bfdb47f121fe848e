//! `pkix`: says whether the certificates that a peer presents authenticate it.
//!
//! What it demands, each with the paragraph that it rests on in its findings:
//! * **The match** (draft-reddy-dprive-bootstrap-dns-server-04 section 7): where an enrolment conveyed certificates, the
//!   presented end-entity certificate is one of them, octet for octet. An enrolment that conveyed none rejects, unless its
//!   profile says that its trust anchors alone suffice.
//! * **The path** (RFC 5280 section 6): to one of the trust anchors, at the request's time, every rule of path validation
//!   kept: signatures, validity, authorities, path lengths, name constraints (directory names, DNS names, addresses,
//!   mailboxes, URIs, and SRVNames by RFC 4985), certificate policies, purposes. Beside them what RFC 5280 demands of
//!   every single certificate.
//! * **The name** (RFC 9525): any one reference identifier is among the subject alternative names. The subject never counts.
//! * **Purpose**: `dns-server`, `est-server`, `privacy-token-server` and `conveyed-end-entity` need serverAuth where the extended key usage is
//!   present. `est-server` and `registrar` may show id-kp-cmcRA instead of a name, when the anchors are explicit (RFC 7030
//!   section 3.6.1, RFC 8995 section 5.5).
//! * **DANE**, where a setting says so: TLSA records that were validated by DNSSEC (RFC 7671). DANE-EE and DANE-TA stand in for the
//!   path to a trust anchor, DANE-EE for the name too; PKIX-EE and PKIX-TA narrow the path. Where none matches, it is refused.
//! * **Revocation**: CRLs and the stapled OCSP response that the host gives; a response that does not say when the next one
//!   comes counts for seven days (RFC 6960 section 3.2). For a registrar its voucher may demand or forbid
//!   the check (RFC 8366 section 5.3), whatever the settings say.
//! * **The way** in which an EST server was authenticated before, where a setting names those that count.
//!
//! # When it rejects, and when it abstains
//! Under the `strict` profile, and under one that it does not know, what fails is a reject. Under `opportunistic` (RFC 8310)
//! it answers `abstain` with the same findings, but still rejects DoH, purposes other than `dns-server`, and whatever an
//! enrolment's certificates were conveyed for. An accept lasts until the first certificate, CRL or OCSP response that it
//! rests on ends.
//!
//! # A clock that is not set
//! `lower-bound`: what has ended before that time has ended; what begins later may have begun. `unsynchronized`: a
//! registrar's validity is not judged (RFC 8995 section 2.6.1); for every other purpose the time is taken at its word,
//! unless `unsynchronized-clock` says otherwise. Each time the finding `clock-not-trusted` says so.
//!
//! # Settings
//! | setting | default | meaning |
//! | --- | --- | --- |
//! | `spki-pins` | `[]` | base64 of SHA-256 of public keys (RFC 7858); one key of the path must be among them |
//! | `revocation` | `available` | CRLs: `available` uses what is there, `require` rejects a status that nobody knows, `ignore` |
//! | `stapled-ocsp` | `available` | likewise for a stapled OCSP response |
//! | `dane` | `ignore` | `use` obeys TLSA records where usable ones are secure, `require` refuses where there are none |
//! | `est-server-authentication` | `[]` | ways of authentication of which one must have been, for purpose `est-server`: `http-mutual`, `opaque`, `tls-pake`, `voucher`, `configured`, `reference-identifier` (coming back to a known network); none: any |
//! | `anchor-certificates` | `require` | `warn`: of an anchor only name, key and its strength count, not dates and extensions |
//! | `key-identifiers` | `require` | `warn`: key identifiers that RFC 5280 demands may be missing |
//! | `extension-profile` | `require` | `warn`: wrong criticality and a missing key usage of authorities are only warnings |
//! | `serial-numbers` | `require` | `warn`: zero, negative and overlong serial numbers are only warnings |
//! | `least-rsa-bits` | `2048` | shortest RSA key, 2048 to 8192 |
//! | `accept-any-extended-key-usage` | `false` | anyExtendedKeyUsage in the end entity's certificate is acceptable in place of the purpose, and in a public one |
//! | `require-extended-key-usage` | `false` | an end entity without extended key usage is not acceptable |
//! | `baseline-requirements` | `implicit` | public CAs' stricter rules: for the system's anchors (`implicit`), `always`, `never` |
//! | `unsynchronized-clock` | `reject` | `ignore-validity`: no validity dates are judged by a clock that nobody set |
//! | `most-intermediates` | `6` | most intermediate authorities in a path, 0 to 15 |
//! | `certificate-policies` | `[]` | acceptable certificate policies, dotted; none: any |
//! | `require-explicit-policy` | `false` | an acceptable certificate policy must hold along the path |
//! | `inhibit-policy-mapping` | `false` | certificate policies are not mapped |
//! | `inhibit-any-policy` | `false` | anyPolicy does not stand for others |
//!
//! # Known limits
//! Indirect CRLs, X.400 and EDI party names, DSA, and internationalized mailboxes (RFC 8398) are not processed; a path
//! that depends on one is refused. Public suffixes are known by their usual shapes, not by the public suffix list.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may fail loudly"
    )
)]

mod baseline;
mod certificate;
mod certificate_policies;
mod constraints;
mod crl;
mod dane;
mod der;
mod facts;
mod general_name;
mod identity;
mod name;
mod ocsp;
mod pins;
mod profile;
mod report;
mod revocation;
mod rules;
mod search;
mod settings;
mod sha1;

use resolvet_guest::{
    CertificateSet, Decision, Evidence, Verdict, anchors, context,
    context::ReferenceIdentifier,
    conveyed, presented, server,
    words::{AnchorDatabase, Clock, Purpose, Transport, UsageProfile},
};
pub use settings::{Baseline, Dane, Settings, Strictness, UnsynchronizedClock, Use};

use crate::{
    certificate::{Certificate, Place, oid},
    dane::{Associations, Judged},
    facts::{Facts, Revocation, Time},
    report::{Report, at, whole},
    search::Search,
};

resolvet_guest::export_validator!(Settings, validate, Settings::check);

/// Judges the credentials of one peer; the crate's head says how.
pub fn validate(settings: &Settings) -> Verdict {
    let mut report = Report::default();
    let purpose = context::purpose();
    let mut binding = true;
    match purpose {
        Purpose::DnsServer => {
            conveyed_match(&mut report);
            binding = binds();
        }
        Purpose::EstServer => server_authentication(settings, &mut report),
        Purpose::Registrar | Purpose::ConveyedEndEntity | Purpose::PrivacyTokenServer => {}
        ref other => {
            let message = format!("purpose `{other}` is not one that this policy judges");
            report.refuse("purpose-unknown", message, "", None);
            return conclude(report, true, 0);
        }
    }
    let now = context::now();
    path_and_name(purpose, now, settings, &mut report);
    conclude(report, binding, now)
}

/// Whether a failure rejects: the profile and what was conveyed say so.
fn binds() -> bool {
    let conveyed = !matches!(
        conveyed::state(),
        conveyed::State::NotEnrolled
            | conveyed::State::None {
                anchors_suffice: true
            }
    );
    let profiled = matches!(
        server::transport(),
        None | Some(Transport::Dot | Transport::Dtls | Transport::Doq)
    );
    conveyed || !profiled || context::usage_profile() != UsageProfile::Opportunistic
}

fn conclude(report: Report, binding: bool, now: u64) -> Verdict {
    let decision = match (report.refused, binding) {
        (true, true) => Decision::Reject,
        (true, false) => Decision::Abstain,
        (false, _) => {
            let left = report
                .ends
                .map(|end| u32::try_from(end.saturating_sub(now)).unwrap_or(u32::MAX));
            Decision::Accept { lifetime: left }
        }
    };
    Verdict {
        findings: report.findings,
        ..Verdict::new(decision)
    }
}

/// The draft's section 7: the presented end-entity certificate is one of those that were conveyed.
fn conveyed_match(report: &mut Report) {
    const REFERENCE: &str = "draft-reddy-dprive-bootstrap-dns-server-04 7";
    match conveyed::state() {
        conveyed::State::NotEnrolled => {}
        conveyed::State::Certificates => {
            let Some(end_entity) = presented::certificate(0) else {
                return;
            };
            if !conveyed::certificates().any(|certificate| certificate == end_entity) {
                let message = format!(
                    "the presented certificate is none of the {} that the enrolment conveyed",
                    conveyed::count()
                );
                report.refuse(
                    "conveyed-mismatch",
                    message,
                    REFERENCE,
                    report::presented(0),
                );
            }
        }
        conveyed::State::None {
            anchors_suffice: true,
        } => {
            let message =
                "the enrolment conveyed no certificate; its profile lets its trust anchors suffice"
                    .into();
            report.note("conveyed-anchors-only", message, REFERENCE, None);
        }
        conveyed::State::None {
            anchors_suffice: false,
        } => {
            let message = "the enrolment conveyed no certificate of a DNS server".into();
            report.refuse("conveyed-none", message, REFERENCE, None);
        }
        state => {
            let message =
                format!("what the enrolment conveyed is in a state that is not known: {state:?}");
            report.refuse("conveyed-unknown", message, REFERENCE, None);
        }
    }
}

/// The setting `est-server-authentication`: how the server was authenticated before its certificate is judged.
fn server_authentication(settings: &Settings, report: &mut Report) {
    let wanted = &settings.est_server_authentication;
    if wanted.is_empty() {
        return;
    }
    let way = context::est_server_authentication();
    let word = way
        .as_ref()
        .map_or("none that is known", |way| way.as_str());
    if !wanted.iter().any(|wanted| wanted == word) {
        let message = format!(
            "the EST server was authenticated by `{word}`: expected {} (setting `est-server-authentication`)",
            wanted.join(" or ")
        );
        report.refuse(
            "est-server-authentication",
            message,
            "draft-reddy-dprive-bootstrap-dns-server-04 4",
            None,
        );
    }
}

fn path_and_name(purpose: Purpose, now: u64, settings: &Settings, report: &mut Report) {
    let ders = facts::presented_certificates();
    let mut certificates = Vec::with_capacity(ders.len());
    for (index, der) in (0_u32..).zip(&ders) {
        match Certificate::read(der, Place::Presented(index)) {
            Ok(certificate) => certificates.push(certificate),
            Err(_) if index == 0 => {
                let message = "the end entity's certificate is malformed".into();
                report.refuse(
                    "certificate-malformed",
                    message,
                    "RFC 5280 4.1",
                    report::presented(0),
                );
                return;
            }
            Err(_) => {
                let message = "a presented certificate is malformed and was not used".into();
                report.warn(
                    "certificate-malformed",
                    message,
                    "RFC 5280 4.1",
                    report::presented(index),
                );
            }
        }
    }
    let Some(end_entity) = certificates.first() else {
        report.refuse(
            "no-certificate",
            "no certificate was presented".into(),
            "RFC 8446 4.4.2",
            None,
        );
        return;
    };
    let clock = context::clock();
    if clock != Clock::Synchronized {
        let message =
            format!("the time is known as `{clock}`: validity dates say less than they should");
        report.warn("clock-not-trusted", message, "RFC 8995 2.6.1", None);
    }
    let database = anchors::database();
    let revocation = Revocation::of(&purpose, settings);
    if revocation.checks == Some(false) {
        let message =
            "the voucher forbids revocation checks: whether the registrar was revoked is not known"
                .into();
        report.warn("revocation-not-checked", message, "RFC 8366 5.3", None);
    }
    let crls = facts::crls(&revocation);
    let ocsp_response = presented::ocsp_response();
    let is_dane_used = purpose == Purpose::DnsServer && settings.dane != Dane::Ignore;
    let associations = match is_dane_used {
        true => Associations::of_server(),
        false => Associations::default(),
    };
    let facts = Facts {
        associations,
        time: Time::of(&clock, &purpose, settings),
        purpose,
        revocation,
        now,
        reference_identifiers: facts::reference_identifiers(),
        presented: &certificates,
        crls: &crls,
        ocsp_response: ocsp_response.as_deref(),
        database,
    };
    if is_dane_used {
        match dane::judge(&facts.associations, &facts, settings, report) {
            Judged::Settled => {
                return pins::check(&[end_entity], settings, report);
            }
            Judged::Authorities(positions)
                if by_authorities(&positions, &facts, settings, report) =>
            {
                return;
            }
            Judged::Authorities(_) | Judged::Path | Judged::Nothing => {}
        }
    }
    identity(end_entity, &facts, settings, report);
    if facts.database == AnchorDatabase::None || anchors::count() == 0 {
        let message = "there are no trust anchors to validate the certificate with".into();
        report.refuse(
            "no-trust-anchors",
            message,
            "RFC 5280 6.1.1 (d)",
            whole(end_entity),
        );
        return;
    }
    path(end_entity, &facts, settings, report);
}

/// DANE-TA (RFC 7671 section 5.2): a path to one of the presented certificates that the domain vouches for, and the name. Says
/// whether that settled it; where it did not, other associations may.
fn by_authorities(
    positions: &[usize],
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) -> bool {
    let Some(end_entity) = facts.presented.first() else {
        return false;
    };
    let roots: Vec<Certificate<'_>> = positions
        .iter()
        .filter_map(|position| facts.presented.get(*position))
        .filter_map(|root| Certificate::read(root.der, root.place).ok())
        .collect();
    // Of what the domain vouches for, name and key count.
    let settings = &Settings {
        anchor_certificates: Strictness::Warn,
        ..settings.clone()
    };
    let mut own = Report::default();
    identity(end_entity, facts, settings, &mut own);
    along(end_entity, &roots, facts, settings, &mut own);
    let is_authenticated = !own.refused;
    if !is_authenticated && dane::narrows(&facts.associations) {
        return false;
    }
    if is_authenticated {
        let message = "the domain vouches for the authority that the certification path leads to";
        let evidence = roots.first().and_then(whole);
        report.note("dane-ta-matched", message.into(), "RFC 7671 5.2", evidence);
    }
    report.absorb(own);
    true
}

fn path(end_entity: &Certificate<'_>, facts: &Facts<'_>, settings: &Settings, report: &mut Report) {
    if facts.purpose == Purpose::Registrar && is_pinned(end_entity) {
        let message = "the registrar's own key is a trust anchor".into();
        report.note(
            "end-entity-pinned",
            message,
            "RFC 8995 5.6.2",
            whole(end_entity),
        );
        report.absorb(rules::check(&[end_entity], facts, settings));
        if facts.revocation.checks == Some(true) {
            let message =
                "the voucher pins the registrar's own certificate and demands a revocation check, for which no issuer is known"
                    .into();
            report.refuse(
                "revocation-unknown",
                message,
                "RFC 8366 5.3",
                whole(end_entity),
            );
        }
        return;
    }
    let ders = facts::anchor_certificates(facts.presented);
    let mut roots = Vec::with_capacity(ders.len());
    for (index, der) in &ders {
        match Certificate::read(der, Place::Anchor(*index)) {
            Ok(root) => roots.push(root),
            Err(_) => {
                let span = resolvet_guest::CertificateSpan {
                    set: CertificateSet::Anchors,
                    index: *index,
                    offset: 0,
                    length: 0,
                };
                let message = "a trust anchor is malformed and was not used".into();
                report.warn(
                    "anchor-malformed",
                    message,
                    "RFC 5280 4.1",
                    Some(Evidence::Certificate(span)),
                );
            }
        }
    }
    along(end_entity, &roots, facts, settings, report);
}

/// Looks for a path to one of these authorities that keeps every rule.
fn along(
    end_entity: &Certificate<'_>,
    roots: &[Certificate<'_>],
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) {
    let mut best: Option<Report> = None;
    let mut accepts = |path: &[&Certificate<'_>]| {
        let report = rules::check(path, facts, settings);
        let accepted = !report.refused;
        if best
            .as_ref()
            .is_none_or(|best| best.findings.len() > report.findings.len())
            || accepted
        {
            best = Some(report);
        }
        accepted
    };
    let purposes = rules::purposes(&facts.purpose);
    let time = facts.effective_time();
    let found = match search::have_namesakes(facts.presented) {
        true => Err(webpki::Error::UnknownIssuer),
        false => search::by_webpki(facts.presented, roots, purposes, time, &mut accepts),
    };
    match found {
        Ok(()) => {}
        Err(webpki::Error::CertDistrusted) => return distrusted(end_entity, report),
        Err(_) => {
            let mut search = Search::new(facts.presented, roots);
            search.by_depth(&mut accepts);
            if best.is_none() {
                no_path(&search, end_entity, report);
                return;
            }
        }
    }
    if let Some(best) = best {
        report.absorb(best);
    }
}

fn distrusted(end_entity: &Certificate<'_>, report: &mut Report) {
    let message = "the path leads over a key that is known to be compromised".into();
    report.refuse("distrusted", message, "RFC 5280 6.1", whole(end_entity));
}

/// Says why there is no path at all.
fn no_path(search: &Search<'_, '_>, end_entity: &Certificate<'_>, report: &mut Report) {
    let presented = |position: usize| search.presented.get(position).unwrap_or(end_entity);
    let obstacles = search.obstacles;
    if obstacles.distrusted {
        distrusted(end_entity, report);
    } else if obstacles.gave_up {
        let message = "finding a path would take more signatures than are verified".into();
        report.refuse("too-much-work", message, "RFC 5280 8", whole(end_entity));
    } else if let Some(position) = obstacles.unsupported {
        let message = "a signature is by an algorithm or key that is not acceptable".into();
        let certificate = presented(position);
        let evidence = at(certificate, certificate.signature_algorithm);
        report.refuse(
            "signature-algorithm-unsupported",
            message,
            "RFC 9325 4.5",
            evidence,
        );
    } else if let Some(position) = obstacles.bad_signature {
        let message = "a signature is not by the key of the issuer that it names".into();
        let certificate = presented(position);
        report.refuse(
            "signature-invalid",
            message,
            "RFC 5280 6.1.3 (a)(1)",
            at(certificate, certificate.signature),
        );
    } else {
        let message =
            "no certification path leads from the presented certificates to a trust anchor".into();
        report.refuse(
            "issuer-unknown",
            message,
            "RFC 5280 6.1",
            at(end_entity, end_entity.issuer),
        );
    }
}

/// RFC 8995 section 5.6.2: what a voucher pins may be the registrar's own certificate; its key counts.
fn is_pinned(end_entity: &Certificate<'_>) -> bool {
    anchors::for_subject(end_entity.subject)
        .into_iter()
        .filter_map(anchors::certificate)
        .any(|der| {
            Certificate::read(&der, Place::Elsewhere)
                .is_ok_and(|anchor| anchor.key_info == end_entity.key_info)
        })
}

const WITHOUT_SRV_ID: &str =
    "the certificate carries no SRV-ID `_domain-s`, so no DNS server can be known by it";

/// RFC 9525 section 6: one reference identifier is among the presented identifiers.
fn identity(
    end_entity: &Certificate<'_>,
    facts: &Facts<'_>,
    settings: &Settings,
    report: &mut Report,
) {
    let Ok(names) = identity::presented(end_entity) else {
        let message = "the end entity's subject alternative name is malformed".into();
        let part = end_entity
            .extension(oid::SUBJECT_ALT_NAME)
            .map_or(&[][..], |extension| extension.whole);
        report.refuse(
            "alt-name-malformed",
            message,
            "RFC 5280 4.2.1.6",
            at(end_entity, part),
        );
        return;
    };
    let references = &facts.reference_identifiers;
    let named = references
        .iter()
        .any(|reference| identity::answers(&names, reference));
    match facts.purpose {
        // An enrolment may convey certificates of other peers too: only the SRV-ID tells a DNS server's.
        Purpose::DnsServer
            if conveyed::state() == conveyed::State::Certificates
                && !identity::has_service(&names, b"domain-s") =>
        {
            report.refuse(
                "conveyed-without-srv-id",
                WITHOUT_SRV_ID.into(),
                "draft-reddy-dprive-bootstrap-dns-server-04 4",
                whole(end_entity),
            );
        }
        Purpose::ConveyedEndEntity => {
            if !identity::has_service(&names, b"domain-s") {
                report.warn(
                    "conveyed-without-srv-id",
                    WITHOUT_SRV_ID.into(),
                    "draft-reddy-dprive-bootstrap-dns-server-04 4",
                    whole(end_entity),
                );
            }
            if references.is_empty() {
                return;
            }
        }
        Purpose::EstServer | Purpose::Registrar if !named => {
            let authority = end_entity.has_purpose(oid::CMC_RA) == Ok(Some(true));
            if authority && facts.database == AnchorDatabase::Explicit {
                return;
            }
            if facts.purpose == Purpose::Registrar && references.is_empty() {
                let message = "the registrar's certificate lacks id-kp-cmcRA, or the trust anchors are not explicit".into();
                report.refuse(
                    "registrar-not-authorized",
                    message,
                    "RFC 7030 3.6.1",
                    whole(end_entity),
                );
                return;
            }
        }
        _ => {}
    }
    if named {
        return;
    }
    if references.is_empty() {
        // RFC 8310 section 5.1: a pinned key is an authentication of its own.
        if settings.spki_pins.is_empty() {
            let message = "there is no reference identifier to match the certificate with".into();
            report.refuse("no-reference-identifier", message, "RFC 9525 6.1", None);
        } else {
            let message =
                "no reference identifier: the server is authenticated by its pinned key alone"
                    .into();
            report.note("authenticated-by-pin", message, "RFC 8310 5.1", None);
        }
        return;
    }
    let wanted: Vec<_> = references.iter().map(describe).collect();
    let message = format!(
        "expected one of {}, presented {}",
        wanted.join(", "),
        identity::describe(&names)
    );
    let part = end_entity
        .extension(oid::SUBJECT_ALT_NAME)
        .map_or(&[][..], |extension| extension.whole);
    report.refuse("name-mismatch", message, "RFC 9525 6", at(end_entity, part));
}

fn describe(reference: &ReferenceIdentifier) -> String {
    match reference {
        ReferenceIdentifier::DnsId(name) => format!("DNS-ID `{name}`"),
        ReferenceIdentifier::IpId(address) => format!("IP-ID `{address}`"),
        ReferenceIdentifier::SrvId(name) => format!("SRV-ID `{name}`"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod cases;
