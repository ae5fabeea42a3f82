//! `plugin dev`: builds anew whenever a source changes, and hands the result to a running host by its folder of plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::build::{Built, build, write_at_once};
use crate::error::WorkbenchError;
use crate::project::Project;

/// How often the sources are looked at. Looking needs no service of the system and works on every file system.
const POLL: Duration = Duration::from_millis(500);
/// Folders that builds write to.
const NOT_SOURCES: [&str; 7] =
    ["build", "target", "node_modules", "__pycache__", ".git", "internal/wit", ".venv"];
/// Files that are looked at; a project has few.
const MAX_FILES: usize = 10_000;

/// What the sources were like when they were looked at: how many, how long, and the newest of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stamp {
    files: usize,
    bytes: u64,
    newest: Option<SystemTime>,
}

/// Watches the sources of one project.
#[derive(Debug)]
pub struct Watch {
    project: Project,
    built: Stamp,
}

impl Watch {
    /// Nothing is built yet: the first change is there at once.
    pub fn new(project: Project) -> Self {
        Self { project, built: Stamp::default() }
    }

    /// The project that is watched.
    pub const fn project(&self) -> &Project {
        &self.project
    }

    /// Waits until the sources have changed and rest again: an editor that saves several files has one build.
    pub async fn changed(&mut self) {
        let mut last = Stamp::default();
        loop {
            let now = stamp(&self.project.folder);
            if now != self.built && now == last {
                self.built = now;
                return;
            }
            last = now;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Builds, and puts the component into a folder of plugins, at once and as a whole. Returns where it is now.
    pub fn build_into(&self, plugins: &Path) -> Result<(Built, PathBuf), WorkbenchError> {
        let built = build(&self.project)?;
        fs::create_dir_all(plugins).map_err(WorkbenchError::writing(plugins))?;
        let copy = plugins.join(format!("{}.wasm", self.project.name.as_str()));
        let wasm = fs::read(&built.path).map_err(WorkbenchError::reading(&built.path))?;
        write_at_once(&copy, &wasm)?;
        Ok((built, copy))
    }
}

fn stamp(folder: &Path) -> Stamp {
    let mut stamp = Stamp::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).into_iter().flatten().filter_map(Result::ok) {
            let path = below.join(entry.file_name());
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                if !NOT_SOURCES.iter().any(|skipped| path.ends_with(skipped)) {
                    folders.push(path);
                }
            } else if stamp.files < MAX_FILES {
                stamp.files += 1;
                stamp.bytes += metadata.len();
                stamp.newest = stamp.newest.max(metadata.modified().ok());
            }
        }
    }
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_sources_and_not_what_builds_write() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "a");
        let first = stamp(folder.path());
        write("build/x.wasm", "x");
        write("internal/wit/x.go", "x");
        write("target/release/x", "x");
        assert_eq!(stamp(folder.path()), first);
        write("src/lib.rs", "ab");
        assert_ne!(stamp(folder.path()), first);
    }
}
