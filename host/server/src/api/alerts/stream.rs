//! `/alerts/stream`: what happens to alerts and messages, as server-sent events.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bellwether_model::Timestamp;
use futures::stream;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::error;
use crate::host::Host;
use crate::journal::{Entry, Kind};

/// Streams that may be open at once.
const MAX_STREAMS: usize = 64;
/// Sign of life, so that whoever listens notices a connection that is gone.
const BEAT: Duration = Duration::from_secs(10);

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_STREAMS)));

/// One event; its name is the kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alertname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a str>,
    text: &'a str,
}

/// From now on. A client that is too slow is cut off: it has to ask for the list again anyway.
pub(super) async fn alerts(State(host): State<Arc<Host>>) -> Response {
    let Ok(place) = Arc::clone(&PLACES).try_acquire_owned() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open");
    };
    let follower = (host.journal.follow(), place);
    let events = stream::unfold(follower, |(mut journal, place)| async move {
        loop {
            let entry = journal.recv().await.ok()?;
            if let Some(event) = event(&entry) {
                return Some((Ok::<_, Infallible>(event), (journal, place)));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)).into_response()
}

fn event(entry: &Entry) -> Option<Event> {
    let name = match entry.kind {
        Kind::Pending => "pending",
        Kind::Firing => "firing",
        Kind::Resolved => "resolved",
        Kind::Inhibited => "inhibited",
        Kind::Silenced => "silenced",
        Kind::Acknowledged => "acknowledged",
        Kind::Delivered => "delivered",
        Kind::DeliveryFailed => "delivery-failed",
        Kind::DeviceConnected
        | Kind::DeviceDisconnected
        | Kind::DeviceEvent
        | Kind::Plugin
        | Kind::Reload => {
            return None;
        }
    };
    let body = Body {
        at: entry.at,
        fingerprint: entry.fingerprint.map(|own| own.to_string()),
        alertname: entry.alertname.as_deref(),
        severity: entry.severity.as_deref(),
        receiver: entry.receiver.as_deref(),
        text: &entry.text,
    };
    Event::default().event(name).id(entry.seq.to_string()).json_data(&body).ok()
}
