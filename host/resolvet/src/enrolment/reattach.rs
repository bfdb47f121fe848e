//! What a device does each time it comes to a network that it knows (the draft's section 9).

use resolvet_proto::{
    enrolment::{
        Enrolment,
        journey::{Event, JourneyError, Reattachment, Step},
    },
    session,
};
use thiserror::Error;

use super::{
    EnrolError, Enroller, NetworkName, Store, StoreError,
    driver::{Driver, Place},
};
use crate::{Attachment, Client, clock};

/// Whether what was stored was replaced.
#[derive(Debug)]
#[non_exhaustive]
pub enum Renewal {
    /// The EST server was not asked.
    NotNeeded,
    /// The EST server was asked and conveyed this; `changed` says whether it is something else than before.
    Renewed {
        /// Whether the anchors, the certificates or the authentication domain name are others.
        changed: bool,
    },
    /// The EST server was asked and gave nothing that could be used: what was stored stands.
    Failed(EnrolError),
}

/// An attachment with what is stored now.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attached {
    /// The attachment, which has come to its first end: a vetted server, or a failure.
    pub attachment: Attachment,
    /// The enrolment that it rests on.
    pub enrolment: Enrolment,
    /// Whether it was renewed.
    pub renewal: Renewal,
}

/// There is no attachment.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReattachError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no enrolment.
    #[error("there is no enrolment of network `{network}`")]
    NotEnrolled {
        /// The network.
        network: NetworkName,
    },
    /// It came to no attachment at all.
    #[error(transparent)]
    Enrolment(#[from] EnrolError),
}

/// Attaches with what is stored. When the enrolment's time is nearly over it is renewed before; when the DNS server is not
/// found or not accepted, the EST server is asked, and with what it conveys now the attachment is begun again, once.
///
/// `session` gives everything that an enrolment does not say.
///
/// # Errors
/// There is nothing to attach with. That no server was vetted is no error: the attachment says so.
pub async fn reattach(
    enroller: &Enroller,
    client: &Client,
    (store, network): (&Store, &NetworkName),
    session: session::Config,
    progress: &mut (dyn FnMut(&Step) + Send),
) -> Result<Attached, ReattachError> {
    let stored = store.load(network)?;
    let mut stored = stored.ok_or_else(|| ReattachError::NotEnrolled {
        network: network.clone(),
    })?;
    let enroller = enroller.of(&stored);
    let attempt = Attempt {
        enroller,
        client: client.clone(),
        place: Place::named(store, network),
        session,
    };
    let now = clock::now().unix;
    let is_due = stored.renew_at().is_some_and(|moment| moment <= now);
    let may_ask = stored.retry_after.is_none_or(|moment| moment <= now);
    if is_due && may_ask {
        let ended = attempt.make(&stored, Event::Renew, progress).await?;
        match ended {
            // What is stored may serve for a while yet.
            (_, None, Err(EnrolError::Journey(failure))) => {
                stored.retry_after = Some(now.saturating_add(failure.retry_after));
                store.save(network, &stored)?;
                let begun = attempt.make(&stored, Event::Start, progress).await?;
                let mut attached = attached(&stored, begun)?;
                if matches!(attached.renewal, Renewal::NotNeeded) {
                    attached.renewal = Renewal::Failed(EnrolError::Journey(failure));
                }
                return Ok(attached);
            }
            ended => return attached(&stored, ended),
        }
    }
    let ended = attempt.make(&stored, Event::Start, progress).await?;
    attached(&stored, ended)
}

/// What a journey back is made with.
struct Attempt {
    enroller: Enroller,
    client: Client,
    place: Place,
    session: session::Config,
}

impl Attempt {
    async fn make(
        &self,
        stored: &Enrolment,
        first: Event,
        progress: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Ended, ReattachError> {
        let mut journey = self.enroller.returning(stored.clone())?;
        let mut driver = Driver::new(self.enroller.clone(), self.place.clone())?;
        driver.domain = stored.authentication_domain_name.clone();
        driver.session = Some((self.client.clone(), self.session.clone()));
        let outcome = driver.run(&mut journey, first, progress).await;
        let attachment = driver.take_attachment();
        Ok((journey, attachment, outcome))
    }
}

/// How a journey ended.
type Ended = (Reattachment, Option<Attachment>, Result<(), EnrolError>);

fn attached(
    before: &Enrolment,
    (journey, attachment, outcome): Ended,
) -> Result<Attached, ReattachError> {
    let enrolment = journey.enrolment().clone();
    let asked = if journey.asked_est() {
        Renewal::Renewed {
            changed: enrolment.end_entities != before.end_entities
                || enrolment.anchors != before.anchors
                || enrolment.authentication_domain_name != before.authentication_domain_name,
        }
    } else {
        Renewal::NotNeeded
    };
    let renewal = match outcome {
        Ok(()) => asked,
        // The attachment tells it itself.
        Err(EnrolError::Journey(failure))
            if matches!(failure.error, JourneyError::NoDnsServer { .. }) =>
        {
            asked
        }
        Err(error) => Renewal::Failed(error),
    };
    match (attachment, renewal) {
        (Some(attachment), renewal) => Ok(Attached {
            attachment,
            enrolment,
            renewal,
        }),
        (None, Renewal::Failed(error)) => Err(error.into()),
        (None, _) => Err(EnrolError::Ended("nothing was attached".into()).into()),
    }
}
