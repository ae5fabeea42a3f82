//! Sum and mean of the native histograms of a window.

use bellwether_model::FloatHistogram;
use bellwether_model::query::HistogramSample;

use crate::annotations::{Combination, Remark};
use crate::functions::{Say, Window, WindowValue};
use crate::statistics::histograms::{HistogramMean, HistogramSum, Incompatible};

/// The sum; nothing where the bucket layouts do not fit.
pub(super) fn sum(window: &Window<'_>, say: &mut Say<'_>) -> Option<WindowValue> {
    let mut sum: Option<HistogramSum> = None;
    let folded = fold(window, say, |histogram| match &mut sum {
        Some(sum) => sum.add(histogram),
        None => {
            sum = Some(HistogramSum::new(histogram));
            Ok(false)
        }
    });
    folded.then_some(())?;
    sum.map(|sum| WindowValue::histogram(sum.total()))
}

/// The mean; nothing where the bucket layouts do not fit.
pub(super) fn mean(window: &Window<'_>, say: &mut Say<'_>) -> Option<WindowValue> {
    let mut mean: Option<HistogramMean> = None;
    let folded = fold(window, say, |histogram| match &mut mean {
        Some(mean) => mean.add(histogram),
        None => {
            mean = Some(HistogramMean::new(histogram));
            Ok(false)
        }
    });
    folded.then_some(())?;
    mean.map(|mean| WindowValue::histogram(mean.mean()))
}

/// Gives all histograms to `add`, which says whether custom bounds had to be reconciled; false where they do not fit
/// together, which is the only remark then.
fn fold(
    window: &Window<'_>,
    say: &mut Say<'_>,
    mut add: impl FnMut(&FloatHistogram) -> Result<bool, Incompatible>,
) -> bool {
    let mut reconciled = false;
    for HistogramSample { histogram, .. } in window.samples.histograms {
        match add(histogram) {
            Ok(now) => reconciled |= now,
            Err(Incompatible) => {
                say(Remark::MixedExponentialCustom(window.metric()));
                return false;
            }
        }
    }
    use bellwether_model::histogram::CounterResetHint::{NotReset, Reset};
    let has = |hint| window.samples.histograms.iter().any(|s| s.histogram.counter_reset_hint == hint);
    if has(Reset) && has(NotReset) {
        say(Remark::CounterResetCollision(Combination::Aggregation));
    }
    if reconciled {
        say(Remark::MismatchedCustomBuckets(Combination::Aggregation));
    }
    true
}
