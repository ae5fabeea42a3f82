//! Histograms of which only count and sum matter: without their buckets, but with what the buckets tell of resets.

use std::sync::Arc;

use bellwether_model::histogram::CounterResetHint;
use bellwether_model::query::HistogramSample;
use bellwether_model::{FloatHistogram, is_stale};

/// Counts and sums of some histograms in a row. Each one after the first knows whether the counter was reset before it,
/// as with Prometheus' iterator over histogram statistics.
pub(super) fn counts_and_sums(samples: &[HistogramSample]) -> Vec<HistogramSample> {
    let mut previous: Option<&FloatHistogram> = None;
    let mut counted = Vec::with_capacity(samples.len());
    for sample in samples {
        let full = &*sample.histogram;
        let hint = match (full.counter_reset_hint, previous) {
            _ if is_stale(full.sum) => full.counter_reset_hint,
            (CounterResetHint::Unknown, Some(previous)) if full.detect_reset(previous) => {
                CounterResetHint::Reset
            }
            (CounterResetHint::Unknown, Some(_)) => CounterResetHint::NotReset,
            (hint, _) => hint,
        };
        if !is_stale(full.sum) {
            previous = Some(full);
        }
        let histogram = FloatHistogram {
            counter_reset_hint: hint,
            schema: full.schema,
            count: full.count,
            sum: full.sum,
            ..FloatHistogram::default()
        };
        counted.push(HistogramSample { histogram: Arc::new(histogram), ..sample.clone() });
    }
    counted
}
