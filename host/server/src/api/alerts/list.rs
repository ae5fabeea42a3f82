//! `/alerts`: alerts that fire, a page at a time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_alerting::view::{AlertFilter, AlertView, Stage};
use bellwether_model::state::Acknowledgement;
use bellwether_model::{Fingerprint, Labels, Timestamp};
use serde::Serialize;

use super::{bad, page_length, stopping};
use crate::api::RequestParams;
use crate::api::params::Params;
use crate::api::prometheus::json;
use crate::host::Host;

/// One page.
#[derive(Debug, Serialize)]
struct Page {
    alerts: Vec<Row>,
    /// How many pass the filter, over all pages.
    total: usize,
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
    ends_at: Timestamp,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    value: Option<f64>,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    acknowledgement: Option<Acknowledgement>,
    receivers: Vec<Told>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    receiver: String,
    group_key: String,
    #[serde(flatten)]
    stage: Stage,
}

/// `filter` as in Alertmanager's API, `receiver`, `limit`, `cursor`. By fingerprint.
pub(super) async fn alerts(State(host): State<Arc<Host>>, RequestParams(params): RequestParams) -> Response {
    let (filter, after, limit) = match asked(&params) {
        Ok(asked) => asked,
        Err(problem) => return bad(&problem),
    };
    let look = move |dispatcher: &bellwether_alerting::dispatch::Dispatcher, now| {
        let shown = dispatcher.alerts(&filter, now);
        let begin =
            shown.partition_point(|own| after.is_some_and(|after| own.labels().fingerprint() <= after));
        let of_page = shown[begin..].iter().take(limit).map(|own| own.labels().fingerprint());
        let rows: Vec<Row> = of_page.filter_map(|id| dispatcher.alert(id, now)).map(Row::from).collect();
        let is_last = begin + limit >= shown.len();
        let next = rows.last().filter(|_| !is_last).map(|row| row.fingerprint.clone());
        Page { alerts: rows, total: shown.len(), next }
    };
    match host.routing.read(look).await {
        Some(page) => json(StatusCode::OK, &page),
        None => stopping(),
    }
}

fn asked(params: &Params) -> Result<(AlertFilter, Option<Fingerprint>, usize), String> {
    let filter = AlertFilter::parse(params.all("filter"), params.first("receiver"));
    let filter = filter.map_err(|error| error.to_string())?;
    let cursor = params.first("cursor").map(str::parse).transpose();
    let cursor = cursor.map_err(|_| "cursor: not one of this API".to_owned())?;
    Ok((filter, cursor, page_length(params)?))
}

impl From<AlertView> for Row {
    fn from(view: AlertView) -> Self {
        let AlertView { alert, status, acknowledgement, stages } = view;
        let told = |own: bellwether_alerting::view::StageView| Told {
            receiver: own.receiver,
            group_key: own.group_key,
            stage: own.stage,
        };
        Self {
            fingerprint: alert.fingerprint().to_string(),
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            generator_url: alert.generator_url,
            value: alert.value.filter(|value| value.is_finite()),
            silenced_by: status.silenced_by,
            inhibited_by: status.inhibited_by.iter().map(ToString::to_string).collect(),
            acknowledgement,
            receivers: stages.into_iter().map(told).collect(),
        }
    }
}
