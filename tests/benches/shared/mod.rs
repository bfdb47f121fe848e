//! What benchmarks over the lab begin with.

use std::{ffi::OsString, fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use resolvet::{Client, Policies, Recursive};
use resolvet_engine::{Compiler, Engine, Options, PolicySet, Rule};
use resolvet_proto::{
    judgement::{AnchorDatabase, AnchorSet, Role, UsageProfile},
    session::Config,
};
use resolvet_tests::lab::Lab;

/// The argument with which a program compiles.
pub(crate) const COMPILE: &str = "compile-from-stdin";
pub(crate) const DOMAIN: &str = "example.net";

/// A client with the policies that ship.
pub(crate) fn client(resolver: SocketAddr) -> Client {
    let mut options = Options::default();
    options.compiler = Compiler::this_program(vec![OsString::from(COMPILE)]).unwrap();
    let engine = Engine::new(options).unwrap();
    let rules = ["pkix", "preference", "privacy"].map(|name| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/policies");
        let file = folder.join(name).with_extension("wasm");
        let octets = fs::read(&file).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: `cargo xtask policies` makes it",
                file.display()
            )
        });
        let mut rule = Rule::new(engine.admit(&octets).unwrap());
        if name == "pkix" {
            rule.role = Role::Authority;
        }
        rule
    });
    let set = PolicySet::new(&engine, &UsageProfile::Strict, rules.into()).unwrap();
    let resolver = Recursive::new(resolver, Duration::from_secs(5));
    Client::new(Policies::new(&engine, set), resolver)
}

/// A session to the lab's site.
pub(crate) fn config(lab: &Lab) -> Config {
    let mut config = Config::new(DOMAIN, 1);
    let anchors = lab
        .anchors()
        .iter()
        .map(|der| der.as_ref().into())
        .collect();
    config.anchors = Arc::new(AnchorSet::new(AnchorDatabase::Explicit, anchors));
    config
}
