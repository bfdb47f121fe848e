//! What the RFC leaves without a limit and a hostile resolver would not.

use resolvet_proto::discovery::{
    NoteCode,
    dns_sd::Browse,
    limits::{INSTANCES, NOTES},
};

use super::{answer, at, codes, domain, name, pointer};

#[test]
fn hundreds_of_instances_are_a_few_lookups() {
    let many = (0..200).map(|n| pointer(&name(&format!("n{n}._est._tcp.example.net."))));
    let mut browse = Browse::new("_est._tcp", &domain()).unwrap();
    let first = browse.next_lookup().unwrap();
    browse.answered(&first, answer(&first, many.collect()));
    let mut lookups = 0;
    while let Some(lookup) = browse.next_lookup() {
        lookups += 1;
        let hosts = (0..100).map(|n| at(&lookup.name, n, 443, &format!("h{n}.example.net.")));
        browse.answered(&lookup, answer(&lookup, hosts.collect()));
    }
    assert_eq!(lookups, INSTANCES);
    assert_eq!(browse.instances(0).len(), INSTANCES);
    assert_eq!(browse.notes().len(), NOTES);
    assert!(codes(&browse).iter().all(|code| *code == NoteCode::FanOut));
}
