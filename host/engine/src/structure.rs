//! What a file contains, read before the runtime or the compiler sees it.

use resolvet_proto::judgement::Stage;
use wasmparser::{
    ComponentExternalKind, Encoding, Parser, Payload, Validator,
    component_types::ComponentEntityType,
};

use crate::{
    config,
    error::AdmissionError,
    host,
    limits::AdmissionLimits,
    manifest::{MANIFEST_SECTION, Manifest},
    provenance::covers,
    text::printable,
};

/// Custom sections that tools write and that mean nothing here.
const HARMLESS: &[&str] = &["name", "component-name", "producers", "target_features"];
/// Beginning of the names of sections in which `wit-component` keeps a component's type.
const COMPONENT_TYPE: &str = "component-type";
/// The interface that has types only.
const TYPES: &str = "verdict";
/// Characters of a name in an error.
const SHOWN: usize = 120;

/// What a component says about itself and asks for.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) manifest: Manifest,
    /// Functions that it imports, `presented.certificate`, sorted.
    pub(crate) imports: Vec<String>,
    /// Judgements that it exports.
    pub(crate) stages: Vec<Stage>,
}

/// Reads a file within these limits.
pub(crate) fn read(file: &[u8], limits: &AdmissionLimits) -> Result<Structure, AdmissionError> {
    at_most(
        "octets of the file",
        file.len(),
        limits.file_octets,
        "file-octets",
    )?;
    is_component(file)?;
    let outline = Outline::of(file, limits)?;
    let types = Validator::new_with_features(config::features())
        .validate_all(file)
        .map_err(invalid(file))?;
    let types = types.as_ref();

    let mut imports = Vec::new();
    for name in &outline.imports {
        let item = types.component_item_for_import(name);
        let Some(ComponentEntityType::Instance(instance)) = item.map(|item| item.ty) else {
            return Err(foreign_import(name));
        };
        let interface = interface(name).ok_or_else(|| foreign_import(name))?;
        let exports = types
            .get(instance)
            .map(|instance| &instance.exports)
            .into_iter()
            .flatten();
        for (function, item) in exports {
            match item.ty {
                ComponentEntityType::Func(_) if host::offers(interface, function) => {
                    imports.push(format!("{interface}.{function}"));
                }
                ComponentEntityType::Type { .. } => {}
                _ => return Err(foreign_import(&format!("{name}#{function}"))),
            }
        }
        // An interface of which nothing is used is no request for anything, but its name must be one of ours.
        if interface != TYPES && !host::has(interface) {
            return Err(foreign_import(name));
        }
    }
    imports.sort();

    let mut stages = Vec::new();
    for (name, kind) in &outline.exports {
        let stage = match (kind, interface(name)) {
            (ComponentExternalKind::Instance, Some("validation")) => Stage::Validation,
            (ComponentExternalKind::Instance, Some("selection")) => Stage::Selection,
            (ComponentExternalKind::Instance, Some("privacy")) => Stage::Privacy,
            _ => {
                return Err(AdmissionError::ForeignExport {
                    export: printable(name, SHOWN),
                });
            }
        };
        stages.push(stage);
    }
    stages.sort();
    if stages.is_empty() {
        return Err(AdmissionError::NoJudgement);
    }

    let manifest = outline
        .manifest
        .ok_or_else(|| manifest_error("missing".into()))?;
    let manifest = Manifest::read(manifest).map_err(manifest_error)?;
    if stages.contains(&Stage::Validation) && manifest.judges.is_empty() {
        return Err(manifest_error(
            "`judges` is empty: a validator says which purposes it judges".into(),
        ));
    }
    if let Some(declared) = &manifest.imports {
        let undeclared = imports.iter().find(|import| !covers(declared, import));
        if let Some(import) = undeclared {
            return Err(AdmissionError::UndeclaredImport {
                import: import.clone(),
                declared: declared.clone(),
            });
        }
    }
    Ok(Structure {
        manifest,
        imports,
        stages,
    })
}

/// What stands in the sections, before types are known.
#[derive(Default)]
struct Outline<'a> {
    imports: Vec<&'a str>,
    exports: Vec<(&'a str, ComponentExternalKind)>,
    manifest: Option<&'a [u8]>,
}

impl<'a> Outline<'a> {
    fn of(file: &'a [u8], limits: &AdmissionLimits) -> Result<Self, AdmissionError> {
        let mut outline = Self::default();
        let (mut depth, mut modules, mut functions) = (0_usize, 0_usize, 0_usize);
        for payload in Parser::new(0).parse_all(file) {
            match payload.map_err(invalid(file))? {
                Payload::Version { .. } => {
                    depth += 1;
                    modules += 1;
                    at_most(
                        "modules and nested components",
                        modules,
                        limits.modules,
                        "modules",
                    )?;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CodeSectionEntry(body) => {
                    functions += 1;
                    at_most("functions", functions, limits.functions, "functions")?;
                    let octets = body.range().len();
                    let limit = limits.function_octets;
                    at_most("octets of one function", octets, limit, "function-octets")?;
                }
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        outline
                            .imports
                            .push(import.map_err(invalid(file))?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let export = export.map_err(invalid(file))?;
                        outline.exports.push((export.name.name, export.kind));
                    }
                }
                Payload::CustomSection(section) => {
                    let (name, data) = (section.name(), section.data());
                    outline.custom(name, data, depth == 1, limits)?;
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    fn custom(
        &mut self,
        name: &str,
        data: &'a [u8],
        outermost: bool,
        limits: &AdmissionLimits,
    ) -> Result<(), AdmissionError> {
        if name == MANIFEST_SECTION && outermost {
            at_most(
                "octets of the manifest",
                data.len(),
                limits.manifest_octets,
                "manifest-octets",
            )?;
            return match self.manifest.replace(data) {
                None => Ok(()),
                Some(_) => Err(manifest_error("it stands twice".into())),
            };
        }
        if HARMLESS.contains(&name) || name.starts_with(COMPONENT_TYPE) {
            return Ok(());
        }
        Err(AdmissionError::CustomSection {
            section: printable(name, SHOWN),
        })
    }
}

/// The interface's name when this names one of ours in a version that matches: `resolvet:policy/NAME@0.1.x`.
fn interface(name: &str) -> Option<&str> {
    let (interface, version) = name
        .strip_prefix(host::PACKAGE)?
        .strip_prefix('/')?
        .split_once('@')?;
    let patch = version.strip_prefix("0.1.")?;
    (!patch.is_empty() && patch.bytes().all(|octet| octet.is_ascii_digit())).then_some(interface)
}

fn is_component(file: &[u8]) -> Result<(), AdmissionError> {
    if !file.starts_with(b"\0asm") {
        return Err(AdmissionError::NotWasm);
    }
    match Parser::new(0).parse_all(file).next() {
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        })) => Ok(()),
        Some(Ok(Payload::Version {
            encoding: Encoding::Module,
            ..
        })) => Err(AdmissionError::CoreModule),
        Some(Err(error)) => Err(invalid(file)(error)),
        _ => Err(AdmissionError::NotWasm),
    }
}

fn at_most(
    what: &'static str,
    came: usize,
    limit: usize,
    setting: &'static str,
) -> Result<(), AdmissionError> {
    if came <= limit {
        return Ok(());
    }
    let (came, limit) = (came as u64, limit as u64);
    Err(AdmissionError::TooLarge {
        what,
        came,
        limit,
        setting,
    })
}

fn invalid(file: &[u8]) -> impl Fn(wasmparser::Error) -> AdmissionError {
    let octets = file.len();
    move |error| {
        let offset = error.offset() as u64;
        if error.message().contains("unexpected end") {
            return AdmissionError::Truncated { octets, offset };
        }
        AdmissionError::Invalid {
            reason: printable(error.message(), SHOWN),
            offset,
        }
    }
}

fn foreign_import(name: &str) -> AdmissionError {
    AdmissionError::ForeignImport {
        import: printable(name, SHOWN),
    }
}

fn manifest_error(reason: String) -> AdmissionError {
    AdmissionError::Manifest {
        reason: printable(&reason, 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_within_0_1() {
        assert_eq!(interface("resolvet:policy/context@0.1.0"), Some("context"));
        assert_eq!(interface("resolvet:policy/context@0.1.17"), Some("context"));
        for other in [
            "resolvet:policy/context",
            "resolvet:policy/context@0.2.0",
            "resolvet:policy/context@0.1",
            "resolvet:policy/context@0.1.0-rc",
            "resolvet:policyx/context@0.1.0",
            "wasi:cli/environment@0.2.0",
        ] {
            assert_eq!(interface(other), None, "{other}");
        }
    }
}
