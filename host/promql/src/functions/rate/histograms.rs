//! Extrapolated change of native histograms.

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::CounterResetHint::Gauge;
use bellwether_model::query::HistogramSample;

use super::{Change, Span, combined, compact, is_reset_by_start_time, overlaps_before};
use crate::annotations::{Combination, Remark};
use crate::functions::{Say, Window};

/// The change over a window as if its samples reached the edges.
pub(super) fn extrapolated(window: &Window<'_>, change: Change, say: &mut Say<'_>) -> Option<FloatHistogram> {
    let samples = window.samples.histograms;
    let (first, last) = (samples.first()?, samples.last()?);
    let mut total = match samples {
        [_, _, ..] => Some(difference(window, change, say)?),
        _ => None,
    };
    let span = Span { times: (first.at, last.at), count: samples.len() };
    let began = (change.counter && window.use_start_times).then_some(first.counting_since);
    if let Some(factor) = span.factor_from_start_time(window, began, change) {
        let mut total = match total.take() {
            None => FloatHistogram::clone(&first.histogram),
            Some(mut total) => {
                let added = total.add(&first.histogram);
                combined(added, Combination::Addition, window, say).then_some(total)?
            }
        };
        total.mul(factor);
        return Some(total);
    }
    let mut total = total?;
    let to_zero = (change.counter && total.count > 0.0 && first.histogram.count >= 0.0)
        .then(|| first.histogram.count / total.count);
    total.mul(span.factor(window, change, to_zero)?);
    Some(total)
}

/// The difference of the last and the first histogram, with what was lost at resets; as Prometheus' `histogramRate`.
fn difference(window: &Window<'_>, change: Change, say: &mut Say<'_>) -> Option<FloatHistogram> {
    let samples = window.samples.histograms;
    let [first, second, ..] = samples else {
        return None;
    };
    let last = &samples.last()?.histogram;
    let is_gauge = |histogram: &FloatHistogram| histogram.counter_reset_hint == Gauge;
    if change.counter && (is_gauge(&first.histogram) || is_gauge(last)) {
        say(Remark::NotCounter(window.metric()));
    }
    let mut previous = FloatHistogram::clone(&first.histogram);
    if change.counter && is_reset(window, first, second, &first.histogram) {
        // Nothing of the first sample matters, not even its buckets.
        previous = FloatHistogram {
            schema: second.histogram.schema,
            custom_bounds: second.histogram.custom_bounds.clone(),
            ..FloatHistogram::default()
        };
    }
    let custom = previous.uses_custom_buckets();
    if last.uses_custom_buckets() != custom {
        say(Remark::MixedExponentialCustom(window.metric()));
        return None;
    }
    let mut schema = last.schema.min(previous.schema);
    if change.counter {
        for HistogramSample { histogram, .. } in &samples[1..samples.len() - 1] {
            if is_gauge(histogram) {
                say(Remark::NotCounter(window.metric()));
            }
            schema = schema.min(histogram.schema);
            if histogram.uses_custom_buckets() != custom {
                say(Remark::MixedExponentialCustom(window.metric()));
                return None;
            }
        }
    }
    let mut total = last.copy_to_schema(schema).ok()?;
    let subtracted = total.sub(&previous);
    combined(subtracted, Combination::Subtraction, window, say).then_some(())?;
    if change.counter {
        add_lost(window, previous, &mut total, say)?;
    } else if !is_gauge(&first.histogram) || !is_gauge(last) {
        say(Remark::NotGauge(window.metric()));
    }
    total.counter_reset_hint = Gauge;
    Some(compact(total))
}

/// Adds what a counter lost at each reset.
fn add_lost(
    window: &Window<'_>,
    mut previous: FloatHistogram,
    total: &mut FloatHistogram,
    say: &mut Say<'_>,
) -> Option<()> {
    let mut overlaps = false;
    for pair in window.samples.histograms.windows(2) {
        let (before, sample) = (&pair[0], &pair[1]);
        if window.use_start_times
            && !overlaps
            && overlaps_before(before.counting_since, before.at, sample.counting_since)
        {
            say(Remark::StartTimeOverlap(window.metric()));
            overlaps = true;
        }
        if is_reset(window, before, sample, &previous) {
            combined(total.add(&previous), Combination::Addition, window, say).then_some(())?;
        }
        previous = FloatHistogram::clone(&sample.histogram);
    }
    Some(())
}

fn is_reset(
    window: &Window<'_>,
    before: &HistogramSample,
    sample: &HistogramSample,
    previous: &FloatHistogram,
) -> bool {
    let by_start_time = window.use_start_times
        && is_reset_by_start_time((before.counting_since, before.at), (sample.counting_since, sample.at));
    by_start_time || sample.histogram.detect_reset(previous)
}
