//! Every YAML that we ship loads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_server::clock::Clock;
use bellwether_server::config::{self, Origin, PromqlSettings, RuleFiles, Sources};
use bellwether_server::plugins::{self, Look};
use libtest_mimic::Trial;

use crate::harness::{Folder, on_real_time, repository, shared, trial, trial_with};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("shipped_rules_load", || rules_load(&files("rules/*.yml"))),
        trial("example_rules_load", || rules_load(&files("examples/**/rules*.yml"))),
        trial("example_configurations_load", example_configurations_load),
        trial("readmes_of_plugins_show_what_loads", readmes_of_plugins_show_what_loads),
        trial_with("seed_rules_load", &shared("seeds/blocks"), seed_rules_load),
        trial_with("seed_routing_loads_as_it_is", &shared("seeds/blocks"), seed_routing_loads_as_it_is),
    ]
}

fn files(pattern: &str) -> Vec<PathBuf> {
    let full = repository().join(pattern);
    let found: Vec<PathBuf> =
        glob::glob(&full.to_string_lossy()).expect("a good pattern").flatten().collect();
    assert!(!found.is_empty(), "{pattern} finds nothing");
    found
}

/// How many rules the files hold; panics with all their errors.
fn count_rules(paths: &[PathBuf]) -> usize {
    let mut count = 0;
    on_real_time(|| async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugins = plugins::look(Look::of(folder.path())).await.expect("plugins load");
        let engine = plugins::engine(&plugins, PromqlSettings::default().engine);
        let mut files = RuleFiles::default();
        paths.iter().for_each(|path| files.add_path(path));
        let groups =
            config::load_rules(&files, &engine, Duration::from_secs(60)).unwrap_or_else(|e| panic!("{e}"));
        count = groups.iter().map(|group| group.rules.len()).sum();
    });
    count
}

fn rules_load(paths: &[PathBuf]) {
    assert!(count_rules(paths) > 0);
}

fn seed_rules_load() {
    let names = ["000_00", "000_01", "000_02", "002_12", "002_13", "003_01"];
    let paths: Vec<PathBuf> = names.iter().map(|name| shared(&format!("seeds/blocks/{name}.yaml"))).collect();
    assert_eq!(count_rules(&paths), 27);
}

fn load(sources: Sources) -> config::Configuration {
    let loaded =
        config::load(&Origin::Files(sources), Clock::system().now()).unwrap_or_else(|e| panic!("{e}"));
    config::load_templates(&loaded).unwrap_or_else(|e| panic!("{e}"));
    loaded
}

fn example_configurations_load() {
    let with = |field: fn(&mut Sources, PathBuf), path: &Path| {
        let mut sources = Sources::default();
        field(&mut sources, path.to_owned());
        load(sources)
    };
    for path in files("examples/**/alertmanager*.yml") {
        with(|sources, path| sources.alertmanager = Some(path), &path);
    }
    for path in files("examples/**/prometheus*.yml") {
        with(|sources, path| sources.prometheus = Some(path), &path);
    }
    for path in files("examples/**/bellwether*.yaml") {
        with(|sources, path| sources.bellwether = Some(path), &path);
    }
}

/// The configurations in the READMEs of templates and examples, as they are for a plugin called `zscore`.
fn readmes_of_plugins_show_what_loads() {
    let mut shown = BTreeMap::new();
    let readmes = ["host/workbench/templates/*/*/README.md", "examples/plugins/*/README.md"];
    for path in readmes.into_iter().flat_map(files) {
        let text = std::fs::read_to_string(&path).expect("a README can be read");
        let text = text.replace("__NAME__", "zscore").replace("__SNAKE__", "zscore");
        for (name, text) in indented_blocks(&text).iter().filter_map(|block| as_file(block)) {
            *shown.entry(name).or_insert(0) += 1;
            let folder = Folder::with(&[(name, &text)]);
            let loaded = config::load(&folder.origin(), Clock::system().now());
            loaded.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if name == "rules.yml" {
                rules_load(&[folder.path(name)]);
            }
        }
    }
    assert_eq!(shown, BTreeMap::from([("alertmanager.yml", 5), ("bellwether.yaml", 5), ("rules.yml", 1)]));
}

/// The file that a block of a README is a part of, by how the block begins.
fn as_file(block: &str) -> Option<(&'static str, String)> {
    if block.starts_with("devices:") {
        return Some(("bellwether.yaml", block.to_owned()));
    }
    if block.starts_with("receivers:") {
        let name = block.lines().find_map(|line| line.trim().strip_prefix("- name: "))?;
        return Some(("alertmanager.yml", format!("route: {{receiver: {name}}}\n{block}")));
    }
    let is_rule = block.starts_with("- alert:");
    let indented = || block.lines().map(|line| format!("  {line}\n")).collect::<String>();
    is_rule.then(|| ("rules.yml", format!("groups:\n- name: g\n  rules:\n{}", indented())))
}

/// The blocks of Markdown that are indented by four.
fn indented_blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(inside), Some(block)) => *block += &format!("{inside}\n"),
            _ => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn seed_routing_loads_as_it_is() {
    let alertmanager = Some(shared("seeds/blocks/000_03.yaml"));
    let loaded = load(Sources { alertmanager, ..Sources::default() });
    assert_eq!(loaded.alerting.receivers.len(), 4);
    let notes = loaded.notes.join("\n");
    assert!(notes.contains("subject") && notes.contains("body"), "{notes}");
}
