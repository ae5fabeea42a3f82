//! Prometheus' HTTP API, `/api/v1` on the first listener.

mod answer;
mod escaping;
mod metadata;
mod metric_metadata;
mod parameters;
mod query;
mod rules;
mod slots;
mod statistics;
mod status;
mod syntax;
mod syntax_tree;
mod targets;
mod write;

pub use answer::{ApiError, Seconds, Success, format_value, json};

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::host::Host;

/// The largest form body of a query; expressions are short.
const MAX_FORM_BYTES: usize = 1 << 20;
/// The largest compressed remote-write body.
const MAX_WRITE_BYTES: usize = 32 << 20;

/// All routes of the API, of which that many queries run at once.
pub fn routes(max_concurrent_queries: usize) -> Router<Arc<Host>> {
    let forms = Router::new()
        .route("/api/v1/query", get(query::instant).post(query::instant))
        .route("/api/v1/query_range", get(query::range).post(query::range))
        .route("/api/v1/query_exemplars", get(syntax::exemplars).post(syntax::exemplars))
        .route("/api/v1/format_query", get(syntax::format).post(syntax::format))
        .route("/api/v1/parse_query", get(syntax::parse).post(syntax::parse))
        .route("/api/v1/series", get(metadata::series).post(metadata::series))
        .route("/api/v1/labels", get(metadata::label_names).post(metadata::label_names))
        .route("/api/v1/label/{name}/values", get(metadata::label_values))
        .route("/api/v1/metadata", get(metric_metadata::metadata))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .route("/api/v1/targets", get(targets::targets))
        .route("/api/v1/status/config", get(status::config))
        .route("/api/v1/status/buildinfo", get(status::build_info))
        .route("/api/v1/status/runtimeinfo", get(status::runtime_info))
        .route("/api/v1/status/flags", get(status::flags))
        .layer(Extension(slots::QuerySlots::new(max_concurrent_queries)))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES));
    let write = Router::new()
        .route("/api/v1/write", post(write::write))
        .layer(DefaultBodyLimit::max(MAX_WRITE_BYTES));
    forms.merge(write)
}
