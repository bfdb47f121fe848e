//! `resolvet policy diff OLD NEW`: what a new version asks for that the old one did not.

use comfy_table::Cell;
use resolvet_engine::Description;
use resolvet_proto::judgement::Digest;
use serde::Serialize;

use crate::{
    commands::status::short,
    components, config,
    exit::Exit,
    output::{Output, Tone, cell},
    policies,
    report::VERSION,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DiffReport {
    version: u32,
    old: Side,
    new: Side,
    /// Functions of the contract: which facts it can see.
    imports: Change,
    /// Where it can judge.
    stages: Change,
    /// Purposes that a validator judges.
    judges: Change,
    /// Whether the new one asks for more than the old one, or judges more.
    grows: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Side {
    name: String,
    policy_version: String,
    digest: Digest,
    octets: usize,
}

#[derive(Serialize)]
struct Change {
    added: Vec<String>,
    removed: Vec<String>,
}

impl Change {
    fn between(old: Vec<String>, new: Vec<String>) -> Self {
        let without = |these: &[String], those: &[String]| {
            let left = these.iter().filter(|one| !those.contains(one));
            left.cloned().collect()
        };
        Self {
            added: without(&new, &old),
            removed: without(&old, &new),
        }
    }
}

impl Side {
    fn of(described: &Description) -> Self {
        Self {
            name: described.manifest.name.clone(),
            policy_version: described.manifest.version.clone(),
            digest: described.digest,
            octets: described.octets,
        }
    }
}

pub(super) fn run(old: &str, new: &str, output: &Output) -> anyhow::Result<Exit> {
    let engine = policies::engine(&config::Policies::default())?;
    let old = components::described(&engine, old)?;
    let new = components::described(&engine, new)?;
    let stages = |side: &Description| {
        let stages = side.stages.iter();
        stages.map(|stage| stage.as_str().to_owned()).collect()
    };
    let judges = |side: &Description| {
        let judges = side.manifest.judges.iter();
        judges.map(ToString::to_string).collect()
    };
    let (imports, stages, judges) = (
        Change::between(old.imports.clone(), new.imports.clone()),
        Change::between(stages(&old), stages(&new)),
        Change::between(judges(&old), judges(&new)),
    );
    let changes = [("sees", &imports), ("stages", &stages), ("judges", &judges)];
    let grows = changes.iter().any(|(_, change)| !change.added.is_empty());
    if output.is_json() {
        output.document(&DiffReport {
            version: VERSION,
            old: Side::of(&old),
            new: Side::of(&new),
            imports,
            stages,
            judges,
            grows,
        })?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![
        row("policy", &old.manifest.name, &new.manifest.name),
        row("version", &old.manifest.version, &new.manifest.version),
        row("octets", &old.octets.to_string(), &new.octets.to_string()),
        row("digest", &short(&old.digest), &short(&new.digest)),
    ];
    for (what, change) in changes {
        rows.extend(change.removed.iter().map(|gone| row(what, gone, "")));
        let added = change.added.iter();
        rows.extend(added.map(|more| {
            vec![
                Cell::new(what),
                Cell::new(""),
                cell(Tone::Bad, &format!("+ {more}")),
            ]
        }));
    }
    output.table(&["", "old", "new"], rows)?;
    if !grows {
        output.line("it asks for nothing more than before")?;
    }
    Ok(Exit::Done)
}

fn row(what: &str, old: &str, new: &str) -> Vec<Cell> {
    vec![Cell::new(what), Cell::new(old), Cell::new(new)]
}
