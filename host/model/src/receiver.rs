//! What passes between the host and a notification receiver: one notification in, a receipt back.
//!
//! These are the types of `wit/receiver` without the component around them; the native receivers use them too.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::alert::AlertStatus;
use crate::labels::{Fingerprint, Labels};
use crate::time::Timestamp;

/// An alert inside a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotifiedAlert {
    /// Stable identity.
    pub fingerprint: FingerprintText,
    /// Firing or resolved at the time of the flush.
    pub status: AlertStatus,
    /// Identity.
    pub labels: Labels,
    /// What to tell.
    pub annotations: Labels,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; none while it fires.
    pub ends_at: Option<Timestamp>,
    /// Value of the expression at the last evaluation.
    pub value: Option<f64>,
    /// The rule's page.
    pub generator_url: String,
}

/// A fingerprint that travels as its 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FingerprintText(pub Fingerprint);

impl From<FingerprintText> for String {
    fn from(text: FingerprintText) -> Self {
        text.0.to_string()
    }
}

impl TryFrom<String> for FingerprintText {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Why a group is told about again, in Alertmanager's words of 0.32 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationReason {
    /// Nothing was sent for the group before.
    #[serde(rename = "first notification")]
    First,
    /// Alerts joined since.
    #[serde(rename = "new alerts added")]
    NewAlerts,
    /// Some of the alerts are over.
    #[serde(rename = "some alerts resolved")]
    SomeResolved,
    /// All of them are.
    #[serde(rename = "all alerts resolved")]
    AllResolved,
    /// Nothing changed for the repeat interval.
    #[serde(rename = "repeat interval elapsed")]
    Repeat,
}

/// One message to one receiver about one group of alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Name of the receiver in the configuration.
    pub receiver: String,
    /// Same for the same group and route.
    pub group_key: String,
    /// Resolved when all its alerts are.
    pub status: AlertStatus,
    /// Why now.
    pub reason: NotificationReason,
    /// When the group was flushed.
    pub at: Timestamp,
    /// The labels that the group is made by.
    pub group_labels: Labels,
    /// Labels that all its alerts share.
    pub common_labels: Labels,
    /// Annotations that all its alerts share.
    pub common_annotations: Labels,
    /// Labels of the route (Alertmanager 0.34).
    pub route_labels: Labels,
    /// The alerts, ordered.
    pub alerts: Vec<NotifiedAlert>,
    /// How many alerts were left out to bound the size.
    pub truncated_alerts: u32,
    /// Where the host can be reached.
    pub external_url: String,
}

/// A notification made ready for one configured receiver.
#[derive(Debug, Clone)]
pub struct ReceiverCall {
    /// Settings as a JSON object; secrets are placeholders.
    pub config: String,
    /// What to tell.
    pub notification: Notification,
    /// The receiver's templates, rendered, by name.
    pub rendered: Vec<(String, String)>,
    /// Same for every attempt of this delivery.
    pub idempotency_key: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// A made-up alert, to try the receiver.
    pub test: bool,
    /// What the last delivery for this group returned, for receivers that update.
    pub previous: Option<Receipt>,
    /// The time.
    pub now: Timestamp,
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whatever the receiver needs to find the message again: at most 4 KiB.
    pub id: String,
    /// Where a person can see it.
    pub url: Option<String>,
}

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryFailure {
    /// Again later, with the host's backoff.
    #[error("{0}")]
    Retryable(String),
    /// Again, but not before this much time.
    #[error("rate limited for {0:?}")]
    RateLimited(Duration),
    /// Not again.
    #[error("{0}")]
    Permanent(String),
    /// Not again until the configuration changes.
    #[error("misconfigured: {0}")]
    Misconfigured(String),
    /// The earlier message is gone: again at once, without it.
    #[error("the earlier message is gone")]
    PreviousLost,
    /// The plugin itself broke: it trapped, ran too long or wanted too much.
    #[error("plugin failed: {0}")]
    Crashed(String),
}

/// A text that the host renders for each notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverTemplate {
    /// Name of the setting that overrides it.
    pub name: String,
    /// Used where the operator says nothing.
    pub default: String,
}

/// Carries notifications to where people are. Keeps nothing in memory between calls.
pub trait Receiver: Send + Sync + fmt::Debug {
    /// Name of the plugin: `slack` serves `slack_configs`.
    fn name(&self) -> &str;

    /// Texts to render for it.
    fn templates(&self) -> &[ReceiverTemplate];

    /// Whether it changes or answers what it sent before, and wants to know what that was.
    fn updates(&self) -> bool {
        false
    }

    /// The shortest time between two messages.
    fn min_interval(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks at settings alone; the texts say what is wrong.
    fn check<'a>(&'a self, config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>>;

    /// Delivers one notification.
    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>>;
}
