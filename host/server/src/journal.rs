//! What happened: the newest entries in memory, and a live feed of them for the page, the demo and its report.

use std::collections::VecDeque;
use std::sync::Mutex;

use bellwether_model::{Fingerprint, Timestamp};
use serde::Serialize;
use tokio::sync::broadcast;

/// Entries kept for the page.
const KEPT_ENTRIES: usize = 500;
/// Entries that a slow listener may lag behind before it loses some.
const FEED_CAPACITY: usize = 1024;

/// What sort of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rule's condition began to hold.
    Pending,
    /// An alert fires.
    Firing,
    /// An alert is over.
    Resolved,
    /// An alert is held back by another one.
    Inhibited,
    /// An alert is held back by a silence.
    Silenced,
    /// Somebody took an alert on.
    Acknowledged,
    /// A message reached its receiver.
    Delivered,
    /// A message did not.
    DeliveryFailed,
    /// A device answered.
    DeviceConnected,
    /// A device is gone.
    DeviceDisconnected,
    /// A device reported something.
    DeviceEvent,
    /// Something about a plugin.
    Plugin,
    /// Configuration was loaded anew.
    Reload,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Counts up; orders entries of the same millisecond.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What sort.
    pub kind: Kind,
    /// The alert, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alertname: Option<String>,
    /// The device, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The receiver, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// Severity of the alert or event, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Identity of the alert, where there is one.
    #[serde(skip)]
    pub fingerprint: Option<Fingerprint>,
    /// One sentence.
    pub text: String,
}

impl Entry {
    /// An entry with nothing but a sentence.
    pub fn new(at: Timestamp, kind: Kind, text: impl Into<String>) -> Self {
        Self {
            seq: 0,
            at,
            kind,
            alertname: None,
            device_id: None,
            receiver: None,
            severity: None,
            fingerprint: None,
            text: text.into(),
        }
    }
}

/// Keeps and passes on what happened.
#[derive(Debug)]
pub struct Journal {
    kept: Mutex<Kept>,
    feed: broadcast::Sender<Entry>,
}

#[derive(Debug, Default)]
struct Kept {
    next_seq: u64,
    entries: VecDeque<Entry>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { kept: Mutex::default(), feed: broadcast::channel(FEED_CAPACITY).0 }
    }
}

impl Journal {
    /// Notes an entry and passes it on.
    pub fn note(&self, mut entry: Entry) {
        let mut kept = self.lock();
        kept.next_seq += 1;
        entry.seq = kept.next_seq;
        if kept.entries.len() == KEPT_ENTRIES {
            kept.entries.pop_front();
        }
        kept.entries.push_back(entry.clone());
        drop(kept);
        // Nobody listening is fine.
        drop(self.feed.send(entry));
    }

    /// The newest entries, newest first.
    pub fn newest(&self, limit: usize) -> Vec<Entry> {
        self.lock().entries.iter().rev().take(limit).cloned().collect()
    }

    /// All entries from now on.
    pub fn follow(&self) -> broadcast::Receiver<Entry> {
        self.feed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
