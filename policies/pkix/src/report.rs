//! What is found on the way to a verdict.

use resolvet_guest::{CertificateSet, CertificateSpan, Evidence, Finding, Severity};

use crate::certificate::{Certificate, Place};

/// Most findings of one verdict; the contract allows 64. What comes after is dropped: the verdict is clear by then.
const FINDINGS: usize = 48;

/// Findings, and whether one of them refuses.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) refused: bool,
    /// What was used ends at this time, seconds since 1970: a CRL's or an OCSP response's next update.
    pub(crate) ends: Option<u64>,
}

impl Report {
    /// A reason to reject.
    pub(crate) fn refuse(
        &mut self,
        code: &str,
        message: String,
        reference: &str,
        evidence: Option<Evidence>,
    ) {
        self.refused = true;
        self.add(Severity::Error, code, message, reference, evidence);
    }

    /// Worth a person's attention.
    pub(crate) fn warn(
        &mut self,
        code: &str,
        message: String,
        reference: &str,
        evidence: Option<Evidence>,
    ) {
        self.add(Severity::Warning, code, message, reference, evidence);
    }

    /// Worth knowing.
    pub(crate) fn note(
        &mut self,
        code: &str,
        message: String,
        reference: &str,
        evidence: Option<Evidence>,
    ) {
        self.add(Severity::Note, code, message, reference, evidence);
    }

    /// A reason to reject if `refuses`, otherwise a warning.
    pub(crate) fn judge(
        &mut self,
        refuses: bool,
        code: &str,
        message: String,
        reference: &str,
        evidence: Option<Evidence>,
    ) {
        if refuses {
            self.refuse(code, message, reference, evidence);
        } else {
            self.warn(code, message, reference, evidence);
        }
    }

    /// Adds the findings of another report.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.refused |= other.refused;
        self.until(other.ends);
        for finding in other.findings {
            if self.findings.len() < FINDINGS {
                self.findings.push(finding);
            }
        }
    }

    /// Something that was used ends at this time.
    pub(crate) fn until(&mut self, time: Option<u64>) {
        self.ends = [self.ends, time].into_iter().flatten().min();
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &str,
        mut message: String,
        reference: &str,
        evidence: Option<Evidence>,
    ) {
        if self.findings.len() >= FINDINGS {
            return;
        }
        if message.len() > 1_000 {
            let mut end = 1_000;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
        }
        self.findings.push(Finding {
            code: code.into(),
            severity,
            message,
            reference: reference.into(),
            evidence: evidence.map_or_else(Vec::new, |evidence| vec![evidence]),
        });
    }
}

/// Evidence that points at a part of a certificate; at the whole where `part` does not lie in it.
pub(crate) fn at(certificate: &Certificate<'_>, part: &[u8]) -> Option<Evidence> {
    let (set, index) = match certificate.place {
        Place::Presented(index) => (CertificateSet::Presented, index),
        Place::Anchor(index) => (CertificateSet::Anchors, index),
        Place::Elsewhere => {
            return Some(Evidence::Other("certificate in the OCSP response".into()));
        }
    };
    let offset = (part.as_ptr() as usize).wrapping_sub(certificate.der.as_ptr() as usize);
    let inside = offset <= certificate.der.len() && part.len() <= certificate.der.len() - offset;
    let (offset, length) = match (inside, u32::try_from(offset), u32::try_from(part.len())) {
        (true, Ok(offset), Ok(length)) => (offset, length),
        _ => (0, 0),
    };
    Some(Evidence::Certificate(CertificateSpan {
        set,
        index,
        offset,
        length,
    }))
}

/// Evidence that points at a whole certificate.
pub(crate) fn whole(certificate: &Certificate<'_>) -> Option<Evidence> {
    at(certificate, &[]).map(|evidence| match evidence {
        Evidence::Certificate(span) => Evidence::Certificate(CertificateSpan {
            offset: 0,
            length: 0,
            ..span
        }),
        other => other,
    })
}

/// Evidence that points at a presented certificate that may be no certificate at all.
pub(crate) fn presented(index: u32) -> Option<Evidence> {
    let set = CertificateSet::Presented;
    Some(Evidence::Certificate(CertificateSpan {
        set,
        index,
        offset: 0,
        length: 0,
    }))
}

/// Octets that should be text, for a message: what is not printable ASCII becomes `?`, and it ends after 80 octets.
pub(crate) fn text(octets: &[u8]) -> String {
    octets
        .iter()
        .take(80)
        .map(|&octet| {
            if octet.is_ascii_graphic() || octet == b' ' {
                char::from(octet)
            } else {
                '?'
            }
        })
        .collect()
}
