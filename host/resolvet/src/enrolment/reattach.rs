//! Coming to a known network again (the draft's section 9).

use std::sync::Arc;

use resolvet_proto::{
    enrolment::Enrolment,
    judgement::{AnchorSet, NetworkIdentity},
    session::{self, FailureKind},
};
use thiserror::Error;

use super::{EnrolError, Enroller, NetworkName, Progress, Store, StoreError};
use crate::{AttachError, Attachment, Client, clock};

/// Seconds before a renewal that is only early, and failed, is tried again.
const RETRY: u64 = 3_600;

/// What became of an enrolment on the way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Renewal {
    /// What was stored held.
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
    /// The enrolment has no authentication domain name.
    #[error(
        "the enrolment of network `{network}` has no authentication domain name (RFC 8310 8.1)"
    )]
    NoDomain {
        /// The network.
        network: NetworkName,
    },
    /// No session can begin.
    #[error(transparent)]
    Attach(#[from] AttachError),
}

/// Attaches with what is stored. When the enrolment's time is nearly over it is renewed before; when the DNS server is not
/// found or not accepted, the EST server is asked, and with what it conveys now the attachment is begun again, once.
///
/// `session` gives everything that an enrolment does not say; `implicit` are the system's anchors if they may be used.
///
/// # Errors
/// There is nothing to attach with. That no server was vetted is no error: the attachment says so.
pub async fn reattach(
    enroller: &Enroller,
    client: &Client,
    (store, network): (&Store, &NetworkName),
    mut session: session::Config,
    implicit: Option<&Arc<AnchorSet>>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Attached, ReattachError> {
    let stored = store.load(network)?;
    let mut enrolment = stored.ok_or_else(|| ReattachError::NotEnrolled {
        network: network.clone(),
    })?;
    let mut renewal = Renewal::NotNeeded;
    let now = clock::now().unix;
    let is_due = enrolment.renew_at().is_some_and(|moment| moment <= now);
    if is_due && enrolment.retry_after.is_none_or(|moment| moment <= now) {
        renewal = renew(enroller, (store, network), &mut enrolment, progress).await?;
        if matches!(renewal, Renewal::Failed(_)) {
            enrolment.retry_after = Some(now.saturating_add(RETRY));
            store.save(network, &enrolment)?;
        }
    }
    loop {
        configure(&mut session, &enrolment, network, implicit)?;
        let attachment = client.attach(session.clone())?;
        let failed = match attachment.vetted().await {
            Err(AttachError::Failed(failure)) => asks_for_renewal(failure.kind),
            _ => false,
        };
        if failed && matches!(renewal, Renewal::NotNeeded) {
            renewal = renew(enroller, (store, network), &mut enrolment, progress).await?;
            if matches!(renewal, Renewal::Renewed { changed: true }) {
                continue;
            }
        }
        return Ok(Attached {
            attachment,
            enrolment,
            renewal,
        });
    }
}

/// Whether the EST server may know better: the certificate is invalid, or discovery failed.
const fn asks_for_renewal(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::NothingDiscovered
            | FailureKind::Downgrade
            | FailureKind::ConnectionFailed
            | FailureKind::ValidationRefused
    )
}

/// Renews and stores.
async fn renew(
    enroller: &Enroller,
    (store, network): (&Store, &NetworkName),
    enrolment: &mut Enrolment,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Renewal, StoreError> {
    match enroller.renew(enrolment, progress).await {
        Err(error) => Ok(Renewal::Failed(error)),
        Ok(renewed) => {
            let changed = renewed.end_entities != enrolment.end_entities
                || renewed.anchors != enrolment.anchors
                || renewed.authentication_domain_name != enrolment.authentication_domain_name;
            store.save(network, &renewed)?;
            *enrolment = renewed;
            Ok(Renewal::Renewed { changed })
        }
    }
}

fn configure(
    session: &mut session::Config,
    enrolment: &Enrolment,
    network: &NetworkName,
    implicit: Option<&Arc<AnchorSet>>,
) -> Result<(), ReattachError> {
    let no_domain = || ReattachError::NoDomain {
        network: network.clone(),
    };
    let domain = enrolment.authentication_domain_name.clone();
    session.authentication_domain_name = Some(domain.ok_or_else(no_domain)?);
    session.network_identity = NetworkIdentity::Named;
    session.anchors = enrolment.anchor_set(implicit);
    session.conveyed = enrolment.conveyed();
    session.crls = enrolment.crls.clone();
    Ok(())
}
