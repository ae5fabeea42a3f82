//! `irate` and `idelta`: the change between the last two samples of a window.

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::CounterResetHint::Gauge;
use bellwether_model::query::{HistogramSample, Samples};

use super::{combined, compact, is_reset_by_start_time};
use crate::annotations::{Combination, Remark};
use crate::functions::{Say, Window, WindowValue};

pub(in crate::functions) fn irate(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    between_last_two(window, true, say)
}

pub(in crate::functions) fn idelta(window: &Window<'_>, _: &[f64], say: &mut Say<'_>) -> Option<WindowValue> {
    between_last_two(window, false, say)
}

fn between_last_two(window: &Window<'_>, rate: bool, say: &mut Say<'_>) -> Option<WindowValue> {
    let Samples { times, histograms, .. } = window.samples;
    if times.len() + histograms.len() < 2 {
        return None;
    }
    let of_floats = times.len().checked_sub(2).map(|from| times[from]);
    let of_histograms = histograms.len().checked_sub(2).map(|from| histograms[from].at);
    match (times.last(), histograms.last()) {
        (Some(_), None) => floats(window, rate).map(WindowValue::Float),
        (None, Some(_)) => self::histograms(window, rate, say).map(WindowValue::histogram),
        (Some(_), Some(histogram)) if of_floats.is_some_and(|before| before > histogram.at) => {
            floats(window, rate).map(WindowValue::Float)
        }
        (Some(&float), Some(_)) if of_histograms.is_some_and(|before| before > float) => {
            self::histograms(window, rate, say).map(WindowValue::histogram)
        }
        _ => {
            say(Remark::MixedFloatsHistograms(window.metric()));
            None
        }
    }
}

fn floats(window: &Window<'_>, rate: bool) -> Option<f64> {
    let (times, values) = (window.samples.times, window.samples.values);
    let [.., before, at] = *times else {
        return None;
    };
    let [.., previous, last] = *values else {
        return None;
    };
    if at == before {
        return None;
    }
    let since = match *window.counting_since() {
        [.., before, at] => (before, at),
        _ => (0, 0),
    };
    // After a reset the counter began at zero.
    let reset = rate && (last < previous || is_reset_by_start_time((since.0, before), (since.1, at)));
    let change = if reset { last } else { last - previous };
    Some(if rate { change / ((at - before) as f64 / 1000.0) } else { change })
}

fn histograms(window: &Window<'_>, rate: bool, say: &mut Say<'_>) -> Option<FloatHistogram> {
    let [.., previous, last] = window.samples.histograms else {
        return None;
    };
    if last.at == previous.at {
        return None;
    }
    let is_gauge = |sample: &HistogramSample| sample.histogram.counter_reset_hint == Gauge;
    if rate && (is_gauge(previous) || is_gauge(last)) {
        say(Remark::NotCounter(window.metric()));
    }
    let gauges = is_gauge(previous) && is_gauge(last);
    if !rate && !gauges {
        say(Remark::NotGauge(window.metric()));
    }
    let mut change = FloatHistogram::clone(&last.histogram);
    let since = |sample: &HistogramSample| {
        (if window.use_start_times { sample.counting_since } else { 0 }, sample.at)
    };
    let reset = rate
        && (is_reset_by_start_time(since(previous), since(last))
            || last.histogram.detect_reset(&previous.histogram));
    if !reset {
        let subtracted = change.sub(&previous.histogram);
        if !combined(subtracted, Combination::Subtraction, window, say) {
            return None;
        }
    }
    change.counter_reset_hint = Gauge;
    let mut change = compact(change);
    if rate {
        change.div((last.at - previous.at) as f64 / 1000.0);
    }
    Some(change)
}
