//! `/api/v1/format_query`, `/parse_query` and `/query_exemplars`: what needs the text of a query, but no samples.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_promql::pretty;

use super::answer::{ApiError, Success};
use super::parameters::{invalid, time_param};
use super::query::or_all_time;
use super::syntax_tree::syntax_tree;
use crate::api::RequestParams;
use crate::host::Host;

/// Lays an expression out over as many lines as it needs.
pub(super) async fn format(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<String>, ApiError> {
    let query = host.engine().prepare(params.first("query").unwrap_or(""));
    query.map(|query| Success::new(pretty(query.ast()))).map_err(|error| invalid("query", error))
}

/// The syntax tree of an expression.
pub(super) async fn parse(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Response, ApiError> {
    let engine = host.engine();
    let query =
        engine.prepare(params.first("query").unwrap_or("")).map_err(|error| invalid("query", error))?;
    // Put together by hand, since serde would recurse into the tree.
    let body =
        format!("{{\"status\":\"success\",\"data\":{}}}", syntax_tree(query.ast(), engine.functions()));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The exemplars of the series of an expression: none, they are not kept. As Prometheus, nothing at all for an expression
/// without series.
pub(super) async fn exemplars(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Response, ApiError> {
    let (start, end) = or_all_time(time_param(&params, "start")?, time_param(&params, "end")?);
    if end < start {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let query = host.engine().prepare(params.first("query").unwrap_or(""));
    let query = query.map_err(|error| ApiError::BadData(error.to_string()))?;
    if query.selectors().next().is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Success::new([(); 0]).into_response())
}
