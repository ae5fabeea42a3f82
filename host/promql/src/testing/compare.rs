//! Whether a result is what was expected.

use bellwether_model::{FloatHistogram, Labels, Timestamp, is_stale};

use crate::testing::parse::{Eval, Notes, When};
use crate::testing::series::{Item, SeriesLine};
use crate::value::{Answer, InstantSample, RangeSeries, SampleValue, Value};

/// Relative difference that still counts as equal, as upstream.
const EPSILON: f64 = 1e-6;

/// The first difference between an answer and the expectation.
pub(super) fn answer(eval: &Eval, answer: &Answer) -> Result<(), String> {
    notes("warning", &eval.warnings, &answer.warnings)?;
    notes("info", &eval.infos, &answer.infos)?;
    value(eval, &answer.value)
}

fn notes(kind: &str, expected: &Notes, got: &[String]) -> Result<(), String> {
    if expected.none && !got.is_empty() {
        return Err(format!("expected no {kind}, got {got:?}"));
    }
    if expected.some && got.is_empty() {
        return Err(format!("expected at least one {kind}"));
    }
    if expected.wanted.is_empty() {
        return Ok(());
    }
    if let Some(extra) = got.iter().find(|note| !expected.wanted.iter().any(|wanted| wanted.matches(note))) {
        return Err(format!("unexpected {kind}: {extra}"));
    }
    match expected.wanted.iter().find(|wanted| !got.iter().any(|note| wanted.matches(note))) {
        Some(missing) => Err(format!("missing {kind}: {missing:?}, got {got:?}")),
        None => Ok(()),
    }
}

pub(super) fn value(eval: &Eval, value: &Value) -> Result<(), String> {
    match (value, eval.when) {
        (Value::String { text, .. }, _) => match &eval.text {
            Some(wanted) if wanted == text => Ok(()),
            wanted => Err(format!("expected {wanted:?}, got the string {text:?}")),
        },
        (Value::Scalar(sample), _) => {
            let wanted = eval.scalar.or_else(|| only_value(&eval.series));
            let wanted = wanted.ok_or_else(|| format!("expected no scalar, got {}", sample.value))?;
            same_value(wanted, sample.value, &"scalar")
        }
        (Value::Vector(samples), _) => vector(eval, samples),
        (Value::Matrix(series), When::Range { start, step_ms, .. }) => {
            matrix(&eval.series, series, start, step_ms)
        }
        (Value::Matrix(series), When::Instant(_)) => match eval.window {
            Some((start, step_ms)) => matrix(&eval.series, series, start, step_ms),
            None if eval.series.is_empty() && series.is_empty() => Ok(()),
            None => Err("got a range vector where none was expected".to_owned()),
        },
    }
}

fn only_value(series: &[SeriesLine]) -> Option<f64> {
    match series {
        [only] if only.labels.is_empty() => match only.items[..] {
            [Item::Float(value)] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn vector(eval: &Eval, samples: &[InstantSample]) -> Result<(), String> {
    if eval.scalar.is_some() {
        return Err("expected a scalar, got a vector".to_owned());
    }
    if let Some(extra) =
        samples.iter().find(|sample| !eval.series.iter().any(|line| line.labels == sample.labels))
    {
        return Err(format!("unexpected series {} with {}", extra.labels, text(&extra.value)));
    }
    for (place, line) in eval.series.iter().enumerate() {
        let found = samples.iter().position(|sample| sample.labels == line.labels);
        let found = found.ok_or_else(|| format!("missing series {}", line.labels))?;
        if eval.ordered && found != place {
            return Err(format!("series {} is number {found}, expected {place}", line.labels));
        }
        let wanted = line.items.first().unwrap_or(&Item::Gap);
        same_item(wanted, &samples[found].value, &line.labels)?;
    }
    Ok(())
}

fn matrix(
    lines: &[SeriesLine],
    series: &[RangeSeries],
    start: Timestamp,
    step_ms: i64,
) -> Result<(), String> {
    let expected: Vec<&SeriesLine> =
        lines.iter().filter(|line| line.items.iter().any(|item| !matches!(item, Item::Gap))).collect();
    let labels = |wanted: &Labels| expected.iter().any(|line| line.labels == *wanted);
    if let Some(extra) = series.iter().find(|series| !labels(&series.labels)) {
        return Err(format!("unexpected series {} with {:?}", extra.labels, extra.floats));
    }
    if !series.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Err("series are not sorted by labels".to_owned());
    }
    for line in expected {
        let found = series.iter().find(|series| series.labels == line.labels);
        let found = found.ok_or_else(|| format!("missing series {}", line.labels))?;
        same_points(line, found, start, step_ms)?;
    }
    Ok(())
}

fn same_points(line: &SeriesLine, got: &RangeSeries, start: Timestamp, step_ms: i64) -> Result<(), String> {
    let labels = &line.labels;
    let mut points: Vec<(Timestamp, SampleValue)> =
        got.floats.iter().map(|sample| (sample.at, SampleValue::Float(sample.value))).collect();
    points.extend(got.histograms.iter().map(|(at, h)| (*at, SampleValue::Histogram(h.clone()))));
    points.sort_by_key(|(at, _)| *at);
    let mut points = points.into_iter();
    let mut at = start;
    for item in &line.items {
        if !matches!(item, Item::Gap) {
            let Some((got_at, value)) = points.next() else {
                return Err(format!("series {labels}: nothing at {at}"));
            };
            if got_at != at {
                return Err(format!(
                    "series {labels}: expected a point at {at}, got {} at {got_at}",
                    text(&value)
                ));
            }
            same_item(item, &value, &format_args!("{labels} at {at}"))?;
        }
        at = at.offset_millis(step_ms);
    }
    match points.next() {
        None => Ok(()),
        Some((at, value)) => Err(format!("series {labels}: unexpected {} at {at}", text(&value))),
    }
}

fn text(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => histogram.test_expression(),
    }
}

fn same_item(wanted: &Item, got: &SampleValue, what: &dyn std::fmt::Display) -> Result<(), String> {
    match (wanted, got) {
        (Item::Float(wanted), SampleValue::Float(got)) => same_value(*wanted, *got, what),
        (Item::Histogram { histogram, has_hint }, SampleValue::Histogram(got)) => {
            if same_histogram(histogram, got, *has_hint) {
                return Ok(());
            }
            let (wanted, got) = (histogram.test_expression(), got.test_expression());
            Err(format!("{what}: expected {wanted}, got {got}"))
        }
        (wanted, got) => Err(format!("{what}: expected {wanted:?}, got {}", text(got))),
    }
}

fn same_value(wanted: f64, got: f64, what: &dyn std::fmt::Display) -> Result<(), String> {
    if almost_equal(wanted, got) { Ok(()) } else { Err(format!("{what}: expected {wanted}, got {got}")) }
}

/// Whether all figures are about equal, and the buckets lie at the same places.
fn same_histogram(wanted: &FloatHistogram, got: &FloatHistogram, compare_hint: bool) -> bool {
    let compact = |histogram: &FloatHistogram| {
        let mut histogram = histogram.clone();
        histogram.compact(0);
        histogram
    };
    let (wanted, got) = (compact(wanted), compact(got));
    let buckets = |a: &bellwether_model::histogram::Buckets, b: &bellwether_model::histogram::Buckets| {
        a.counts.len() == b.counts.len() && a.counts.iter().zip(&b.counts).all(|(&a, &b)| almost_equal(a, b))
    };
    let places = |histogram: &FloatHistogram| -> Vec<i32> {
        histogram.all_buckets().map(|bucket| bucket.index).collect()
    };
    wanted.schema == got.schema
        && almost_equal(wanted.count, got.count)
        && almost_equal(wanted.sum, got.sum)
        && (!wanted.uses_custom_buckets() || wanted.custom_bounds == got.custom_bounds)
        && wanted.zero_threshold == got.zero_threshold
        && almost_equal(wanted.zero_count, got.zero_count)
        && buckets(&wanted.positive, &got.positive)
        && buckets(&wanted.negative, &got.negative)
        && places(&wanted) == places(&got)
        && (!compare_hint || wanted.counter_reset_hint == got.counter_reset_hint)
}

fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || a.is_nan() && b.is_nan() {
        return true;
    }
    let (difference, sum) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}
