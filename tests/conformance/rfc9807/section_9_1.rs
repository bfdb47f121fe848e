//! Implementation safeguards: nothing secret is shown.

use super::{PASSWORD, Parties, secrets, user};

#[test]
fn nothing_secret_leaves_the_parties() {
    let mut parties = Parties::good();
    parties.request().unwrap();
    let record = parties.users.records.values().next().unwrap();
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {record:?} {:?} {:?}",
        parties.client,
        parties.server,
        parties.sent,
        parties.denials,
        secrets(),
        user("u", PASSWORD),
        super::random(),
    );
    assert!(shown.contains("ke1="), "{shown}");
    let octets = format!("{:?}", PASSWORD.as_bytes());
    let octets = octets.trim_matches(['[', ']']);
    let secrets = format!("{:?}", *secrets().to_octets());
    let record = format!("{:?}", *record.to_octets());
    for secret in [PASSWORD, octets, &secrets[1..20], &record[1..20]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
