//! What became of the latest messages, for the page: kept in memory, the durable truth is the outbox.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellwether_model::Timestamp;

/// Deliveries remembered for figures over the last hour.
const MAX_RECENT: usize = 10_000;
/// Groups remembered; beyond that the ledger starts anew, which costs the page some details and nobody a message.
const MAX_GROUPS: usize = 10_000;
/// What "lately" means in figures.
const RECENT: Duration = Duration::from_secs(3600);

/// The last that is known of one integration of one receiver and one group.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// The receiver.
    pub receiver: String,
    /// The kind of its integration.
    pub kind: String,
    /// How it stands.
    pub state: Delivered,
}

/// How a message stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivered {
    /// It is being handed over.
    Sending,
    /// It got there.
    Done {
        /// When.
        at: Timestamp,
        /// From the flush to the acceptance.
        took: Duration,
    },
    /// The last attempt failed.
    Failed {
        /// When.
        at: Timestamp,
        /// In the receiver's words.
        error: String,
        /// So far.
        attempts: u32,
        /// None: given up.
        next_attempt: Option<Timestamp>,
    },
}

/// What became of messages.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    by_group: HashMap<String, HashMap<(String, u32), LedgerEntry>>,
    recent: VecDeque<(Timestamp, Duration)>,
    receivers: HashMap<String, ReceiverBook>,
    /// Attempts that succeeded and that failed, by kind of integration.
    kinds: HashMap<String, (u64, u64)>,
}

/// The last that is known of one receiver, over all groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReceiverBook {
    /// When a message last got there.
    pub last_delivery: Option<Timestamp>,
    /// When one last failed, and why.
    pub last_error: Option<(Timestamp, String)>,
}

impl Ledger {
    /// Notes how a message stands now.
    pub fn note(&self, group_key: &str, integration: u32, entry: LedgerEntry) {
        let mut books = self.lock();
        let book = books.receivers.entry(entry.receiver.clone()).or_default();
        match &entry.state {
            Delivered::Sending => {}
            Delivered::Done { at, .. } => book.last_delivery = Some(*at),
            Delivered::Failed { at, error, .. } => book.last_error = Some((*at, error.clone())),
        }
        let (delivered, failed) = books.kinds.entry(entry.kind.clone()).or_default();
        match &entry.state {
            Delivered::Sending => {}
            Delivered::Done { .. } => *delivered += 1,
            Delivered::Failed { .. } => *failed += 1,
        }
        if let Delivered::Done { at, took } = entry.state {
            if books.recent.len() == MAX_RECENT {
                books.recent.pop_front();
            }
            books.recent.push_back((at, took));
        }
        if books.by_group.len() >= MAX_GROUPS {
            books.by_group.clear();
        }
        let key = (entry.receiver.clone(), integration);
        books.by_group.entry(group_key.to_owned()).or_default().insert(key, entry);
    }

    /// What is known of a group's messages, in order of receivers and their integrations.
    pub fn of_group(&self, group_key: &str) -> Vec<LedgerEntry> {
        let books = self.lock();
        let Some(entries) = books.by_group.get(group_key) else {
            return Vec::new();
        };
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        entries.into_iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// What is known of a receiver.
    pub fn of_receiver(&self, receiver: &str) -> ReceiverBook {
        self.lock().receivers.get(receiver).cloned().unwrap_or_default()
    }

    /// How many attempts of a kind of integration succeeded and failed since the start.
    pub fn of_kind(&self, kind: &str) -> (u64, u64) {
        self.lock().kinds.get(kind).copied().unwrap_or_default()
    }

    /// Messages that got there within the last hour, and the 99th percentile of the time they took.
    pub fn last_hour(&self, now: Timestamp) -> (usize, Option<Duration>) {
        let books = self.lock();
        let recent = books.recent.iter().filter(|(at, _)| now.since(*at) <= RECENT);
        let mut took: Vec<Duration> = recent.map(|(_, took)| *took).collect();
        took.sort();
        let rank = (took.len() * 99).div_ceil(100);
        (took.len(), rank.checked_sub(1).map(|index| took[index]))
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(at_ms: i64, took_ms: u64) -> LedgerEntry {
        let (at, took) = (Timestamp::from_millis(at_ms), Duration::from_millis(took_ms));
        LedgerEntry { receiver: "ops".into(), kind: "slack".into(), state: Delivered::Done { at, took } }
    }

    #[test]
    fn figures_cover_the_last_hour_only() {
        let ledger = Ledger::default();
        ledger.note("old", 0, done(0, 500));
        (1..=100).for_each(|ms| ledger.note("g", 0, done(7_200_000, ms)));
        let (count, p99) = ledger.last_hour(Timestamp::from_millis(7_200_000));
        assert_eq!((count, p99), (100, Some(Duration::from_millis(99))));
        assert_eq!(ledger.of_group("g").len(), 1);
        assert_eq!(ledger.of_receiver("ops").last_delivery, Some(Timestamp::from_millis(7_200_000)));
        assert_eq!(Ledger::default().last_hour(Timestamp::UNIX_EPOCH), (0, None));
    }
}
