//! Making a component of a core module, and a policy's file of a component.

use std::borrow::Cow;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;
use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _};
use wasmparser::{BinaryReader, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::wasm::Package;

/// The custom section that holds the manifest.
const MANIFEST_SECTION: &str = "resolvet:manifest";
/// What the names of crates that ship begin with; users know the policies by the rest.
const CRATE_PREFIX: &str = "resolvet-policy-";
/// The interface that has types only: nothing is asked for by it.
const TYPES: &str = "verdict";
/// The package of the contract.
const CONTRACT: &str = "resolvet:policy";
/// What begins a binary of WebAssembly, before its version.
const MAGIC: &[u8] = b"\0asm";
/// Octets of magic number, version and layer.
const HEADER: usize = 8;

/// A policy's file, and what it sees of a request.
#[derive(Debug)]
pub(crate) struct Component {
    /// The name that users know it by.
    pub(crate) name: String,
    /// The file.
    pub(crate) octets: Vec<u8>,
    /// What it imports, without package and version where that is the contract's.
    pub(crate) imports: Vec<String>,
    /// What it exports, in the same form.
    pub(crate) exports: Vec<String>,
}

/// What a policy says about itself.
#[derive(Serialize)]
struct Manifest<'a> {
    manifest: u32,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authors: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    judges: Vec<&'a str>,
    imports: Vec<&'a str>,
    contract: String,
}

/// Makes a policy's file: the core module as a component, without custom sections but the manifest.
///
/// # Errors
/// The module does not fit the contract, imports anything else, or its crate's metadata are not whole.
pub(crate) fn make(package: &Package, module: &[u8]) -> Result<Component> {
    let name = package
        .name
        .strip_prefix(CRATE_PREFIX)
        .unwrap_or(&package.name)
        .to_owned();
    let octets = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("`{name}` makes no component of the contract"))?;
    let mut octets = strip(&octets)?;
    let (imports, exports) = interfaces(&octets)?;
    let contract = contract(&name, &imports, &exports)?;
    let short = |names: &[String]| {
        names
            .iter()
            .map(|name| interface(name).to_owned())
            .collect::<Vec<_>>()
    };
    let (imports, exports) = (short(&imports), short(&exports));
    let judges = judges(package)?;
    if judges.is_empty() && exports.iter().any(|export| export == "validation") {
        bail!(
            "`{name}` is a validator: expected `judges = [\"dns-server\", …]` in [package.metadata.resolvet]"
        );
    }
    let manifest = Manifest {
        manifest: 1,
        name: &name,
        version: &package.version,
        description: package.description.as_deref().unwrap_or_default(),
        authors: &package.authors,
        judges,
        imports: imports
            .iter()
            .map(String::as_str)
            .filter(|interface| *interface != TYPES)
            .collect(),
        contract,
    };
    let manifest = serde_json::to_vec(&manifest)?;
    CustomSection {
        name: MANIFEST_SECTION.into(),
        data: Cow::Owned(manifest),
    }
    .append_to_component(&mut octets);
    Ok(Component {
        name,
        octets,
        imports,
        exports,
    })
}

/// The contract's version, the same in every name. Whatever is not of the contract is refused: a policy has no world but
/// its request.
fn contract(policy: &str, imports: &[String], exports: &[String]) -> Result<String> {
    let mut version = None;
    for name in imports.iter().chain(exports) {
        let parts = name
            .strip_prefix(CONTRACT)
            .and_then(|rest| rest.strip_prefix('/')?.split_once('@'));
        let Some((_, this)) = parts else {
            bail!(
                "`{policy}` imports or exports `{name}`: expected interfaces of `{CONTRACT}` only"
            );
        };
        if *version.get_or_insert(this) != this {
            bail!(
                "`{policy}` mixes versions of `{CONTRACT}`: {}, {this}",
                version.unwrap_or_default()
            );
        }
    }
    let Some(version) = version.filter(|_| !exports.is_empty()) else {
        bail!(
            "`{policy}` exports nothing: expected one of the macros export_validator!, export_selector!, export_privacy_assessor!"
        );
    };
    Ok(format!("{CONTRACT}@{version}"))
}

/// The interface in a name of the contract.
fn interface(name: &str) -> &str {
    let name = name
        .split_once('/')
        .map_or(name, |(_, interface)| interface);
    name.split_once('@')
        .map_or(name, |(interface, _)| interface)
}

/// The purposes that a validator judges, from its crate's metadata.
fn judges(package: &Package) -> Result<Vec<&str>> {
    let Some(judges) = package.metadata.pointer("/resolvet/judges") else {
        return Ok(Vec::new());
    };
    let words = judges
        .as_array()
        .map(|words| words.iter().map(Value::as_str).collect());
    words.flatten().with_context(|| {
        format!(
            "`judges` of `{}` is {judges}: expected a list of words",
            package.name
        )
    })
}

/// What a component imports and exports.
fn interfaces(component: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    // Nested modules and components have imports of their own, which are satisfied inside.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// The same binary without custom sections, in nested modules and components too: they are names and the history of
/// tools, which nothing reads.
fn strip(binary: &[u8]) -> Result<Vec<u8>> {
    let (header, sections) = binary
        .split_at_checked(HEADER)
        .context("the binary is shorter than its header")?;
    if !header.starts_with(MAGIC) {
        bail!("the binary does not begin with the magic number of WebAssembly");
    }
    let is_component = header.get(6) == Some(&1);
    let mut stripped = header.to_vec();
    let mut reader = BinaryReader::new(sections, HEADER);
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(size as usize)?;
        // Identifiers in the component's layer: 0 custom, 1 core module, 4 component. In a module's: 0 custom.
        let content = match id {
            0 => continue,
            1 | 4 if is_component => Cow::Owned(strip(content)?),
            _ => Cow::Borrowed(content),
        };
        stripped.push(id);
        content.as_ref().encode(&mut stripped);
    }
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contract_may_be_imported() {
        let ours = "resolvet:policy/log@0.1.0".to_owned();
        let export = "resolvet:policy/validation@0.1.0".to_owned();
        let made = contract(
            "p",
            std::slice::from_ref(&ours),
            std::slice::from_ref(&export),
        );
        assert_eq!(made.unwrap(), "resolvet:policy@0.1.0");
        for foreign in [
            "wasi:clocks/wall-clock@0.2.0",
            "resolvet:policyx/log@0.1.0",
            "resolvet:policy",
            "env",
        ] {
            let imports = [ours.clone(), foreign.to_owned()];
            let error = contract("p", &imports, std::slice::from_ref(&export))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(&format!("imports or exports `{foreign}`")),
                "{error}"
            );
        }
        let mixed = contract(
            "p",
            &[ours, "resolvet:policy/context@0.2.0".to_owned()],
            &[export],
        );
        assert!(mixed.unwrap_err().to_string().contains("mixes versions"));
        assert!(
            contract("p", &[], &[])
                .unwrap_err()
                .to_string()
                .contains("exports nothing")
        );
    }

    #[test]
    fn custom_sections_go_and_the_rest_stays() {
        let mut module = wasm_encoder::Module::new();
        module.section(&CustomSection {
            name: "name".into(),
            data: Cow::Borrowed(b"x"),
        });
        module.section(&wasm_encoder::TypeSection::new());
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::ModuleSection(&module));
        component.section(&CustomSection {
            name: "producers".into(),
            data: Cow::Borrowed(b"y"),
        });

        let mut bare = wasm_encoder::Module::new();
        bare.section(&wasm_encoder::TypeSection::new());
        let mut expected = wasm_encoder::Component::new();
        expected.section(&wasm_encoder::ModuleSection(&bare));
        assert_eq!(strip(&component.finish()).unwrap(), expected.finish());
    }

    #[test]
    fn a_truncated_binary_is_refused() {
        let component = wasm_encoder::Component::new().finish();
        assert!(strip(&component).is_ok());
        assert!(strip(&component[..5]).is_err());
        assert!(strip(&[&component[..], &[1, 200]].concat()).is_err());
    }
}
