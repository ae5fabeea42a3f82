//! Compares answers with those of a running Prometheus:
//! `cargo run -p bellwether-promql --release --example recorded -- SAMPLES.om ANSWERS.json.gz`
//!
//! The samples are OpenMetrics text with times. The answers are a list of `{query, range, instant}` with
//! what `/api/v1/query_range` (from two hours after the first sample, ten minutes, every 10 s) and `/api/v1/query` (five
//! minutes into that) gave. Prints each query that differs and ends with `N passed, M failed`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use bellwether_model::exposition::{Format, parse};
use bellwether_model::{Sample, Timestamp};
use bellwether_promql::testing::MemoryStore;
use bellwether_promql::{Engine, EngineOptions, InstantSample, SampleValue, Value};
use serde_json::Value as Json;

/// Numbers that Prometheus computes in another order may differ in their last digits.
const EPSILON: f64 = 1e-9;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(samples), Some(answers)) = (args.next(), args.next()) else {
        return ExitCode::FAILURE;
    };
    match compare(samples.as_ref(), answers.as_ref()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

fn compare(
    samples: &std::path::Path,
    answers: &std::path::Path,
) -> Result<usize, Box<dyn std::error::Error>> {
    let (store, first) = load(&std::fs::read_to_string(samples)?)?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*std::fs::read(answers)?).read_to_string(&mut text)?;
    let answers: Vec<Json> = serde_json::from_str(&text)?;
    let mut out = std::io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    for answer in &answers {
        let query = answer["query"].as_str().unwrap_or_default();
        match differs(&store, first, query, answer) {
            None => passed += 1,
            Some(difference) => {
                failed += 1;
                writeln!(out, "FAIL {query}: {difference}")?;
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(failed)
}

/// All samples, and the whole second before the first one.
fn load(text: &str) -> Result<(MemoryStore, Timestamp), Box<dyn std::error::Error>> {
    let mut store = MemoryStore::default();
    let mut first = Timestamp::MAX;
    for sample in parse(text.as_bytes(), Format::OpenMetrics)?.samples {
        let at = sample.at.ok_or("sample without a time")?;
        store.put(&sample.labels, Sample::new(at, sample.value));
        first = first.min(at);
    }
    Ok((store, first.floor_to(Duration::from_secs(1))))
}

fn differs(store: &MemoryStore, first: Timestamp, text: &str, answer: &Json) -> Option<String> {
    let engine = Engine::new(EngineOptions::default());
    let should_fail = answer["range"]["status"] == "error";
    let query = match engine.prepare(text) {
        Ok(query) => query,
        Err(_) if should_fail => return None,
        Err(error) => return Some(error.to_string()),
    };
    let start = first + Duration::from_secs(7200);
    let end = start + Duration::from_secs(600);
    let range = engine.range(&query, store, start, end, Duration::from_secs(10));
    let instant = engine.instant(&query, store, start + Duration::from_secs(300));
    match (range, instant) {
        (Err(_), Err(_)) if should_fail => None,
        (Ok(_), Ok(_)) if should_fail => Some("should fail".to_owned()),
        (Ok(range), Ok(instant)) => compared(&rows(&range.value), &answer["range"], "range")
            .or_else(|| compared(&rows(&instant.value), &answer["instant"], "instant")),
        (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
    }
}

/// Numbers by series and time in milliseconds.
type Rows = BTreeMap<String, Vec<(i64, f64)>>;

fn rows(value: &Value) -> Rows {
    match value {
        Value::Scalar(sample) => Rows::from([("{}".to_owned(), vec![(sample.at.as_millis(), sample.value)])]),
        Value::String { .. } => Rows::new(),
        Value::Vector(samples) => samples.iter().filter_map(row).collect(),
        Value::Matrix(series) => {
            let points = |sample: &Sample| (sample.at.as_millis(), sample.value);
            let row = |series: &bellwether_promql::RangeSeries| {
                (series.labels.to_string(), series.floats.iter().map(points).collect())
            };
            series.iter().map(row).collect()
        }
    }
}

fn row(sample: &InstantSample) -> Option<(String, Vec<(i64, f64)>)> {
    match sample.value {
        SampleValue::Float(value) => Some((sample.labels.to_string(), vec![(sample.at.as_millis(), value)])),
        SampleValue::Histogram(_) => None,
    }
}

fn compared(ours: &Rows, answer: &Json, kind: &str) -> Option<String> {
    let mut theirs = Rows::new();
    match answer["resultType"].as_str() {
        Some("scalar") => {
            theirs.insert("{}".to_owned(), vec![point(&answer["result"])?]);
        }
        Some("string") => return None,
        _ => {
            for row in answer["result"].as_array()? {
                let labels: bellwether_model::Labels = serde_json::from_value(row["metric"].clone()).ok()?;
                let points = match row["values"].as_array() {
                    Some(values) => values.iter().filter_map(point).collect(),
                    None => vec![point(&row["value"])?],
                };
                theirs.insert(labels.to_string(), points);
            }
        }
    }
    if ours.keys().ne(theirs.keys()) {
        return Some(format!("{kind}: series {:?} instead of {:?}", ours.keys(), theirs.keys()));
    }
    for (series, points) in ours {
        let wanted = &theirs[series];
        let same = points.len() == wanted.len()
            && points.iter().zip(wanted).all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1));
        if !same {
            return Some(format!("{kind}: {series}: {points:?} instead of {wanted:?}"));
        }
    }
    None
}

fn point(json: &Json) -> Option<(i64, f64)> {
    let at = (json[0].as_f64()? * 1000.0).round() as i64;
    Some((at, json[1].as_str()?.parse().ok()?))
}

fn almost_equal(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= EPSILON * (a.abs() + b.abs())
}
