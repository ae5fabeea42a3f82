//! The notification log: what was last told about each group, to each integration.

use bellwether_model::state::{DeadDelivery, NotificationLogEntry};
use bellwether_model::{Fingerprint, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

/// Entries by group; a group has as many as its receiver has integrations.
#[derive(Debug, Default)]
pub(crate) struct NotificationLog {
    groups: FxHashMap<String, Vec<NotificationLogEntry>>,
}

impl NotificationLog {
    pub(super) fn restore(entries: Vec<NotificationLogEntry>) -> Self {
        let mut log = Self::default();
        entries.into_iter().for_each(|entry| log.put(entry));
        log
    }

    pub(super) fn put(&mut self, mut entry: NotificationLogEntry) {
        // `dedup` searches them.
        entry.firing.sort_unstable();
        entry.resolved.sort_unstable();
        let entries = self.groups.entry(entry.group_key.clone()).or_default();
        match entries.iter_mut().find(|known| is_same(known, &entry.receiver, entry.integration)) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }

    pub(crate) fn find(
        &self,
        group_key: &str,
        receiver: &str,
        integration: u32,
    ) -> Option<&NotificationLogEntry> {
        self.groups.get(group_key)?.iter().find(|entry| is_same(entry, receiver, integration))
    }

    /// Whether any integration was told that this alert fires, and nothing newer.
    pub(super) fn has_told_firing(&self, group_key: &str, alert: Fingerprint) -> bool {
        let entries = self.groups.get(group_key).map_or(&[][..], Vec::as_slice);
        entries.iter().any(|entry| entry.firing.binary_search(&alert.0).is_ok())
    }

    /// When anything was last told about a group; none where the last message was lost.
    pub(crate) fn last_told(&self, group_key: &str) -> Option<Timestamp> {
        let told = self.groups.get(group_key)?.iter().map(|entry| entry.at);
        told.filter(|at| *at != NotificationLogEntry::LOST).max()
    }

    /// Takes back what a message would have told that never got there; whether nothing newer was told since.
    pub(super) fn take_back(&mut self, dead: &DeadDelivery) -> bool {
        let Some(entries) = self.groups.get_mut(&dead.group_key) else {
            return false;
        };
        let is_dead = |entry: &NotificationLogEntry| {
            entry.at == dead.at && is_same(entry, &dead.receiver, dead.integration)
        };
        let Some(index) = entries.iter().position(is_dead) else {
            return false;
        };
        if dead.was_told {
            entries[index].at = NotificationLogEntry::LOST;
        } else {
            entries.remove(index);
        }
        if entries.is_empty() {
            self.groups.remove(&dead.group_key);
        }
        true
    }

    /// Drops expired entries of groups that are gone. Those of living groups stay: they say what to resolve.
    pub(super) fn forget_old(&mut self, now: Timestamp, living: &FxHashSet<&str>) {
        self.groups.retain(|key, entries| {
            let expired = entries.iter().all(|entry| entry.expires_at <= now);
            !expired || living.contains(key.as_str())
        });
    }
}

fn is_same(entry: &NotificationLogEntry, receiver: &str, integration: u32) -> bool {
    entry.integration == integration && entry.receiver == receiver
}
