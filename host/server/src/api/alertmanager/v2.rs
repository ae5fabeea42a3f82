//! `/api/v2`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bellwether_alerting::api_v2::{
    GettableReceiver, GettableSilence, PostableAlert, PostableSilence, SilenceIdBody,
};
use bellwether_alerting::ingest::{PostedAlert, accept_all};
use bellwether_alerting::matchers::parse_one;
use bellwether_alerting::view::AlertFilter;
use bellwether_model::Matcher;
use serde_json::json;

use super::answer::{body, ok, refused, routing_error, schema, stopping, streamed};
use crate::api::params::Params;
use crate::host::Host;

/// What is running, and its configuration as Alertmanager would print it.
pub(super) async fn status(State(host): State<Arc<Host>>) -> Response {
    ok(&json!({
        "cluster": {"name": "", "peers": [], "status": "disabled"},
        "config": {"original": host.config().alerting.to_alertmanager_yaml()},
        "uptime": host.started_at.to_rfc3339_millis(),
        "versionInfo": version_info(),
    }))
}

/// The fields of Alertmanager; `version` is the Alertmanager whose API this is.
pub(super) fn version_info() -> serde_json::Value {
    json!({
        "branch": "",
        "buildDate": "",
        "buildUser": concat!("bellwether ", env!("CARGO_PKG_VERSION")),
        "goVersion": "",
        "revision": "",
        "version": super::COMPATIBLE_VERSION,
    })
}

/// Names of receivers.
pub(super) async fn receivers(State(host): State<Arc<Host>>, RawQuery(query): RawQuery) -> Response {
    let matchers = match receiver_matchers(&Params::parse(query.as_deref().unwrap_or(""))) {
        Ok(matchers) => matchers,
        Err(response) => return *response,
    };
    match host.routing.read(move |dispatcher, _| dispatcher.receivers(&matchers)).await {
        Some(receivers) => ok(&receivers.into_iter().map(GettableReceiver::from).collect::<Vec<_>>()),
        None => stopping(),
    }
}

fn receiver_matchers(params: &Params) -> Result<Vec<Matcher>, Box<Response>> {
    params.all("receiver_matchers").map(parse_one).collect::<Result<_, _>>().map_err(|error| {
        let text = format!("failed to parse receiver_matchers param: {error}");
        Box::new(refused(StatusCode::BAD_REQUEST, &text))
    })
}

fn filter(query: Option<&str>) -> Result<AlertFilter, Box<Response>> {
    let params = Params::parse(query.unwrap_or(""));
    let parsed = AlertFilter::parse(params.all("filter"), params.first("receiver"));
    let filter = parsed.map_err(|error| Box::new(refused(StatusCode::BAD_REQUEST, &error.to_string())))?;
    Ok(AlertFilter {
        active: params.flag("active", true),
        silenced: params.flag("silenced", true),
        inhibited: params.flag("inhibited", true),
        muted: params.flag("muted", true),
        receiver_matchers: receiver_matchers(&params)?,
        ..filter
    })
}

/// Alerts that fire.
pub(super) async fn alerts(State(host): State<Arc<Host>>, RawQuery(query): RawQuery) -> Response {
    let filter = match filter(query.as_deref()) {
        Ok(filter) => filter,
        Err(response) => return *response,
    };
    match host.routing.read(move |dispatcher, now| dispatcher.alerts(&filter, now)).await {
        Some(alerts) => streamed(alerts),
        None => stopping(),
    }
}

/// Alerts in their groups.
pub(super) async fn groups(State(host): State<Arc<Host>>, RawQuery(query): RawQuery) -> Response {
    let filter = match filter(query.as_deref()) {
        Ok(filter) => filter,
        Err(response) => return *response,
    };
    match host.routing.read(move |dispatcher, now| dispatcher.groups(&filter, now)).await {
        Some(groups) => streamed(groups),
        None => stopping(),
    }
}

/// Takes alerts in.
pub(super) async fn post_alerts(State(host): State<Arc<Host>>, headers: HeaderMap, bytes: Bytes) -> Response {
    // `null` is a list of nothing in Go.
    match body::<Option<Vec<PostableAlert>>>(&headers, &bytes) {
        Ok(posted) => take_in(&host, posted.unwrap_or_default()).await,
        Err(response) => *response,
    }
}

/// Takes in what is valid and says what is not.
pub(super) async fn take_in(host: &Host, posted: Vec<PostableAlert>) -> Response {
    let posted: Result<Vec<PostedAlert>, _> = posted.into_iter().map(PostedAlert::try_from).collect();
    let posted = match posted {
        Ok(posted) => posted,
        Err(error) => return schema(StatusCode::BAD_REQUEST, 400, &error.to_string()),
    };
    let resolve_timeout = host.config().alerting.resolve_timeout;
    let (alerts, invalid) = accept_all(posted, resolve_timeout, host.clock.now());
    if !alerts.is_empty()
        && let Err(error) = host.routing.alerts(alerts).await
    {
        return routing_error(&error);
    }
    if invalid.is_empty() {
        return StatusCode::OK.into_response();
    }
    let reasons: Vec<String> = invalid.iter().map(ToString::to_string).collect();
    refused(StatusCode::BAD_REQUEST, &reasons.join("; "))
}

/// Silences: active, pending, expired.
pub(super) async fn silences(State(host): State<Arc<Host>>, RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.as_deref().unwrap_or(""));
    let matchers: Result<Vec<_>, _> = params.all("filter").map(parse_one).collect();
    let matchers = match matchers {
        Ok(matchers) => matchers,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let shown = ["active", "pending", "expired"].map(|state| (state, params.flag(state, true)));
    let silences = host.routing.read(move |dispatcher, now| dispatcher.silences(&matchers, now)).await;
    let Some(silences) = silences else {
        return stopping();
    };
    let passes = |state: &str| shown.iter().any(|(name, shown)| *name == state && *shown);
    let silences =
        silences.into_iter().filter(|(_, state)| passes(state.as_str())).map(GettableSilence::from);
    ok(&silences.collect::<Vec<_>>())
}

/// Sets a silence.
pub(super) async fn post_silence(
    State(host): State<Arc<Host>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let posted: PostableSilence = match body(&headers, &bytes) {
        Ok(posted) => posted,
        Err(response) => return *response,
    };
    if posted.matchers.is_empty() {
        let message = "matchers in body should have at least 1 items";
        return schema(StatusCode::UNPROCESSABLE_ENTITY, 612, message);
    }
    let silence = match posted.into_silence(host.clock.now()) {
        Ok(silence) => silence,
        Err(error) => return schema(StatusCode::BAD_REQUEST, 400, &error.to_string()),
    };
    match host.routing.set_silence(silence).await {
        Ok(silence_id) => ok(&SilenceIdBody { silence_id }),
        Err(error) => routing_error(&error),
    }
}

/// One silence.
pub(super) async fn silence(State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    if uuid::Uuid::parse_str(&id).is_err() {
        return not_a_uuid(&id);
    }
    match host.routing.read(move |dispatcher, now| dispatcher.silence(&id, now)).await {
        Some(Some(silence)) => ok(&GettableSilence::from(silence)),
        Some(None) => StatusCode::NOT_FOUND.into_response(),
        None => stopping(),
    }
}

/// Ends a silence.
pub(super) async fn delete_silence(State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    if uuid::Uuid::parse_str(&id).is_err() {
        return not_a_uuid(&id);
    }
    match host.routing.expire_silence(id).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => routing_error(&error),
    }
}

fn not_a_uuid(id: &str) -> Response {
    let message = format!("silenceID in path must be of type uuid: {id:?}");
    schema(StatusCode::UNPROCESSABLE_ENTITY, 601, &message)
}
