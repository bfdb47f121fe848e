//! Section 4.1: which certificate associations are usable. Where they should stand may be an alias (appendix A.2.1).

use rcgen::PublicKeyData as _;
use resolvet_proto::judgement::{Decision, Der, DnsRecord, Dnssec, Verdict};

use crate::{
    rfc7671::{DANE_EE, REQUIRE, USE, tlsa, with},
    world::{World, judge_with},
};

/// Aliases of the server's TLSA name, over names with odd labels, to this one.
fn aliases(owner: &str) -> Vec<DnsRecord> {
    let alias = |owner: &str, rdata: &[u8]| DnsRecord {
        owner: owner.to_owned(),
        rtype: 5,
        ttl: 300,
        rdata: Der::from(rdata.to_vec()),
        dnssec: Dnssec::Secure,
    };
    vec![
        alias("a\\.b\\032.example.org.", b"\x05_dane\x07example\x03org\0"),
        alias(owner, b"\x04A.b \x07example\x03org\0"),
    ]
}

fn is_accepted(verdict: &Verdict) -> bool {
    matches!(verdict.decision, Decision::Accept { .. })
}

#[test]
fn records_behind_aliases_count() {
    let world = World::new();
    let own = world.server.subject_public_key_info();
    let other = World::new().server.subject_public_key_info();
    for (key, settings, accepted) in [
        (&own, REQUIRE, true),
        (&other, REQUIRE, false),
        (&other, USE, false),
    ] {
        let mut tlsa = tlsa(DANE_EE, 1, 1, key);
        let mut records = aliases(&tlsa.owner);
        tlsa.owner = "_dane.example.org.".to_owned();
        records.push(tlsa);
        let verdict = judge_with(&with(world.request(&world.server()), records), settings);
        assert_eq!(is_accepted(&verdict), accepted, "{verdict:#?}");
    }
}

#[test]
fn an_alias_that_is_not_secure_makes_them_unusable() {
    let world = World::new();
    let other = World::new().server.subject_public_key_info();
    for insecure in 0..2 {
        let mut tlsa = tlsa(DANE_EE, 1, 1, &other);
        let mut records = aliases(&tlsa.owner);
        records[insecure].dnssec = Dnssec::Insecure;
        tlsa.owner = "_dane.example.org.".to_owned();
        records.push(tlsa);
        let request = with(world.request(&world.server()), records);
        let verdict = judge_with(&request, USE);
        assert!(is_accepted(&verdict), "{verdict:#?}");
        assert_eq!(verdict.findings[0].code, "dane-missing", "{verdict:#?}");
        let verdict = judge_with(&request, REQUIRE);
        assert!(!is_accepted(&verdict), "{verdict:#?}");
    }
}
