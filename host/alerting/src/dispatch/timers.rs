//! Everything that will happen by itself, ordered by time.

use std::collections::BTreeSet;

use bellwether_model::{Fingerprint, Timestamp};

use super::GroupId;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Say that an alert is over. Before flushes of the same time.
    AlertEnds(Fingerprint),
    /// A silence begins, ends or can be forgotten.
    Silences,
    /// Look at a group.
    Flush(GroupId),
    /// Forget what is too old.
    Housekeeping,
}

/// The timers. Whoever sets one remembers its time in order to cancel it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.queue.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, timer: Timer, at: Timestamp) {
        self.queue.remove(&(at, timer));
    }

    /// Takes the earliest one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.pop_first().map(|(_, timer)| timer)
    }

    /// The time of the earliest one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }
}
