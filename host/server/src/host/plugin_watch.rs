//! Tells when something in the folder of plugins has changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::{debug, warn};

/// How long nothing may have changed before it is worth a look: copying a file takes several writes.
const QUIET: Duration = Duration::from_millis(400);
/// How often a folder that is not there yet is looked for.
const LOOK_FOR: Duration = Duration::from_secs(5);

/// A folder that is being watched, also before it is there.
pub(super) struct FolderWatch {
    folder: PathBuf,
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    pub(super) fn begin(folder: &Path) -> Self {
        let mut watch = Self { folder: folder.to_owned(), changed: Arc::default(), watcher: None };
        watch.attach();
        watch
    }

    /// Waits until something has changed and then nothing more for a moment. May be given up half-way.
    pub(super) async fn changed(&mut self) {
        while self.watcher.is_none() || !self.folder.is_dir() {
            self.watcher = None;
            tokio::time::sleep(LOOK_FOR).await;
            if self.folder.is_dir() {
                self.attach();
                // What lies in it came before anybody watched.
                return;
            }
        }
        self.changed.notified().await;
        while tokio::time::timeout(QUIET, self.changed.notified()).await.is_ok() {}
    }

    fn attach(&mut self) {
        if !self.folder.is_dir() {
            return;
        }
        let changed = Arc::clone(&self.changed);
        let note = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.kind.is_access() => {}
            Ok(_) => changed.notify_one(),
            Err(error) => debug!(%error, "folder of plugins not watched"),
        };
        let watcher = notify::recommended_watcher(note).and_then(|mut watcher| {
            watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                warn!(path = %self.folder.display(), %error, "changes in the folder of plugins are seen late");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tells_of_a_new_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut watch = FolderWatch::begin(folder.path());
        std::fs::write(folder.path().join("a.wasm"), "x").expect("the file");
        watch.changed().await;
        assert!(watch.watcher.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_folder_that_is_not_there_yet() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("plugins");
        let mut watch = FolderWatch::begin(&folder);
        assert!(tokio::time::timeout(LOOK_FOR * 3, watch.changed()).await.is_err());
        std::fs::create_dir(&folder).expect("the folder");
        watch.changed().await;
        assert!(watch.watcher.is_some());
    }
}
