//! Plugins that were built at each release of the interfaces, and never since: each goes on loading, and giving what it gave.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

#[tokio::test]
async fn plugins_of_every_release_load_and_replay() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/archive");
    let releases = folders_in(&archive);
    assert!(!releases.is_empty());
    for release in releases {
        let projects = folders_in(&release);
        assert!(!projects.is_empty(), "{} is empty", release.display());
        for folder in projects {
            let project = Project::open(&folder).unwrap();
            let report = test(&project, &CompiledCode::default(), false).await.unwrap();
            assert_eq!(report.failed, 0, "{}:\n{}", folder.display(), report.lines.join("\n"));
        }
    }
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
