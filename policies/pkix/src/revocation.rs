//! Whether a certificate of the path was revoked: CRLs for every certificate, a stapled OCSP response for the end entity.
//!
//! Nothing is fetched: what the host has it gives. A status that nobody knows is no refusal unless a setting requires
//! one; but CRLs in the name of the issuer that settle nothing (forged, old, not about this certificate) are a refusal,
//! and so are those by an issuer of indirect CRLs that the certificate names, because that is what withholding a
//! revocation looks like.

use crate::{
    certificate::{Certificate, key_usage},
    crl::{self, ALL_REASONS, Crl, Entry},
    facts::{Facts, Revocation},
    name, ocsp,
    profile::Role,
    report::{Report, at, whole},
    search::verify,
    settings::Use,
};

/// How deep the certificates that sign CRLs are checked themselves.
const DEPTH: u32 = 2;

/// What the CRLs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// They are complete, and it is on none; until then.
    Good(u64),
    Revoked,
    /// There is none by this issuer, nor by another that the certificate names.
    Unknown,
    /// There are, and they settle nothing.
    Undetermined,
}

/// Checks every certificate of the path but the anchor.
pub(crate) fn check(path: &[&Certificate<'_>], facts: &Facts<'_>, report: &mut Report) {
    let Revocation {
        crls: wanted,
        stapled: wanted_staple,
        ..
    } = facts.revocation;
    let stapled = if wanted_staple == Use::Ignore {
        None
    } else {
        facts.ocsp_response
    };
    let mut answered = false;
    match (stapled, path) {
        (Some(response), [end_entity, issuer, ..]) => {
            answered = stapled_response(response, end_entity, issuer, facts, report);
        }
        _ if wanted_staple == Use::Require => {
            let message = "no OCSP response was stapled (setting `stapled-ocsp`)".into();
            report.refuse("ocsp-missing", message, "RFC 6066 8", None);
        }
        _ => {}
    }
    if wanted == Use::Ignore || (facts.crls.is_empty() && wanted != Use::Require) {
        return;
    }
    let lists = Lists::read(facts);
    for (position, certificate) in path.iter().enumerate().take(path.len().saturating_sub(1)) {
        let role = Role::of(position, path.len());
        let authorities = path.get(position + 1..).unwrap_or_default();
        match lists.status(certificate, role, authorities, DEPTH) {
            Status::Good(until) => report.until(Some(until)),
            Status::Revoked => {
                let message = format!("the {}'s certificate is revoked", role.noun());
                report.refuse(
                    "revoked",
                    message,
                    "RFC 5280 6.3.3",
                    at(certificate, certificate.serial),
                );
            }
            Status::Undetermined => {
                let message = format!(
                    "the CRLs by the {}'s issuer, or by another that it names, settle nothing: none is complete, direct, current, rightly signed and about it",
                    role.noun()
                );
                report.refuse(
                    "crl-unusable",
                    message,
                    "RFC 5280 6.3.3",
                    whole(certificate),
                );
            }
            Status::Unknown if wanted == Use::Require && !(position == 0 && answered) => {
                let message = format!(
                    "nothing says whether the {}'s certificate is revoked ({})",
                    role.noun(),
                    facts.revocation.demanded_by()
                );
                report.refuse(
                    "revocation-unknown",
                    message,
                    "RFC 5280 6.1.3 (a)(3)",
                    whole(certificate),
                );
            }
            Status::Unknown => {}
        }
    }
}

/// Answers whether the response says that the certificate is good.
fn stapled_response(
    response: &[u8],
    end_entity: &Certificate<'_>,
    issuer: &Certificate<'_>,
    facts: &Facts<'_>,
    report: &mut Report,
) -> bool {
    let problem = match ocsp::status(response, end_entity, issuer, facts) {
        Ok(ocsp::Status::Good(until)) => {
            report.until(Some(until));
            return true;
        }
        Ok(ocsp::Status::Revoked) => {
            let message = "the stapled OCSP response says that the certificate is revoked".into();
            report.refuse(
                "revoked",
                message,
                "RFC 6960 2.2",
                at(end_entity, end_entity.serial),
            );
            return false;
        }
        Ok(ocsp::Status::Unknown) => "does not know the certificate",
        Err(problem) => problem.as_str(),
    };
    let message = format!("the stapled OCSP response {problem}");
    let refuses = facts.revocation.stapled == Use::Require;
    report.judge(
        refuses,
        "ocsp-unusable",
        message,
        "RFC 6960 3.2",
        whole(end_entity),
    );
    false
}

/// The CRLs that can be used, and the issuers of those that cannot.
struct Lists<'s, 'a> {
    lists: Vec<Crl<'a>>,
    unusable: Vec<&'a [u8]>,
    facts: &'s Facts<'a>,
}

impl<'s, 'a> Lists<'s, 'a> {
    fn read(facts: &'s Facts<'a>) -> Self {
        let (mut lists, mut unusable) = (Vec::new(), Vec::new());
        for der in facts.crls {
            match Crl::read(der) {
                Ok(list) => lists.push(list),
                Err(_) => unusable.extend(crl::issuer(der)),
            }
        }
        Self {
            lists,
            unusable,
            facts,
        }
    }

    /// `authorities` are the certificates above this one in its path, its issuer first.
    fn status(
        &self,
        certificate: &Certificate<'_>,
        role: Role,
        authorities: &[&Certificate<'a>],
        depth: u32,
    ) -> Status {
        let by_issuer: Vec<&Crl<'a>> = self
            .lists
            .iter()
            .filter(|list| name::matches(list.issuer, certificate.issuer))
            .collect();
        if by_issuer.is_empty() {
            // An indirect list is not read, and may be the one that has the certificate.
            let is_listed_elsewhere = crl::indirect_issuers(certificate).map_or(true, |issuers| {
                issuers.iter().any(|issuer| self.has_list_by(issuer))
            });
            return if is_listed_elsewhere || self.has_list_by(certificate.issuer) {
                Status::Undetermined
            } else {
                Status::Unknown
            };
        }
        let usable: Vec<&Crl<'a>> = by_issuer
            .into_iter()
            .filter(|list| self.is_current(list) && self.is_signed(list, authorities, depth))
            .collect();
        let (mut reasons, mut until, mut revoked) = (0_u16, u64::MAX, false);
        for base in usable.iter().filter(|list| !list.is_delta()) {
            let Ok(covered @ 1..) = base.reasons_for(certificate, role) else {
                continue;
            };
            let Ok(mut entry) = base.entry(certificate.serial) else {
                continue;
            };
            for delta in usable.iter().filter(|list| list.is_delta_of(base)) {
                match delta.entry(certificate.serial) {
                    Ok(Entry::Absent) => {}
                    Ok(change) => entry = change,
                    Err(_) => continue,
                }
            }
            reasons |= covered;
            until = until.min(base.next_update);
            revoked |= entry == Entry::Revoked;
        }
        if revoked {
            Status::Revoked
        } else if reasons & ALL_REASONS == ALL_REASONS {
            Status::Good(until)
        } else {
            Status::Undetermined
        }
    }

    /// Whether there is a list in this name, usable or not.
    fn has_list_by(&self, issuer: &[u8]) -> bool {
        let usable = self.lists.iter().map(|list| list.issuer);
        usable
            .chain(self.unusable.iter().copied())
            .any(|known| name::matches(known, issuer))
    }

    fn is_current(&self, list: &Crl<'_>) -> bool {
        !self.facts.validity_counts_from(list.this_update)
            && !self.facts.validity_counts_to(list.next_update)
    }

    /// Whether the issuer signed the list: by the key that signed the certificate, or by another of its keys whose
    /// certificate was presented and issued by an authority of this path (RFC 5280 section 6.3.3 (f)).
    fn is_signed(&self, list: &Crl<'_>, authorities: &[&Certificate<'a>], depth: u32) -> bool {
        let signed_by = |signer: &Certificate<'_>| {
            may_sign(signer)
                && name::matches(signer.subject, list.issuer)
                && verify(
                    list.signature_algorithm,
                    list.signed,
                    list.signature,
                    signer,
                )
                .is_ok()
        };
        if authorities.first().is_some_and(|issuer| signed_by(issuer)) {
            return true;
        }
        depth > 0
            && self.facts.presented.iter().skip(1).any(|signer| {
                authorities.iter().enumerate().any(|(position, authority)| {
                    let above = authorities.get(position..).unwrap_or_default();
                    name::matches(authority.subject, signer.issuer)
                        && !self.facts.validity_counts_from(signer.not_before)
                        && !self.facts.validity_counts_to(signer.not_after)
                        && signed_by(signer)
                        && verify(
                            signer.signature_algorithm,
                            signer.signed,
                            signer.signature,
                            authority,
                        )
                        .is_ok()
                        && !matches!(
                            self.status(signer, Role::Intermediate, above, depth - 1),
                            Status::Revoked | Status::Undetermined
                        )
                })
            })
    }
}

fn may_sign(signer: &Certificate<'_>) -> bool {
    matches!(signer.key_usage(), Ok(usage) if usage.is_none_or(|bits| bits & key_usage::CRL_SIGN != 0))
}
