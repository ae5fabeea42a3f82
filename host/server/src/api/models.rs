//! `/models` below `/api/bellwether/v1`: the configured models, how their series are, what fitting found out.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use bellwether_model::{Labels, Timestamp};
use serde::Serialize;

use crate::api::RequestParams;
use crate::api::alerts::{bad, page_length};
use crate::api::prometheus::json;
use crate::host::Host;
use crate::modelling::ModelView;
use crate::modelling::roster::{Fit, Roster, Standing, Tracked};

/// Its route.
pub fn routes() -> Router<Arc<Host>> {
    Router::new().route("/api/bellwether/v1/models", get(list))
}

#[derive(Debug, Serialize)]
struct Listed {
    models: Vec<ModelRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelRow {
    name: String,
    kind: String,
    plugin: Option<PluginName>,
    expr: String,
    interval_seconds: f64,
    fit_every_seconds: f64,
    history_seconds: f64,
    normal_below: f64,
    series_count: usize,
    fitted_count: usize,
    /// Series that are not judged, because there are too many.
    left_out: usize,
    last_evaluation: Option<Timestamp>,
    last_error: Option<String>,
    series: Vec<SeriesRow>,
}

#[derive(Debug, Serialize)]
struct PluginName {
    name: String,
    version: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeriesRow {
    labels: Labels,
    fit: Option<FitRow>,
    last_error: Option<String>,
    /// The last time that it was not normal.
    abnormal: Option<AbnormalRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FitRow {
    at: Timestamp,
    points: u32,
    summary: String,
    figures: BTreeMap<String, f64>,
    state_bytes: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AbnormalRow {
    since: Timestamp,
    /// The score that is the farthest out; a text where JSON has no number for it.
    score: String,
    goes_on: bool,
    explanation: Option<String>,
}

/// All models; `limit` says how many series of each, 100 unless asked otherwise.
async fn list(State(host): State<Arc<Host>>, RequestParams(params): RequestParams) -> Response {
    match page_length(&params) {
        Ok(limit) => {
            let models = host.models.views().iter().map(|view| row(view, limit)).collect();
            json(StatusCode::OK, &Listed { models })
        }
        Err(problem) => bad(&problem),
    }
}

fn row(view: &ModelView, limit: usize) -> ModelRow {
    let roster = view.roster.read().unwrap_or_else(PoisonError::into_inner);
    let (definition, last) = (&view.definition, view.last_evaluation());
    let plugin = view.plugin.as_ref().ok();
    ModelRow {
        name: definition.name.clone(),
        kind: definition.kind.clone(),
        plugin: plugin
            .map(|plugin| PluginName { name: plugin.name.clone(), version: plugin.version.clone() }),
        expr: definition.expr.clone(),
        interval_seconds: definition.interval.as_secs_f64(),
        fit_every_seconds: definition.fit_every.as_secs_f64(),
        history_seconds: roster.plan().history.as_secs_f64(),
        normal_below: definition.normal_below,
        series_count: roster.series().count(),
        fitted_count: fitted(&roster),
        left_out: roster.left_out(),
        last_evaluation: last.at,
        last_error: view.plugin.as_ref().err().cloned().or(last.error),
        series: roster.series().take(limit).map(|(_, tracked)| series_row(tracked)).collect(),
    }
}

fn fitted(roster: &Roster) -> usize {
    roster.series().filter(|(_, tracked)| matches!(tracked.standing, Standing::Fitted(_))).count()
}

fn series_row(tracked: &Tracked) -> SeriesRow {
    SeriesRow {
        labels: tracked.labels.clone(),
        fit: match &tracked.standing {
            Standing::Fitted(fit) => Some(fit_row(fit)),
            Standing::Unfitted => None,
        },
        last_error: tracked.error.clone(),
        abnormal: tracked.abnormal.as_ref().map(|abnormal| AbnormalRow {
            since: abnormal.since,
            score: bellwether_model::number::Plain(abnormal.score).to_string(),
            goes_on: abnormal.goes_on,
            explanation: abnormal.explanation.clone(),
        }),
    }
}

fn fit_row(fit: &Fit) -> FitRow {
    FitRow {
        at: fit.at,
        points: fit.report.points,
        summary: fit.report.summary.clone(),
        figures: fit.report.figures.iter().cloned().collect(),
        state_bytes: fit.state_bytes,
    }
}
