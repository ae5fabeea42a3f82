//! Zero buckets of different widths, brought to one.

use super::FloatHistogram;
use super::bounds::bound;
use super::cells::{Cell, compact, compensated_add, decode};

/// The zero bucket of one histogram, with what rounding took from its count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ZeroBucket {
    pub(super) threshold: f64,
    pub(super) count: f64,
    pub(super) rest: f64,
}

impl ZeroBucket {
    fn add(&mut self, value: f64) {
        (self.count, self.rest) = compensated_add(value, self.count, self.rest);
    }

    /// Takes in the buckets of one side that begin below the threshold. One that ends beyond it moves the threshold to
    /// its own end if it is populated; returns whether that happened.
    fn take_in(&mut self, cells: &[Cell], schema: i32) -> bool {
        for cell in cells {
            if bound(cell.index.saturating_sub(1), schema, &[]) >= self.threshold {
                return false;
            }
            self.add(cell.count);
            self.add(cell.rest);
            let upper = bound(cell.index, schema, &[]);
            if upper > self.threshold {
                let populated = cell.count != 0.0;
                if populated {
                    self.threshold = upper;
                }
                return populated;
            }
        }
        false
    }
}

/// A histogram with exponential buckets, taken apart for arithmetic.
#[derive(Clone, Debug)]
pub(super) struct Exponential {
    pub(super) schema: i32,
    pub(super) zero: ZeroBucket,
    pub(super) positive: Vec<Cell>,
    pub(super) negative: Vec<Cell>,
}

impl Exponential {
    /// A histogram and what rounding took from its counts.
    pub(super) fn new(histogram: &FloatHistogram, rest: Option<&FloatHistogram>) -> Self {
        let none: &[f64] = &[];
        let rests = rest.map_or((none, none), |rest| (&*rest.positive.counts, &*rest.negative.counts));
        Self {
            schema: histogram.schema,
            zero: ZeroBucket {
                threshold: histogram.zero_threshold,
                count: histogram.zero_count,
                rest: rest.map_or(0.0, |rest| rest.zero_count),
            },
            positive: decode(&histogram.positive, rests.0),
            negative: decode(&histogram.negative, rests.1),
        }
    }

    /// What the zero bucket would be if it reached up to a larger threshold, Prometheus' `zeroCountForLargerThreshold`:
    /// further, if a populated bucket would be cut.
    ///
    /// As there, the compensation is not reset where the count starts anew. That happens at most once for each bucket,
    /// because the threshold is then larger than before.
    pub(super) fn zero_up_to(&self, threshold: f64) -> ZeroBucket {
        let mut zero = ZeroBucket { threshold, ..self.zero };
        if threshold == self.zero.threshold {
            return zero;
        }
        loop {
            zero.count = self.zero.count;
            zero.take_in(&self.positive, self.schema);
            if !zero.take_in(&self.negative, self.schema) {
                return zero;
            }
        }
    }

    /// Widens the zero buckets of both until they have the same threshold, Prometheus' `reconcileZeroBuckets`. Changes
    /// only the first one and returns the other one's zero bucket.
    ///
    /// Neither threshold may be NaN. The loop ends because each round moves one to the end of a populated bucket.
    pub(super) fn reconcile_zero(&mut self, other: &Self) -> ZeroBucket {
        let mut theirs = ZeroBucket { rest: 0.0, ..other.zero };
        while theirs.threshold != self.zero.threshold {
            if self.zero.threshold > theirs.threshold {
                theirs = other.zero_up_to(self.zero.threshold);
            }
            if theirs.threshold > self.zero.threshold {
                self.zero = self.zero_up_to(theirs.threshold);
                self.drop_covered();
            }
        }
        theirs
    }

    /// Drops the buckets that are part of the zero bucket now, and all empty ones, as `trimBucketsInZeroBucket` does.
    fn drop_covered(&mut self) {
        let (schema, threshold) = (self.schema, self.zero.threshold);
        let outside = |cell: &Cell| bound(cell.index.saturating_sub(1), schema, &[]) >= threshold;
        for side in [&mut self.positive, &mut self.negative] {
            let covered = side.iter().position(outside).unwrap_or(side.len());
            *side = compact(side.split_off(covered), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;
    use super::*;

    fn exponential(text: &str) -> Exponential {
        Exponential::new(&histogram(text), None)
    }

    #[test]
    fn takes_in_what_lies_below() {
        let h = exponential("z_bucket:1 z_bucket_w:0.25 offset:-1 buckets:[2 3 4] n_offset:-1 n_buckets:[5]");
        let zero = h.zero_up_to(1.0);
        assert_eq!((zero.threshold, zero.count), (1.0, 11.0));
    }

    #[test]
    fn grows_over_populated_buckets_on_either_side() {
        let h = exponential("z_bucket:1 offset:-1 buckets:[2 3 4] n_offset:1 n_buckets:[5 6]");
        let zero = h.zero_up_to(1.5);
        assert_eq!((zero.threshold, zero.count), (2.0, 15.0));
        let empty = exponential("z_bucket:1 offset:1 buckets:[0 4]").zero_up_to(1.5);
        assert_eq!((empty.threshold, empty.count), (1.5, 1.0));
    }

    #[test]
    fn starts_anew_where_the_negative_side_is_cut() {
        let h = exponential("z_bucket:1 offset:1 buckets:[0 4] n_offset:1 n_buckets:[5]");
        let zero = h.zero_up_to(1.5);
        assert_eq!((zero.threshold, zero.count), (2.0, 6.0));
    }

    #[test]
    fn reconciles_to_one_threshold() {
        let mut ours = exponential("z_bucket:1 z_bucket_w:0.25 buckets:[2 3]");
        let theirs =
            ours.reconcile_zero(&exponential("schema:-1 z_bucket:10 z_bucket_w:0.75 buckets:[20 30]"));
        assert_eq!((theirs.threshold, theirs.count), (1.0, 30.0));
        assert_eq!((ours.zero.threshold, ours.zero.count), (1.0, 3.0));
        assert_eq!(ours.positive.iter().map(|cell| cell.count).collect::<Vec<_>>(), [3.0]);
    }

    #[test]
    fn infinite_thresholds_take_all() {
        let mut ours = exponential("buckets:[1 2] n_buckets:[3]");
        let mut other = exponential("");
        other.zero.threshold = f64::INFINITY;
        ours.reconcile_zero(&other);
        assert_eq!(ours.zero.count, 6.0);
    }
}
