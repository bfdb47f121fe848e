//! What a validator of DNSSEC found out about a response (RFC 4035 section 4.3). Whoever asks validates, since that takes
//! lookups of keys; here its result meets the answer that was read.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Answer, DomainName, Outcome};
use crate::judgement::Dnssec;

/// What is known of the signatures of one response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Validation {
    /// Its sets of records.
    pub sets: Vec<ValidatedSet>,
    /// What is known of it when it says that there is nothing.
    pub absence: Dnssec,
}

/// What is known of one set of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ValidatedSet {
    /// Owner, in the form of [`DomainName`], in any case.
    pub owner: String,
    /// The type's number.
    pub rtype: u16,
    /// Its state.
    pub dnssec: Dnssec,
    /// For how many seconds it holds at most, if signatures say (RFC 4035 section 5.3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
}

impl Validation {
    /// The set of this owner and type. What no validator looked at although it validated the rest is not believed.
    fn of(&self, owner: &DomainName, rtype: u16) -> (Dnssec, Option<u32>) {
        self.sets
            .iter()
            .find(|set| set.rtype == rtype && set.owner.eq_ignore_ascii_case(owner.as_str()))
            .map_or((Dnssec::Bogus, None), |set| (set.dnssec.clone(), set.ttl))
    }
}

impl Answer {
    /// The answer with what is known of its signatures.
    ///
    /// # Errors
    /// Something of it is bogus, so nothing of it may be used (RFC 4035 section 5.5): the name that it is about.
    pub fn validated(mut self, validation: &Validation) -> Result<Self, BogusAnswer> {
        for record in self.aliases.iter_mut().chain(&mut self.records) {
            let (dnssec, ttl) = validation.of(&record.owner, record.rtype);
            if !is_believed(&dnssec) {
                let owner = Some(record.owner.clone());
                return Err(BogusAnswer { owner });
            }
            record.ttl = ttl.map_or(record.ttl, |most| record.ttl.min(most));
            record.dnssec = dnssec;
        }
        match self.outcome {
            Outcome::Found => Ok(self),
            _ if is_believed(&validation.absence) => Ok(self),
            _ => Err(BogusAnswer { owner: None }),
        }
    }
}

/// A word that is not known is no reason to believe.
const fn is_believed(state: &Dnssec) -> bool {
    matches!(
        state,
        Dnssec::Secure | Dnssec::Insecure | Dnssec::Indeterminate
    )
}

/// Signatures that should be there are not, or are wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BogusAnswer {
    /// The owner of the set; `None` when it is bogus that there is nothing.
    pub owner: Option<DomainName>,
}

impl core::fmt::Display for BogusAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.owner {
            Some(owner) => write!(
                f,
                "the records of `{owner}` should be signed, and no valid signature came (RFC 4035 section 5.5)"
            ),
            None => f.write_str(
                "the answer says that there is nothing and does not prove it (RFC 4035 section 5.4)",
            ),
        }
    }
}

impl core::error::Error for BogusAnswer {}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;
    use crate::discovery::{Data, Kind, Record};

    fn record(owner: &str, ttl: u32) -> Record {
        Record {
            owner: DomainName::parse(owner).unwrap(),
            rtype: Kind::A.number(),
            ttl,
            data: Data::Address([192, 0, 2, 1].into()),
            rdata: vec![192, 0, 2, 1],
            dnssec: Dnssec::Indeterminate,
        }
    }

    fn answer(records: Vec<Record>) -> Answer {
        Answer {
            outcome: match records.is_empty() {
                true => Outcome::NoRecords,
                false => Outcome::Found,
            },
            aliases: Vec::new(),
            records,
            authoritative: false,
            negative_ttl: None,
            notes: Vec::new(),
        }
    }

    fn validation(dnssec: Dnssec, ttl: Option<u32>) -> Validation {
        Validation {
            sets: vec![ValidatedSet {
                owner: "DNS.example.net.".into(),
                rtype: Kind::A.number(),
                dnssec: dnssec.clone(),
                ttl,
            }],
            absence: dnssec,
        }
    }

    #[test]
    fn a_set_has_its_state_and_never_a_longer_life() {
        for (ttl, most, expected) in [(300, Some(60), 60), (60, Some(300), 60), (300, None, 300)] {
            let answer = answer(vec![record("dns.example.net.", ttl)]);
            let answer = answer.validated(&validation(Dnssec::Secure, most)).unwrap();
            assert_eq!(answer.records[0].ttl, expected);
            assert_eq!(answer.records[0].evidence().dnssec, Dnssec::Secure);
        }
    }

    #[test]
    fn what_is_bogus_or_not_known_is_refused() {
        for state in [Dnssec::Bogus, Dnssec::Other("perhaps".into())] {
            let found = answer(vec![record("dns.example.net.", 300)]);
            let error = found
                .validated(&validation(state.clone(), None))
                .unwrap_err();
            assert!(error.to_string().contains("`dns.example.net."), "{error}");
            let nothing = answer(Vec::new()).validated(&validation(state, None));
            assert!(nothing.unwrap_err().to_string().contains("does not prove"));
        }
    }

    #[test]
    fn a_set_that_was_left_out_of_the_validation_is_bogus() {
        let found = answer(vec![record("other.example.net.", 300)]);
        assert!(found.validated(&validation(Dnssec::Secure, None)).is_err());
    }
}
