//! `/acknowledgements`: taking alerts on, and giving them back.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_alerting::matchers::parse_one;
use bellwether_alerting::view::AlertFilter;
use bellwether_model::duration::parse_prometheus;
use bellwether_model::state::Acknowledgement;
use bellwether_model::{Fingerprint, Matcher, Timestamp};
use serde::Deserialize;

use super::{bad, error, stopping};
use crate::api::prometheus::json;
use crate::host::Host;
use crate::routing::RoutingError;

/// The longest author and comment, in bytes.
const MAX_TEXT: usize = 4_096;

/// Which alerts: by fingerprint, or all that fire and match.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    fingerprints: Vec<String>,
    #[serde(default)]
    matchers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    #[serde(default)]
    fingerprints: Vec<String>,
    #[serde(default)]
    matchers: Vec<String>,
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
    /// RFC 3339.
    until: Option<String>,
    /// A duration from now, instead.
    r#for: Option<String>,
}

/// `{"fingerprints": ["…"]}` or `{"matchers": ["…"]}`, with `by`, and `comment`, `until` or `for`. Answers with the
/// fingerprints of what is taken on.
pub(super) async fn acknowledge(State(host): State<Arc<Host>>, body: Bytes) -> Response {
    let take: Take = match serde_json::from_slice(&body) {
        Ok(take) => take,
        Err(error) => return bad(&format!("the body is no acknowledgement: {error}")),
    };
    if take.by.len() > MAX_TEXT || take.comment.len() > MAX_TEXT {
        return bad("author and comment may have 4096 bytes each");
    }
    let now = host.clock.now();
    let until = match until(&take, now) {
        Ok(until) => until,
        Err(problem) => return bad(&problem),
    };
    let which = Which { fingerprints: take.fingerprints, matchers: take.matchers };
    let alerts = match found(&host, which).await {
        Ok(alerts) => alerts,
        Err(response) => return *response,
    };
    let acknowledgement = Acknowledgement { by: take.by, comment: take.comment, at: now, until };
    let done = host.routing.acknowledge(alerts.clone(), acknowledgement).await;
    answer(done, &alerts)
}

/// The same selection as for taking on.
pub(super) async fn give_back(State(host): State<Arc<Host>>, body: Bytes) -> Response {
    let which: Which = match serde_json::from_slice(&body) {
        Ok(which) => which,
        Err(error) => return bad(&format!("the body does not say which alerts: {error}")),
    };
    let alerts = match found(&host, which).await {
        Ok(alerts) => alerts,
        Err(response) => return *response,
    };
    let done = host.routing.unacknowledge(alerts.clone()).await;
    answer(done, &alerts)
}

fn until(take: &Take, now: Timestamp) -> Result<Option<Timestamp>, String> {
    match (&take.until, &take.r#for) {
        (None, None) => Ok(None),
        (Some(until), None) => Timestamp::parse_rfc3339(until).map(Some).map_err(|error| error.to_string()),
        (None, Some(span)) => {
            parse_prometheus(span).map(|span| Some(now + span)).map_err(|error| error.to_string())
        }
        (Some(_), Some(_)) => Err("until and for exclude each other".to_owned()),
    }
}

async fn found(host: &Host, which: Which) -> Result<Vec<Fingerprint>, Box<Response>> {
    let refuse = |text: String| Box::new(bad(&text));
    match (which.fingerprints.is_empty(), which.matchers.is_empty()) {
        (false, true) => which
            .fingerprints
            .iter()
            .map(|text| {
                text.parse().map_err(|_| refuse(format!("{text:?} is no fingerprint of 16 hex digits")))
            })
            .collect(),
        (true, false) => {
            let matchers = which.matchers.iter().map(|text| parse_one(text));
            let matchers =
                matchers.collect::<Result<Vec<_>, _>>().map_err(|error| refuse(error.to_string()))?;
            matching(host, matchers).await
        }
        _ => Err(refuse("give either fingerprints or matchers".to_owned())),
    }
}

async fn matching(host: &Host, matchers: Vec<Matcher>) -> Result<Vec<Fingerprint>, Box<Response>> {
    let filter = AlertFilter { matchers, ..AlertFilter::default() };
    let shown = host.routing.read(move |dispatcher, now| dispatcher.alerts(&filter, now)).await;
    let shown = shown.ok_or_else(|| Box::new(stopping()))?;
    if shown.is_empty() {
        return Err(Box::new(error(StatusCode::NOT_FOUND, "no alert that fires matches")));
    }
    Ok(shown.iter().map(|alert| alert.labels().fingerprint()).collect())
}

fn answer(done: Result<(), RoutingError>, alerts: &[Fingerprint]) -> Response {
    match done {
        Ok(()) => {
            let fingerprints: Vec<String> = alerts.iter().map(ToString::to_string).collect();
            json(StatusCode::OK, &serde_json::json!({ "fingerprints": fingerprints })).into_response()
        }
        Err(RoutingError::Acknowledge(refused)) => bad(&refused.to_string()),
        Err(RoutingError::Stopping) => stopping(),
        Err(failed) => {
            tracing::error!(error = &failed as &dyn std::error::Error, "acknowledgement not written down");
            error(StatusCode::INTERNAL_SERVER_ERROR, "could not be written down; see the log")
        }
    }
}
