//! Buckets with their bounds, and the orders in which they are listed.

use super::FloatHistogram;
use super::bounds::bound;
use super::cells::{Cell, clamp, decode};

/// One bucket with its bounds, Prometheus' `histogram.Bucket`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether `lower` itself lies inside.
    pub lower_inclusive: bool,
    /// Whether `upper` itself lies inside.
    pub upper_inclusive: bool,
    /// Observations in it.
    pub count: f64,
    /// Its index within schema and sign; zero for the zero bucket.
    pub index: i32,
}

impl Bucket {
    /// How much of the bucket lies at or below a value strictly inside of it, Prometheus' `FractionBelow`: by distance,
    /// or by distance of logarithms for exponential buckets. Outside and in infinite buckets it means nothing.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|bound| bound.abs().log2());
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }

    /// Which bounds lie inside, as the HTTP API writes it: 0 the upper one, 1 the lower one, 2 neither, 3 both.
    fn boundaries(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }
}

impl FloatHistogram {
    /// The buckets of positive values, upwards from zero; all of those with custom bounds. Empty ones that are kept are
    /// listed too.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        decode(&self.positive, &[]).into_iter().map(move |cell| self.positive_bucket(cell))
    }

    /// [`FloatHistogram::positive_buckets`] from the highest one downwards.
    pub fn positive_buckets_reversed(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.positive_buckets().rev()
    }

    /// The buckets of negative values, downwards from zero.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        decode(&self.negative, &[]).into_iter().map(move |cell| self.negative_bucket(cell))
    }

    /// [`FloatHistogram::negative_buckets`] from the lowest one upwards.
    pub fn negative_buckets_reversed(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.negative_buckets().rev()
    }

    /// All buckets upwards, Prometheus' `AllBucketIterator`: the zero bucket only if it is populated, and the bounds
    /// next to it moved out of it.
    pub fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let has_zero_bucket = self.zero_count > 0.0 && !self.uses_custom_buckets();
        let negative = self.negative_buckets_reversed().map(move |bucket| self.outside_zero(bucket));
        let positive = self.positive_buckets().map(move |bucket| self.outside_zero(bucket));
        negative.chain(has_zero_bucket.then(|| self.zero_bucket())).chain(positive)
    }

    /// [`FloatHistogram::all_buckets`] downwards.
    pub fn all_buckets_reversed(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.all_buckets().rev()
    }

    /// The bucket around zero. Of a histogram with custom buckets it means nothing.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// Populated buckets upwards as the HTTP API lists them: which bounds lie inside, lower and upper bound, count.
    pub fn api_buckets(&self) -> Vec<(u8, f64, f64, f64)> {
        let populated = self.all_buckets().filter(|bucket| bucket.count != 0.0);
        populated.map(|bucket| (bucket.boundaries(), bucket.lower, bucket.upper, bucket.count)).collect()
    }

    /// The bounds of an index, those of its absolute values on the negative side.
    fn bounds(&self, index: i64) -> (f64, f64) {
        let at = |index| bound(index, self.schema, &self.custom_bounds);
        (at(index.saturating_sub(1)), at(index))
    }

    fn positive_bucket(&self, cell: Cell) -> Bucket {
        let (lower, upper) = self.bounds(cell.index);
        self.bucket(cell, lower, upper)
    }

    fn negative_bucket(&self, cell: Cell) -> Bucket {
        let (lower, upper) = self.bounds(cell.index);
        self.bucket(cell, -upper, -lower)
    }

    /// Exponential buckets exclude the bound nearer to zero; custom ones the lower bound but for the first of them.
    fn bucket(&self, cell: Cell, lower: f64, upper: f64) -> Bucket {
        let custom = self.uses_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if custom { cell.index == 0 } else { lower < 0.0 },
            upper_inclusive: custom || upper > 0.0,
            count: cell.count,
            index: clamp(cell.index),
        }
    }

    fn outside_zero(&self, mut bucket: Bucket) -> Bucket {
        if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
            bucket.upper = -self.zero_threshold;
        } else if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
            bucket.lower = self.zero_threshold;
        }
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;
    use super::*;

    fn bounds(buckets: impl Iterator<Item = Bucket>) -> Vec<(f64, f64, f64)> {
        buckets.map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect()
    }

    #[test]
    fn lists_all_buckets_upwards_around_the_zero_bucket() {
        let h = histogram("z_bucket:7 z_bucket_w:0.75 offset:0 buckets:[1 2] n_offset:1 n_buckets:[3 4]");
        let upwards =
            [(-4.0, -2.0, 4.0), (-2.0, -1.0, 3.0), (-0.75, 0.75, 7.0), (0.75, 1.0, 1.0), (1.0, 2.0, 2.0)];
        assert_eq!(bounds(h.all_buckets()), upwards);
        let mut downwards = bounds(h.all_buckets_reversed());
        downwards.reverse();
        assert_eq!(downwards, upwards);
        assert_eq!(bounds(h.negative_buckets()), [(-2.0, -1.0, 3.0), (-4.0, -2.0, 4.0)]);
        assert_eq!(bounds(h.positive_buckets_reversed()), [(1.0, 2.0, 2.0), (0.5, 1.0, 1.0)]);
        assert_eq!(h.negative_buckets_reversed().map(|bucket| bucket.index).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn the_api_tells_which_bounds_lie_inside() {
        let h = histogram("z_bucket:7 z_bucket_w:0.5 buckets:[0 0 2] n_buckets:[3]");
        let expected = [(1, -1.0, -0.5, 3.0), (3, -0.5, 0.5, 7.0), (0, 2.0, 4.0, 2.0)];
        assert_eq!(h.api_buckets(), expected);
        let custom = histogram("schema:-53 custom_values:[5 10] buckets:[1 0 3]");
        let expected = [(3, f64::NEG_INFINITY, 5.0, 1.0), (0, 10.0, f64::INFINITY, 3.0)];
        assert_eq!(custom.api_buckets(), expected);
    }

    #[test]
    fn tells_how_much_lies_below_a_value() {
        let bucket = |lower, upper| Bucket { lower, upper, ..Bucket::default() };
        assert_eq!(bucket(0.0, 4.0).fraction_below(1.0, true), 0.25);
        assert_eq!(bucket(1.0, 4.0).fraction_below(2.0, false), 0.5);
        assert_eq!(bucket(-16.0, -1.0).fraction_below(-8.0, false), 0.25);
    }

    #[test]
    fn custom_buckets_without_bounds_do_not_panic() {
        let mut h = histogram("schema:-53 custom_values:[5] buckets:[1 2 3 4]");
        h.positive.spans[0].offset = -3;
        h.negative = h.positive.clone();
        assert_eq!(h.all_buckets().count(), 8);
    }
}
