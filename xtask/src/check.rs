//! `cargo xtask check`: the boundaries that only the dependency graph can hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    output,
    policies::root,
    run::{cargo, run},
};

/// What proto may depend on, its feature `enrolment` included: a closed list (ARCHITECTURE.md, The house).
const PROTO: &[&str] = &[
    "base64",
    "cms",
    "crypto-bigint",
    "der",
    "hickory-proto",
    "opaque-ke",
    "p256",
    "p521",
    "pbkdf2",
    "roxmltree",
    "rustls-pki-types",
    "rustls-webpki",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "x509-cert",
    "x509-parser",
    "zeroize",
];

/// What a crate of ours must never reach, by any way of normal dependencies: there is no socket without these.
const NEVER: [(&str, &[&str]); 4] = [
    (
        "resolvet-proto",
        &["tokio", "rustls", "wasmtime", "mio", "socket2"],
    ),
    (
        "resolvet-engine",
        &["tokio", "rustls", "hickory-net", "clap", "mio", "socket2"],
    ),
    ("resolvet", &["clap"]),
    (
        "resolvet-guest",
        &["resolvet-engine", "resolvet", "wasmtime", "tokio"],
    ),
];

/// What a crate of ours must not name itself: errors of libraries have types.
const NOT_ITSELF: [(&str, &[&str]); 3] = [
    ("resolvet-proto", &["anyhow"]),
    ("resolvet-engine", &["anyhow"]),
    ("resolvet", &["anyhow"]),
];

/// Whom a crate of ours may import directly among ours: the arrows of ARCHITECTURE.md.
const ARROWS: [(&str, &[&str]); 8] = [
    ("resolvet-proto", &[]),
    ("resolvet-engine", &["resolvet-proto"]),
    ("resolvet", &["resolvet-engine", "resolvet-proto"]),
    (
        "resolvet-cli",
        &["resolvet", "resolvet-engine", "resolvet-proto"],
    ),
    ("resolvet-guest", &["resolvet-proto"]),
    ("resolvet-policy-pkix", &["resolvet-guest"]),
    ("resolvet-policy-preference", &["resolvet-guest"]),
    ("resolvet-policy-privacy", &["resolvet-guest"]),
];

/// Features of cargo's metadata that are read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Who depends on whom, by names; development and build dependencies left out.
struct Graph {
    normal: BTreeMap<String, BTreeSet<String>>,
}

/// Runs every check.
///
/// # Errors
/// All boundaries that do not hold.
pub(crate) fn all() -> Result<()> {
    let root = root()?;
    let metadata = metadata(&root)?;
    let graph = Graph::of(&metadata);
    let mut problems = graph.problems();
    problems.extend(licences(&metadata, &allowed_licences(&root)?));
    problems.extend(reasons(&fs::read_to_string(root.join("Cargo.toml"))?));
    if !problems.is_empty() {
        bail!("boundaries that do not hold\n{}", problems.join("\n"));
    }
    proto_has_no_std(&root)?;
    advisories(&root)?;
    output::note("the boundaries hold");
    Ok(())
}

fn metadata(root: &Path) -> Result<Metadata> {
    let output = cargo(root, &["metadata", "--format-version", "1", "--locked"])
        .stderr(Stdio::inherit())
        .output()
        .context("`cargo metadata` cannot be started")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("`cargo metadata` has another form")
}

impl Graph {
    fn of(metadata: &Metadata) -> Self {
        let names: BTreeMap<&str, &str> = metadata
            .packages
            .iter()
            .map(|p| (p.id.as_str(), p.name.as_str()))
            .collect();
        let name = |id: &str| {
            names
                .get(id)
                .map_or_else(|| id.to_owned(), |&name| name.to_owned())
        };
        let mut normal: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            let is_normal = |d: &&Dependency| d.dep_kinds.iter().any(|kind| kind.kind.is_none());
            let targets = node.deps.iter().filter(is_normal).map(|d| name(&d.pkg));
            normal.entry(name(&node.id)).or_default().extend(targets);
        }
        Self { normal }
    }

    fn direct(&self, of: &str) -> BTreeSet<String> {
        self.normal.get(of).cloned().unwrap_or_default()
    }

    /// Everything that is reached.
    fn reached(&self, from: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(next) = open.pop() {
            for target in self.direct(&next) {
                if reached.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        reached
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let proto = self.direct("resolvet-proto");
        let allowed: BTreeSet<String> = PROTO.iter().map(|&name| name.to_owned()).collect();
        for extra in proto.difference(&allowed) {
            problems.push(format!(
                "resolvet-proto depends on `{extra}`: its list is closed ({})",
                PROTO.join(", ")
            ));
        }
        for (of, never) in NEVER {
            let reached = self.reached(of);
            let found = never.iter().filter(|&&name| reached.contains(name));
            problems.extend(
                found.map(|name| format!("{of} reaches `{name}`, which it must never import")),
            );
        }
        for (of, not) in NOT_ITSELF {
            let direct = self.direct(of);
            let found = not.iter().filter(|&&name| direct.contains(name));
            problems
                .extend(found.map(|name| {
                    format!("{of} imports `{name}`: libraries have errors with types")
                }));
        }
        for (of, may) in ARROWS {
            let ours = self
                .direct(of)
                .into_iter()
                .filter(|name| name.starts_with("resolvet"));
            let wrong = ours.filter(|name| !may.contains(&name.as_str()));
            problems
                .extend(wrong.map(|name| format!("{of} imports {name}: arrows run the other way")));
        }
        problems
    }
}

/// The licences that `deny.toml` allows.
fn allowed_licences(root: &Path) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Deny {
        licenses: Licenses,
    }
    #[derive(Deserialize)]
    struct Licenses {
        allow: BTreeSet<String>,
    }
    let text = fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let deny: Deny = toml::from_str(&text).context("deny.toml")?;
    Ok(deny.licenses.allow)
}

/// Packages of which no alternative of their licence is allowed. An expression is read as alternatives (`OR`, `/`) of
/// licences that all apply (`AND`); an exception (`WITH`) belongs to the name before it.
fn licences(metadata: &Metadata, allowed: &BTreeSet<String>) -> Vec<String> {
    let good = |expression: &str| {
        let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
        flat.split(" OR ").any(|choice| {
            choice
                .split(" AND ")
                .all(|name| allowed.contains(name.trim()))
        })
    };
    let of_others = metadata
        .packages
        .iter()
        .filter(|p| !metadata.workspace_members.contains(&p.id));
    of_others
        .filter(|package| !package.license.as_deref().is_some_and(good))
        .map(
            |Package {
                 name,
                 version,
                 license,
                 ..
             }| {
                let license = license.as_deref().unwrap_or("no licence");
                format!("{name} {version}: `{license}` is not allowed by deny.toml")
            },
        )
        .collect()
}

/// Dependencies of the workspace that stand there without a reason above them.
fn reasons(manifest: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut in_dependencies = false;
    let mut reason = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line == "[workspace.dependencies]";
        }
        let comment = line
            .strip_prefix("# ")
            .is_some_and(|text| !text.starts_with("---"));
        let name = line.split(" = ").next().unwrap_or_default();
        let ours = name.starts_with("resolvet");
        if in_dependencies && line.contains(" = ") && !comment && !ours && !reason {
            problems.push(format!(
                "dependency `{name}` has no reason above it in Cargo.toml"
            ));
        }
        // A comment covers the lines below it up to the next empty one.
        reason = !line.is_empty() && (comment || reason);
    }
    problems
}

/// Proves that proto is `no_std`: a copy of it that names the clock must not compile, and says so at that line.
fn proto_has_no_std(root: &Path) -> Result<()> {
    let fixture = root.join("tests/fixtures/proto-with-a-clock.rs");
    let addition = fs::read_to_string(&fixture).with_context(|| fixture.display().to_string())?;
    let proto = root.join("host/proto");
    let copy = root.join("target/proto-with-a-clock");
    if copy.exists() {
        fs::remove_dir_all(&copy).context("an old copy of proto")?;
    }
    copy_folder(&proto.join("src"), &copy.join("src"))?;
    let library = copy.join("src/lib.rs");
    let text = fs::read_to_string(&library)?;
    fs::write(&library, format!("{text}\n{addition}"))?;
    fs::write(copy.join("Cargo.toml"), standalone_manifest(root, &proto)?)?;
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let target = root.join("target/proto-check");
    let output = cargo(&copy, &["check", "--quiet", "--target-dir"])
        .arg(target)
        .stdin(Stdio::null())
        .output()
        .context("`cargo check` cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        bail!("proto compiles with `std::time` in it: it is not `no_std` any more");
    }
    // It must fail for this reason and no other.
    let errors = said.matches("error[").count();
    if errors == 0 || errors != said.matches("error[E0433]").count() || !said.contains("std") {
        bail!("proto with `std::time` fails for another reason than `std`:\n{said}");
    }
    Ok(())
}

/// proto's manifest as a package of its own.
fn standalone_manifest(root: &Path, proto: &Path) -> Result<String> {
    let workspace: toml::Table = toml::from_str(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    let mut manifest: toml::Table = toml::from_str(&fs::read_to_string(proto.join("Cargo.toml"))?)?;
    let shared = workspace
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .context("[workspace.dependencies]")?;
    let dependencies = manifest
        .get_mut("dependencies")
        .and_then(toml::Value::as_table_mut)
        .context("proto has dependencies")?;
    // Without its features: what is optional adds nothing to what is shown here.
    dependencies.retain(|_, value| value.get("optional").is_none());
    for (name, value) in dependencies.iter_mut() {
        *value = shared
            .get(name)
            .cloned()
            .with_context(|| format!("dependency `{name}`"))?;
    }
    let package = toml::toml! {
        name = "resolvet-proto"
        version = "0.1.0"
        edition = "2024"
    };
    manifest.insert("package".into(), package.into());
    manifest.insert("workspace".into(), toml::Table::new().into());
    for key in ["features", "lints", "dev-dependencies"] {
        manifest.remove(key);
    }
    Ok(toml::to_string(&manifest)?)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Known vulnerabilities, where cargo-deny and its database are to be had.
fn advisories(root: &Path) -> Result<()> {
    let there = cargo(root, &["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        output::note(
            "cargo-deny is not installed: known vulnerabilities were not looked up (cargo install cargo-deny)",
        );
        return Ok(());
    }
    run(cargo(
        root,
        &["deny", "--offline", "check", "bans", "licenses", "sources"],
    ))?;
    // The database comes from the network, which a machine need not have.
    if run(cargo(root, &["deny", "check", "advisories"])).is_err() {
        output::note("known vulnerabilities were found or could not be looked up: see above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut normal: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            normal
                .entry((*from).into())
                .or_default()
                .insert((*to).into());
        }
        Graph { normal }
    }

    #[test]
    fn an_arrow_the_wrong_way_is_seen() {
        let problems = graph(&[("resolvet-proto", "resolvet-engine")]).problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|p| p.contains("arrows run the other way")),
            "{problems:?}"
        );
    }

    #[test]
    fn what_is_reached_by_others_is_seen() {
        let problems = graph(&[("resolvet-engine", "a"), ("a", "tokio")]).problems();
        assert_eq!(
            problems,
            ["resolvet-engine reaches `tokio`, which it must never import"]
        );
    }

    #[test]
    fn a_dependency_without_a_reason_is_seen() {
        let manifest =
            "[workspace.dependencies]\n# why\na = \"1\"\n\nb = \"1\"\n\n# --- group\nc = \"1\"\n";
        let problems = reasons(manifest);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
