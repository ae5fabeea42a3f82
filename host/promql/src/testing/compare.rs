//! Whether a result is what was expected.

use bellwether_model::{Labels, Sample, Series, Timestamp};

use crate::testing::parse::{Eval, Item, Notes, SeriesLine, When};
use crate::value::{Answer, InstantSample, Value};

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
        return Err(format!("unexpected series {} with {}", extra.labels, extra.sample.value));
    }
    for (place, line) in eval.series.iter().enumerate() {
        let found = samples.iter().position(|sample| sample.labels == line.labels);
        let found = found.ok_or_else(|| format!("missing series {}", line.labels))?;
        if eval.ordered && found != place {
            return Err(format!("series {} is number {found}, expected {place}", line.labels));
        }
        let Some(Item::Float(wanted)) = line.items.first() else {
            return Err(format!("series {} is expected without a float", line.labels));
        };
        same_value(*wanted, samples[found].sample.value, &line.labels)?;
    }
    Ok(())
}

fn matrix(lines: &[SeriesLine], series: &[Series], start: Timestamp, step_ms: i64) -> Result<(), String> {
    let expected: Vec<(&Labels, Vec<Sample>)> = lines
        .iter()
        .map(|line| (&line.labels, points(line, start, step_ms)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let labels = |wanted: &Labels| expected.iter().any(|(labels, _)| *labels == wanted);
    if let Some(extra) = series.iter().find(|series| !labels(&series.labels)) {
        return Err(format!("unexpected series {} with {:?}", extra.labels, extra.samples));
    }
    for (labels, points) in &expected {
        let found = series.iter().find(|series| series.labels == **labels);
        let found = found.ok_or_else(|| format!("missing series {labels}"))?;
        same_points(labels, points, &found.samples)?;
    }
    Ok(())
}

fn points(line: &SeriesLine, start: Timestamp, step_ms: i64) -> Vec<Sample> {
    let mut points = Vec::new();
    let mut at = start;
    for item in &line.items {
        if let Item::Float(value) = item {
            points.push(Sample::new(at, *value));
        }
        at = at.offset_millis(step_ms);
    }
    points
}

fn same_points(labels: &Labels, expected: &[Sample], got: &[Sample]) -> Result<(), String> {
    let times = |samples: &[Sample]| samples.iter().map(|sample| sample.at).collect::<Vec<_>>();
    if times(expected) != times(got) {
        return Err(format!("series {labels}: expected {expected:?}, got {got:?}"));
    }
    for (wanted, got) in expected.iter().zip(got) {
        same_value(wanted.value, got.value, &format_args!("{labels} at {}", wanted.at))?;
    }
    Ok(())
}

fn same_value(wanted: f64, got: f64, what: &dyn std::fmt::Display) -> Result<(), String> {
    if almost_equal(wanted, got) { Ok(()) } else { Err(format!("{what}: expected {wanted}, got {got}")) }
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || a.is_nan() && b.is_nan() {
        return true;
    }
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || difference < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / (a.abs() + b.abs()).min(f64::MAX) < EPSILON
}
