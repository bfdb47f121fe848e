//! Section 9: digest algorithm agility.

use rcgen::PublicKeyData as _;
use resolvet_proto::judgement::Decision;

use super::{DANE_EE, USE, tlsa, with};
use crate::world::{World, judge_with};

#[test]
fn the_weaker_digest_does_not_count_beside_the_stronger() {
    let world = World::new();
    let own = world.server.subject_public_key_info();
    let stranger = World::new().server.subject_public_key_info();
    for (weak, strong, accepted) in [(&own, &stranger, false), (&stranger, &own, true)] {
        let records = [
            tlsa(DANE_EE, 1, 1, weak.as_slice()),
            tlsa(DANE_EE, 1, 2, strong.as_slice()),
        ];
        let verdict = judge_with(&with(world.request(&world.server()), records), USE);
        let is_accepted = matches!(verdict.decision, Decision::Accept { .. });
        assert_eq!(is_accepted, accepted, "{verdict:#?}");
    }
}
