//! Messages and receivers for tests.

use bellwether_model::receiver::{Notification, NotificationReason};
use bellwether_model::state::Delivery;
use bellwether_model::{AlertStatus, Labels, Timestamp};

/// When the messages were decided.
pub(super) const DECIDED_AT: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// A message about a group of its own.
pub(super) fn delivery(id: &str, receiver: &str) -> Delivery {
    Delivery {
        id: id.to_owned(),
        integration: 0,
        kind: "sample".to_owned(),
        notification: Notification {
            receiver: receiver.to_owned(),
            group_key: format!("group of {id}"),
            status: AlertStatus::Firing,
            reason: NotificationReason::First,
            at: DECIDED_AT,
            group_labels: Labels::empty(),
            common_labels: Labels::empty(),
            common_annotations: Labels::empty(),
            route_labels: Labels::empty(),
            alerts: Vec::new(),
            truncated_alerts: 0,
            external_url: String::new(),
        },
        instead_of: None,
        attempts: 0,
        not_before: DECIDED_AT,
    }
}
