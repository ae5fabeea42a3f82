//! `plugin new`: writes a project that builds and passes its tests, with everything in it that it needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bellwether_sandbox::PluginKind;

use crate::embedded::{SDK_MANIFEST, SDK_SOURCES, SDK_WORKSPACE, TEMPLATES, WIT};
use crate::error::WorkbenchError;
use crate::project::{KINDS, Language, PluginName, Project};

/// The version of Bellwether that the project is made for.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Files of a project, by their paths in it.
type Files = BTreeMap<String, Vec<u8>>;

/// What there are templates for.
pub fn templates() -> Vec<(Language, PluginKind)> {
    let all = Language::ALL.into_iter().flat_map(|language| KINDS.map(|kind| (language, kind)));
    all.filter(|(language, kind)| {
        let prefix = format!("{language}/{kind}/");
        TEMPLATES.iter().any(|(path, _)| path.starts_with(&prefix))
    })
    .collect()
}

/// Writes a project into a folder, which must be empty or not there yet. Returns the paths of its files.
pub fn create(
    folder: &Path,
    language: Language,
    kind: PluginKind,
    name: &PluginName,
) -> Result<Vec<PathBuf>, WorkbenchError> {
    if !templates().contains(&(language, kind)) {
        return Err(WorkbenchError::NoTemplate { language: language.as_str(), kind: kind.to_string() });
    }
    let is_occupied = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if is_occupied {
        return Err(WorkbenchError::NotEmpty(folder.to_owned()));
    }
    write_all(folder, files(language, kind, name))
}

fn write_all(folder: &Path, files: Files) -> Result<Vec<PathBuf>, WorkbenchError> {
    let mut written = Vec::new();
    for (path, bytes) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(WorkbenchError::writing(parent))?;
        fs::write(&path, bytes).map_err(WorkbenchError::writing(&path))?;
        written.push(path);
    }
    Ok(written)
}

/// All files of a project. What a kind has takes the place of what all kinds of its language have.
fn files(language: Language, kind: PluginKind, name: &PluginName) -> Files {
    let mut files = interfaces(kind);
    if language == Language::Rust {
        files.extend(sdk());
    }
    for layer in [format!("{language}/common/"), format!("{language}/{kind}/")] {
        for (path, bytes) in TEMPLATES {
            if let Some(relative) = path.strip_prefix(&layer) {
                files.insert(filled_in(relative, name), filled_in_bytes(bytes, name));
            }
        }
    }
    files
}

/// The package of the kind, and the host's as tools that take one folder look for it.
fn interfaces(kind: PluginKind) -> Files {
    let (own, host) = (format!("{kind}/"), "host/");
    let place = |path: &str| {
        let own = path.strip_prefix(&own).map(|file| format!("wit/{file}"));
        own.or_else(|| path.strip_prefix(host).map(|file| format!("wit/deps/host/{file}")))
    };
    WIT.iter().filter_map(|(path, bytes)| Some((place(path)?, bytes.to_vec()))).collect()
}

/// How a manifest names the copy of the SDK in its project.
const OWN_SDK: &str = "path = \"sdk\"";

/// Writes the interfaces into a project that has none, and the SDK where its manifest names it, as for one that is kept
/// beside them.
pub(crate) fn add_interfaces(project: &Project) -> Result<(), WorkbenchError> {
    let mut missing = Files::new();
    if !project.wit().exists() {
        missing.extend(interfaces(project.kind));
    }
    let manifest = fs::read_to_string(project.folder.join("Cargo.toml")).unwrap_or_default();
    if manifest.contains(OWN_SDK) && !project.folder.join("sdk").exists() {
        missing.extend(sdk());
    }
    write_all(&project.folder, missing).map(drop)
}

/// The SDK with a manifest that needs no workspace. Its bindings come from the project's own interfaces.
fn sdk() -> Files {
    let mut files = Files::new();
    for (path, bytes) in SDK_SOURCES {
        let text = String::from_utf8_lossy(bytes);
        let own = KINDS.iter().fold(text.into_owned(), |text, kind| {
            text.replace(&format!("path: [\"../../wit/host\", \"../../wit/{kind}\"]"), "path: \"../wit\"")
        });
        files.insert(format!("sdk/src/{path}"), own.into_bytes());
    }
    files.insert("sdk/Cargo.toml".into(), sdk_manifest().into_bytes());
    files
}

/// The SDK's manifest with what it takes from its workspace written out.
fn sdk_manifest() -> String {
    let parse = |text: &str| text.parse::<toml::Table>().expect("embedded manifests are tested");
    let (workspace, mut own) = (parse(SDK_WORKSPACE), parse(SDK_MANIFEST));
    let workspace = workspace["workspace"].as_table().expect("embedded manifests are tested");
    own.remove("lints");
    for (section, shared) in [("package", "package"), ("dependencies", "dependencies")] {
        let shared = workspace.get(shared).and_then(toml::Value::as_table);
        let Some(entries) = own.get_mut(section).and_then(toml::Value::as_table_mut) else { continue };
        for (key, value) in entries.iter_mut() {
            let inherits = value.get("workspace").is_some();
            if let Some(shared) = shared.and_then(|shared| shared.get(key)).filter(|_| inherits) {
                *value = shared.clone();
            }
        }
    }
    let text = toml::to_string(&own).expect("a table prints");
    format!("# A copy of Bellwether's SDK, so that this folder needs nothing else.\n{text}")
}

fn filled_in(text: &str, name: &PluginName) -> String {
    text.replace("__NAME__", name.as_str())
        .replace("__SNAKE__", &name.snake())
        .replace("__PASCAL__", &name.pascal())
        .replace("__VERSION__", VERSION)
}

/// Only texts have placeholders.
fn filled_in_bytes(bytes: &[u8], name: &PluginName) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => filled_in(text, name).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn name(text: &str) -> PluginName {
        text.parse().unwrap()
    }

    #[test]
    fn fills_in_every_placeholder() {
        let text = filled_in("__NAME__ __SNAKE__ __PASCAL__ __VERSION__ __init__", &name("my-board"));
        assert_eq!(text, format!("my-board my_board MyBoard {VERSION} __init__"));
        assert_eq!(filled_in_bytes(b"\xff__NAME__", &name("x")), b"\xff__NAME__", "no text");
    }

    #[test]
    fn every_template_is_a_whole_project() {
        assert!(templates().len() >= 3);
        for (language, kind) in templates() {
            let files = files(language, kind, &name("my-board"));
            let has = |path: &&str| files.contains_key(*path);
            let world = format!("wit/{kind}.wit");
            let needed = ["plugin.toml", "README.md", ".gitignore", "wit/deps/host/types.wit", &world];
            assert_eq!(needed.iter().find(|path| !has(path)), None, "{language} {kind}");
            for (path, bytes) in &files {
                let text = String::from_utf8_lossy(bytes);
                let left = ["__NAME__", "__SNAKE__", "__PASCAL__", "__VERSION__"]
                    .iter()
                    .find(|p| text.contains(**p));
                assert_eq!((left, path.contains("__")), (None, false), "{language} {kind}: {path}");
            }
            let golden = |path: &&String| path.starts_with("tests/") && path.ends_with(".golden");
            assert!(files.keys().filter(golden).count() >= 2, "{language} {kind} has tests");
        }
    }

    #[test]
    fn writes_into_empty_folders_only() {
        let folder = tempfile::tempdir().unwrap();
        let made = create(folder.path(), Language::Rust, PluginKind::Driver, &name("my-board"));
        assert!(made.unwrap().contains(&folder.path().join("plugin.toml")));
        let project = Project::open(folder.path()).unwrap();
        assert_eq!((project.kind, project.name.as_str()), (PluginKind::Driver, "my-board"));
        let again = create(folder.path(), Language::Rust, PluginKind::Driver, &name("my-board"));
        assert!(again.unwrap_err().to_string().contains("is not empty; give another name"));
    }

    #[test]
    fn a_project_that_is_kept_without_them_gets_interfaces_and_sdk() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), Language::Rust, PluginKind::Detector, &name("my-board")).unwrap();
        let project = Project::open(folder.path()).unwrap();
        for part in ["sdk", "wit"] {
            fs::remove_dir_all(folder.path().join(part)).unwrap();
        }
        add_interfaces(&project).unwrap();
        assert!(folder.path().join("sdk/src/models.rs").is_file() && project.wit().is_dir());
        fs::write(folder.path().join("sdk/src/models.rs"), "mine").unwrap();
        add_interfaces(&project).unwrap();
        assert_eq!(
            fs::read(folder.path().join("sdk/src/models.rs")).unwrap(),
            b"mine",
            "what is there stays"
        );
    }

    #[test]
    fn the_sdk_stands_on_its_own() {
        let files = sdk();
        for kind in KINDS {
            let text = String::from_utf8_lossy(&files[&format!("sdk/src/{kind}.rs")]).into_owned();
            assert!(text.contains("path: \"../wit\",") && !text.contains("../../wit"), "{kind}");
        }
        let manifest = String::from_utf8_lossy(&files["sdk/Cargo.toml"]).into_owned();
        assert!(!manifest.contains("workspace") && manifest.contains("edition = \"2024\""), "{manifest}");
        assert!(manifest.contains("wit-bindgen") && manifest.contains("version = \"0.6"), "{manifest}");
    }
}
