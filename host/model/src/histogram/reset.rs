//! Whether a counter began anew between two histograms.

use super::bounds::{exponential_bound, is_exponential};
use super::cells::{Cell, decode, reduce};
use super::custom::{shared_bounds, spread};
use super::zero::Exponential;
use super::{Buckets, CounterResetHint, FloatHistogram};
use crate::sample::is_stale;

impl FloatHistogram {
    /// Whether the counter was reset since the previous histogram, Prometheus' `DetectReset`: the hint says so or, if
    /// it says nothing, something became less, finer or narrower.
    ///
    /// A hint on `previous` does not matter, and a gauge is looked at as if it were a counter. Neither does the sum.
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.counter_reset_hint {
            CounterResetHint::Reset => true,
            CounterResetHint::NotReset => false,
            CounterResetHint::Unknown | CounterResetHint::Gauge => self.is_less_than(previous),
        }
    }

    /// The counter reset hint that a histogram has once it is stored after another one, as in Prometheus' head: within
    /// a chunk there are no resets, and at the start of a chunk nothing is known. A new chunk begins after a gauge or
    /// a stale marker, at a reset, and where the buckets are laid out in another way.
    pub fn stored_hint(&self, previous: Option<&Self>) -> CounterResetHint {
        if self.counter_reset_hint == CounterResetHint::Gauge {
            return CounterResetHint::Gauge;
        }
        let goes_on = previous.is_some_and(|previous| {
            self.counter_reset_hint != CounterResetHint::Reset
                && previous.counter_reset_hint != CounterResetHint::Gauge
                && (is_stale(self.sum)
                    || !is_stale(previous.sum)
                        && (self.schema, self.zero_threshold) == (previous.schema, previous.zero_threshold)
                        && self.custom_bounds == previous.custom_bounds
                        && !self.is_less_than(previous))
        });
        if goes_on { CounterResetHint::NotReset } else { CounterResetHint::Unknown }
    }

    fn is_less_than(&self, previous: &Self) -> bool {
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_bounds != previous.custom_bounds {
                return self.is_less_at_shared_bounds(previous);
            }
        }
        self.schema > previous.schema
            || self.zero_threshold < previous.zero_threshold
            || self.has_lesser_zero_bucket(previous)
            || self.has_lesser_buckets(previous)
    }

    fn has_lesser_zero_bucket(&self, previous: &Self) -> bool {
        let before = Exponential::new(previous, None).zero_up_to(self.zero_threshold);
        // A threshold within a bucket that was populated cannot come from the same counter.
        before.threshold != self.zero_threshold || self.zero_count < before.count
    }

    fn has_lesser_buckets(&self, previous: &Self) -> bool {
        let lesser = |now: &Buckets, before: &Buckets| {
            is_lesser(&self.beyond_zero(now, self.schema), &self.beyond_zero(before, previous.schema))
        };
        lesser(&self.positive, &previous.positive) || lesser(&self.negative, &previous.negative)
    }

    /// Buckets at the schema of this histogram, from the first one that reaches beyond its zero bucket.
    fn beyond_zero(&self, buckets: &Buckets, schema: i32) -> Vec<Cell> {
        let mut cells = reduce(decode(buckets, &[]), schema, self.schema);
        if self.zero_threshold != 0.0 && is_exponential(self.schema) {
            let covered = |cell: &Cell| exponential_bound(cell.index, self.schema) <= self.zero_threshold;
            let first = cells.iter().position(|cell| !covered(cell)).unwrap_or(cells.len());
            cells.drain(..first);
        }
        cells
    }

    fn is_less_at_shared_bounds(&self, previous: &Self) -> bool {
        let shared = shared_bounds(&self.custom_bounds, &previous.custom_bounds);
        let of =
            |h: &Self| spread(decode(&h.positive, &[]).into_iter(), &h.custom_bounds, &shared, Vec::new());
        is_lesser(&of(self), &of(previous))
    }
}

/// Whether a bucket has fewer observations than before, or is missing although it had some.
fn is_lesser(now: &[Cell], before: &[Cell]) -> bool {
    let mut now = now.iter().peekable();
    before.iter().any(|cell| {
        while now.next_if(|candidate| candidate.index < cell.index).is_some() {}
        match now.peek().filter(|candidate| candidate.index == cell.index) {
            Some(same) => same.count < cell.count,
            None => cell.count != 0.0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;

    fn resets(now: &str, before: &str) -> bool {
        histogram(now).detect_reset(&histogram(before))
    }

    #[test]
    fn hints_decide_before_counts() {
        assert!(resets("count:5 counter_reset_hint:reset", "count:4"));
        assert!(!resets("count:3 counter_reset_hint:not_reset", "count:4"));
        assert!(resets("count:3 counter_reset_hint:gauge", "count:4"));
        assert!(!resets("count:4", "count:4 counter_reset_hint:reset"));
    }

    #[test]
    fn any_bucket_may_tell() {
        let before = "count:6 z_bucket:1 buckets:[1 2] n_buckets:[2]";
        assert!(!resets("count:6 z_bucket:1 buckets:[1 2] n_buckets:[2]", before));
        assert!(resets("count:9 z_bucket:0 buckets:[5 2] n_buckets:[2]", before));
        assert!(resets("count:9 z_bucket:1 buckets:[6 1] n_buckets:[2]", before));
        assert!(resets("count:9 z_bucket:1 buckets:[3 5]", before));
        assert!(!resets(
            "count:9 z_bucket:1 buckets:[1 2]",
            "count:3 z_bucket:1 buckets:[1 2 0] n_buckets:[0]"
        ));
    }

    #[test]
    fn resolution_may_only_become_coarser() {
        let fine = "schema:1 count:6 buckets:[1 2 3]";
        assert!(!resets("schema:0 count:6 buckets:[1 5]", fine));
        assert!(resets("schema:0 count:6 buckets:[2 4]", fine));
        assert!(resets(fine, "schema:0 count:6 buckets:[1 5]"));
    }

    #[test]
    fn the_zero_bucket_may_only_become_wider() {
        let before = "count:6 z_bucket:1 z_bucket_w:0.25 offset:0 buckets:[2 3]";
        assert!(!resets("count:6 z_bucket:3 z_bucket_w:1 offset:1 buckets:[3]", before));
        assert!(resets("count:6 z_bucket:2 z_bucket_w:1 offset:1 buckets:[4]", before));
        assert!(resets("count:6 z_bucket:3 z_bucket_w:0.75 offset:1 buckets:[3]", before));
        assert!(resets("count:6 z_bucket:1 z_bucket_w:0.1 offset:0 buckets:[2 3]", before));
    }

    #[test]
    fn custom_bounds_compare_where_both_have_them() {
        let before = "schema:-53 count:6 custom_values:[1 2 3] buckets:[1 2 3]";
        assert!(!resets("schema:-53 count:6 custom_values:[2 3] buckets:[3 3]", before));
        assert!(resets("schema:-53 count:6 custom_values:[2 3] buckets:[2 4]", before));
        assert!(resets("schema:-53 count:6 custom_values:[1 2 3] buckets:[1 1 4]", before));
        assert!(resets("schema:-53 count:6 custom_values:[1 2 3] buckets:[1 2 3]", "count:6 buckets:[6]"));
        assert!(resets("count:6 buckets:[6]", before));
    }
}
