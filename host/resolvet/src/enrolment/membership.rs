//! A device that stays in a network: what it knows is renewed in time, and replaced when it does not hold any more, while
//! queries go on.

use std::{sync::Arc, time::Duration};

use hickory_proto::rr::RecordType;
use resolvet_proto::session;
use tokio::{sync::watch, task::AbortHandle, time::sleep};

use super::{
    Attached, Enroller, Enrolment, NetworkName, ReattachError, Renewal, Step, Store, reattach,
};
use crate::{Answer, AttachError, Attachment, Client, QueryError, clock};

/// The shortest wait before the EST server or the network is asked again, whatever the last error said, seconds.
const SHORTEST_WAIT: u64 = 1;
/// The first wait after not even an attachment came, seconds; it doubles with each time.
const FIRST_WAIT: u64 = 30;
/// The longest, seconds: a laptop that was asleep is not to wait for a day.
const LONGEST_WAIT: u64 = 3_600;

/// What a device is attached by at the moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Present {
    /// The attachment.
    pub attachment: Attachment,
    /// The enrolment that it rests on.
    pub enrolment: Arc<Enrolment>,
    /// What came of asking the EST server the last time, in words; empty when it was not asked or gave what was wanted.
    pub trouble: String,
}

/// A network that a device stays in (the draft's section 9, again and again). Dropping it leaves.
#[derive(Debug)]
pub struct Membership {
    present: watch::Receiver<Present>,
    task: AbortHandle,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Membership {
    /// Attaches by [`reattach`](super::reattach) and goes on: two thirds into the validity of what was conveyed, and whenever
    /// no server is left, the EST server is asked, and what it conveys replaces what was stored. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// There is nothing to begin with. That no server is vetted yet is no error.
    pub async fn begin(
        enroller: Enroller,
        client: Client,
        (store, network): (Store, NetworkName),
        session: session::Config,
    ) -> Result<Self, ReattachError> {
        let device = Device {
            enroller,
            client,
            store,
            network,
            session,
        };
        let first = device.attach().await?;
        let (sender, receiver) = watch::channel(first);
        let task = tokio::spawn(device.stay(sender)).abort_handle();
        Ok(Self {
            present: receiver,
            task,
        })
    }

    /// What the device is attached by now.
    #[must_use]
    pub fn present(&self) -> Present {
        self.present.borrow().clone()
    }

    /// Waits until the device is attached by something else than it was when this was called.
    ///
    /// # Errors
    /// The task that stays in the network has ended.
    pub async fn replaced(&self) -> Result<Present, AttachError> {
        let mut present = self.present.clone();
        present.mark_unchanged();
        present.changed().await.map_err(|_| AttachError::Ended)?;
        Ok(present.borrow().clone())
    }

    /// Asks the server of the moment.
    ///
    /// # Errors
    /// As [`Attachment::query`]: while nothing is vetted, nothing is sent.
    pub async fn query(&self, name: &str, rtype: RecordType) -> Result<Answer, QueryError> {
        self.present().attachment.query(name, rtype).await
    }
}

/// What stays.
struct Device {
    enroller: Enroller,
    client: Client,
    store: Store,
    network: NetworkName,
    session: session::Config,
}

impl Device {
    async fn attach(&self) -> Result<Present, ReattachError> {
        let place = (&self.store, &self.network);
        let session = self.session.clone();
        let mut tell = |_: &Step| {};
        let attaching = reattach(&self.enroller, &self.client, place, session, &mut tell);
        let attached = attaching.await?;
        let Attached {
            attachment,
            enrolment,
            renewal,
        } = attached;
        Ok(Present {
            attachment,
            enrolment: Arc::new(enrolment),
            trouble: match renewal {
                Renewal::Failed(error) => error.to_string(),
                _ => String::new(),
            },
        })
    }

    async fn stay(self, present: watch::Sender<Present>) {
        let mut failures = 0;
        loop {
            let Present {
                attachment,
                enrolment,
                ..
            } = present.borrow().clone();
            tokio::select! {
                // What failed may be tried again after a while; what failed just now is not tried at once.
                wait = retry(attachment) => sleep(wait).await,
                () = due(enrolment) => {}
            }
            match self.attach().await {
                Ok(next) => {
                    failures = 0;
                    present.send_replace(next);
                }
                Err(error) => {
                    present.send_modify(|present| present.trouble = error.to_string());
                    sleep(back_off(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }
}

/// How long to wait when so many attempts before came to nothing.
pub(crate) fn back_off(failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.min(10));
    Duration::from_secs(doubled.min(LONGEST_WAIT))
}

/// Waits until the attachment has failed, and says how long to leave it alone. A server that was vetted and is lost is looked
/// for at once.
async fn retry(attachment: Attachment) -> Duration {
    let was_vetted = attachment.vetted().await.is_ok();
    let failure = attachment.failed().await;
    let seconds = match failure {
        _ if was_vetted => 0,
        AttachError::Failed(failure) => failure.retry_after,
        _ => LONGEST_WAIT,
    };
    Duration::from_secs(seconds.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

/// Waits until the enrolment is to be renewed.
async fn due(enrolment: Arc<Enrolment>) {
    let Some(at) = enrolment.renew_at() else {
        return std::future::pending().await;
    };
    // A server that conveys what is due already is not asked all the time.
    let rested = enrolment.renewed.saturating_add(LONGEST_WAIT);
    let at = at
        .max(rested)
        .max(enrolment.retry_after.unwrap_or_default());
    loop {
        // In steps: the clock may be set, and sleep does not count a suspended system.
        match at.saturating_sub(clock::now().unix) {
            0 => return sleep(Duration::from_secs(SHORTEST_WAIT)).await,
            left => sleep(Duration::from_secs(left.min(60))).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let waits = [0, 1, 2, 6, 7, 8, u32::MAX].map(|failures| back_off(failures).as_secs());
        assert_eq!(waits, [30, 60, 120, 1_920, 3_600, 3_600, 3_600]);
    }
}
