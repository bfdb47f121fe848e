//! Asking again: before what was said ends, and when the interface has other addresses, which is how another network looks.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use resolvet_proto::discovery::dnr::{self, NetworkOption};
use tokio::time::{Instant, sleep};

use super::{Asked, OfferError, ask};

/// The shortest and the longest wait. Nobody says when an option of DHCPv4 ends, and a router may say something else at any time.
const WAITS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1_800));
/// How often the interface's addresses are looked at.
const LOOK: Duration = Duration::from_secs(2);

impl Asked {
    /// When to ask again: at half of the shortest lifetime that was said, between half a minute and half an hour from now.
    #[must_use]
    pub fn ask_again(&self) -> Duration {
        let options = self.options();
        let designations = options.iter().flat_map(|option| dnr::read(option).0);
        // What was taken back is no reason to hurry.
        let lifetimes = designations.filter_map(|it| it.lifetime.filter(|seconds| *seconds > 0));
        let shortest = lifetimes
            .min()
            .map_or(WAITS.1, |seconds| Duration::from_secs(seconds.into()));
        (shortest / 2).clamp(WAITS.0, WAITS.1)
    }
}

/// What a network says on one interface, kept up to date.
#[derive(Debug)]
pub struct Offers {
    interface: String,
    addresses: BTreeSet<IpAddr>,
    due: Instant,
}

impl Offers {
    /// Goes on after what was asked now.
    #[must_use]
    pub fn after(interface: &str, asked: &Asked) -> Self {
        Self {
            interface: interface.to_owned(),
            addresses: addresses(interface),
            due: Instant::now() + asked.ask_again(),
        }
    }

    /// The interface.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Waits until the network is to be asked again, asks it for this long at most, and gives the options that hold from now on, in
    /// place of those before. `None`: nobody answered, and what was said before holds until it ends.
    ///
    /// # Errors
    /// The network cannot be asked. It is tried again the next time.
    pub async fn next(
        &mut self,
        within: Duration,
    ) -> Result<Option<Vec<NetworkOption>>, OfferError> {
        let is_elsewhere = loop {
            let now = addresses(&self.interface);
            if now != self.addresses {
                self.addresses = now;
                break true;
            }
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            sleep(left.min(LOOK)).await;
        };
        // Should asking fail, it is not tried at once.
        self.due = Instant::now() + WAITS.0;
        if is_elsewhere && self.addresses.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let asked = ask(&self.interface, within).await?;
        self.due = Instant::now() + asked.ask_again();
        let is_answered = !asked.answers.is_empty();
        // What another network said does not hold here.
        Ok((is_answered || is_elsewhere).then(|| asked.options()))
    }
}

/// The addresses of an interface; none when it is down.
fn addresses(interface: &str) -> BTreeSet<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let own = all.into_iter().filter(|other| other.name == interface);
    own.map(|own| own.ip()).collect()
}

#[cfg(test)]
mod tests {
    use resolvet_proto::discovery::{
        DomainName,
        dnr::{Carrier, Designation},
        parameters::Parameters,
    };

    use super::*;
    use crate::offers::Source;

    fn asked(lifetimes: &[Option<u32>]) -> Asked {
        let option = |lifetime: &Option<u32>| {
            let designation = Designation {
                priority: 1,
                name: DomainName::parse("dns.example.net").unwrap(),
                lifetime: *lifetime,
                service: None,
            };
            NetworkOption {
                carrier: Carrier::RouterAdvertisement,
                data: dnr::write_router_advertisement(&designation)
                    .unwrap()
                    .into(),
                lifetime: None,
            }
        };
        let said = Parameters {
            domains: Vec::new(),
            options: lifetimes.iter().map(option).collect(),
        };
        Asked {
            answers: vec![(Source::Router, said)],
            failures: Vec::new(),
        }
    }

    #[test]
    fn the_shortest_lifetime_says_when_to_ask_again() {
        for (lifetimes, seconds) in [
            (&[][..], 1_800 / 2),
            (&[Some(600)], 300),
            (&[Some(3_600), Some(600)], 300),
            (&[Some(10)], 30),
            (&[Some(0), Some(600)], 300),
            (&[Some(u32::MAX)], 1_800),
        ] {
            assert_eq!(asked(lifetimes).ask_again(), Duration::from_secs(seconds));
        }
    }
}
