//! What the functions over histograms compute: quantiles, fractions, mean and spread of native histograms, and the same
//! of classic ones in [`classic`].
//!
//! Series, labels and annotations are the engine's; what an annotation depends on comes out beside the value.

pub(crate) mod classic;

use bellwether_model::histogram::{Bucket as NativeBucket, FloatHistogram};

use crate::statistics::KahanSum;

pub(crate) use self::classic::{Bucket, bucket_fraction, bucket_quantile};

/// How observations of NaN, which are in no bucket, came into a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NanObservations {
    /// Not at all.
    #[default]
    None,
    /// They count as the largest values, so that the quantile is higher than without them:
    /// `NativeHistogramQuantileNaNSkewInfo`.
    Skewed,
    /// The quantile falls on them and is NaN: `NativeHistogramQuantileNaNResultInfo`.
    Result,
}

/// A quantile of a native histogram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NativeQuantile {
    pub(crate) value: f64,
    pub(crate) nan_observations: NanObservations,
}

/// A fraction of a native histogram's observations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NativeFraction {
    pub(crate) value: f64,
    /// Whether NaNs were observed, which are never part of the fraction: `NativeHistogramFractionNaNsInfo`.
    pub(crate) nan_observations: bool,
}

/// The φ-quantile, as Prometheus' `HistogramQuantile`: NaN without observations, infinite outside of 0..=1.
///
/// Interpolates by logarithms in exponential buckets, and linearly in custom ones and in the zero bucket.
pub(crate) fn quantile(phi: f64, histogram: &FloatHistogram) -> NativeQuantile {
    let plain = |value| NativeQuantile { value, nan_observations: NanObservations::None };
    match phi {
        _ if phi < 0.0 => plain(f64::NEG_INFINITY),
        _ if phi > 1.0 => plain(f64::INFINITY),
        _ if phi.is_nan() || histogram.count == 0.0 => plain(f64::NAN),
        // NaNs are part of the count but in no bucket, so with them ranks only hold from below.
        _ if histogram.sum.is_nan() => quantile_with_nan_sum(phi, histogram),
        _ if phi < 0.5 => {
            let rank = phi * histogram.count;
            let found = Found::at_rank(&mut histogram.all_buckets(), rank);
            plain(found.value(histogram, rank, |found| rank - (found.count - found.bucket.count)))
        }
        _ => {
            let rank = (1.0 - phi) * histogram.count;
            let found = Found::at_rank(&mut histogram.all_buckets_reversed(), rank);
            plain(found.value(histogram, rank, |found| found.count - rank))
        }
    }
}

/// Quantiles where the sum says that there may be NaNs.
fn quantile_with_nan_sum(phi: f64, histogram: &FloatHistogram) -> NativeQuantile {
    let rank = phi * histogram.count;
    let mut buckets = histogram.all_buckets();
    let mut found = Found::at_rank(&mut buckets, rank);
    if let Some(value) = found.open_end(histogram) {
        return NativeQuantile { value, nan_observations: NanObservations::None };
    }
    found.narrow(histogram);
    if found.count < rank {
        return NativeQuantile { value: f64::NAN, nan_observations: NanObservations::Result };
    }
    let rank = rank - (found.count - found.bucket.count);
    for bucket in buckets {
        // Prometheus goes on with the last bucket here, and interpolates in that one.
        found.bucket = bucket;
        found.count += bucket.count;
    }
    let skewed = found.count < histogram.count;
    NativeQuantile {
        value: interpolate(&found.bucket, rank, histogram.uses_custom_buckets()),
        nan_observations: if skewed { NanObservations::Skewed } else { NanObservations::None },
    }
}

/// Where a rank falls.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    bucket: NativeBucket,
    /// Observations up to the far end of the bucket, in the direction of the search.
    count: f64,
}

impl Found {
    /// The first bucket in which the rank is reached; the last one if it never is.
    fn at_rank(buckets: &mut impl Iterator<Item = NativeBucket>, rank: f64) -> Self {
        let mut found = Self::default();
        for bucket in buckets {
            found.bucket = bucket;
            if bucket.count == 0.0 {
                continue;
            }
            found.count += bucket.count;
            if found.count >= rank {
                break;
            }
        }
        found
    }

    fn value(mut self, histogram: &FloatHistogram, rank: f64, rank_in_bucket: impl Fn(&Self) -> f64) -> f64 {
        if let Some(value) = self.open_end(histogram) {
            return value;
        }
        self.narrow(histogram);
        if self.count < rank {
            // Only rounding leads here, or counts that do not add up.
            return self.bucket.upper;
        }
        interpolate(&self.bucket, rank_in_bucket(&self), histogram.uses_custom_buckets())
    }

    /// The finite bound of an infinite custom bucket, in which nothing can be interpolated.
    fn open_end(&self, histogram: &FloatHistogram) -> Option<f64> {
        let NativeBucket { lower, upper, .. } = self.bucket;
        match histogram.uses_custom_buckets() {
            true if lower == f64::NEG_INFINITY => (upper <= 0.0).then_some(upper),
            true if upper == f64::INFINITY => Some(lower),
            _ => None,
        }
    }

    /// Ends the bucket at zero where nothing suggests that it reaches beyond, and takes off what rounding put on top of
    /// the count.
    fn narrow(&mut self, histogram: &FloatHistogram) {
        if histogram.uses_custom_buckets() {
            if self.bucket.lower == f64::NEG_INFINITY {
                self.bucket.lower = 0.0;
            }
        } else if self.bucket.lower < 0.0 && self.bucket.upper > 0.0 {
            end_at_zero(&mut self.bucket, histogram);
        }
        if self.count > histogram.count {
            self.count = histogram.count;
        }
    }
}

/// Beside buckets of one sign only, the zero bucket holds no values of the other one.
fn end_at_zero(bucket: &mut NativeBucket, histogram: &FloatHistogram) {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        (true, true) | (false, false) => {}
    }
}

fn interpolate(bucket: &NativeBucket, rank: f64, custom: bool) -> f64 {
    let NativeBucket { lower, upper, count, .. } = *bucket;
    let fraction = rank / count;
    if custom || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * fraction;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        return (log_lower + (log_upper - log_lower) * fraction).exp2();
    }
    -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
}

/// The fraction of observations between two values, as Prometheus' `HistogramFraction`: NaN without observations or
/// with a NaN bound, zero if the bounds are not in order. NaNs that were observed lie nowhere.
pub(crate) fn fraction(lower: f64, upper: f64, histogram: &FloatHistogram) -> NativeFraction {
    let plain = |value| NativeFraction { value, nan_observations: false };
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return plain(f64::NAN);
    }
    if lower >= upper {
        return plain(0.0);
    }
    let (mut low, mut high) = (Bound::new(lower), Bound::new(upper));
    let (mut counted, mut below) = (0.0, 0.0);
    let mut buckets = histogram.all_buckets();
    for mut bucket in buckets.by_ref() {
        counted += bucket.count;
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            end_at_zero(&mut bucket, histogram);
        }
        let linear = around_zero || histogram.uses_custom_buckets();
        low.look_at(&bucket, below, linear);
        high.look_at(&bucket, below, linear);
        if low.rank.is_some() && high.rank.is_some() {
            break;
        }
        below += bucket.count;
    }
    let mut nan_observations = false;
    if histogram.sum.is_nan() {
        buckets.for_each(|bucket| counted += bucket.count);
        nan_observations = counted < histogram.count;
    } else {
        counted = histogram.count;
    }
    let value = (high.rank_within(counted) - low.rank_within(counted)) / histogram.count;
    NativeFraction { value, nan_observations }
}

/// One end of a range of values, and how many observations lie below once that is known.
#[derive(Debug, Clone, Copy)]
struct Bound {
    at: f64,
    rank: Option<f64>,
}

impl Bound {
    fn new(at: f64) -> Self {
        Self { at, rank: None }
    }

    fn look_at(&mut self, bucket: &NativeBucket, below: f64, linear: bool) {
        if self.rank.is_some() {
            return;
        }
        if bucket.lower >= self.at {
            self.rank = Some(below);
        } else if bucket.upper > self.at {
            // Nothing is known of where in an infinite custom bucket values lie. Of the lowest one all count as below,
            // and by the formula none of the highest one do.
            let lowest = linear && bucket.lower == f64::NEG_INFINITY;
            let inside = || below + bucket.count * bucket.fraction_below(self.at, linear);
            self.rank = Some(if lowest { bucket.count } else { inside() });
        }
    }

    fn rank_within(self, count: f64) -> f64 {
        match self.rank {
            Some(rank) if rank <= count => rank,
            Some(rank) if rank.is_nan() => rank,
            _ => count,
        }
    }
}

/// The mean of all observations, Prometheus' `histogram_avg`.
pub(crate) fn avg(histogram: &FloatHistogram) -> f64 {
    histogram.sum / histogram.count
}

/// The variance, Prometheus' `histogram_stdvar`, as if all observations of a bucket were in its middle: the geometric
/// one, but zero in the zero bucket and the arithmetic one in custom buckets.
pub(crate) fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = avg(histogram);
    let mut squares = KahanSum::default();
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        let delta = middle(&bucket, histogram.uses_custom_buckets()) - mean;
        squares.add(bucket.count * delta * delta);
    }
    squares.total() / histogram.count
}

/// The standard deviation, Prometheus' `histogram_stddev`.
pub(crate) fn standard_deviation(histogram: &FloatHistogram) -> f64 {
    variance(histogram).sqrt()
}

fn middle(bucket: &NativeBucket, custom: bool) -> f64 {
    let NativeBucket { lower, upper, .. } = *bucket;
    match (lower * upper).sqrt() {
        _ if custom => (upper + lower) / 2.0,
        _ if lower <= 0.0 && upper >= 0.0 => 0.0,
        geometric if upper < 0.0 => -geometric,
        geometric => geometric,
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::histogram::parse_literal;

    use super::*;

    fn quantiles<const N: usize>(text: &str, phis: [f64; N]) -> [f64; N] {
        let histogram = parse_literal(text).unwrap();
        phis.map(|phi| quantile(phi, &histogram).value)
    }

    fn assert_close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-12, "{actual} is not {expected}");
    }

    #[test]
    fn quantiles_in_exponential_buckets_are_geometric() {
        let text = "count:8 sum:1 offset:1 buckets:[4 4]";
        let [first, edge, third] = quantiles(text, [0.25, 0.5, 0.75]);
        assert_close(first, 2.0_f64.sqrt());
        assert_close(edge, 2.0);
        assert_close(third, 8.0_f64.sqrt());
        let [negative] = quantiles("count:4 sum:-1 n_offset:1 n_buckets:[4]", [0.25]);
        assert_close(negative, -(2.0_f64.powf(0.75)));
    }

    #[test]
    fn quantiles_in_the_zero_bucket_are_linear() {
        assert_eq!(quantiles("count:4 sum:1 z_bucket:4 z_bucket_w:2", [0.25, 0.75]), [-1.0, 1.0]);
        assert_eq!(quantiles("count:8 sum:1 z_bucket:4 z_bucket_w:1 offset:1 buckets:[4]", [0.25]), [0.5]);
        assert_eq!(
            quantiles("count:8 sum:1 z_bucket:4 z_bucket_w:1 n_offset:1 n_buckets:[4]", [0.75]),
            [-0.5]
        );
    }

    #[test]
    fn quantiles_in_custom_buckets_are_linear_and_stay_finite() {
        let text = "schema:-53 count:8 sum:1 custom_values:[4 8] buckets:[2 4 2]";
        assert_eq!(quantiles(text, [0.125, 0.5, 0.9, 1.0]), [2.0, 6.0, 8.0, 8.0]);
        assert_eq!(quantiles("schema:-53 count:2 sum:1 custom_values:[-1] buckets:[2 0]", [0.5]), [-1.0]);
    }

    #[test]
    fn quantiles_outside_of_the_range_are_infinite() {
        let text = "count:4 sum:1 buckets:[4]";
        assert_eq!(quantiles(text, [-0.1, 1.1]), [f64::NEG_INFINITY, f64::INFINITY]);
        assert!(quantiles(text, [f64::NAN])[0].is_nan());
        assert!(quantiles("sum:1", [0.5])[0].is_nan());
    }

    #[test]
    fn quantiles_tell_of_nan_observations() {
        let of = |phi, text: &str| quantile(phi, &parse_literal(text).unwrap());
        let all = of(0.8, "count:3 sum:NaN");
        assert!(all.value.is_nan());
        assert_eq!(all.nan_observations, NanObservations::Result);
        let skewed = of(0.8, "count:15 sum:NaN buckets:[12]");
        assert_eq!((skewed.value, skewed.nan_observations), (1.0, NanObservations::Skewed));
        let beyond = of(0.81, "count:15 sum:NaN buckets:[12]");
        assert_eq!(beyond.nan_observations, NanObservations::Result);
        let infinities = of(0.5, "count:12 sum:NaN buckets:[12]");
        assert_eq!(infinities.nan_observations, NanObservations::None);
    }

    #[test]
    fn fractions_are_the_inverse_of_quantiles() {
        let of = |lower, upper, text: &str| fraction(lower, upper, &parse_literal(text).unwrap()).value;
        let text = "count:8 sum:1 offset:1 buckets:[4 4]";
        assert_close(of(f64::NEG_INFINITY, 2.0_f64.sqrt(), text), 0.25);
        assert_close(of(2.0_f64.sqrt(), 8.0_f64.sqrt(), text), 0.5);
        assert_eq!(of(2.0, 1.0, text), 0.0);
        assert!(of(f64::NAN, 1.0, text).is_nan());
        assert_eq!(of(0.0, 1.0, "count:4 sum:1 z_bucket:4 z_bucket_w:2"), 0.25);
        let custom = "schema:-53 count:8 sum:1 custom_values:[4 8] buckets:[2 4 2]";
        assert_eq!(of(6.0, f64::INFINITY, custom), 0.5);
        assert_eq!(of(f64::NEG_INFINITY, 9.0, custom), 0.75);
    }

    #[test]
    fn fractions_tell_of_nan_observations() {
        let of = |text: &str| fraction(f64::NEG_INFINITY, f64::INFINITY, &parse_literal(text).unwrap());
        let with_nan = of("count:16 sum:NaN buckets:[12]");
        assert_eq!((with_nan.value, with_nan.nan_observations), (0.75, true));
        assert!(!of("count:12 sum:NaN buckets:[12]").nan_observations);
    }

    #[test]
    fn spread_is_estimated_from_middles_of_buckets() {
        let exponential = parse_literal("count:2 sum:4 schema:-1 offset:1 buckets:[2]").unwrap();
        assert_eq!((avg(&exponential), variance(&exponential)), (2.0, 0.0));
        let custom =
            parse_literal("schema:-53 count:4 sum:20 custom_values:[0 2 4] buckets:[0 0 4]").unwrap();
        assert_eq!((variance(&custom), standard_deviation(&custom)), (4.0, 2.0));
        let mirrored =
            parse_literal("count:4 sum:0 z_bucket:2 schema:-1 offset:1 buckets:[1] n_offset:1 n_buckets:[1]");
        assert_eq!(variance(&mirrored.unwrap()), 2.0);
    }
}
