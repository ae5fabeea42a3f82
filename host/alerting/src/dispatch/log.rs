//! The notification log: what was last told about each group, to each integration.

use std::sync::Arc;

use bellwether_model::state::{DeadDelivery, NotificationLogEntry};
use bellwether_model::{Fingerprint, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

/// What one integration of a receiver was last told about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) receiver: Arc<str>,
    pub(crate) integration: u32,
    /// When; [`NotificationLogEntry::LOST`] where the message was lost.
    pub(crate) at: Timestamp,
    /// Identities of the alerts told as firing, sorted.
    pub(crate) firing: Box<[u64]>,
    /// Identities of the alerts told as resolved, sorted.
    pub(crate) resolved: Box<[u64]>,
    /// Identities of the alerts that earlier messages told as firing, sorted: what remains if this one is lost.
    pub(crate) before: Box<[u64]>,
    /// When this may be forgotten, once the group is gone.
    pub(crate) expires_at: Timestamp,
}

impl Told {
    fn is_about(&self, receiver: &str, integration: u32) -> bool {
        self.integration == integration && *self.receiver == *receiver
    }

    pub(crate) fn entry(&self, group_key: &str) -> NotificationLogEntry {
        NotificationLogEntry {
            group_key: group_key.to_owned(),
            receiver: self.receiver.to_string(),
            integration: self.integration,
            at: self.at,
            firing: self.firing.to_vec(),
            resolved: self.resolved.to_vec(),
            before: self.before.to_vec(),
            expires_at: self.expires_at,
        }
    }
}

/// By group; a group has as many as its receiver has integrations.
#[derive(Debug, Default)]
pub(crate) struct NotificationLog {
    groups: FxHashMap<Arc<str>, Box<[Told]>>,
}

impl NotificationLog {
    pub(super) fn restore(entries: Vec<NotificationLogEntry>) -> Self {
        let (mut log, mut receivers) = (Self::default(), FxHashSet::<Arc<str>>::default());
        for entry in entries {
            let sorted = |mut ids: Vec<u64>| {
                ids.sort_unstable();
                ids.into_boxed_slice()
            };
            if !receivers.contains(&*entry.receiver) {
                receivers.insert(entry.receiver.as_str().into());
            }
            let Some(receiver) = receivers.get(&*entry.receiver).cloned() else {
                continue;
            };
            let told = Told {
                receiver,
                integration: entry.integration,
                at: entry.at,
                firing: sorted(entry.firing),
                resolved: sorted(entry.resolved),
                before: sorted(entry.before),
                expires_at: entry.expires_at,
            };
            let key = log.groups.get_key_value(&*entry.group_key).map(|(key, _)| Arc::clone(key));
            log.put(&key.unwrap_or_else(|| entry.group_key.into()), told);
        }
        log
    }

    pub(super) fn put(&mut self, group_key: &Arc<str>, told: Told) {
        let all = self.groups.entry(Arc::clone(group_key)).or_default();
        match all.iter_mut().find(|known| known.is_about(&told.receiver, told.integration)) {
            Some(known) => *known = told,
            None => *all = std::mem::take(all).into_iter().chain([told]).collect(),
        }
    }

    pub(crate) fn find(&self, group_key: &str, receiver: &str, integration: u32) -> Option<&Told> {
        self.of_group(group_key).iter().find(|told| told.is_about(receiver, integration))
    }

    fn of_group(&self, group_key: &str) -> &[Told] {
        self.groups.get(group_key).map_or(&[], |all| all)
    }

    /// Whether any integration was told that this alert fires, and nothing newer.
    pub(super) fn has_told_firing(&self, group_key: &str, alert: Fingerprint) -> bool {
        self.of_group(group_key).iter().any(|told| told.firing.binary_search(&alert.0).is_ok())
    }

    /// When anything was last told about a group of which somebody knows that it fires; none where the last message was
    /// lost.
    pub(crate) fn last_told(&self, group_key: &str) -> Option<Timestamp> {
        let open = self.of_group(group_key).iter().filter(|told| !told.firing.is_empty());
        open.map(|told| told.at).filter(|at| *at != NotificationLogEntry::LOST).max()
    }

    /// Takes back what a message would have told that never got there; whether nothing newer was told since.
    pub(super) fn take_back(&mut self, dead: &DeadDelivery) -> bool {
        let Some(all) = self.groups.get_mut(&*dead.group_key) else {
            return false;
        };
        let is_dead = |told: &Told| told.at == dead.at && told.is_about(&dead.receiver, dead.integration);
        let Some(index) = all.iter().position(is_dead) else {
            return false;
        };
        let told = &mut all[index];
        if !told.before.is_empty() {
            told.at = NotificationLogEntry::LOST;
            told.firing = told.before.clone();
            told.resolved = Box::default();
            return true;
        }
        let mut left = std::mem::take(all).into_vec();
        left.remove(index);
        if left.is_empty() {
            self.groups.remove(&*dead.group_key);
        } else {
            *all = left.into_boxed_slice();
        }
        true
    }

    /// Drops expired entries of groups that are gone. Those of living groups stay: they say what to resolve.
    pub(super) fn forget_old(&mut self, now: Timestamp, living: &FxHashSet<&str>) {
        self.groups
            .retain(|key, all| all.iter().any(|told| told.expires_at > now) || living.contains(&**key));
    }
}
