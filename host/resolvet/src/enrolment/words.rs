//! Steps on the way to an enrolment in words.

use resolvet_proto::{
    enrolment::{ServerAuthentication, journey::Step},
    judgement::Finding,
};

/// A step for a person who waits, with what the policies warn of; none for what other steps say too.
#[must_use]
pub fn in_words(step: &Step) -> Option<String> {
    Some(match step {
        Step::Found(endpoints) if endpoints.is_empty() => "nothing is announced".into(),
        Step::Found(endpoints) => {
            let all: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
            format!("found {}", all.join(", "))
        }
        Step::Connecting(endpoint) => format!("connecting to {endpoint}"),
        Step::ConnectionFailed { detail, .. } => detail.clone(),
        Step::Provisional { .. } => {
            "TLS stands; the server's certificate is not believed yet".into()
        }
        Step::Authenticated { method } => proof(method),
        Step::ReferenceIds(names) => {
            format!("the server is {} from now on", names.join(", "))
        }
        Step::Voucher {
            assertion,
            pin,
            waived,
        } => {
            let good = format!(
                "the manufacturer's voucher is good ({assertion}); it names the registrar by its {pin}"
            );
            with_warnings(good, waived.iter().cloned())
        }
        Step::CaCertificates { roots, .. } => format!("explicit trust anchors: {roots}"),
        Step::Crls(lists) => format!("certificate revocation lists: {lists}"),
        Step::Judged {
            purpose,
            subject,
            judgement,
            ..
        } if judgement.is_accepted() => {
            let accepted = format!("policies accepted {subject} as {purpose}");
            with_warnings(accepted, judgement.warnings().map(warning))
        }
        Step::Judged {
            purpose,
            subject,
            judgement,
            ..
        } => format!("policies refused {subject} as {purpose}: {}", judgement.why()),
        Step::DnsServer {
            authentication_domain_name,
            certificates,
        } => format!(
            "DNS server: authentication domain name {authentication_domain_name}, certificates: {}",
            certificates.len()
        ),
        Step::Issued { .. } => "a certificate of the device's own was issued".into(),
        Step::Waiting { reason, .. } => format!("waiting: {reason}"),
        Step::Without { what, reason } => format!("without {what}: {reason}"),
        Step::Downgrade => {
            "the network's DNS says nothing of an encrypted server, though its EST server conveyed one's certificate: \
             the answers may be forged"
                .into()
        }
        Step::Replaced { before, after } if before == after => {
            "the EST server conveys other certificates than were stored".into()
        }
        Step::Replaced { after, .. } => format!(
            "the DNS server's domain is {} from now on",
            after.as_deref().unwrap_or("unknown")
        ),
        _ => return None,
    })
}

/// A sentence, and a line below it for each warning.
fn with_warnings(mut said: String, warnings: impl Iterator<Item = String>) -> String {
    for warning in warnings {
        said.push_str("\n  warning: ");
        said.push_str(&warning);
    }
    said
}

/// What a policy warns of, with its paragraph.
fn warning((policy, finding): (&str, &Finding)) -> String {
    let (code, message) = (&finding.code, &finding.message);
    match finding.reference.as_str() {
        "" => format!("`{code}`, {message}, says policy `{policy}`"),
        reference => format!("`{code}`, {message} ({reference}), says policy `{policy}`"),
    }
}

/// How the server is authenticated.
fn proof(method: &ServerAuthentication) -> String {
    let password =
        |way| format!("the server and this device proved that they know the password ({way})");
    match method {
        ServerAuthentication::HttpMutual => password("HTTP Mutual, RFC 8120"),
        ServerAuthentication::Opaque => password("OPAQUE, RFC 9807"),
        ServerAuthentication::TlsPake => password("PAKE within TLS"),
        other => format!("the server is authenticated by {other}"),
    }
}
