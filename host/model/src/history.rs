//! Looking back: every episode of every alert, whom it was told to, and how that went.

use serde::Serialize;

use crate::alert::{Alert, AlertStatus};
use crate::labels::Fingerprint;
use crate::matcher::Matcher;
use crate::receiver::NotificationReason;
use crate::state::Acknowledgement;
use crate::time::Timestamp;

/// Which episodes to look up. The newest come first.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// Only of this alert.
    pub alert: Option<Fingerprint>,
    /// All must match its labels.
    pub matchers: Vec<Matcher>,
    /// Only those that fired at this time or later.
    pub since: Timestamp,
    /// Only those that began at this time or earlier.
    pub until: Timestamp,
    /// Only those that come after this one.
    pub after: Option<EpisodeKey>,
    /// How many at most.
    pub limit: usize,
}

/// What an episode is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpisodeKey {
    /// When it began.
    pub starts_at: Timestamp,
    /// Whose it is.
    pub alert: Fingerprint,
}

/// An episode and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeRecord {
    /// The alert as it was last seen.
    pub alert: Alert,
    /// Whether it is over.
    pub is_over: bool,
    /// Who had taken it on last.
    pub acknowledgement: Option<Acknowledgement>,
    /// Messages about it, oldest first.
    pub deliveries: Vec<DeliveryRecord>,
}

impl EpisodeRecord {
    /// What it is known by.
    pub fn key(&self) -> EpisodeKey {
        EpisodeKey { starts_at: self.alert.starts_at, alert: self.alert.fingerprint() }
    }
}

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waits, or is under way.
    Pending,
    /// Got there.
    Delivered,
    /// Was given up.
    Dead,
}

/// A message about an alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryRecord {
    /// Its id; also the idempotency key.
    pub id: String,
    /// To whom.
    pub receiver: String,
    /// By which kind of integration.
    pub kind: String,
    /// Which of the receiver's integrations.
    pub integration: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// Why.
    pub reason: NotificationReason,
    /// What it said of its group.
    pub status: AlertStatus,
    /// How it stands.
    pub state: DeliveryState,
    /// Oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRecord {
    /// Counted from 1.
    pub number: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed; none where it did not.
    pub error: Option<String>,
}
