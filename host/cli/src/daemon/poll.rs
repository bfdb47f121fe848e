//! Registries that are asked whether an address names another artefact now. If one does, everything is loaded anew, with that.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use resolvet::registry::Pulled;
use resolvet_engine::Reason;
use tokio::time::{Instant, timeout_at};

use super::{
    Daemon, book::By, changing::Asked, loading::Loading, protocol::DeliveryStatus, refusal::Refusal,
};
use crate::delivery::{Watched, in_words};

/// The longest wait after failures, unless the configured one is longer.
const LONGEST: Duration = Duration::from_secs(3_600);
/// After how many failures in a row the wait grows no more.
const DOUBLED: u32 = 6;

/// Asks again and again, until the daemon ends. What a start took as it was in use before is asked for at once.
pub(super) async fn run(daemon: Arc<Daemon>) {
    let mut is_due = {
        let loading = daemon.loading.lock().await;
        daemon.tell_delivered(&loading, true);
        loading.is_unasked()
    };
    let mut failures = 0;
    let mut asked = Instant::now();
    loop {
        if !is_due {
            let interval = daemon.loading.lock().await.interval();
            let loaded = daemon.loaded.notified();
            let Some(interval) = interval else {
                loaded.await;
                continue;
            };
            let due = asked + wait(interval, failures, draw());
            if timeout_at(due, loaded).await.is_ok() {
                // There may be other addresses now, and what failed may be mended: nothing waits longer than usual.
                failures = 0;
                continue;
            }
        }
        is_due = false;
        failures = match daemon.ask_registries().await {
            true => 0,
            false => failures.saturating_add(1),
        };
        asked = Instant::now();
    }
}

/// The interval, doubled with each failure in a row, and by up to a tenth shorter or longer, so that a fleet that started at once does
/// not ask at once. `draw` is anything.
fn wait(interval: Duration, failures: u32, draw: u8) -> Duration {
    let longest = interval.max(LONGEST);
    let doubled = interval.saturating_mul(1 << failures.min(DOUBLED));
    let share = 0.9 + f64::from(draw) / f64::from(u8::MAX) / 5.0;
    doubled.min(longest).mul_f64(share)
}

/// Anything; without randomness nothing worse happens than that a fleet asks at once.
fn draw() -> u8 {
    let mut drawn = [u8::MAX / 2];
    let _drawn = aws_lc_rs::rand::fill(&mut drawn);
    let [drawn] = drawn;
    drawn
}

/// Whether this says that a registry, or what it had, was the reason.
const fn is_of_delivery(code: Reason) -> bool {
    matches!(
        code,
        Reason::RegistryUnreachable
            | Reason::RegistryLate
            | Reason::RegistryRefuses
            | Reason::RegistryAccess
            | Reason::RegistryAddress
            | Reason::RegistryConfiguration
            | Reason::ArtefactSize
            | Reason::ArtefactDigest
            | Reason::ArtefactUnreadable
    )
}

impl Daemon {
    /// Asks for everything that may have moved, and takes it. Says whether all went well; if not, the set stays, and the log and the
    /// status say why.
    async fn ask_registries(self: &Arc<Self>) -> bool {
        let watched = self.loading.lock().await.watched(&self.output);
        let Some(Watched { questions, .. }) = watched else {
            return true;
        };
        let answers = questions.ask().await;
        let mut moved = Vec::new();
        let mut statuses = Vec::new();
        for (reference, answer) in &answers {
            let trouble = match &answer.said {
                Ok(_) => String::new(),
                Err(error) => in_words(error),
            };
            statuses.push(DeliveryStatus {
                reference: reference.clone(),
                digest: answer.known,
                trouble,
            });
            if let Ok(Pulled::New(artefact)) = &answer.said {
                moved.push((reference.clone(), artefact.digest()));
            }
        }
        let went_well = statuses.iter().all(|status| status.trouble.is_empty());
        self.deliver(statuses);
        let is_refused = || {
            let refusal = self.active().refusal;
            refusal.is_some_and(|refusal| is_of_delivery(refusal.code))
        };
        // What was refused because of registries is not refused any more when they are well again.
        if moved.is_empty() && !(went_well && is_refused()) {
            return went_well;
        }
        let reloaded = self.reload_with(Asked::by(By::Registry), answers).await;
        self.delivered_as(&moved, reloaded.as_ref().err());
        went_well && reloaded.is_ok()
    }

    /// What is known of addresses now that everything was loaded anew; `asked`: the registries were asked for it.
    pub(super) fn tell_delivered(&self, loading: &Loading, asked: bool) {
        let watched = loading.watched(&self.output);
        let (addresses, mut troubles) = watched
            .map(|watched| (watched.questions.addresses, watched.out_of_reach))
            .unwrap_or_default();
        let mut kept = self
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let statuses = addresses.into_iter().map(|(reference, known)| {
            let digest = known.map(|known| known.digest());
            let is_same =
                |one: &&DeliveryStatus| one.reference == reference && one.digest == digest;
            let before = kept.iter().find(is_same).filter(|_| !asked);
            let before = before.map(|before| before.trouble.clone());
            DeliveryStatus {
                trouble: troubles.remove(&reference).or(before).unwrap_or_default(),
                digest,
                reference,
            }
        });
        let statuses = statuses.collect();
        *kept = statuses;
    }

    /// Keeps what was found for the status, and logs what is new of it.
    fn deliver(&self, statuses: Vec<DeliveryStatus>) {
        let mut kept = self
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for status in &statuses {
            let before = kept.iter().find(|one| one.reference == status.reference);
            let before = before.map_or("", |before| before.trouble.as_str());
            if status.trouble != before {
                let DeliveryStatus {
                    reference, trouble, ..
                } = status;
                self.output.log(&match trouble.as_str() {
                    "" => format!("{reference}: the registry answers again"),
                    trouble => format!("{reference}: nothing changed: {trouble}"),
                });
            }
        }
        *kept = statuses;
    }

    /// What became of what had moved.
    fn delivered_as(
        &self,
        digests: &[(
            resolvet::registry::Reference,
            resolvet_proto::judgement::Digest,
        )],
        refusal: Option<&Refusal>,
    ) {
        let mut kept = self
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (reference, digest) in digests {
            let mut of_reference = kept.iter_mut();
            let Some(status) = of_reference.find(|one| one.reference == *reference) else {
                continue;
            };
            match refusal {
                None => status.digest = Some(*digest),
                Some(Refusal { code, reason }) => {
                    status.trouble = format!("sha256:{digest} was refused ({code}): {reason}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_failures_and_differ() {
        let minute = Duration::from_secs(60);
        let tenth = |wait: Duration, of: u64| {
            let of = Duration::from_secs(of);
            wait >= of.mul_f64(0.89) && wait <= of.mul_f64(1.11)
        };
        for (failures, expected) in [(0, 60), (1, 120), (3, 480), (6, 3_600), (1_000, 3_600)] {
            for draw in [0, 100, u8::MAX] {
                let wait = wait(minute, failures, draw);
                assert!(tenth(wait, expected), "{failures} failures: {wait:?}");
            }
        }
        assert_ne!(wait(minute, 0, 0), wait(minute, 0, u8::MAX));
        let day = Duration::from_secs(86_400);
        assert!(tenth(wait(day, 9, 7), 86_400), "a longer wait is kept");
    }
}
