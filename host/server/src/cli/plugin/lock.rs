//! `bellwether plugin lock`: which bytes are the plugins of a folder, written down and compared.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use bellwether_sandbox::lock::{LOCK_FILE, Lock, LockedPlugin, differences};
use bellwether_sandbox::{PluginSource, PluginState, PluginStatus};
use clap::Args;

use super::folder::{FolderArgs, is_called, replace};
use super::{code, print};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin lock`.
#[derive(Debug, Args)]
pub(super) struct LockArgs {
    /// Plugins whose files are accepted as they are now; all of the folder where none is named
    names: Vec<String>,
    #[command(flatten)]
    folder: FolderArgs,
    /// Write nothing; say what differs, and fail if anything does
    #[arg(long, conflicts_with = "names")]
    check: bool,
}

pub(super) async fn run(args: &LockArgs) -> Outcome {
    let folder = &args.folder.plugins;
    if args.check {
        return check(folder);
    }
    let found = args.folder.load(false).await?.files();
    let lock = FolderLock::read(folder)?;
    if lock.is_none() && !args.names.is_empty() {
        bail!(
            "there is no {LOCK_FILE} yet, and one without the others would lock them out; leave out the names"
        );
    }
    let mut lock = lock.unwrap_or_else(|| FolderLock::begin(folder));
    let chosen = if args.names.is_empty() { found.iter().collect() } else { chosen(&found, &args.names)? };
    if args.names.is_empty() {
        print(&lock.forget_missing(&found));
    }
    let mut all_good = true;
    for plugin in chosen {
        if let PluginState::Broken { reason } = &plugin.state {
            print(&[format!("{} is left as it is: it {reason}", plugin.source)]);
            all_good = false;
            continue;
        }
        print(&lock.accept(plugin));
    }
    lock.write()?;
    Ok(code(all_good))
}

fn check(folder: &Path) -> Outcome {
    let found = differences(folder).map_err(|problem| anyhow!(problem))?;
    let Some(found) = found else {
        bail!("there is no {LOCK_FILE} in {}; write it with: bellwether plugin lock", folder.display());
    };
    print(&found);
    Ok(code(found.is_empty()))
}

fn chosen<'a>(found: &'a [PluginStatus], names: &[String]) -> anyhow::Result<Vec<&'a PluginStatus>> {
    let one = |name: &String| found.iter().find(|plugin| is_called(plugin, name));
    names
        .iter()
        .map(|name| one(name).ok_or_else(|| anyhow!("there is no file of a plugin {name:?}")))
        .collect()
}

/// The lock of a folder, to be changed.
pub(super) struct FolderLock {
    path: PathBuf,
    lock: Lock,
}

impl FolderLock {
    /// That of a folder; none where there is none.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let lock = Lock::read(folder).map_err(|problem| anyhow!(problem))?;
        Ok(lock.map(|lock| Self { lock, ..Self::begin(folder) }))
    }

    fn begin(folder: &Path) -> Self {
        Self { path: folder.join(LOCK_FILE), lock: Lock::default() }
    }

    /// Whether the plugin's file is what its line says.
    pub(super) fn has(&self, plugin: &PluginStatus) -> bool {
        let line = self.lock.line(&file_name(plugin));
        line.is_some_and(|line| line.sha256 == plugin.sha256)
    }

    /// Makes the plugin's file as it is now the one that is let through, and says so. A line that says so already stays.
    pub(super) fn accept(&mut self, plugin: &PluginStatus) -> Vec<String> {
        if self.has(plugin) {
            return Vec::new();
        }
        let line = LockedPlugin {
            name: plugin.name.clone(),
            file: file_name(plugin),
            version: plugin.version.clone(),
            sha256: plugin.sha256.clone(),
            size_bytes: plugin.size_bytes,
            locked_at: plugin.loaded_at.to_string(),
        };
        let LockedPlugin { name, file, version, sha256, .. } = &line;
        let mut said = vec![format!("{file} is locked: {name} {version}, sha256 {sha256}")];
        if let Some(before) = self.lock.set(line) {
            said.push(format!("  it was {} {}, sha256 {}", before.name, before.version, before.sha256));
        }
        said
    }

    fn forget_missing(&mut self, found: &[PluginStatus]) -> Vec<String> {
        let present: Vec<String> = found.iter().map(file_name).collect();
        let missing = self.lock.lines().map(|line| line.file.clone()).filter(|file| !present.contains(file));
        let missing: Vec<String> = missing.collect();
        for file in &missing {
            self.lock.remove(file);
        }
        missing.into_iter().map(|file| format!("{file} is gone, and so is its line")).collect()
    }

    pub(super) fn write(&self) -> anyhow::Result<()> {
        replace(&self.path, &self.lock.to_text())
    }
}

fn file_name(plugin: &PluginStatus) -> String {
    match &plugin.source {
        PluginSource::File { path } => {
            path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
        }
        PluginSource::Embedded => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::folder::{ApproveArgs, approve};
    use super::*;

    const KV: &[u8] = include_bytes!("../../../../../plugins/dist/kv.wasm");
    const ZSCORE: &[u8] = include_bytes!("../../../../../plugins/dist/zscore.wasm");

    async fn lock(folder: &Path, names: &[&str], check: bool) -> Outcome {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        run(&LockArgs { names, folder: FolderArgs::of(folder).await, check }).await
    }

    fn lines(folder: &Path) -> Vec<LockedPlugin> {
        Lock::read(folder).unwrap().unwrap().lines().cloned().collect()
    }

    fn differing(folder: &Path) -> Vec<String> {
        differences(folder).unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_is_there_is_locked_and_what_differs_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("a.wasm"), KV).unwrap();
        let nothing_to_check = lock(folder, &[], true).await.unwrap_err().to_string();
        assert!(nothing_to_check.contains("write it with: bellwether plugin lock"), "{nothing_to_check}");
        assert!(lock(folder, &["kv"], false).await.is_err(), "a first lock has all of them");

        assert_eq!(lock(folder, &[], false).await.unwrap(), code(true));
        let first = lines(folder);
        assert_eq!((first[0].name.as_str(), first[0].size_bytes), ("kv", KV.len() as u64));
        assert_eq!(lock(folder, &[], true).await.unwrap(), code(true));
        assert_eq!(lock(folder, &[], false).await.unwrap(), code(true));
        assert_eq!(lines(folder), first, "nothing new, also not the time");

        fs::write(folder.join("a.wasm"), ZSCORE).unwrap();
        fs::write(folder.join("b.wasm"), KV).unwrap();
        let found = differing(folder);
        assert!(
            found[0].starts_with("a.wasm has the sha256") && found[0].contains(&first[0].sha256),
            "{found:?}"
        );
        assert!(
            found[1].ends_with("no line in plugins.lock; to accept it: bellwether plugin lock b"),
            "{found:?}"
        );
        assert_eq!(lock(folder, &[], true).await.unwrap(), code(false));
        assert_eq!(lock(folder, &["zscore"], false).await.unwrap(), code(true));
        assert_eq!(differing(folder).len(), 1, "b is not accepted with it");

        fs::write(folder.join("b.wasm"), "no component").unwrap();
        fs::remove_file(folder.join("a.wasm")).unwrap();
        assert_eq!(lock(folder, &[], false).await.unwrap(), code(false), "what cannot be used is not locked");
        assert_eq!(lines(folder), []);
    }

    #[tokio::test]
    async fn approving_locks_too_where_there_is_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.wasm"), KV).unwrap();
        FolderLock::begin(folder.path()).write().unwrap();
        assert_eq!(differing(folder.path()).len(), 1);
        approve(&ApproveArgs::without_asking(folder.path(), "kv").await).await.unwrap();
        assert_eq!(differing(folder.path()), Vec::<String>::new());
    }
}
