//! What plugins keep across restarts: a few values each, of their own.

use std::fmt;

use crate::state::StateError;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 256;

/// What came of keeping a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Yes,
    /// Keys and values of the plugin would be more than it may have; what was there before is still there.
    Full,
}

/// Values of plugins, by the plugin's name and a key. Calls may wait for the disk.
pub trait PluginStore: fmt::Debug + Send + Sync {
    /// A value; none where there is none.
    fn value(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, StateError>;

    /// Keeps a value in place of the one before, where the plugin then has no more than `quota_bytes` in keys and values.
    fn put_value(
        &self,
        plugin: &str,
        key: &str,
        value: &[u8],
        quota_bytes: usize,
    ) -> Result<Kept, StateError>;

    /// Forgets a value; it may be missing.
    fn forget_value(&self, plugin: &str, key: &str) -> Result<(), StateError>;
}
