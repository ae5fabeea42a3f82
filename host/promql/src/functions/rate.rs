//! How fast a window changes: extrapolated, between its last two samples, or by linear regression.

pub(super) mod extended;
pub(super) mod extended_histograms;
mod histograms;
mod instant;
mod regression;

use bellwether_model::FloatHistogram;
use bellwether_model::query::Samples;

use crate::annotations::Remark;
use crate::ast::Extension;
use crate::functions::{Say, Window, WindowValue};

pub(super) use instant::{idelta, irate};
pub(super) use regression::{deriv, predict_linear};

/// What `rate`, `increase` and `delta` have not in common.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// A counter only goes up, but for resets.
    counter: bool,
    per_second: bool,
}

pub(super) fn rate(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    change(window, Change { counter: true, per_second: true }, say)
}

pub(super) fn increase(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    change(window, Change { counter: true, per_second: false }, say)
}

pub(super) fn delta(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    change(window, Change { counter: false, per_second: false }, say)
}

fn change(window: &Window<'_>, change: Change, say: &mut Say<'_>) -> Option<WindowValue> {
    if window.is_mixed(say) {
        return None;
    }
    match (window.extension, window.samples.histograms.is_empty()) {
        (Extension::None, true) => extrapolated(window, change, say).map(WindowValue::Float),
        (Extension::None, false) => histograms::extrapolated(window, change, say).map(WindowValue::histogram),
        (_, true) => extended::change(window, change).map(WindowValue::Float),
        (_, false) => extended_histograms::change(window, change, say).map(WindowValue::histogram),
    }
}

/// The change over a window as if its samples reached the edges, as Prometheus' `extrapolatedRate`.
fn extrapolated(window: &Window<'_>, change: Change, say: &mut Say<'_>) -> Option<f64> {
    let Samples { times, values, .. } = window.samples;
    let since = window.counting_since();
    let (&first, &last) = (values.first()?, values.last()?);
    let mut total = last - first;
    if change.counter {
        total += if since.is_empty() {
            values.windows(2).filter(|pair| pair[1] < pair[0]).fold(0.0, |sum, pair| sum + pair[0])
        } else {
            resets(window, since, say)
        };
    }
    let span = Span { times: (*times.first()?, *times.last()?), count: times.len() };
    let began = since.first().copied().filter(|_| change.counter);
    if let Some(factor) = span.factor_from_start_time(window, began, change) {
        return Some((total + first) * factor);
    }
    let to_zero = (change.counter && total > 0.0 && first >= 0.0).then(|| first / total);
    Some(total * span.factor(window, change, to_zero)?)
}

/// What a counter lost at its resets, as start timestamps and falling values tell.
fn resets(window: &Window<'_>, since: &[i64], say: &mut Say<'_>) -> f64 {
    let Samples { times, values, .. } = window.samples;
    let (mut lost, mut overlaps) = (0.0, false);
    for at in 1..values.len() {
        let of = |at: usize| since.get(at).copied().unwrap_or(0);
        if !overlaps && overlaps_before(of(at - 1), times[at - 1], of(at)) {
            say(Remark::StartTimeOverlap(window.metric()));
            overlaps = true;
        }
        if values[at] < values[at - 1]
            || is_reset_by_start_time((of(at - 1), times[at - 1]), (of(at), times[at]))
        {
            lost += values[at - 1];
        }
    }
    lost
}

/// The samples of a window as far as extrapolation is concerned.
struct Span {
    /// Times of the first and the last one.
    times: (i64, i64),
    count: usize,
}

impl Span {
    fn seconds(from: i64, to: i64) -> f64 {
        (to - from) as f64 / 1000.0
    }

    /// How far an edge is reached: in full if it is nearer than 1.1 average intervals, else by half an interval.
    fn reach(&self, distance: f64) -> f64 {
        let sampled = Self::seconds(self.times.0, self.times.1);
        let average = if self.count > 1 { sampled / (self.count - 1) as f64 } else { 0.0 };
        if distance >= average * 1.1 { average / 2.0 } else { distance }
    }

    fn scale(window: &Window<'_>, change: Change, sampled: f64, reached: f64) -> f64 {
        let factor = if sampled == 0.0 { 1.0 } else { reached / sampled };
        if change.per_second { factor / window.seconds() } else { factor }
    }

    /// The factor where the counter is known to have begun at zero inside of the window: nothing is extrapolated to
    /// the left then.
    fn factor_from_start_time(&self, window: &Window<'_>, began: Option<i64>, change: Change) -> Option<f64> {
        let began = began.filter(|&began| began != 0 && began > window.start && began < self.times.0)?;
        let sampled = Self::seconds(began, self.times.1);
        let after = self.reach(Self::seconds(self.times.1, window.end));
        Some(Self::scale(window, change, sampled, sampled + after))
    }

    /// By how much the change between first and last sample grows when it is extrapolated to the edges. A counter is
    /// never extrapolated to below zero: `to_zero` says how many sampled intervals before the first sample it was
    /// zero.
    fn factor(&self, window: &Window<'_>, change: Change, to_zero: Option<f64>) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let sampled = Self::seconds(self.times.0, self.times.1);
        let mut before = self.reach(Self::seconds(window.start, self.times.0));
        if let Some(to_zero) = to_zero {
            let zero = sampled * to_zero;
            if zero < before {
                before = zero;
            }
        }
        let after = self.reach(Self::seconds(self.times.1, window.end));
        Some(Self::scale(window, change, sampled, sampled + before + after))
    }
}

/// Whether a counter began anew between two samples, each given by since when it counts (0 where unknown) and its
/// time.
pub(super) fn is_reset_by_start_time((since_before, before): (i64, i64), (since, at): (i64, i64)) -> bool {
    if since_before == since || since == 0 || since >= at || since < before {
        return false;
    }
    // A start right at the sample before is a delta, unless that sample did not know its own start.
    since > before || since_before <= before && since_before != 0 && since_before != before
}

/// Whether a sample claims to count from before the one before it, which already counted something else.
fn overlaps_before(since_before: i64, before: i64, since: i64) -> bool {
    since != 0 && since < before && since != since_before
}

/// Adds one histogram to another; false where they do not fit, with the remark that says so.
fn combined(
    combine: Result<bellwether_model::histogram::Reconciled, bellwether_model::histogram::HistogramError>,
    by: crate::annotations::Combination,
    window: &Window<'_>,
    say: &mut Say<'_>,
) -> bool {
    match combine {
        Ok(reconciled) => {
            if reconciled.bounds_reconciled {
                say(Remark::MismatchedCustomBuckets(by));
            }
            true
        }
        Err(_) => {
            say(Remark::MixedExponentialCustom(window.metric()));
            false
        }
    }
}

fn compact(mut histogram: FloatHistogram) -> FloatHistogram {
    histogram.compact(0);
    histogram
}
