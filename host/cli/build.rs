//! Finds the default policies that the program carries, and says which command builds them when they are not there.

use std::{env, path::PathBuf};

/// The policies that ship, in the order in which they are evaluated.
const POLICIES: [&str; 3] = ["pkix", "preference", "privacy"];

fn main() {
    let folder = env::var_os("RESOLVET_POLICIES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../target/policies"
            ))
        },
        PathBuf::from,
    );
    println!("cargo::rerun-if-env-changed=RESOLVET_POLICIES");
    for name in POLICIES {
        let file = folder.join(name).with_extension("wasm");
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            println!(
                "cargo::error=policy `{name}` is not at {}: run `cargo xtask policies`, or name a folder with RESOLVET_POLICIES",
                file.display()
            );
        }
    }
    println!("cargo::rustc-env=RESOLVET_POLICIES={}", folder.display());
}
