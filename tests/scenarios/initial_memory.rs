//! The policies that ship never grow their memory on an ordinary journey: the SDK's arena is enough, so an evaluation makes
//! no system call for memory.

use resolvet_engine::{Limits, Rule};
use resolvet_proto::judgement::Outcome;
use resolvet_tests::lab::ca::{Algorithm, Leaf};
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{Journey, defaults};

/// Octets of the largest guest's memory as it begins: 64 KiB of stack, the arena of 48 KiB, and data, in pages of 64 KiB.
const INITIAL: usize = 192 << 10;

fn defaults_within(memory_octets: usize) -> Vec<Rule> {
    let limits = Limits {
        memory_octets,
        ..Limits::default()
    };
    defaults()
        .into_iter()
        .map(|rule| Rule {
            limits: Some(limits),
            ..rule
        })
        .collect()
}

#[tokio::test]
async fn the_policies_that_ship_stay_in_their_initial_memory() {
    for algorithm in [Algorithm::EcP256, Algorithm::Rsa2048] {
        let mut leaf = Leaf::good("example.net");
        leaf.algorithm = algorithm;
        let options = Options::new()
            .servers("example.net", vec![leaf])
            .algorithm(algorithm);
        let lab = Lab::start(options).unwrap();
        let outcome = Journey::new(&lab)
            .rules(defaults_within(INITIAL))
            .attach()
            .await;
        assert_eq!(outcome.failure, None, "{algorithm:?}");
        assert_eq!(outcome.validations()[0].outcome, Outcome::Accepted);
        assert_eq!(outcome.assessments()[0].outcome, Outcome::Accepted);
    }
}

#[test]
#[should_panic(expected = "memory")]
fn less_than_the_initial_memory_is_a_fault() {
    let rules = defaults_within(INITIAL - (64 << 10));
    crate::journey::set(&resolvet_proto::judgement::UsageProfile::Strict, rules);
}
