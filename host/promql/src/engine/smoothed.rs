//! `x smoothed` as an instant vector: values between the samples around each step.

use bellwether_model::histogram::CounterResetHint;
use bellwether_model::query::{HistogramSample, Samples};
use bellwether_model::time::millis;
use bellwether_model::{FloatHistogram, Timestamp, is_stale};

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::annotations::{Combination, Metric, Remark};
use crate::ast::NodeId;
use crate::engine::evaluator::{Evaluator, storage_error};
use crate::engine::select::Found;
use crate::engine::steps::Steps;
use crate::engine::vector::Cells;
use crate::engine::window::{Bounds, Cursor};
use crate::error::EvalError;
use crate::functions::extended::{interpolate, interpolate_histograms};

/// A smoothed value.
enum Smooth {
    Float(f64),
    Histogram(FloatHistogram),
}

impl Evaluator<'_> {
    /// The value of each series at each step, interpolated between the samples before and after it; that before where
    /// there is none after. As in Prometheus, what it looks at does not count in the statistics.
    pub(super) fn smoothed(&self, id: NodeId, found: &Found<'_>, steps: Steps) -> Result<Cells, EvalError> {
        let Found { selector, list, .. } = found;
        self.budget.hold(list.len().saturating_mul(steps.count))?;
        let mut cells = Cells::empty(list.len() * steps.count);
        if steps.count == 0 {
            return Ok(cells);
        }
        let lookback = millis(self.engine.options().lookback);
        let time = |step| self.shifted(selector.shift, steps.time(step));
        let first = Timestamp::from_millis(time(0).saturating_sub(lookback));
        let last = Timestamp::from_millis(time(steps.count - 1).saturating_add(lookback));
        let visit = &mut |place: usize, samples: Samples<'_>| {
            let samples = Owned::without_ends(samples);
            let metric = Metric::from(list.labels()[place].metric_name().unwrap_or(""));
            let mut cursor = Cursor::default();
            for step in 0..steps.count {
                let at = time(step);
                let around = Bounds { start: at.saturating_sub(lookback), end: at.saturating_add(lookback) };
                let inside = cursor.window(samples.view(), around);
                match smooth(inside, at, &metric, &mut |remark| self.remark(id, remark)) {
                    None => {}
                    Some(Smooth::Float(value)) => cells.floats[place * steps.count + step] = value,
                    Some(Smooth::Histogram(histogram)) => {
                        cells.put_histogram(place * steps.count + step, Arc::new(histogram));
                    }
                }
            }
            ControlFlow::Continue(())
        };
        self.scope.source.read(list, 0..list.len(), first, last, visit).map_err(storage_error)?;
        Ok(cells)
    }
}

/// Samples of a series that were put together anew.
struct Owned {
    times: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<HistogramSample>,
}

impl Owned {
    fn without_ends(samples: Samples<'_>) -> Self {
        let floats = samples.times.iter().zip(samples.values).filter(|(_, value)| !is_stale(**value));
        let (times, values) = floats.unzip();
        let histograms = samples.histograms.iter().filter(|sample| !is_stale(sample.histogram.sum));
        Self { times, values, histograms: histograms.cloned().collect() }
    }

    fn view(&self) -> Samples<'_> {
        Samples {
            times: &self.times,
            values: &self.values,
            counting_since: &[],
            histograms: &self.histograms,
        }
    }
}

fn smooth(samples: Samples<'_>, at: i64, metric: &Metric, say: &mut dyn FnMut(Remark)) -> Option<Smooth> {
    let Samples { times, values, histograms, .. } = samples;
    match (times.is_empty(), histograms.is_empty()) {
        (true, true) => None,
        (false, false) => {
            say(Remark::MixedFloatsHistograms(Arc::clone(metric)));
            None
        }
        (false, true) => {
            let next = times.partition_point(|&time| time < at);
            if times.get(next) == Some(&at) {
                return Some(Smooth::Float(values[next]));
            }
            let previous = next.checked_sub(1)?;
            Some(Smooth::Float(match times.get(next) {
                Some(&time) => {
                    interpolate((times[previous], values[previous]), (time, values[next]), at, false)
                }
                None => values[previous],
            }))
        }
        (true, false) => smooth_histograms(histograms, at, metric, say).map(Smooth::Histogram),
    }
}

fn smooth_histograms(
    samples: &[HistogramSample],
    at: i64,
    metric: &Metric,
    say: &mut dyn FnMut(Remark),
) -> Option<FloatHistogram> {
    let next = samples.partition_point(|sample| sample.at < at);
    if let Some(exact) = samples.get(next).filter(|sample| sample.at == at) {
        return Some(FloatHistogram::clone(&exact.histogram));
    }
    let previous = &samples[next.checked_sub(1)?];
    let Some(next) = samples.get(next) else {
        let mut histogram = FloatHistogram::clone(&previous.histogram);
        // The hint is about the way from the sample before, which is not gone here.
        histogram.counter_reset_hint = CounterResetHint::Unknown;
        return Some(histogram);
    };
    let custom = |sample: &HistogramSample| sample.histogram.uses_custom_buckets();
    if custom(previous) != custom(next) {
        say(Remark::MixedExponentialCustom(Arc::clone(metric)));
        return None;
    }
    let is_gauge = |sample: &HistogramSample| sample.histogram.counter_reset_hint == CounterResetHint::Gauge;
    let counter = !(is_gauge(previous) && is_gauge(next));
    match interpolate_histograms(previous, next, at, counter) {
        Ok((histogram, [subtracted, added])) => {
            let by = [(subtracted, Combination::Subtraction), (added, Combination::Addition)];
            for (_, by) in by.into_iter().filter(|(reconciled, _)| *reconciled) {
                say(Remark::MismatchedCustomBuckets(by));
            }
            Some(histogram)
        }
        Err(_) => {
            say(Remark::MixedExponentialCustom(Arc::clone(metric)));
            None
        }
    }
}
