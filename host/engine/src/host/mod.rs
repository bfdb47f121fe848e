//! The interfaces that policies may import, a file for each.
//!
//! Facts read the request and nothing else. A value is copied once, from the request into the guest's memory: octets go as
//! [`Bytes`] that share the request's allocation. Every call counts what crosses against `limits.call-octets`.

mod anchors;
mod candidates;
mod context;
mod conveyed;
mod crypto;
mod log;
mod presented;
mod records;
mod revocation;
mod server;
mod settings;

use bytes::Bytes;
use resolvet_proto::judgement::{Der, Source, Stage};
use wasmtime::{
    Engine, StoreContextMut,
    component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower},
};

use crate::state::{Broken, Facts, State};

/// Package of the contract.
pub(crate) const PACKAGE: &str = "resolvet:policy";
/// Version of the contract that is offered.
const VERSION: &str = "0.1.0";

type Host<'a> = LinkerInstance<'a, State>;

/// One interface: its name, its functions, and how they are linked.
struct Interface {
    name: &'static str,
    functions: &'static [&'static str],
    link: fn(&mut Host<'_>) -> wasmtime::Result<()>,
}

macro_rules! interfaces {
    ($($module:ident: $($function:literal)+;)+) => {
        &[$(Interface { name: stringify!($module), functions: &[$($function),+], link: $module::link }),+]
    };
}

/// Everything that is offered, as in `wit/`.
const INTERFACES: &[Interface] = interfaces! {
    anchors: "database" "count" "certificate" "for-subject";
    candidates: "count" "get" "ranks" "weight" "evidence" "sources" "path" "identity";
    context: "purpose" "now" "clock" "usage-profile" "network-identity" "est-server-authentication" "authentication-domain-name" "reference-identifiers";
    conveyed: "state" "anchors-suffice" "count" "certificate";
    crypto: "verify-signature" "digest";
    log: "write";
    presented: "count" "certificate" "ocsp-response";
    records: "count" "get" "dnssec";
    revocation: "count" "crl" "domain-cert-revocation-checks";
    server: "transport" "address" "port" "path" "sources" "pins" "resolver-info" "resolver-info-keys" "privacy-token-url" "privacy-token" "privacy-token-problem";
    settings: "json";
};

/// A linker that offers the contract and nothing else.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    for interface in INTERFACES {
        let name = interface_name(interface.name);
        (interface.link)(&mut linker.instance(&name)?)?;
    }
    Ok(linker)
}

/// The interface by which a policy judges at this stage.
pub(crate) fn exported(stage: Stage) -> String {
    interface_name(stage.as_str())
}

/// An interface of the contract as components name it: `resolvet:policy/settings@0.1.0`.
#[must_use]
pub fn interface_name(interface: &str) -> String {
    format!("{PACKAGE}/{interface}@{VERSION}")
}

/// Whether this function of this interface is offered.
pub(crate) fn offers(interface: &str, function: &str) -> bool {
    INTERFACES
        .iter()
        .any(|known| known.name == interface && known.functions.contains(&function))
}

/// Whether there is such an interface.
pub(crate) fn has(interface: &str) -> bool {
    INTERFACES.iter().any(|known| known.name == interface)
}

/// Links a function that reads a fact.
fn fact<P, R>(
    host: &mut Host<'_>,
    name: &'static str,
    read: impl Fn(&Facts, P) -> R + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    R: Crossing + Send + Sync + 'static,
    (R,): ComponentNamedList + Lower,
{
    host.func_wrap(
        name,
        move |mut store: StoreContextMut<'_, State>, parameters: P| {
            let state = store.data_mut();
            let value = read(state.facts()?, parameters);
            state.cross(value.octets())?;
            Ok((value,))
        },
    )
}

/// How many octets a value has when it crosses.
trait Crossing {
    fn octets(&self) -> usize;
}

macro_rules! fixed {
    ($($type:ty)+) => {
        $(impl Crossing for $type {
            fn octets(&self) -> usize {
                size_of::<$type>()
            }
        })+
    };
}

fixed!(bool u16 u32 u64);

impl Crossing for Bytes {
    fn octets(&self) -> usize {
        self.len()
    }
}

impl Crossing for String {
    fn octets(&self) -> usize {
        self.len()
    }
}

impl<T: Crossing> Crossing for Option<T> {
    fn octets(&self) -> usize {
        self.as_ref().map_or(0, Crossing::octets)
    }
}

impl<T: Crossing> Crossing for Vec<T> {
    fn octets(&self) -> usize {
        self.iter().map(Crossing::octets).sum()
    }
}

impl<T: Crossing, U: Crossing> Crossing for (T, U) {
    fn octets(&self) -> usize {
        self.0.octets() + self.1.octets()
    }
}

/// The octets of a fact, shared with the request.
fn shared(der: &Der) -> Bytes {
    struct Owner(Der);

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    Bytes::from_owner(Owner(der.clone()))
}

/// One of these, shared; absent beyond the end.
fn nth(list: &[Der], index: u32) -> Option<Bytes> {
    list.get(index as usize).map(shared)
}

/// How many there are. Requests are bounded far below what 32 bits count.
fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// An address in network order.
fn address_octets(address: std::net::IpAddr) -> Bytes {
    match address {
        std::net::IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        std::net::IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    }
}

/// Which ways found a server.
fn words<'a>(sources: impl Iterator<Item = &'a Source>) -> Vec<String> {
    sources.map(|source| source.as_str().to_owned()).collect()
}

/// The host ends the evaluation because of what a guest passed.
fn misuse(message: &str) -> Broken {
    Broken {
        kind: resolvet_proto::judgement::FaultKind::Contract,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The functions of the interfaces that worlds import, as `wit/` has them.
    fn contract() -> BTreeSet<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let world = fs::read_to_string(folder.join("world.wit")).unwrap();
        let mut functions = BTreeSet::new();
        for import in world
            .lines()
            .filter_map(|line| line.trim().strip_prefix("import "))
        {
            let interface = import.trim_end_matches(';');
            let text = fs::read_to_string(folder.join(format!("{interface}.wit"))).unwrap();
            for line in text
                .lines()
                .map(str::trim)
                .filter(|line| !line.starts_with('/'))
            {
                if let Some((function, _)) = line.split_once(": func(") {
                    functions.insert((interface.to_owned(), function.to_owned()));
                }
            }
        }
        functions
    }

    #[test]
    fn what_the_contract_says_is_offered_and_nothing_else() {
        let offered: BTreeSet<_> = INTERFACES
            .iter()
            .flat_map(|interface| {
                interface
                    .functions
                    .iter()
                    .map(|f| (interface.name.into(), (*f).into()))
            })
            .collect();
        assert_eq!(offered, contract());
        assert!(offers("presented", "certificate"));
        assert!(!offers("presented", "crl"));
    }
}
