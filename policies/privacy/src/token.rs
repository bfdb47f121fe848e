//! A privacy statement that somebody signed: whether it counts, and what it says.

use resolvet_guest::{
    context::ReferenceIdentifier,
    crypto::verify_signature,
    prelude::*,
    privacy_token::{Claims, Signature, Token, TokenError},
    server,
    words::Clock,
};

use crate::{
    clauses,
    settings::{Settings, Signer},
};

/// The document that has the token's form.
const DRAFT: &str = "draft-reddy-add-server-policy-selection-05";
/// The code of a known signer's signature that does not hold.
const INVALID: &str = "token-signature-invalid";
/// Seconds by which a signer's clock may be ahead (RFC 7519 section 4.1.5 allows a few minutes at most).
const AHEAD: u64 = 60;

/// A token that counts.
pub(crate) struct Signed {
    /// Seconds that are left of it.
    left: u32,
    /// Whether it says what the extension would.
    pub(crate) is_whole: bool,
}

impl Signed {
    pub(crate) const fn accept(&self) -> Decision {
        Decision::Accept {
            lifetime: Some(self.left),
        }
    }
}

/// Adds the findings about the token, and gives it when it counts.
pub(crate) fn check(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Signed> {
    let from = findings.len();
    let signed = match read(settings) {
        Ok(None) => None,
        Ok(Some((claims, signer))) => Some(assess(&claims, signer, settings, findings)),
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    for finding in findings.iter_mut().skip(from) {
        if finding.reference.is_empty() {
            finding.reference = DRAFT.into();
        }
    }
    signed
}

/// The claims of the token that counts, and who signed it.
fn read(settings: &Settings) -> Result<Option<(Claims, &Signer)>, Finding> {
    // What does not count is as good as nothing, and whoever could forge it could have left it away.
    let useless = |code: &str, message: String| {
        if settings.require_token {
            Finding::error(code, format!("{message} (setting `require-token`)"))
        } else {
            Finding::warning(code, message)
        }
    };
    let Some(url) = server::privacy_token_url() else {
        return match settings.require_token {
            true => Err(useless(
                "token-missing",
                "the server names no signed privacy statement".into(),
            )),
            false => Ok(None),
        };
    };
    let Some(octets) = server::privacy_token() else {
        let problem = server::privacy_token_problem().unwrap_or_default();
        let message = format!("there is no signed privacy statement at `{url}`: {problem}");
        return Err(useless("token-unavailable", message));
    };
    let malformed = |error: TokenError| useless(code(&error), error.to_string());
    let token = Token::read(&octets).map_err(malformed)?;
    let signer = signer(&token, settings).map_err(|(code, message)| useless(code, message))?;
    let claims = token.claims().map_err(malformed)?;
    let now = context::now();
    let Claims { iat, exp, .. } = claims;
    if exp <= now {
        let message = format!("the signed privacy statement ended at {exp}, it is {now} now");
        return Err(useless("token-expired", message).reference("RFC 7519 4.1.4"));
    }
    // By a clock that shows the least that it can be, what begins later may have begun.
    if iat > now.saturating_add(AHEAD) && context::clock() != Clock::LowerBound {
        let message = format!("the signed privacy statement begins at {iat}, it is {now} now");
        return Err(useless("token-not-yet-valid", message).reference("RFC 7519 4.1.6"));
    }
    let references = context::reference_identifiers();
    if !references
        .iter()
        .any(|reference| is_for(&claims, reference))
    {
        let message =
            "the signed privacy statement is for other servers than the one that was authenticated";
        return Err(useless("token-other-server", message.into()));
    }
    Ok(Some((claims, signer)))
}

fn is_for(claims: &Claims, reference: &ReferenceIdentifier) -> bool {
    match reference {
        ReferenceIdentifier::DnsId(name) => claims.is_for_name(name),
        ReferenceIdentifier::IpId(address) => claims.is_for_address(*address),
        _ => false,
    }
}

/// Who of the signers signed it.
fn signer<'s>(token: &Token, settings: &'s Settings) -> Result<&'s Signer, (&'static str, String)> {
    // What is told when nobody did: a known signer's signature that does not hold tells most.
    let mut problem = (
        "token-signer-unknown",
        "none of `token-signers` signed the privacy statement".to_owned(),
    );
    for signature in token.signatures() {
        let (algorithm, octets) = match signature.verifiable() {
            Ok(verifiable) => verifiable,
            Err(error) => {
                if problem.0 != INVALID {
                    problem = (code(&error), error.to_string());
                }
                continue;
            }
        };
        for signer in &settings.token_signers {
            let key = signer.key().filter(|key| algorithm.fits(key));
            let holds = key.is_some_and(|key| {
                let identifier = algorithm.signature();
                let signed = signature.signed();
                verify_signature(identifier, &key.algorithm, &key.octets, signed, &octets).is_ok()
            });
            if holds {
                return Ok(signer);
            }
            if names(signature, signer) {
                let name = &signer.name;
                problem = (
                    INVALID,
                    format!("the signature of `{name}` does not hold over the privacy statement"),
                );
            }
        }
    }
    Err(problem)
}

fn names(signature: &Signature, signer: &Signer) -> bool {
    signer.x5u.is_some() && signer.x5u.as_deref() == signature.signer()
}

fn code(error: &TokenError) -> &'static str {
    match error {
        TokenError::Algorithm { .. } => "token-algorithm-unsupported",
        _ => "token-malformed",
    }
}

/// The same clauses as for the extension.
fn assess(
    claims: &Claims,
    signer: &Signer,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Signed {
    let left = claims.exp.saturating_sub(context::now());
    let name = &signer.name;
    findings.push(Finding::note(
        "token-signed",
        format!("`{name}` signed a privacy statement of the server, which ends in {left} s"),
    ));
    let statement = claims.statement();
    match &statement {
        Some(statement) => clauses::check(statement, settings, findings),
        None => {
            let message = "the signed privacy statement says nothing about logging and sharing";
            findings.push(Finding::note("token-without-logging", message));
            clauses::blocking(claims.blocks_domains(), settings, findings);
            for (policy, audit) in claims.urls() {
                clauses::urls(Some(policy), audit, settings, findings);
            }
        }
    }
    if !claims.minimizes_names() {
        let message = "the signed privacy statement says that query names are not minimized";
        let code = "token-without-name-minimization";
        findings.push(if settings.require_query_name_minimization {
            let message = format!("{message} (setting `require-query-name-minimization`)");
            Finding::error(code, message)
        } else {
            Finding::note(code, message)
        });
    }
    if claims.has_upstream() {
        let message = "the signed privacy statement names servers that queries are passed on to, and theirs is not read";
        let code = "token-upstream";
        findings.push(if settings.accept_upstream {
            Finding::note(code, message)
        } else {
            Finding::error(code, format!("{message} (setting `accept-upstream`)"))
        });
    }
    Signed {
        left: u32::try_from(left).unwrap_or(u32::MAX),
        is_whole: statement.is_some(),
    }
}
