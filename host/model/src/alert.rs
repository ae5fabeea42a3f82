//! An alert as it travels from a rule, or from a client of the API, to the people who get told.

use serde::{Deserialize, Serialize};

use crate::labels::{ALERT_NAME, Fingerprint, Labels};
use crate::time::Timestamp;

/// Whether an alert is still on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// The condition holds, or nobody has said otherwise in time.
    Firing,
    /// The condition is over.
    Resolved,
}

impl AlertStatus {
    /// `firing` or `resolved`, as in Alertmanager's bodies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert, identified by its labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Identity; at least one label.
    pub labels: Labels,
    /// What to tell people; not part of the identity.
    pub annotations: Labels,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; once this has passed the alert counts as resolved.
    pub ends_at: Timestamp,
    /// Whether `ends_at` was not given but follows from the resolve timeout.
    pub ends_by_timeout: bool,
    /// When it was last heard of.
    pub updated_at: Timestamp,
    /// Where its rule can be looked at; may be empty.
    pub generator_url: String,
    /// Value of the rule's expression at the last evaluation; none for alerts from outside.
    pub value: Option<f64>,
}

impl Alert {
    /// Identity as Alertmanager prints it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.labels.fingerprint()
    }

    /// The `alertname` label, or nothing.
    pub fn name(&self) -> &str {
        self.labels.value(ALERT_NAME)
    }

    /// Firing until `ends_at`, resolved from then on.
    pub fn status(&self, now: Timestamp) -> AlertStatus {
        if self.ends_at <= now { AlertStatus::Resolved } else { AlertStatus::Firing }
    }

    /// Whether `ends_at` has passed.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.status(now) == AlertStatus::Resolved
    }
}
