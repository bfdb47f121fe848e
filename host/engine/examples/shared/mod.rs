//! What programs that measure the engine begin with.

use std::{fs, path::Path};

use resolvet_engine::{Compiler, Options};
use resolvet_proto::judgement::Request;
use serde_json::{Map, Value};
use tempfile::TempDir;

/// The argument with which a program compiles.
pub(crate) const COMPILE: &str = "compile-from-stdin";

/// The program compiles by itself, and keeps compiled code in a folder that vanishes.
pub(crate) fn options() -> (Options, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![COMPILE.into()]).unwrap();
    options.cache = Some(folder.path().join("cache"));
    (options, folder)
}

/// A component that `cargo xtask policies` made, by its place among them.
pub(crate) fn component(name: &str) -> Vec<u8> {
    read(&format!("target/policies/{name}"))
}

/// A real certification path that is acceptable, and the settings of its case.
pub(crate) fn good_path() -> (Request, Map<String, Value>) {
    let case = read("policies/pkix/cases/accepts-a-good-path.json");
    let case: Value = serde_json::from_slice(&case).unwrap();
    let request = serde_json::from_value(case["request"].clone()).unwrap();
    let settings = case["settings"].as_object().cloned();
    (request, settings.unwrap_or_default())
}

/// Octets of this process in memory.
pub(crate) fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| {
        let path = path.display();
        panic!("{path}: {error}: `cargo xtask policies` makes it")
    })
}
