//! Windows of native histograms that look beyond their edges.

use std::sync::Arc;

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::CounterResetHint::Gauge;
use bellwether_model::histogram::HistogramError;
use bellwether_model::query::HistogramSample;

use super::extended::first_and_last;
use super::{Change, combined, compact};
use crate::annotations::{Combination, Remark};
use crate::ast::Extension;
use crate::functions::{Say, Window};

/// The histogram between two samples, on the straight line; a counter that began anew in between began at zero.
/// Tells through the flag whether custom bounds had to be reconciled: by subtraction, and by addition.
pub(crate) fn interpolate(
    from: &HistogramSample,
    to: &HistogramSample,
    at: i64,
    counter: bool,
) -> Result<(FloatHistogram, [bool; 2]), HistogramError> {
    if at == from.at {
        return Ok((FloatHistogram::clone(&from.histogram), [false; 2]));
    }
    let mut result = FloatHistogram::clone(&to.histogram);
    if at == to.at {
        return Ok((result, [false; 2]));
    }
    let fraction = (at - from.at) as f64 / (to.at - from.at) as f64;
    if counter && to.histogram.detect_reset(&from.histogram) {
        result.mul(fraction);
        return Ok((result, [false; 2]));
    }
    let subtracted = result.sub(&from.histogram)?;
    result.mul(fraction);
    let added = result.add(&from.histogram)?;
    Ok((result, [subtracted.bounds_reconciled, added.bounds_reconciled]))
}

/// [`interpolate`] with its remarks; none where the histograms do not fit.
fn between(
    from: &HistogramSample,
    to: &HistogramSample,
    at: i64,
    (window, counter): (&Window<'_>, bool),
    say: &mut Say<'_>,
) -> Option<FloatHistogram> {
    match interpolate(from, to, at, counter) {
        Ok((histogram, reconciled)) => {
            for (by, reconciled) in
                [Combination::Subtraction, Combination::Addition].into_iter().zip(reconciled)
            {
                if reconciled {
                    say(Remark::MismatchedCustomBuckets(by));
                }
            }
            Some(histogram)
        }
        Err(_) => {
            say(Remark::MixedExponentialCustom(window.metric()));
            None
        }
    }
}

/// The change between both edges, in full.
pub(super) fn change(window: &Window<'_>, change: Change, say: &mut Say<'_>) -> Option<FloatHistogram> {
    let samples = window.samples.histograms;
    let smoothed = window.extension == Extension::Smoothed;
    let edges = (window.start, window.end);
    let (first, last) = first_and_last(samples.len(), |at| samples[at].at, edges, smoothed)?;
    check(window, &samples[first..=last], change.counter, say)?;
    let context = (window, change.counter);
    let left = match samples.get(first + 1) {
        Some(next) if smoothed && samples[first].at < window.start => {
            between(&samples[first], next, window.start, context, say)?
        }
        _ => FloatHistogram::clone(&samples[first].histogram),
    };
    let right = if smoothed && last > 0 && samples[last].at > window.end {
        between(&samples[last - 1], &samples[last], window.end, context, say)?
    } else {
        FloatHistogram::clone(&samples[last].histogram)
    };
    let is_gauge = |histogram: &FloatHistogram| histogram.counter_reset_hint == Gauge;
    let gauges = is_gauge(&left) && is_gauge(&right);
    if !change.counter && !gauges {
        say(Remark::NotGauge(window.metric()));
    }
    let mut total = right.clone();
    combined(total.sub(&left), Combination::Subtraction, window, say).then_some(())?;
    if change.counter
        && let Some(lost) = lost(window, (first, last), (&left, &right), say)?
    {
        combined(total.add(&lost), Combination::Addition, window, say).then_some(())?;
    }
    if change.per_second {
        total.div(window.seconds());
    }
    total.counter_reset_hint = Gauge;
    Some(compact(total))
}

/// Whether the histograms have the same kind of buckets; says so of gauges among counters, too.
fn check(window: &Window<'_>, samples: &[HistogramSample], counter: bool, say: &mut Say<'_>) -> Option<()> {
    let custom = samples.first()?.histogram.uses_custom_buckets();
    for HistogramSample { histogram, .. } in samples {
        if histogram.uses_custom_buckets() != custom {
            say(Remark::MixedExponentialCustom(window.metric()));
            return None;
        }
        if counter && histogram.counter_reset_hint == Gauge {
            say(Remark::NotCounter(window.metric()));
        }
    }
    Some(())
}

/// What a counter lost at its resets between both edges; the outer none is a failure.
fn lost(
    window: &Window<'_>,
    (first, last): (usize, usize),
    (left, right): (&FloatHistogram, &FloatHistogram),
    say: &mut Say<'_>,
) -> Option<Option<FloatHistogram>> {
    let samples = window.samples.histograms;
    // The first sample is represented by the left edge, the last one by the right edge: they are not compared
    // themselves.
    let (mut from, mut before) = (first + 1, Arc::new(left.clone()));
    let spans_reset = window.extension == Extension::Smoothed
        && samples[first].at < window.start
        && samples.get(first + 1).is_some_and(|next| next.histogram.detect_reset(&samples[first].histogram));
    if spans_reset {
        // The reset right after the first sample is in the interpolated left edge already.
        before = samples[first + 1].histogram.clone();
        from += 1;
    }
    if from > last {
        return Some(None);
    }
    let mut lost: Option<FloatHistogram> = None;
    let between = samples.get(from..last).unwrap_or(&[]).iter().map(|sample| sample.histogram.clone());
    for histogram in between.chain([Arc::new(right.clone())]) {
        if histogram.detect_reset(&before) {
            match &mut lost {
                None => lost = Some(FloatHistogram::clone(&before)),
                Some(lost) => {
                    combined(lost.add(&before), Combination::Addition, window, say).then_some(())?;
                }
            }
        }
        before = histogram;
    }
    Some(lost)
}
