//! Durations in classes, counted without a lock.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};
use serde::{Deserialize, Serialize};

/// Upper bounds of the classes, nanoseconds: an evaluation takes 8 µs to 200 ms, a judgement up to 500. What is longer is
/// in a last class without a bound.
const BOUNDS: [u64; 14] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
];

/// Counters of durations.
#[derive(Debug, Default)]
pub(super) struct Durations {
    classes: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// How long something took, counted by class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Histogram {
    /// How many were in each class; the classes' upper bounds are [`Histogram::bounds`], and the last class has none.
    pub classes: Vec<u64>,
    /// All durations together, nanoseconds.
    pub nanoseconds: u64,
}

impl Durations {
    pub(super) fn observe(&self, nanoseconds: u64) {
        let class = BOUNDS.partition_point(|&bound| bound < nanoseconds);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn histogram(&self) -> Histogram {
        let classes = self.classes.iter();
        Histogram {
            classes: classes.map(|count| count.load(Ordering::Relaxed)).collect(),
            nanoseconds: self.nanoseconds.load(Ordering::Relaxed),
        }
    }
}

impl Histogram {
    /// Upper bounds of the classes, nanoseconds, without that of the last, which has none.
    #[must_use]
    pub const fn bounds() -> &'static [u64] {
        &BOUNDS
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// What came since this one was taken.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let before_it = before.classes.iter().chain(std::iter::repeat(&0));
        let classes = self.classes.iter().zip(before_it);
        Self {
            classes: classes
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
            nanoseconds: self.nanoseconds.saturating_sub(before.nanoseconds),
        }
    }

    /// The duration, in nanoseconds, below which this share of them lies (0 to 1): within a class they count as spread
    /// evenly, and what is in the last class counts as its lower bound. `None` when there were none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * float(count)).max(f64::MIN_POSITIVE);
        let (mut below, mut lower) = (0.0, 0);
        for (class, bound) in self.classes.iter().zip(BOUNDS) {
            let within = float(*class);
            if below + within >= rank {
                let part = (rank - below) / within;
                return Some(lower + whole(part * float(bound - lower)));
            }
            below += within;
            lower = bound;
        }
        Some(lower)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ns are a hundred days")]
pub(super) const fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the largest bound"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Histogram {
            classes,
            nanoseconds,
        } = self.histogram();
        let bounds = BOUNDS.iter().map(|&bound| float(bound) / 1e9);
        let bounds = bounds.chain([f64::INFINITY]);
        let count = classes.iter().sum();
        let buckets: Vec<(f64, u64)> = bounds.zip(classes).collect();
        encoder.encode_histogram::<NoLabelSet>(float(nanoseconds) / 1e9, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations: &[u64]) -> Histogram {
        let counters = Durations::default();
        durations.iter().for_each(|&one| counters.observe(one));
        counters.histogram()
    }

    #[test]
    fn a_bound_belongs_to_its_class_and_what_is_longer_to_the_last() {
        let histogram = of(&[0, 10_000, 10_001, 500_000_000, 500_000_001, u64::MAX >> 8]);
        assert_eq!(histogram.classes[..2], [2, 1]);
        assert_eq!(histogram.classes[13..], [1, 2]);
        assert_eq!(histogram.count(), 6);
    }

    #[test]
    fn quantiles_lie_in_the_class_that_holds_them() {
        assert_eq!(of(&[]).quantile(0.5), None);
        // A hundred between 25 and 50 µs, and one of a second.
        let mut durations = vec![30_000; 100];
        durations.push(1_000_000_000);
        let histogram = of(&durations);
        let median = histogram.quantile(0.5).unwrap();
        assert!((37_000..=38_000).contains(&median), "{median}");
        assert!(histogram.quantile(0.99).unwrap() <= 50_000);
        assert_eq!(histogram.quantile(1.0), Some(500_000_000));
    }

    #[test]
    fn what_came_since_is_the_difference() {
        let (before, now) = (of(&[1, 30_000]), of(&[1, 30_000, 30_000, 40_000]));
        let since = now.since(&before);
        assert_eq!((since.count(), since.nanoseconds), (2, 70_000));
        assert_eq!(now.since(&Histogram::default()), now);
        assert_eq!(before.since(&now).count(), 0);
    }
}
