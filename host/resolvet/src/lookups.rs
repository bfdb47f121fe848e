//! Lookups of hosts and services outside a session: for an enrolment, and for whoever has a signed privacy statement. They are
//! validated as a session's are, where there are trust anchors (DNSSEC), and what is bogus is refused.

use std::net::{IpAddr, SocketAddr};

use resolvet_proto::discovery::{
    Answer, AnswerError, Data, DomainName, Kind, Question, limits::ADDRESSES,
};
use thiserror::Error;

use crate::{
    LookupError, Recursive,
    dnssec::{DnssecAnchors, Validator},
};

/// A resolver that is not trusted, and what is known to validate its answers.
#[derive(Debug, Clone)]
pub(crate) struct Lookups {
    recursive: Recursive,
    validator: Option<Validator>,
}

/// A lookup that brought nothing.
#[derive(Debug, Error)]
pub(crate) enum Nothing {
    /// Nobody answered, or nobody whose answer may be believed.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// Somebody did, and what came cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Lookups {
    /// Validates nothing yet.
    pub(crate) const fn new(recursive: Recursive) -> Self {
        Self {
            recursive,
            validator: None,
        }
    }

    /// The same with this validator.
    pub(crate) const fn of(recursive: Recursive, validator: Option<Validator>) -> Self {
        Self {
            recursive,
            validator,
        }
    }

    /// The same, which validates from these trust anchors.
    pub(crate) fn with_dnssec(self, anchors: DnssecAnchors) -> Self {
        let validator = (!anchors.is_empty()).then(|| Validator::new(anchors));
        Self { validator, ..self }
    }

    /// The answer to a question, as far as it may be believed.
    pub(crate) async fn answer(&self, question: &Question) -> Result<Answer, Nothing> {
        let (name, rtype) = (question.name.as_str(), question.kind.number());
        let Some(validator) = &self.validator else {
            let message = self.recursive.lookup(name, rtype).await?;
            return Ok(Answer::parse(&message, question)?);
        };
        let (message, validation) = validator.lookup(self.recursive, name, rtype).await?;
        let answer = Answer::parse(&message, question)?.validated(&validation);
        Ok(answer.map_err(|source| LookupError::Bogus {
            name: name.to_owned(),
            source,
        })?)
    }

    /// The addresses of a host, those of IPv6 first, at most 8 of each family.
    pub(crate) async fn addresses(
        &self,
        host: &DomainName,
        port: u16,
    ) -> Result<Vec<SocketAddr>, LookupError> {
        let of = |kind| {
            let name = host.clone();
            async move {
                match self.answer(&Question { name, kind }).await {
                    Ok(answer) => Ok(Some(answer)),
                    Err(Nothing::Answer(_)) => Ok(None),
                    Err(Nothing::Lookup(error)) => Err(error),
                }
            }
        };
        let (six, four) = tokio::join!(of(Kind::Aaaa), of(Kind::A));
        let families = match (six, four) {
            // One family is enough.
            (Err(error), Err(_)) => return Err(error),
            // Unless the other one was refused.
            (Err(error @ LookupError::Bogus { .. }), Ok(nothing))
            | (Ok(nothing), Err(error @ LookupError::Bogus { .. }))
                if nothing
                    .as_ref()
                    .is_none_or(|answer| answer.records.is_empty()) =>
            {
                return Err(error);
            }
            (six, four) => [six.ok().flatten(), four.ok().flatten()],
        };
        let mut found: Vec<SocketAddr> = Vec::new();
        for answer in families.into_iter().flatten() {
            let addresses = answer
                .records
                .iter()
                .filter_map(|record| match record.data {
                    Data::Address(address) => Some(address),
                    _ => None,
                });
            let usable = addresses.filter(|address| can_be_connected_to(*address));
            let usable = usable.take(ADDRESSES);
            found.extend(usable.map(|address| SocketAddr::new(address, port)));
        }
        Ok(found)
    }
}

/// No server has the unspecified address or one of a group.
fn can_be_connected_to(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}
