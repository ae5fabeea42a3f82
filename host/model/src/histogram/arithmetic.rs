//! Sums and differences of histograms.

use super::bounds::{exponential_bound, is_exponential};
use super::cells::{Cell, compact, compensated_add, decode, encode, merge, reduce, rests};
use super::custom::{shared_bounds, spread};
use super::zero::Exponential;
use super::{CounterResetHint, FloatHistogram, HistogramError};

/// What had to be given up to add or subtract, which a query tells as an annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// One histogram says that its counter was reset, the other one that it was not.
    pub counter_reset_collision: bool,
    /// Custom bounds differed, and only those that both have are left.
    pub bounds_reconciled: bool,
}

/// How two histograms become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    /// Addition that feeds what it lost to rounding back in.
    KahanAdd,
}

impl Operation {
    fn signed(self, value: f64) -> f64 {
        if self == Self::Subtract { -value } else { value }
    }

    /// The other side's buckets as they are added. Only compensated addition knows what merging them lost.
    fn operand(self, cell: Cell) -> Cell {
        let rest = if self == Self::KahanAdd { cell.rest } else { 0.0 };
        Cell { count: self.signed(cell.count), rest, ..cell }
    }
}

impl FloatHistogram {
    /// Adds another histogram, Prometheus' `Add`: at the coarser schema and the wider zero bucket of both, or with the
    /// custom bounds that both have.
    ///
    /// Buckets without observations may result; [`FloatHistogram::compact`] drops them. Where Prometheus may leave
    /// neighbouring buckets in two spans, they share one here, which is the same after compaction.
    ///
    /// # Errors
    /// If only one of them has custom buckets, spans and counts of one do not agree, or a zero threshold is NaN. The
    /// histogram is then as before.
    pub fn add(&mut self, other: &Self) -> Result<Reconciled, HistogramError> {
        self.combine(other, Operation::Add, &mut Self::default())
    }

    /// Subtracts another histogram, Prometheus' `Sub`, in the manner of [`FloatHistogram::add`]. The operator `-` of
    /// PromQL makes the result a gauge in addition.
    ///
    /// # Errors
    /// As of [`FloatHistogram::add`].
    pub fn sub(&mut self, other: &Self) -> Result<Reconciled, HistogramError> {
        self.combine(other, Operation::Subtract, &mut Self::default())
    }

    /// Adds another histogram and keeps what is lost to rounding, Prometheus' `KahanAdd`.
    ///
    /// Takes the compensation of the addition before, none for the first one, and gives that for the next one, which is
    /// never none. It has the buckets of the sum; adding it to the sum at the end gives the exact result.
    ///
    /// # Errors
    /// As of [`FloatHistogram::add`]; the compensation is lost then.
    pub fn kahan_add(
        &mut self,
        other: &Self,
        compensation: Option<Self>,
    ) -> Result<(Option<Self>, Reconciled), HistogramError> {
        let mut rest = compensation.unwrap_or_else(|| self.no_compensation());
        let reconciled = self.combine(other, Operation::KahanAdd, &mut rest)?;
        Ok((Some(rest), reconciled))
    }

    /// A histogram with these buckets and no observations.
    fn no_compensation(&self) -> Self {
        let mut empty = self.clone();
        (empty.count, empty.sum, empty.zero_count) = (0.0, 0.0, 0.0);
        empty.positive.counts.fill(0.0);
        empty.negative.counts.fill(0.0);
        empty
    }

    fn combine(
        &mut self,
        other: &Self,
        operation: Operation,
        rest: &mut Self,
    ) -> Result<Reconciled, HistogramError> {
        self.check_compatible(other)?;
        let counter_reset_collision = self.adjust_counter_reset(other.counter_reset_hint);
        let mut bounds_reconciled = false;
        if self.uses_custom_buckets() {
            bounds_reconciled = self.combine_custom(other, operation, rest);
        } else {
            self.combine_exponential(other, operation, rest);
        }
        let (count, sum) = (operation.signed(other.count), operation.signed(other.sum));
        (self.count, rest.count) = compensated_add(count, self.count, rest.count);
        (self.sum, rest.sum) = compensated_add(sum, self.sum, rest.sum);
        Ok(Reconciled { counter_reset_collision, bounds_reconciled })
    }

    fn check_compatible(&self, other: &Self) -> Result<(), HistogramError> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(HistogramError::IncompatibleSchemas);
        }
        let thresholds_matter = !self.uses_custom_buckets();
        if thresholds_matter && (self.zero_threshold.is_nan() || other.zero_threshold.is_nan()) {
            return Err(HistogramError::ZeroThresholdNan);
        }
        self.check_spans()?;
        other.check_spans()
    }

    /// The hint of a combination, Prometheus' `adjustCounterReset`: a gauge as soon as one is, else known only if both
    /// say the same. Returns whether one says that there was a reset and the other one that there was none.
    fn adjust_counter_reset(&mut self, other: CounterResetHint) -> bool {
        use CounterResetHint::{Gauge, Unknown};
        let ours = self.counter_reset_hint;
        if ours == other {
            return false;
        }
        let gauge = ours == Gauge || other == Gauge;
        self.counter_reset_hint = if gauge { Gauge } else { Unknown };
        !gauge && ours != Unknown && other != Unknown
    }

    fn combine_exponential(&mut self, other: &Self, operation: Operation, rest: &mut Self) {
        let mut ours = Exponential::new(self, Some(&*rest));
        let theirs = Exponential::new(other, None);
        let their_zero = ours.reconcile_zero(&theirs);
        let (count, lost) = (operation.signed(their_zero.count), their_zero.rest);
        (ours.zero.count, ours.zero.rest) = compensated_add(count, ours.zero.count, ours.zero.rest);
        if operation == Operation::KahanAdd {
            (ours.zero.count, ours.zero.rest) = compensated_add(lost, ours.zero.count, ours.zero.rest);
        }
        let schema = ours.schema.min(theirs.schema);
        let threshold = ours.zero.threshold;
        // What lies within the zero bucket was counted there.
        let covered =
            |cell: &Cell| is_exponential(schema) && exponential_bound(cell.index, schema) <= threshold;
        let sum = |our_cells, their_cells| {
            let theirs = reduce(their_cells, theirs.schema, schema).into_iter().skip_while(covered);
            merge(reduce(our_cells, ours.schema, schema), theirs.map(|cell| operation.operand(cell)))
        };
        let (positive, negative) = (sum(ours.positive, theirs.positive), sum(ours.negative, theirs.negative));
        (self.zero_count, rest.zero_count) = (ours.zero.count, ours.zero.rest);
        for (histogram, is_rest) in [(&mut *self, false), (&mut *rest, true)] {
            histogram.schema = schema;
            histogram.zero_threshold = threshold;
            histogram.put_cells(&positive, &negative, is_rest);
        }
    }

    /// Returns whether the bounds differed.
    fn combine_custom(&mut self, other: &Self, operation: Operation, rest: &mut Self) -> bool {
        let ours = decode(&self.positive, &rest.positive.counts);
        let theirs = decode(&other.positive, &[]).into_iter().map(|cell| operation.operand(cell));
        let same_bounds = self.custom_bounds == other.custom_bounds;
        let positive = if same_bounds {
            merge(ours, theirs)
        } else {
            let shared = shared_bounds(&self.custom_bounds, &other.custom_bounds);
            let mut cells = spread(ours.into_iter(), &self.custom_bounds, &shared, Vec::new());
            cells = spread(theirs, &other.custom_bounds, &shared, cells);
            self.custom_bounds = shared.into();
            rest.custom_bounds = self.custom_bounds.clone();
            compact(cells, 0)
        };
        let negative = decode(&self.negative, &[]);
        self.put_cells(&positive, &negative, false);
        rest.put_cells(&positive, &[], true);
        !same_bounds
    }

    fn put_cells(&mut self, positive: &[Cell], negative: &[Cell], is_rest: bool) {
        for (side, cells) in [(&mut self.positive, positive), (&mut self.negative, negative)] {
            *side = encode(cells);
            if is_rest {
                side.counts = rests(cells);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;
    use super::*;

    fn sum(a: &str, b: &str) -> FloatHistogram {
        let mut sum = histogram(a);
        sum.add(&histogram(b)).unwrap();
        sum.compact(0);
        sum
    }

    fn assert_same(actual: &FloatHistogram, expected: &str) {
        let mut expected = histogram(expected);
        expected.compact(0);
        assert!(
            actual.equals(&expected),
            "{} is not {}",
            actual.test_expression(),
            expected.test_expression()
        );
    }

    #[test]
    fn adds_bucket_by_bucket() {
        let a = "count:6 sum:3 z_bucket:1 z_bucket_w:0.1 offset:1 buckets:[1 2] n_buckets:[2]";
        let b = "count:9 sum:4 z_bucket:2 z_bucket_w:0.1 offset:0 buckets:[4 0 0 3] n_offset:1 n_buckets:[0]";
        let expected = "count:15 sum:7 z_bucket:3 z_bucket_w:0.1 buckets:[4 1 2 3] n_buckets:[2]";
        assert_same(&sum(a, b), expected);
        assert_same(&sum(b, a), expected);
    }

    #[test]
    fn adds_at_the_coarser_schema() {
        let (fine, coarse) = ("schema:1 count:6 sum:1 buckets:[1 2 3]", "count:7 sum:1 buckets:[3 4]");
        let expected = "count:13 sum:2 buckets:[4 9]";
        assert_same(&sum(fine, coarse), expected);
        assert_same(&sum(coarse, fine), expected);
    }

    #[test]
    fn widens_the_narrower_zero_bucket() {
        let narrow = "count:6 z_bucket:1 z_bucket_w:0.25 offset:0 buckets:[2 3]";
        let wide = "count:9 z_bucket:4 z_bucket_w:1 offset:1 buckets:[5]";
        let expected = "count:15 z_bucket:7 z_bucket_w:1 offset:1 buckets:[8]";
        assert_same(&sum(narrow, wide), expected);
        assert_same(&sum(wide, narrow), expected);
    }

    #[test]
    fn keeps_only_custom_bounds_of_both() {
        let mut a = histogram("schema:-53 count:10 sum:1 custom_values:[1 2 3] buckets:[1 2 3 4]");
        let b = histogram("schema:-53 count:6 sum:1 custom_values:[2 4] buckets:[1 2 3]");
        let reconciled = a.add(&b).unwrap();
        assert!(reconciled.bounds_reconciled);
        assert_same(&a, "schema:-53 count:16 sum:2 custom_values:[2] buckets:[4 12]");
        assert!(!a.clone().add(&a).unwrap().bounds_reconciled);
        a.sub(&b).unwrap();
        assert_same(&a, "schema:-53 count:10 sum:1 custom_values:[2] buckets:[3 7]");
    }

    #[test]
    fn subtracts() {
        let mut difference = histogram("schema:1 count:6 sum:3 z_bucket:1 buckets:[1 2 2]");
        difference.sub(&histogram("count:4 sum:5 z_bucket:1 buckets:[1 2]")).unwrap();
        difference.compact(0);
        assert_same(&difference, "count:2 sum:-2 offset:1 buckets:[2]");
    }

    #[test]
    fn exponential_and_custom_buckets_do_not_mix() {
        let mut a = histogram("buckets:[1]");
        let custom = histogram("schema:-53 custom_values:[1] buckets:[1]");
        assert_eq!(a.add(&custom), Err(HistogramError::IncompatibleSchemas));
        a.zero_threshold = f64::NAN;
        assert_eq!(a.add(&a.clone()), Err(HistogramError::ZeroThresholdNan));
    }

    #[test]
    fn hints_collide_only_when_they_contradict() {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        let of = |ours, theirs| {
            let mut h = FloatHistogram { counter_reset_hint: ours, ..FloatHistogram::default() };
            let collides = h.adjust_counter_reset(theirs);
            (h.counter_reset_hint, collides)
        };
        assert_eq!(of(Reset, NotReset), (Unknown, true));
        assert_eq!(of(Reset, Reset), (Reset, false));
        assert_eq!(of(Reset, Unknown), (Unknown, false));
        assert_eq!(of(NotReset, Gauge), (Gauge, false));
        assert_eq!(of(Gauge, Reset), (Gauge, false));
    }

    #[test]
    fn compensation_keeps_what_addition_loses() {
        let one = histogram("count:1 sum:1 z_bucket:1 buckets:[1]");
        let mut total = histogram("count:1e16 sum:1e16 z_bucket:1e16 offset:1 buckets:[1e16]");
        total.add(&histogram("buckets:[1e16]")).unwrap();
        let mut compensation = None;
        for _ in 0..4 {
            (compensation, _) = total.kahan_add(&one, compensation).unwrap();
        }
        assert_eq!((total.count, total.positive.counts[0]), (1e16, 1e16));
        total.add(&compensation.unwrap()).unwrap();
        let exact = 10_000_000_000_000_004.0;
        assert_eq!((total.count, total.sum, total.zero_count), (exact, exact, exact));
        assert_eq!(total.positive.counts, [exact, 1e16]);
    }

    #[test]
    fn compensation_follows_schema_and_bounds() {
        let mut total = histogram("schema:1 buckets:[1 2 3]");
        let (compensation, _) = total.kahan_add(&histogram("buckets:[1 1]"), None).unwrap();
        let compensation = compensation.unwrap();
        assert_eq!((compensation.schema, compensation.positive.counts), (0, vec![0.0, 0.0]));
        let mut custom = histogram("schema:-53 custom_values:[1 2] buckets:[1 2]");
        let other = histogram("schema:-53 custom_values:[2] buckets:[1]");
        let (compensation, reconciled) = custom.kahan_add(&other, None).unwrap();
        assert!(reconciled.bounds_reconciled);
        assert_eq!(*compensation.unwrap().custom_bounds, [2.0]);
    }

    #[test]
    fn hostile_spans_are_refused_or_survived() {
        let mut far = histogram("buckets:[1 2]");
        far.positive.spans[0].offset = i32::MAX;
        let mut sum = far.clone();
        sum.add(&histogram("schema:-4 offset:-2147483648 buckets:[1 2]")).unwrap();
        sum.sub(&far).unwrap();
        far.positive.counts.pop();
        assert!(sum.add(&far).is_err());
    }
}
