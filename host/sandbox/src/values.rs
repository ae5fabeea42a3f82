//! What a plugin keeps: the host's side of `kv`, within a quota.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellwether_model::plugin_store::{Kept, MAX_KEY_BYTES, PluginStore};
use bellwether_model::state::StateError;

use crate::bindings::host::kv;
use crate::store::HostState;

/// Keeps values as long as the process lives: for a look at a plugin, and for tests of one.
#[derive(Debug, Default)]
pub struct MemoryValues(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl MemoryValues {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(plugin: &str, key: &str) -> (String, String) {
    (plugin.to_owned(), key.to_owned())
}

impl PluginStore for MemoryValues {
    fn value(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.lock().get(&place(plugin, key)).cloned())
    }

    fn put_value(
        &self,
        plugin: &str,
        key: &str,
        value: &[u8],
        quota_bytes: usize,
    ) -> Result<Kept, StateError> {
        let mut values = self.lock();
        let others = values.iter().filter(|((of, other), _)| of == plugin && other != key);
        let used: usize = others.map(|((_, key), value)| key.len() + value.len()).sum();
        if used + key.len() + value.len() > quota_bytes {
            return Ok(Kept::Full);
        }
        values.insert(place(plugin, key), value.to_vec());
        Ok(Kept::Yes)
    }

    fn forget_value(&self, plugin: &str, key: &str) -> Result<(), StateError> {
        self.lock().remove(&place(plugin, key));
        Ok(())
    }
}

impl kv::Host for HostState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, kv::Error>> {
        Ok(self.on_values(move |values, plugin| values.value(plugin, &key)).await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), kv::Error>> {
        if key.len() > MAX_KEY_BYTES {
            return Ok(Err(kv::Error::Io(format!("keys have {MAX_KEY_BYTES} bytes at most"))));
        }
        let quota = self.plugin.limits.values_bytes;
        let kept = self.on_values(move |values, plugin| values.put_value(plugin, &key, &value, quota)).await;
        Ok(kept.and_then(|kept| match kept {
            Kept::Yes => Ok(()),
            Kept::Full => Err(kv::Error::Full),
        }))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), kv::Error>> {
        Ok(self.on_values(move |values, plugin| values.forget_value(plugin, &key)).await)
    }
}

impl HostState {
    /// Works on the plugin's values where waiting for the disk holds up nobody.
    fn on_values<T, W>(&self, work: W) -> impl Future<Output = Result<T, kv::Error>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&dyn PluginStore, &str) -> Result<T, StateError> + Send + 'static,
    {
        let plugin = Arc::clone(&self.plugin);
        let done = tokio::task::spawn_blocking(move || work(&*plugin.values, &plugin.name));
        async {
            match done.await {
                Ok(result) => result.map_err(|error| kv::Error::Io(error.to_string())),
                Err(error) => Err(kv::Error::Io(error.to_string())),
            }
        }
    }
}
