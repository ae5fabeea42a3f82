//! Functions of the samples of a window, whatever their times.

use crate::functions::Window;
use crate::statistics;

fn values(window: &Window<'_>) -> Vec<f64> {
    window.samples.iter().map(|sample| sample.value).collect()
}

pub(super) fn sum(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::sum(&values(window)))
}

pub(super) fn avg(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::mean(&values(window)))
}

pub(super) fn min(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::min(&values(window)))
}

pub(super) fn max(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::max(&values(window)))
}

pub(super) fn stddev(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::standard_deviation(&values(window)))
}

pub(super) fn stdvar(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::variance(&values(window)))
}

pub(super) fn mad(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(statistics::median_absolute_deviation(&values(window)))
}

pub(super) fn quantile(window: &Window<'_>, params: &[f64]) -> Option<f64> {
    Some(statistics::quantile(params[0], &values(window)))
}

/// How often the value changed; NaN after NaN is no change.
pub(super) fn changes(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let differ = |a: f64, b: f64| a != b && !(a.is_nan() && b.is_nan());
    Some(pairs(window).filter(|&(a, b)| differ(a, b)).count() as f64)
}

/// How often a counter went down.
pub(super) fn resets(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(pairs(window).filter(|(a, b)| b < a).count() as f64)
}

fn pairs<'a>(window: &Window<'a>) -> impl Iterator<Item = (f64, f64)> + use<'a> {
    window.samples.windows(2).map(|pair| (pair[0].value, pair[1].value))
}

/// When the largest value was last seen, in Unix seconds.
pub(super) fn time_of_max(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let later =
        window.samples.iter().reduce(|a, b| if b.value >= a.value || a.value.is_nan() { b } else { a });
    later.map(|sample| sample.at.as_secs_f64())
}

/// When the smallest value was last seen, in Unix seconds.
pub(super) fn time_of_min(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let later =
        window.samples.iter().reduce(|a, b| if b.value <= a.value || a.value.is_nan() { b } else { a });
    later.map(|sample| sample.at.as_secs_f64())
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
    let [first, second, ..] = window.samples else {
        return None;
    };
    let (mut previous, mut smoothed, mut trend) = (0.0, first.value, second.value - first.value);
    for (at, sample) in window.samples[1..].iter().enumerate() {
        if at > 0 {
            trend = trend_factor * (smoothed - previous) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (smoothed + trend);
        (previous, smoothed) = (smoothed, next);
    }
    Some(smoothed)
}
