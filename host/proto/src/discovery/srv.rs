//! The order in which the targets of SRV records are tried (RFC 2782).

use alloc::vec::Vec;

use super::record::Srv;

/// A small generator of numbers that look random. It decides shares of load, nothing that an attacker would gain by
/// knowing: whoever can see its numbers could forge the weights as well.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator for one set of records: the same seed and owner give the same numbers, whatever was asked before.
    #[must_use]
    pub fn new(seed: u64, owner: &str) -> Self {
        // FNV-1a, so that sets of one session are ordered independently.
        let owner = owner
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
                (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Self(seed ^ owner)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `most`, both included.
    pub fn up_to(&mut self, most: u32) -> u32 {
        let wide = (u128::from(self.next()) * (u128::from(most) + 1)) >> 64;
        u32::try_from(wide).unwrap_or(most)
    }
}

/// The positions of the records in the order in which they are tried: by priority, and within one priority drawn by
/// weight, those of weight 0 placed first before each draw.
#[must_use]
pub fn order(records: &[&Srv], dice: &mut Dice) -> Vec<usize> {
    let mut rest: Vec<(usize, &Srv)> = records.iter().copied().enumerate().collect();
    rest.sort_by_key(|(_, srv)| (srv.priority, srv.weight != 0));
    let mut order = Vec::with_capacity(rest.len());
    while let Some(priority) = rest.first().map(|(_, srv)| srv.priority) {
        let peers = rest.iter().take_while(|(_, srv)| srv.priority == priority);
        let sum = peers.clone().fold(0_u32, |sum, (_, srv)| {
            sum.saturating_add(u32::from(srv.weight))
        });
        let drawn = dice.up_to(sum);
        let mut running = 0_u32;
        let chosen = peers
            .enumerate()
            .find_map(|(place, (_, srv))| {
                running = running.saturating_add(u32::from(srv.weight));
                (running >= drawn).then_some(place)
            })
            .unwrap_or(0);
        let (position, _) = rest.remove(chosen);
        order.push(position);
    }
    order
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::discovery::DomainName;

    fn srv(priority: u16, weight: u16) -> Srv {
        Srv {
            priority,
            weight,
            port: 853,
            target: DomainName::parse("a.example").unwrap(),
        }
    }

    fn firsts(records: &[Srv], draws: u64) -> Vec<u32> {
        let records: Vec<&Srv> = records.iter().collect();
        let mut firsts = vec![0; records.len()];
        for seed in 0..draws {
            let order = order(&records, &mut Dice::new(seed, "_domain-s._tcp.example."));
            firsts[order[0]] += 1;
        }
        firsts
    }

    #[test]
    fn a_smaller_priority_always_comes_first() {
        let firsts = firsts(&[srv(20, 65_535), srv(10, 0), srv(30, 1)], 1_000);
        assert_eq!(firsts, [0, 1_000, 0]);
    }

    #[test]
    fn weights_share_within_a_priority() {
        let firsts = firsts(&[srv(0, 100), srv(0, 300)], 4_000);
        assert!((850..1_200).contains(&firsts[0]), "{firsts:?}");
        assert!((2_800..3_150).contains(&firsts[1]), "{firsts:?}");
    }

    #[test]
    fn a_weight_of_zero_has_a_small_chance() {
        let firsts = firsts(&[srv(0, 9), srv(0, 0)], 10_000);
        assert!(
            (700..1_300).contains(&firsts[1]),
            "one draw of ten is 0: {firsts:?}"
        );
    }

    #[test]
    fn every_record_comes_once() {
        let records: Vec<Srv> = (0..300).map(|n| srv(n % 3, u16::MAX - n)).collect();
        let records: Vec<&Srv> = records.iter().collect();
        let mut all = order(&records, &mut Dice::new(7, "x."));
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_gives_the_same_order() {
        let records: Vec<Srv> = (1..50).map(|n| srv(0, n)).collect();
        let records: Vec<&Srv> = records.iter().collect();
        let of = |seed, owner| order(&records, &mut Dice::new(seed, owner));
        assert_eq!(of(1, "a."), of(1, "a."));
        assert_ne!(of(1, "a."), of(2, "a."));
        assert_ne!(of(1, "a."), of(1, "b."));
    }

    #[test]
    fn draws_cover_their_range() {
        let mut dice = Dice::new(1, "a.");
        let draws: Vec<u32> = (0..100).map(|_| dice.up_to(2)).collect();
        assert!((0..=2).all(|number| draws.contains(&number)));
        assert!(draws.iter().all(|number| *number <= 2));
        assert_eq!(dice.up_to(0), 0);
    }
}
