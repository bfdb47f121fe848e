//! `/etc/resolv.conf` (resolv.conf(5)): what its last `search` or `domain` names.

use std::path::Path;

use super::{Keeper, Lease, content};

const FILE: &str = "etc/resolv.conf";

pub(super) fn read(root: &Path) -> Option<Lease> {
    let path = root.join(FILE);
    let mut lease = Lease::new(Keeper::ResolvConf, &path);
    parse(&content(&path)?, &mut lease);
    (!lease.search.is_empty()).then_some(lease)
}

pub(super) fn parse(text: &str, lease: &mut Lease) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if let Some("search" | "domain") = words.next() {
            lease.search.clear();
            lease.search_in(words);
        }
    }
}
