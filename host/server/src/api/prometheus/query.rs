//! `/api/v1/query`, `/query_range`, `/format_query`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use bellwether_model::Timestamp;
use bellwether_promql::{Answer, EvalError, Limits, Query, Range};

use super::answer::{ApiError, Success, ValueJson};
use super::slots::{QuerySlots, SlotError};
use crate::api::RequestParams;
use crate::api::params::{Params, parse_span, parse_time};
use crate::host::Host;

/// The longest that a query may take, as Prometheus' `--query.timeout`.
const QUERY_TIMEOUT: Duration = Duration::from_secs(120);
/// The most points that a series of an answer may have, as Prometheus 3.
const MAX_POINTS: i64 = 11_000;

type QueryAnswer = Result<Success<ValueJson>, ApiError>;

/// Evaluates an expression at one time.
pub(super) async fn instant(
    State(host): State<Arc<Host>>,
    Extension(slots): Extension<QuerySlots>,
    RequestParams(params): RequestParams,
) -> QueryAnswer {
    let at = time_param(&params, "time")?.unwrap_or_else(|| host.clock.now());
    let query = prepare(&host, &params)?;
    evaluate(&slots, &host, &params, move |host, limits| {
        host.engine().instant_within(&query, host.store.as_ref(), at, limits)
    })
    .await
}

/// Evaluates an expression at each step of a range.
pub(super) async fn range(
    State(host): State<Arc<Host>>,
    Extension(slots): Extension<QuerySlots>,
    RequestParams(params): RequestParams,
) -> QueryAnswer {
    let required = |name: &str| {
        time_param(&params, name)?.ok_or_else(|| {
            ApiError::BadData(format!("invalid parameter \"{name}\": cannot parse \"\" to a valid timestamp"))
        })
    };
    let (start, end) = (required("start")?, required("end")?);
    if end < start {
        let error = "invalid parameter \"end\": end timestamp must not be before start time";
        return Err(ApiError::BadData(error.to_owned()));
    }
    let step = parse_span(params.first("step").unwrap_or(""))
        .map_err(|error| ApiError::BadData(format!("invalid parameter \"step\": {error}")))?;
    check_step(start, end, step)?;
    let query = prepare(&host, &params)?;
    evaluate(&slots, &host, &params, move |host, limits| {
        host.engine().range_within(&query, host.store.as_ref(), Range { start, end, step }, limits)
    })
    .await
}

fn check_step(start: Timestamp, end: Timestamp, step: Duration) -> Result<(), ApiError> {
    let step_ms = bellwether_model::time::millis(step);
    if step_ms <= 0 {
        let error = "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
                     Try a positive integer";
        return Err(ApiError::BadData(error.to_owned()));
    }
    if end.millis_since(start) / step_ms > MAX_POINTS {
        let error = "exceeded maximum resolution of 11,000 points per timeseries. \
                     Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(error.to_owned()));
    }
    Ok(())
}

/// Prints an expression the way Prometheus lays it out on one line.
pub(super) async fn format(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<String>, ApiError> {
    Ok(Success::new(prepare(&host, &params)?.ast().to_string()))
}

fn prepare(host: &Host, params: &Params) -> Result<Query, ApiError> {
    let text = params.first("query").unwrap_or("");
    host.engine()
        .prepare(text)
        .map_err(|error| ApiError::BadData(format!("invalid parameter \"query\": {error}")))
}

/// Evaluates in one of the slots, within the time that the request gives itself.
async fn evaluate(
    slots: &QuerySlots,
    host: &Arc<Host>,
    params: &Params,
    run: impl FnOnce(&Host, Limits<'_>) -> Result<Answer, EvalError> + Send + 'static,
) -> QueryAnswer {
    let timeout = match params.first("timeout") {
        Some(text) => parse_span(text)
            .map_err(|error| ApiError::BadData(format!("invalid parameter \"timeout\": {error}")))?
            .min(QUERY_TIMEOUT),
        None => QUERY_TIMEOUT,
    };
    let host = Arc::clone(host);
    match slots.run(timeout, move |cancelled| run(&host, Limits { cancelled, ..Limits::NONE })).await {
        Ok(Ok(answer)) => Ok(Success::of_answer(answer)),
        Ok(Err(error)) => Err(ApiError::Execution(error.to_string())),
        Err(error @ (SlotError::Queue | SlotError::Execution)) => Err(ApiError::Timeout(error.to_string())),
        Err(error @ SlotError::Panicked) => Err(ApiError::Internal(error.to_string())),
    }
}

/// A time parameter; none where it is not given.
pub(super) fn time_param(params: &Params, name: &str) -> Result<Option<Timestamp>, ApiError> {
    params
        .first(name)
        .filter(|text| !text.is_empty())
        .map(|text| {
            parse_time(text)
                .map_err(|error| ApiError::BadData(format!("invalid parameter \"{name}\": {error}")))
        })
        .transpose()
}
