//! `/inbox`: messages as they were sent.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_model::receiver::NotifiedAlert;
use bellwether_model::state::{DurableState, InboxMessage, StateError};
use bellwether_storage::SqliteState;

use super::contract::{InboxAlert, InboxMessageJson, Severity};
use super::{error, words};
use crate::api::RequestParams;
use crate::api::prometheus::json;
use crate::host::Host;

/// Messages shown where nothing is asked for.
const DEFAULT_LIMIT: usize = 200;
/// The most that one answer holds.
const MAX_LIMIT: usize = 1000;

/// The newest messages, newest first.
pub(super) async fn list(State(host): State<Arc<Host>>, RequestParams(params): RequestParams) -> Response {
    let limit = params.first("limit").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_LIMIT);
    match read(&host, move |state| state.inbox(limit.clamp(1, MAX_LIMIT))).await {
        Some(messages) => {
            json(StatusCode::OK, &messages.into_iter().map(InboxMessageJson::from).collect::<Vec<_>>())
        }
        None => unreadable(),
    }
}

/// One message.
pub(super) async fn one(State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    match read(&host, move |state| state.inbox_message(&id)).await {
        Some(Some(message)) => json(StatusCode::OK, &InboxMessageJson::from(message)).into_response(),
        Some(None) => error(StatusCode::NOT_FOUND, "no such message"),
        None => unreadable(),
    }
}

fn unreadable() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "the inbox cannot be read; see the log")
}

async fn read<T: Send + 'static>(
    host: &Arc<Host>,
    look: impl FnOnce(&SqliteState) -> Result<T, StateError> + Send + 'static,
) -> Option<T> {
    let state = Arc::clone(&host.state);
    match tokio::task::spawn_blocking(move || look(&state)).await.ok()? {
        Ok(found) => Some(found),
        Err(failed) => {
            tracing::error!(error = &failed as &dyn std::error::Error, "inbox not read");
            None
        }
    }
}

impl From<InboxMessage> for InboxMessageJson {
    fn from(message: InboxMessage) -> Self {
        let notification = message.notification;
        let severities =
            notification.alerts.iter().map(|alert| words::severity(alert.labels.get("severity")));
        Self {
            severity: severities.max().unwrap_or(Severity::Info),
            id: message.id,
            at: message.at,
            receiver: message.receiver,
            status: message.status.as_str(),
            title: message.title,
            body: message.body,
            reason: serde_json::to_value(notification.reason).unwrap_or_default(),
            group_labels: notification.group_labels,
            alerts: notification.alerts.into_iter().map(InboxAlert::from).collect(),
            truncated_alerts: notification.truncated_alerts,
        }
    }
}

impl From<NotifiedAlert> for InboxAlert {
    fn from(alert: NotifiedAlert) -> Self {
        Self {
            fingerprint: alert.fingerprint.0.to_string(),
            status: alert.status.as_str(),
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            value: alert.value.filter(|value| value.is_finite()),
        }
    }
}
