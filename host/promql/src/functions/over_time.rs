//! Functions of the samples of a window, whatever their distance.

mod histograms;

use bellwether_model::query::{HistogramSample, Samples};

use crate::annotations::Remark;
use crate::ast::Extension;
use crate::functions::rate::is_reset_by_start_time;
use crate::functions::{Say, Window, WindowValue};
use crate::statistics;

pub(super) fn sum(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    if window.is_mixed(say) {
        return None;
    }
    if window.samples.times.is_empty() {
        return histograms::sum(window, say);
    }
    Some(WindowValue::Float(statistics::sum(window.samples.values)))
}

pub(super) fn avg(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    if window.is_mixed(say) {
        return None;
    }
    if window.samples.times.is_empty() {
        return histograms::mean(window, say);
    }
    Some(WindowValue::Float(statistics::mean(window.samples.values)))
}

pub(super) fn count(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, histograms, .. } = window.samples;
    Some(WindowValue::Float((times.len() + histograms.len()) as f64))
}

pub(super) fn min(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::min(window.samples.values))
}

pub(super) fn max(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::max(window.samples.values))
}

pub(super) fn stddev(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::standard_deviation(window.samples.values))
}

pub(super) fn stdvar(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::variance(window.samples.values))
}

pub(super) fn mad(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::median_absolute_deviation(window.samples.values))
}

pub(super) fn quantile(window: &Window<'_>, params: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    let phi = params[0];
    if window.samples.times.is_empty() {
        return None;
    }
    if !(0.0..=1.0).contains(&phi) {
        say(Remark::InvalidQuantile(phi));
    }
    if !window.samples.histograms.is_empty() {
        say(Remark::HistogramsIgnoredInMixedRange(window.metric()));
    }
    Some(WindowValue::Float(statistics::quantile(phi, window.samples.values)))
}

/// The oldest sample.
pub(super) fn first(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, values, histograms, .. } = window.samples;
    match histograms.first() {
        Some(sample) if times.first().is_none_or(|&at| at >= sample.at) => {
            Some(WindowValue::Histogram(sample.histogram.clone()))
        }
        _ => values.first().map(|&value| WindowValue::Float(value)),
    }
}

/// The newest sample.
pub(super) fn last(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, values, histograms, .. } = window.samples;
    match histograms.last() {
        Some(sample) if times.last().is_none_or(|&at| sample.at >= at) => {
            Some(WindowValue::Histogram(sample.histogram.clone()))
        }
        _ => values.last().map(|&value| WindowValue::Float(value)),
    }
}

pub(super) fn time_of_first(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, histograms, .. } = window.samples;
    let first = times.first().copied().into_iter().chain(histograms.first().map(|sample| sample.at)).min();
    first.map(|at| WindowValue::Float(at as f64 / 1000.0))
}

pub(super) fn time_of_last(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, histograms, .. } = window.samples;
    let last = times.last().copied().into_iter().chain(histograms.last().map(|sample| sample.at)).max();
    last.map(|at| WindowValue::Float(at as f64 / 1000.0))
}

/// When the largest value was last seen, in Unix seconds.
pub(super) fn time_of_max(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    time_of(window, |value, best| value >= best || best.is_nan())
}

/// When the smallest value was last seen, in Unix seconds.
pub(super) fn time_of_min(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    time_of(window, |value, best| value <= best || best.is_nan())
}

fn time_of(window: &Window<'_>, is_better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let Samples { times, values, .. } = window.samples;
    let mut best = 0;
    for at in 0..values.len() {
        if is_better(values[at], values[best]) {
            best = at;
        }
    }
    times.get(best).map(|&at| at as f64 / 1000.0)
}

/// A float or a histogram, with its time and since when it counts.
#[derive(Clone, Copy)]
enum Point<'a> {
    Float { at: i64, counting_since: i64, value: f64 },
    Histogram(&'a HistogramSample),
}

/// The samples of a window in order of time; of an anchored one those before its start only as far as the newest.
fn points<'a>(window: &'a Window<'_>) -> Option<Vec<Point<'a>>> {
    let Samples { times, values, histograms, .. } = window.samples;
    let since = window.counting_since();
    let mut points = Vec::with_capacity(times.len() + histograms.len());
    let (mut float, mut histogram) = (0, 0);
    while float < times.len() || histogram < histograms.len() {
        let float_first =
            histograms.get(histogram).is_none_or(|sample| times.get(float).is_some_and(|&at| at < sample.at));
        if float_first {
            let counting_since = since.get(float).copied().unwrap_or(0);
            points.push(Point::Float { at: times[float], counting_since, value: values[float] });
            float += 1;
        } else {
            points.push(Point::Histogram(&histograms[histogram]));
            histogram += 1;
        }
    }
    if window.extension == Extension::Anchored {
        let before = points.iter().take_while(|point| point.at() <= window.start).count();
        if before == points.len() {
            return None;
        }
        points.drain(..before.saturating_sub(1));
    }
    Some(points)
}

impl Point<'_> {
    fn at(&self) -> i64 {
        match self {
            Self::Float { at, .. } => *at,
            Self::Histogram(sample) => sample.at,
        }
    }
}

/// How often the value changed; NaN after NaN is no change.
pub(super) fn changes(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let differ = |pair: &[Point<'_>]| match (pair[0], pair[1]) {
        (Point::Float { value: a, .. }, Point::Float { value: b, .. }) => {
            a != b && !(a.is_nan() && b.is_nan())
        }
        (Point::Histogram(a), Point::Histogram(b)) => !b.histogram.equals(&a.histogram),
        _ => true,
    };
    let changes = points(window)?.windows(2).filter(|pair| differ(pair)).count();
    Some(WindowValue::Float(changes as f64))
}

/// How often a counter began anew.
pub(super) fn resets(window: &Window<'_>, _: &[f64], _: &mut Say<'_>) -> Option<WindowValue> {
    let use_start_times = window.use_start_times;
    let is_reset = |pair: &[Point<'_>]| match (pair[0], pair[1]) {
        (
            Point::Float { at: before, counting_since: since_before, value: a },
            Point::Float { at, counting_since, value: b },
        ) => b < a || is_reset_by_start_time((since_before, before), (counting_since, at)),
        (Point::Histogram(a), Point::Histogram(b)) => {
            use_start_times && is_reset_by_start_time((a.counting_since, a.at), (b.counting_since, b.at))
                || b.histogram.detect_reset(&a.histogram)
        }
        _ => true,
    };
    let resets = points(window)?.windows(2).filter(|pair| is_reset(pair)).count();
    Some(WindowValue::Float(resets as f64))
}

/// Both factors lie strictly between 0 and 1.
pub(super) fn check_smoothing(factors: &[f64]) -> Result<(), String> {
    for (name, symbol, factor) in [("smoothing", "sf", factors[0]), ("trend", "tf", factors[1])] {
        if factor <= 0.0 || factor >= 1.0 {
            return Err(format!("invalid {name} factor. Expected: 0 < {symbol} < 1, got: {factor:.6}"));
        }
    }
    Ok(())
}

/// Double exponential smoothing (Holt's linear trend); needs two samples.
pub(super) fn smoothing(window: &Window<'_>, factors: &[f64]) -> Option<f64> {
    let (smoothing, trend_factor) = (factors[0], factors[1]);
    let [first, second, ..] = *window.samples.values else {
        return None;
    };
    let (mut previous, mut smoothed, mut trend) = (0.0, first, second - first);
    for (at, value) in window.samples.values[1..].iter().enumerate() {
        if at > 0 {
            trend = trend_factor * (smoothed - previous) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (smoothed + trend);
        (previous, smoothed) = (smoothed, next);
    }
    Some(smoothed)
}
