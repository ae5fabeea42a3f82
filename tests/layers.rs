//! Cargo's dependencies are the architecture: they are compared with the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::harness::{repository, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("crates_depend_on_what_the_architecture_allows", crates_depend_on_what_the_architecture_allows),
        trial("pure_crates_link_no_runtime_and_no_sandbox", pure_crates_link_no_runtime_and_no_sandbox),
    ]
}

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Rows of the table whose first cell is a crate in backticks and whose last cell lists crates.
fn table() -> Edges {
    let text =
        std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| cells.len() >= 3)
        .map(|cells| {
            let name = cells[0].trim_matches('`').to_owned();
            let edges =
                cells[cells.len() - 1].split(',').map(|edge| edge.trim().trim_matches('`').to_owned());
            (name, edges.filter(|edge| !edge.is_empty() && edge != "–" && edge != "-").collect())
        })
        .collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata gives JSON")
}

/// Ordinary dependencies between our crates, by folder names.
fn cargo_edges() -> Edges {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let own = |name: &str| name.strip_prefix("bellwether-").map(str::to_owned);
    let mut edges = Edges::new();
    for package in packages {
        let manifest = package["manifest_path"].as_str().unwrap_or("");
        let Some(name) = own(package["name"].as_str().unwrap_or("")) else {
            continue;
        };
        if !manifest.contains("/host/") {
            continue;
        }
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        let ordinary = dependencies.filter(|dependency| dependency["kind"].is_null());
        edges.insert(name, ordinary.filter_map(|dependency| own(dependency["name"].as_str()?)).collect());
    }
    edges
}

fn crates_depend_on_what_the_architecture_allows() {
    let (written, real) = (table(), cargo_edges());
    let names = |edges: &Edges| edges.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&real),
        names(&written),
        "the table in ARCHITECTURE.md lists other crates than host/ holds"
    );
    let all: BTreeSet<String> = real.keys().cloned().collect();
    for (name, edges) in &real {
        let allowed = &written[name];
        let allowed = if allowed.contains("all") { &all } else { allowed };
        let forbidden: Vec<_> = edges.difference(allowed).collect();
        assert!(
            forbidden.is_empty(),
            "{name} depends on {forbidden:?}, which ARCHITECTURE.md does not allow"
        );
    }
}

fn pure_crates_link_no_runtime_and_no_sandbox() {
    for name in ["model", "template", "promql", "rules", "alerting"] {
        let manifest = repository().join("host").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).expect("each crate has a manifest");
        let ordinary = text.split("[dev-dependencies]").next().unwrap_or("");
        for banned in ["tokio", "reqwest", "wasmtime", "rusqlite", "axum"] {
            assert!(!ordinary.contains(&format!("\n{banned}")), "{name} depends on {banned}");
        }
    }
}
