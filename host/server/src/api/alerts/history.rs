//! `/history`: every episode of every alert, with the messages about it and each attempt to deliver them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_alerting::matchers::parse_one;
use bellwether_model::history::{DeliveryRecord, EpisodeKey, EpisodeRecord, HistoryQuery};
use bellwether_model::state::{Acknowledgement, DurableState};
use bellwether_model::{Labels, Timestamp};
use serde::Serialize;

use super::{bad, error, page_length};
use crate::api::RequestParams;
use crate::api::params::{Params, parse_time};
use crate::api::prometheus::json;
use crate::host::Host;

#[derive(Debug, Serialize)]
struct Page {
    episodes: Vec<Row>,
    /// What to ask with for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    fingerprint: String,
    labels: Labels,
    annotations: Labels,
    starts_at: Timestamp,
    /// None while it fires.
    ends_at: Option<Timestamp>,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    acknowledgement: Option<Acknowledgement>,
    deliveries: Vec<DeliveryRecord>,
}

/// `filter` as in Alertmanager's API, `fingerprint`, `since`, `until`, `limit`, `cursor`. Newest first.
pub(super) async fn episodes(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Response {
    let query = match asked(&params) {
        Ok(query) => query,
        Err(problem) => return bad(&problem),
    };
    let (limit, state) = (query.limit, Arc::clone(&host.state));
    let found = tokio::task::spawn_blocking(move || state.history(&query)).await;
    match found {
        Ok(Ok(found)) => {
            let next = found.last().filter(|_| found.len() == limit).map(|last| cursor(last.key()));
            json(StatusCode::OK, &Page { episodes: found.into_iter().map(Row::from).collect(), next })
        }
        Ok(Err(failed)) => {
            tracing::error!(error = &failed as &dyn std::error::Error, "history not read");
            error(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read; see the log")
        }
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read; see the log"),
    }
}

fn asked(params: &Params) -> Result<HistoryQuery, String> {
    let matchers = params.all("filter").map(parse_one).collect::<Result<_, _>>();
    let time = |name: &str, default| params.first(name).map_or(Ok(default), parse_time);
    let alert = params.first("fingerprint").map(str::parse).transpose();
    Ok(HistoryQuery {
        alert: alert.map_err(|_| "fingerprint: 16 hex digits are wanted".to_owned())?,
        matchers: matchers.map_err(|error| error.to_string())?,
        since: time("since", Timestamp::MIN)?,
        until: time("until", Timestamp::MAX)?,
        after: params.first("cursor").map(read_cursor).transpose()?,
        limit: page_length(params)?,
    })
}

fn cursor(key: EpisodeKey) -> String {
    format!("{}-{}", key.starts_at.as_millis(), key.alert)
}

fn read_cursor(text: &str) -> Result<EpisodeKey, String> {
    let read = || {
        let (starts_at, alert) = text.rsplit_once('-')?;
        let starts_at = Timestamp::from_millis(starts_at.parse().ok()?);
        Some(EpisodeKey { starts_at, alert: alert.parse().ok()? })
    };
    read().ok_or_else(|| "cursor: not one of this API".to_owned())
}

impl From<EpisodeRecord> for Row {
    fn from(episode: EpisodeRecord) -> Self {
        let EpisodeRecord { alert, is_over, acknowledgement, deliveries } = episode;
        Self {
            fingerprint: alert.fingerprint().to_string(),
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: is_over.then_some(alert.ends_at),
            generator_url: alert.generator_url,
            acknowledgement,
            deliveries,
        }
    }
}
