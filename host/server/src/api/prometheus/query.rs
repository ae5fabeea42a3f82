//! `/api/v1/query` and `/query_range`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use bellwether_model::Timestamp;
use bellwether_promql::{Answer, Engine, EngineOptions, EvalError, Limits, Query, Range, Value};

use super::answer::{ApiError, QueryJson, Success};
use super::parameters::{cut_off, given, invalid, limit_param, required_time, time_param};
use super::slots::{QuerySlots, SlotError};
use super::statistics::{self, StatsJson, Timings};
use crate::api::RequestParams;
use crate::api::params::{Params, parse_span};
use crate::host::Host;

/// The most points that a series of an answer may have, as Prometheus 3.
const MAX_POINTS: i128 = 11_000;

type QueryAnswer = Result<Success<QueryJson>, ApiError>;

/// Evaluates an expression at one time.
pub(super) async fn instant(
    State(host): State<Arc<Host>>,
    Extension(slots): Extension<QuerySlots>,
    RequestParams(params): RequestParams,
) -> QueryAnswer {
    let limit = limit_param(&params)?;
    let at = time_param(&params, "time")?.unwrap_or_else(|| host.clock.now());
    let asked = Asked::read(&host, &params, limit)?;
    asked
        .answer(&slots, move |engine, query, limits| {
            engine.instant_within(query, host.store.as_ref(), at, limits)
        })
        .await
}

/// Evaluates an expression at each step of a range.
pub(super) async fn range(
    State(host): State<Arc<Host>>,
    Extension(slots): Extension<QuerySlots>,
    RequestParams(params): RequestParams,
) -> QueryAnswer {
    let limit = limit_param(&params)?;
    let range = range_params(&params)?;
    let asked = Asked::read(&host, &params, limit)?;
    asked
        .answer(&slots, move |engine, query, limits| {
            engine.range_within(query, host.store.as_ref(), range, limits)
        })
        .await
}

fn range_params(params: &Params) -> Result<Range, ApiError> {
    let (start, end) = (required_time(params, "start")?, required_time(params, "end")?);
    if end < start {
        return Err(invalid("end", "end timestamp must not be before start time"));
    }
    let step = parse_span(params.first("step").unwrap_or("")).map_err(|error| invalid("step", error))?;
    let step = u64::try_from(step).map_or(Duration::ZERO, Duration::from_nanos);
    // Times have milliseconds, so that a shorter step is none.
    if bellwether_model::time::millis(step) <= 0 {
        let error = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(invalid("step", error));
    }
    let span_ms = i128::from(end.as_millis()) - i128::from(start.as_millis());
    if span_ms * 1_000_000 / i128::try_from(step.as_nanos()).unwrap_or(i128::MAX) > MAX_POINTS {
        let error = "exceeded maximum resolution of 11,000 points per timeseries. \
                     Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(error.to_owned()));
    }
    Ok(Range { start, end, step })
}

/// A query with what both kinds of request say about it.
struct Asked {
    engine: Engine,
    query: Query,
    timeout: Duration,
    /// The most series of the answer.
    limit: Option<usize>,
    /// The parameter `stats`.
    stats: String,
    prepared_in: Duration,
}

impl Asked {
    /// The order of the checks is that of Prometheus, as far as what is wrong first is what is told.
    fn read(host: &Host, params: &Params, limit: Option<usize>) -> Result<Self, ApiError> {
        let longest = host.config().promql.timeout;
        let timeout = match given(params, "timeout").map(parse_span).transpose() {
            Ok(None) => longest,
            Ok(Some(nanos)) => u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos).min(longest),
            Err(error) => return Err(invalid("timeout", error)),
        };
        let engine = engine(host, params)?;
        let begun = Instant::now();
        let text = params.first("query").unwrap_or("");
        let query = engine.prepare(text).map_err(|error| invalid("query", error))?;
        let stats = params.first("stats").unwrap_or("").to_owned();
        Ok(Self { engine, query, timeout, limit, stats, prepared_in: begun.elapsed() })
    }

    /// Evaluates in one of the slots, within the time that the request gives itself.
    async fn answer(
        self,
        slots: &QuerySlots,
        run: impl FnOnce(&Engine, &Query, Limits<'_>) -> Result<Answer, EvalError> + Send + 'static,
    ) -> QueryAnswer {
        let Self { engine, query, timeout, limit, stats, prepared_in } = self;
        let statistics = statistics::asked_for(&stats);
        let asked_at = Instant::now();
        let evaluating = slots.run(timeout, move |cancelled| {
            let queued = asked_at.elapsed();
            let begun = Instant::now();
            let result = run(&engine, &query, Limits { cancelled, statistics });
            (result, Timings { preparing: prepared_in, queued, evaluating: begun.elapsed() })
        });
        let (result, timings) = evaluating.await.map_err(unfinished)?;
        let Answer { mut value, mut warnings, infos, stats: counts } = result.map_err(failed)?;
        match &mut value {
            Value::Vector(samples) => cut_off(samples, limit, &mut warnings),
            Value::Matrix(series) => cut_off(series, limit, &mut warnings),
            Value::Scalar(_) | Value::String { .. } => {}
        }
        warnings.extend(statistics::remark(&stats));
        let stats = (!stats.is_empty()).then(|| StatsJson::new(counts, timings));
        Ok(Success::new(QueryJson { value, stats }).remarked(warnings, infos))
    }
}

/// The engine with the lookback that the request asks for.
fn engine(host: &Host, params: &Params) -> Result<Engine, ApiError> {
    let engine = host.engine();
    let lookback = given(params, "lookback_delta")
        .map(parse_span)
        .transpose()
        .map_err(|error| ApiError::BadData(format!("error parsing lookback delta duration: {error}")))?;
    Ok(match lookback.and_then(|nanos| u64::try_from(nanos).ok()).filter(|&nanos| nanos > 0) {
        Some(nanos) => {
            let lookback = Duration::from_nanos(nanos);
            engine.with_options(EngineOptions { lookback, ..engine.options().clone() })
        }
        None => Engine::clone(&engine),
    })
}

fn unfinished(error: SlotError) -> ApiError {
    match error {
        SlotError::Queue | SlotError::Execution => ApiError::Timeout(error.to_string()),
        SlotError::Panicked => ApiError::Internal(error.to_string()),
    }
}

fn failed(error: EvalError) -> ApiError {
    match error {
        // Prometheus notices these before it evaluates.
        EvalError::NotForRange(_) | EvalError::Length(_) => invalid("query", error),
        EvalError::Cancelled => ApiError::Canceled("query was canceled in expression evaluation".to_owned()),
        EvalError::Select(cause) => ApiError::Execution(format!("expanding series: {cause}")),
        other => ApiError::Execution(format!("{:#}", anyhow::Error::new(other))),
    }
}

/// The default of a time that may be missing, for requests that look at all there is.
pub(super) fn or_all_time(start: Option<Timestamp>, end: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let (first, last) = crate::api::params::ALL_TIME;
    (start.unwrap_or(first), end.unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use bellwether_model::QueryError;

    use super::*;

    #[test]
    fn ranges_are_refused_in_the_order_of_prometheus() {
        let error = |query: &str| match range_params(&Params::parse(query)) {
            Err(ApiError::BadData(error)) => error,
            other => panic!("{query}: {other:?}"),
        };
        assert_eq!(error("step=x"), "invalid parameter \"start\": cannot parse \"\" to a valid timestamp");
        assert_eq!(
            error("start=2&end=1&step=x"),
            "invalid parameter \"end\": end timestamp must not be before start time"
        );
        assert_eq!(
            error("start=1&end=2&step=1e30"),
            "invalid parameter \"step\": cannot parse \"1e30\" to a valid duration. It overflows int64"
        );
        for step in ["-1", "0", "NaN"] {
            assert!(error(&format!("start=1&end=2&step={step}")).contains("zero or negative"));
        }
        assert!(error("start=0&end=11001&step=1").starts_with("exceeded maximum resolution"));
        let range = range_params(&Params::parse("start=0&end=11000&step=1")).unwrap();
        assert_eq!(range.step, Duration::from_secs(1));
    }

    #[test]
    fn failures_have_the_sorts_of_prometheus() {
        assert!(matches!(failed(EvalError::NotForRange("string")), ApiError::BadData(_)));
        assert!(matches!(failed(EvalError::Cancelled), ApiError::Canceled(_)));
        let storage = EvalError::Select(QueryError::Storage("gone".to_owned()));
        assert_eq!(
            failed(storage),
            ApiError::Execution("expanding series: cannot read samples: gone".to_owned())
        );
        assert!(matches!(failed(EvalError::DuplicateLabelset), ApiError::Execution(_)));
        let timeout = "query timed out in expression evaluation";
        assert_eq!(unfinished(SlotError::Execution), ApiError::Timeout(timeout.to_owned()));
    }
}
