//! How fast a window changes: extrapolated, instantaneous, or by linear regression.

use bellwether_model::Timestamp;

use crate::functions::Window;
use crate::statistics::KahanSum;

pub(super) fn rate(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let seconds = seconds_between(window.start, window.end);
    Some(extrapolated(window, true)? / seconds)
}

pub(super) fn increase(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extrapolated(window, true)
}

pub(super) fn delta(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extrapolated(window, false)
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.millis_since(from) as f64 / 1000.0
}

/// The change over a window as if its samples reached the edges, as Prometheus' `extrapolatedRate`: an edge nearer than
/// 1.1 average intervals is reached in full, a farther one by half an interval, and a counter never from below zero.
fn extrapolated(window: &Window<'_>, counter: bool) -> Option<f64> {
    let [first, .., last] = window.samples else {
        return None;
    };
    let mut change = last.value - first.value;
    if counter {
        let reset =
            |pair: &[bellwether_model::Sample]| (pair[1].value < pair[0].value).then_some(pair[0].value);
        window.samples.windows(2).filter_map(reset).for_each(|before| change += before);
    }
    let sampled = seconds_between(first.at, last.at);
    let average = sampled / (window.samples.len() - 1) as f64;
    let reach = |distance: f64| {
        if distance >= average * 1.1 { average / 2.0 } else { distance }
    };
    let mut before = reach(seconds_between(window.start, first.at));
    if counter && change > 0.0 && first.value >= 0.0 {
        before = before.min(sampled * (first.value / change));
    }
    let after = reach(seconds_between(last.at, window.end));
    Some(change * ((sampled + before + after) / sampled))
}

pub(super) fn irate(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let [.., previous, last] = window.samples else {
        return None;
    };
    // After a reset the counter began at zero.
    let change = if last.value < previous.value { last.value } else { last.value - previous.value };
    Some(change / seconds_between(previous.at, last.at))
}

pub(super) fn idelta(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let [.., previous, last] = window.samples else {
        return None;
    };
    Some(last.value - previous.value)
}

pub(super) fn deriv(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let first = window.samples.first()?;
    Some(linear_regression(window, first.at)?.slope)
}

pub(super) fn predict_linear(window: &Window<'_>, params: &[f64]) -> Option<f64> {
    let line = linear_regression(window, window.at)?;
    Some(line.slope * params[0] + line.intercept)
}

struct Line {
    /// Per second.
    slope: f64,
    intercept: f64,
}

/// The line of least squares, with its intercept at `origin`; needs two samples.
fn linear_regression(window: &Window<'_>, origin: Timestamp) -> Option<Line> {
    let [first, _, ..] = window.samples else {
        return None;
    };
    if window.samples.iter().all(|sample| sample.value == first.value) {
        let flat = Line { slope: 0.0, intercept: first.value };
        let undefined = Line { slope: f64::NAN, intercept: f64::NAN };
        return Some(if first.value.is_infinite() { undefined } else { flat });
    }
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [KahanSum::default(); 4];
    for sample in window.samples {
        let x = seconds_between(origin, sample.at);
        x_sum.add(x);
        y_sum.add(sample.value);
        xy_sum.add(x * sample.value);
        xx_sum.add(x * x);
    }
    let count = window.samples.len() as f64;
    let [x, y, xy, xx] = [x_sum, y_sum, xy_sum, xx_sum].map(KahanSum::total);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some(Line { slope, intercept: y / count - slope * x / count })
}
