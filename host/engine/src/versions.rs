//! Which programs judged: what a record names beside the policies, since a verdict rests on them too.

use std::collections::BTreeMap;

/// What judges beside the policies, and its version: the engine, its runtime, the parsers of the facts that guests are
/// given, and who verifies signatures. A test compares them with the lock file.
const VERSIONS: [(&str, &str); 6] = [
    ("aws-lc-rs", "1.19.0"),
    ("hickory-proto", "0.26.3"),
    ("resolvet-engine", env!("CARGO_PKG_VERSION")),
    ("wasmparser", "0.254.2"),
    ("wasmtime", "48.0.8"),
    ("x509-parser", "0.18.1"),
];

/// The versions of the engine, its runtime and the parsers whose facts policies are given, by name.
#[must_use]
pub fn versions() -> BTreeMap<String, String> {
    VERSIONS
        .iter()
        .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_lock_file() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = std::fs::read_to_string(file).unwrap();
        for (name, version) in VERSIONS {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{name} {version}");
        }
    }
}
