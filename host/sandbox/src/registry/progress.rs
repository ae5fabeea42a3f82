//! How far the loading of each file has come, for those who look meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LoadStage;
use super::load::Key;

type Stages = BTreeMap<Key, LoadStage>;

/// Files that are being loaded. Clones share everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Mutex<Stages>>);

impl Progress {
    pub(super) fn begin(&self, key: &Key) -> Loading {
        let loading = Loading { progress: self.clone(), key: key.clone() };
        loading.reached(LoadStage::Found);
        loading
    }

    pub(super) fn now(&self) -> Stages {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Stages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One file that is being loaded until this is dropped.
#[derive(Debug)]
pub(super) struct Loading {
    progress: Progress,
    key: Key,
}

impl Loading {
    pub(super) fn reached(&self, stage: LoadStage) {
        self.progress.lock().insert(self.key.clone(), stage);
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.progress.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_far_each_file_is_until_it_is_done() {
        let (progress, key) = (Progress::default(), Key::File("a.wasm".into()));
        let loading = progress.begin(&key);
        assert_eq!(progress.now(), Stages::from([(key.clone(), LoadStage::Found)]));
        loading.reached(LoadStage::Compiled);
        assert_eq!(progress.now(), Stages::from([(key, LoadStage::Compiled)]));
        drop(loading);
        assert_eq!(progress.now(), Stages::new());
    }
}
