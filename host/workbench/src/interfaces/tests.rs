//! What is asked of the interfaces themselves: each item says what it is for, and what is released goes on working.

use std::fs;
use std::path::{Path, PathBuf};

use wit_component::semver_check;
use wit_parser::{Docs, WorldId};

use super::*;

#[test]
fn every_item_has_a_doc_comment() {
    let (resolve, ids) = packages(FOLDERS);
    let items = ids.iter().flat_map(|id| items(&resolve, *id));
    let silent = items.filter(|(_, docs)| docs.contents.as_deref().unwrap_or_default().trim().is_empty());
    let silent: Vec<String> = silent.map(|(item, _)| item).collect();
    assert!(silent.is_empty(), "these have no doc comment: {}", silent.join(", "));
}

/// All that can have a doc comment, by its name.
fn items(resolve: &Resolve, package: PackageId) -> Vec<(String, &Docs)> {
    let package = &resolve.packages[package];
    let of_package = package.name.to_string();
    let mut items = vec![(of_package.clone(), &package.docs)];
    let worlds = package.worlds.iter();
    items.extend(worlds.map(|(name, id)| (format!("{of_package}/{name}"), &resolve.worlds[*id].docs)));
    for (name, id) in &package.interfaces {
        let (of_interface, interface) = (format!("{of_package}/{name}"), &resolve.interfaces[*id]);
        let functions = interface.functions.iter();
        items.extend(functions.map(|(name, function)| (format!("{of_interface}.{name}"), &function.docs)));
        for (name, id) in interface.types.iter().filter(|(_, id)| is_own(resolve, **id)) {
            let (of_type, defined) = (format!("{of_interface}.{name}"), &resolve.types[*id]);
            let parts = parts(&defined.kind).into_iter();
            items.extend(parts.map(|(part, docs)| (format!("{of_type}.{part}"), docs)));
            items.push((of_type, &defined.docs));
        }
        items.push((of_interface, &interface.docs));
    }
    items
}

/// Fields, cases and flags.
fn parts(kind: &TypeDefKind) -> Vec<(&str, &Docs)> {
    match kind {
        TypeDefKind::Record(of) => of.fields.iter().map(|field| (&*field.name, &field.docs)).collect(),
        TypeDefKind::Variant(of) => of.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
        TypeDefKind::Enum(of) => of.cases.iter().map(|case| (&*case.name, &case.docs)).collect(),
        TypeDefKind::Flags(of) => of.flags.iter().map(|flag| (&*flag.name, &flag.docs)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn plugins_of_every_release_fit() {
    for release in releases() {
        let broken = broken(&release, &wit());
        assert!(broken.is_empty(), "plugins built against {} no longer fit: {broken:#?}", release.display());
    }
}

#[test]
fn what_has_grown_since_a_release_has_a_new_version() {
    for release in releases() {
        assert_eq!(grown(&release, &wit()), Vec::<String>::new(), "raise their versions");
    }
    let changed = tempfile::tempdir().unwrap();
    copy_with(
        changed.path(),
        "host",
        "interface kv {",
        "interface clock { now: func() -> u64; }\ninterface kv {",
    );
    assert_eq!(grown(&wit(), changed.path()), ["bellwether:host@0.1.0"]);
}

#[test]
fn incompatible_changes_are_found() {
    let record = ("driver", "record sample {", "record sample {\n    unit: string,");
    for (folder, from, to, finds) in [
        (record.0, record.1, record.2, Some("bellwether:driver/driver-plugin")),
        ("driver", "    message,\n", "    message,\n    lengths,\n", Some("bellwether:driver/driver-plugin")),
        (
            "detector",
            "evaluate: func(function: string,",
            "evaluate: func(",
            Some("bellwether:detector/detector-plugin"),
        ),
        (
            "receiver",
            "  describe: func",
            "  version: func() -> string;\n  describe: func",
            Some("bellwether:receiver/receiver-plugin"),
        ),
        ("host", "  write: func", "  write-line: func", Some("bellwether:driver/driver-plugin")),
        ("host", "interface kv {", "interface clock { now: func() -> u64; }\ninterface kv {", None),
        ("host", "  send: func(request", "  ping: func();\n  send: func(request", None),
    ] {
        let changed = tempfile::tempdir().unwrap();
        copy_with(changed.path(), folder, from, to);
        let broken = broken(&wit(), changed.path());
        match finds {
            Some(world) => assert!(broken.iter().any(|text| text.starts_with(world)), "{to}: {broken:?}"),
            None => assert!(broken.is_empty(), "{to}: {broken:?}"),
        }
    }
}

/// Packages that have the same version on both sides, and not the same items.
fn grown(release: &Path, now: &Path) -> Vec<String> {
    let names = |folder: &Path| {
        let mut resolve = Resolve::default();
        let ids = push(&mut resolve, folder);
        ids.map(|id| {
            let mut names: Vec<String> = items(&resolve, id).into_iter().map(|(name, _)| name).collect();
            names.sort();
            (resolve.packages[id].name.to_string(), names)
        })
    };
    let pairs = names(release).into_iter().zip(names(now));
    pairs.filter(|(released, now)| released.0 == now.0 && released.1 != now.1).map(|(_, now)| now.0).collect()
}

fn releases() -> Vec<PathBuf> {
    let folder = fs::read_dir(wit().join("released")).unwrap();
    let releases: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(!releases.is_empty());
    releases
}

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// A copy of the interfaces in which one text is another.
fn copy_with(to: &Path, changed: &str, from: &str, with: &str) {
    let mut found = 0;
    for folder in FOLDERS {
        fs::create_dir(to.join(folder)).unwrap();
        for entry in fs::read_dir(wit().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mut text = fs::read_to_string(&path).unwrap();
            if folder == changed && text.contains(from) {
                found += 1;
                text = text.replacen(from, with, 1);
            }
            fs::write(to.join(folder).join(path.file_name().unwrap()), text).unwrap();
        }
    }
    assert_eq!(found, 1, "{from}");
}

/// Worlds for which a plugin that was built against the one side does not fit into the other, each with the reason.
fn broken(built_against: &Path, host: &Path) -> Vec<String> {
    let mut resolve = Resolve::default();
    let before = push(&mut resolve, built_against);
    // The same names and versions come once more; nothing else is looked up here.
    resolve.package_names.clear();
    let now = push(&mut resolve, host);
    let pairs = before.into_iter().zip(now).flat_map(|(before, now)| worlds(&resolve, before, now));
    let broken = pairs.filter_map(|(world, before, now)| {
        let Some(now) = now else { return Some(format!("{world}: it is gone")) };
        semver_check(resolve.clone(), before, now).err().map(|error| format!("{world}: {error:#}"))
    });
    broken.collect()
}

fn push(resolve: &mut Resolve, folder: &Path) -> [PackageId; 4] {
    FOLDERS.map(|package| resolve.push_dir(folder.join(package)).unwrap().0)
}

/// Each world of a package, by its name, with the one that it became.
fn worlds(resolve: &Resolve, before: PackageId, now: PackageId) -> Vec<(String, WorldId, Option<WorldId>)> {
    let (before, now) = (&resolve.packages[before], &resolve.packages[now]);
    let of = |name: &str| format!("{}:{}/{name}", before.name.namespace, before.name.name);
    before.worlds.iter().map(|(name, id)| (of(name), *id, now.worlds.get(name).copied())).collect()
}
