//! `/api/v1` of Alertmanager up to 0.26, as far as scripts still call it: bodies in `{"status":"success","data":…}`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_alerting::view::{AlertFilter, ShownAlert};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{ok, parse, stopping};
use super::v2;
use crate::api::prometheus;
use crate::host::Host;

fn success(data: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Success<T> {
        status: &'static str,
        data: T,
    }
    ok(&Success { status: "success", data })
}

/// What is running.
pub(super) async fn status(State(host): State<Arc<Host>>) -> Response {
    let yaml = host.config().alerting.to_alertmanager_yaml();
    success(json!({
        "configYAML": yaml,
        "configJSON": {},
        "versionInfo": v2::version_info(),
        "uptime": host.started_at.to_rfc3339_millis(),
        "clusterStatus": {"name": "", "status": "disabled", "peers": []},
    }))
}

/// Names of receivers.
pub(super) async fn receivers(State(host): State<Arc<Host>>) -> Response {
    match host.routing.read(|dispatcher, _| dispatcher.receivers(&[])).await {
        Some(receivers) => success(receivers.into_iter().map(|receiver| receiver.name).collect::<Vec<_>>()),
        None => stopping(),
    }
}

/// Alerts that fire; receivers are plain names, as they were in this version.
pub(super) async fn alerts(State(host): State<Arc<Host>>) -> Response {
    let all = AlertFilter::default();
    let Some(alerts) = host.routing.read(move |dispatcher, now| dispatcher.alerts(&all, now)).await else {
        return stopping();
    };
    let alerts: Vec<Value> = alerts.iter().map(old_shape).collect();
    success(alerts)
}

fn old_shape(shown: &ShownAlert) -> Value {
    let mut alert = serde_json::to_value(shown).unwrap_or_default();
    alert["receivers"] = json!(shown.receivers);
    if let Some(alert) = alert.as_object_mut() {
        alert.remove("updatedAt");
    }
    alert
}

/// Takes alerts in, whatever the media type says, as `curl -d` sends them.
pub(super) async fn post_alerts(State(host): State<Arc<Host>>, bytes: Bytes) -> Response {
    let Ok(posted) = parse(&bytes) else {
        return failure("bad_data", "the body is no list of alerts");
    };
    let response = v2::take_in(&host, posted).await;
    match response.status() {
        StatusCode::OK => ok(&json!({"status": "success"})),
        StatusCode::BAD_REQUEST => failure("bad_data", "some alerts are invalid; the others were taken in"),
        _ => response,
    }
}

fn failure(error_type: &str, error: &str) -> Response {
    prometheus::json(
        StatusCode::BAD_REQUEST,
        &json!({"status": "error", "errorType": error_type, "error": error}),
    )
}
