//! The envelope of Prometheus' API: `{"status":"success","data":…}` and its errors.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_model::number::{General, Plain};
use bellwether_model::{FloatHistogram, Labels, Sample, Timestamp};
use bellwether_promql::{InstantSample, RangeSeries, SampleValue, Value};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::statistics::StatsJson;

/// Annotations of each sort that an answer holds at most, as Prometheus 3.
const MAX_ANNOTATIONS: usize = 10;

/// A successful answer.
#[derive(Debug, Serialize)]
pub struct Success<T> {
    status: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    infos: Vec<String>,
}

impl<T: Serialize> Success<T> {
    /// With nothing to remark.
    pub const fn new(data: T) -> Self {
        Self { status: "success", data, warnings: Vec::new(), infos: Vec::new() }
    }

    /// With remarks, of which the first ones are told.
    #[must_use]
    pub fn remarked(self, warnings: Vec<String>, infos: Vec<String>) -> Self {
        let capped = |mut texts: Vec<String>, what: &str| {
            if texts.len() > MAX_ANNOTATIONS {
                let more = texts.len() - MAX_ANNOTATIONS;
                texts.truncate(MAX_ANNOTATIONS);
                texts.push(format!("{more} more {what} annotations omitted"));
            }
            texts
        };
        Self { warnings: capped(warnings, "warning"), infos: capped(infos, "info"), ..self }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self)
    }
}

/// Why a request of Prometheus' API failed, with the status that Prometheus gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The request is wrong: 400.
    BadData(String),
    /// The expression cannot be evaluated: 422.
    Execution(String),
    /// It takes too long: 503.
    Timeout(String),
    /// Whoever asked has gone: 499, as nginx has it.
    Canceled(String),
    /// There is no such thing: 404.
    NotFound(String),
    /// The host failed: 500. The cause is in the log.
    Internal(String),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Failure {
            status: &'static str,
            error_type: &'static str,
            error: String,
        }
        let (code, error_type, error) = match self {
            Self::BadData(error) => (StatusCode::BAD_REQUEST, "bad_data", error),
            Self::Execution(error) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", error),
            Self::Timeout(error) => (StatusCode::SERVICE_UNAVAILABLE, "timeout", error),
            Self::Canceled(error) => (client_closed_request(), "canceled", error),
            Self::NotFound(error) => (StatusCode::NOT_FOUND, "not_found", error),
            Self::Internal(error) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", error),
        };
        json(code, &Failure { status: "error", error_type, error })
    }
}

fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

/// A JSON response.
pub fn json(code: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (code, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot write a JSON answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A query's value as Prometheus writes it, and what it took where that was asked for.
#[derive(Debug)]
pub(super) struct QueryJson {
    /// The value.
    pub(super) value: Value,
    /// What it took.
    pub(super) stats: Option<StatsJson>,
}

impl Serialize for QueryJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed<'a, T> {
            result_type: &'static str,
            result: T,
            #[serde(skip_serializing_if = "Option::is_none")]
            stats: Option<&'a StatsJson>,
        }
        let stats = self.stats.as_ref();
        match &self.value {
            Value::Scalar(sample) => {
                let result = (Seconds(sample.at), format_value(sample.value));
                Typed { result_type: "scalar", result, stats }.serialize(serializer)
            }
            Value::String { at, text } => {
                Typed { result_type: "string", result: (Seconds(*at), text), stats }.serialize(serializer)
            }
            Value::Vector(samples) => {
                Typed { result_type: "vector", result: Rows(samples), stats }.serialize(serializer)
            }
            Value::Matrix(series) => {
                Typed { result_type: "matrix", result: Rows(series), stats }.serialize(serializer)
            }
        }
    }
}

struct Rows<'a, T>(&'a [T]);

impl Serialize for Rows<'_, InstantSample> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            metric: &'a Labels,
            #[serde(skip_serializing_if = "Option::is_none")]
            value: Option<Point>,
            #[serde(skip_serializing_if = "Option::is_none")]
            histogram: Option<HistogramPoint<'a>>,
        }
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for InstantSample { labels, at, value } in self.0 {
            let (value, histogram) = match value {
                SampleValue::Float(value) => (Some(Point(Sample::new(*at, *value))), None),
                SampleValue::Histogram(histogram) => (None, Some(HistogramPoint(*at, histogram))),
            };
            seq.serialize_element(&Row { metric: labels, value, histogram })?;
        }
        seq.end()
    }
}

impl Serialize for Rows<'_, RangeSeries> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            metric: &'a Labels,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            values: Vec<Point>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            histograms: Vec<HistogramPoint<'a>>,
        }
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for series in self.0 {
            let values = series.floats.iter().map(Point::from).collect();
            let histograms = series.histograms.iter().map(|(at, h)| HistogramPoint(*at, h)).collect();
            seq.serialize_element(&Row { metric: &series.labels, values, histograms })?;
        }
        seq.end()
    }
}

/// A time and a native histogram: `[1700000000, {"count":"2","sum":"3","buckets":[[0,"1","2","2"]]}]`.
struct HistogramPoint<'a>(Timestamp, &'a FloatHistogram);

impl Serialize for HistogramPoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body {
            count: String,
            sum: String,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            buckets: Vec<(u8, String, String, String)>,
        }
        let buckets = self.1.api_buckets().into_iter().map(|(boundaries, lower, upper, count)| {
            (boundaries, sample_text(lower), sample_text(upper), sample_text(count))
        });
        let body = Body {
            count: sample_text(self.1.count),
            sum: sample_text(self.1.sum),
            buckets: buckets.collect(),
        };
        (Seconds(self.0), body).serialize(serializer)
    }
}

/// A time and a value: `[1700000000.123,"0.5"]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point(Sample);

impl From<&Sample> for Point {
    fn from(sample: &Sample) -> Self {
        Self(*sample)
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Seconds(self.0.at), sample_text(self.0.value)).serialize(serializer)
    }
}

/// Unix seconds, with decimals only where there are any.
#[derive(Debug, Clone, Copy)]
pub struct Seconds(pub Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        if millis % 1000 == 0 {
            serializer.serialize_i64(millis / 1000)
        } else {
            serializer.serialize_f64(self.0.as_secs_f64())
        }
    }
}

/// A number in a vector, matrix or histogram: with an exponent where it is tiny or huge, as in Prometheus; scalars never
/// have one.
fn sample_text(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size == 0.0 || (1e-6..1e21).contains(&size) {
        return format_value(value);
    }
    General(value).to_string()
}

/// A number as Prometheus writes it outside of samples: Go's shortest form without exponent.
pub fn format_value(value: f64) -> String {
    Plain(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value) -> String {
        serde_json::to_string(&QueryJson { value, stats: None }).unwrap()
    }

    #[test]
    fn vectors_and_scalars_are_written_as_prometheus_writes_them() {
        let (at, value) = (Timestamp::from_millis(1_435_781_451_781), SampleValue::Float(1e6));
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
        assert_eq!(
            text(Value::Vector(vec![InstantSample { labels, at, value }])),
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"node"},"value":[1435781451.781,"1000000"]}]}"#
        );
        assert_eq!(text(Value::Vector(vec![])), r#"{"resultType":"vector","result":[]}"#);
        let whole = Sample::new(Timestamp::from_millis(5000), f64::NAN);
        assert_eq!(text(Value::Scalar(whole)), r#"{"resultType":"scalar","result":[5,"NaN"]}"#);
    }

    #[test]
    fn only_samples_have_exponents() {
        for (value, written) in [
            (1e-7, "1e-07"),
            (-1.25e-300, "-1.25e-300"),
            (1e-6, "0.000001"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.0, "0"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(sample_text(value), written);
        }
        let tiny = Sample::new(Timestamp::from_millis(0), 1e-7);
        assert_eq!(text(Value::Scalar(tiny)), r#"{"resultType":"scalar","result":[0,"0.0000001"]}"#);
    }

    #[test]
    fn only_the_first_remarks_are_told() {
        let warnings = (0..12).map(|number| number.to_string()).collect();
        let success = Success::new(()).remarked(warnings, Vec::new());
        assert_eq!(success.warnings.len(), 11);
        assert_eq!(success.warnings[10], "2 more warning annotations omitted");
    }
}
