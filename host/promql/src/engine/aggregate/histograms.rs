//! Sums and means of the native histograms of groups.

use std::sync::Arc;

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::CounterResetHint;
use rustc_hash::FxHashMap;

use crate::annotations::{Combination, Remark};
use crate::statistics::histograms::{HistogramMean, HistogramSum, Incompatible};

/// The groups that have histograms, by cell of the result.
pub(super) struct HistogramGroups {
    mean: bool,
    groups: FxHashMap<usize, Group>,
}

/// What the histograms of one group at one step are so far.
enum Group {
    Combined {
        total: Box<Total>,
        /// Whether histograms were marked as the first after a counter reset, and as not.
        resets: (bool, bool),
    },
    /// Exponential buckets met custom ones: there is no result.
    Failed,
}

enum Total {
    Sum(HistogramSum),
    Mean(HistogramMean),
}

impl HistogramGroups {
    /// Groups whose histograms are added up, or averaged.
    pub(super) fn new(mean: bool) -> Self {
        Self { mean, groups: FxHashMap::default() }
    }

    /// Whether the histograms of a group did not fit together.
    pub(super) fn failed(&self, at: usize) -> bool {
        !self.groups.is_empty() && matches!(self.groups.get(&at), Some(Group::Failed))
    }

    /// Takes in a histogram.
    pub(super) fn add(
        &mut self,
        at: usize,
        histogram: &FloatHistogram,
        metric: &str,
        say: &mut dyn FnMut(Remark),
    ) {
        let Some(group) = self.groups.get_mut(&at) else {
            let total = if self.mean {
                Total::Mean(HistogramMean::new(histogram))
            } else {
                Total::Sum(HistogramSum::new(histogram))
            };
            self.groups.insert(at, Group::Combined { total: Box::new(total), resets: resets(histogram) });
            return;
        };
        let Group::Combined { total, resets: seen } = group else {
            return;
        };
        let (reset, not_reset) = resets(histogram);
        *seen = (seen.0 || reset, seen.1 || not_reset);
        let added = match &mut **total {
            Total::Sum(sum) => sum.add(histogram),
            Total::Mean(mean) => mean.add(histogram),
        };
        match added {
            Ok(true) => say(Remark::MismatchedCustomBuckets(Combination::Aggregation)),
            Ok(false) => {}
            Err(Incompatible) => {
                say(Remark::MixedExponentialCustom(metric.into()));
                *group = Group::Failed;
            }
        }
    }

    /// Forgets a group, which has floats too; false where it has no histogram.
    pub(super) fn discard(&mut self, at: usize) -> bool {
        !self.groups.is_empty() && self.groups.remove(&at).is_some()
    }

    /// The results, by cell.
    pub(super) fn finished(
        self,
        say: &mut dyn FnMut(Remark),
    ) -> impl Iterator<Item = (usize, Arc<FloatHistogram>)> {
        self.groups.into_iter().filter_map(move |(at, group)| {
            let Group::Combined { total, resets } = group else {
                return None;
            };
            if resets == (true, true) {
                say(Remark::CounterResetCollision(Combination::Aggregation));
            }
            let mut histogram = match *total {
                Total::Sum(sum) => sum.total(),
                Total::Mean(mean) => mean.mean(),
            };
            histogram.compact(0);
            Some((at, Arc::new(histogram)))
        })
    }
}

fn resets(histogram: &FloatHistogram) -> (bool, bool) {
    let hint = histogram.counter_reset_hint;
    (hint == CounterResetHint::Reset, hint == CounterResetHint::NotReset)
}
