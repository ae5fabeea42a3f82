//! Quantiles and fractions of classic histograms, whose buckets are series of their own.

use std::cmp::Ordering;

/// Relative differences below this between neighbouring buckets come from rounding, as in Prometheus.
const SMALL_DELTA: f64 = 1e-12;

/// The cumulative count up to a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// A quantile of a classic histogram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassicQuantile {
    pub(crate) value: f64,
    /// Set if counts went down from one bucket to the next by more than rounding, and had to be raised:
    /// `HistogramQuantileForcedMonotonicityInfo`.
    pub(crate) forced_monotonic: Option<ForcedMonotonic>,
}

/// Which counts had to be raised, for the text of the annotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ForcedMonotonic {
    /// The lowest bound with such a count.
    pub(crate) min_bucket: f64,
    /// The highest one.
    pub(crate) max_bucket: f64,
    /// By how much at most.
    pub(crate) max_diff: f64,
}

/// The φ-quantile of buckets in any order, interpolated linearly, as Prometheus' `BucketQuantile`: NaN without a
/// `+Inf` bucket, another one, or observations; infinite outside of 0..=1.
pub(crate) fn bucket_quantile(phi: f64, buckets: Vec<Bucket>) -> ClassicQuantile {
    let plain = |value| ClassicQuantile { value, forced_monotonic: None };
    if phi.is_nan() {
        return plain(f64::NAN);
    }
    if !(0.0..=1.0).contains(&phi) {
        return plain(if phi < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let Some(mut buckets) = prepared(buckets) else { return plain(f64::NAN) };
    let forced_monotonic = make_monotonic(&mut buckets);
    ClassicQuantile { value: interpolate(phi, &buckets), forced_monotonic }
}

/// Buckets by bound, each bound once; none without the one that holds all.
fn prepared(mut buckets: Vec<Bucket>) -> Option<Vec<Bucket>> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    coalesce(&mut buckets);
    Some(buckets)
}

/// Buckets with the same bound become one.
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Raises counts that go down, Prometheus' `ensureMonotonicAndIgnoreSmallDeltas`. Differences of rounding are evened
/// out in both directions and not reported.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<ForcedMonotonic> {
    let mut forced: Option<ForcedMonotonic> = None;
    let (first, rest) = buckets.split_first_mut()?;
    let mut before = first.count;
    for bucket in rest {
        if almost_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            let so_far = forced.get_or_insert(ForcedMonotonic {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
            });
            so_far.min_bucket = so_far.min_bucket.min(bucket.upper);
            so_far.max_bucket = so_far.max_bucket.max(bucket.upper);
            so_far.max_diff = so_far.max_diff.max(before - bucket.count);
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

/// Whether two counts differ by rounding only, Prometheus' `almost.Equal`.
fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

fn interpolate(phi: f64, buckets: &[Bucket]) -> f64 {
    let Some((last, below)) = buckets.split_last().filter(|(_, below)| !below.is_empty()) else {
        return f64::NAN;
    };
    if last.count == 0.0 {
        return f64::NAN;
    }
    let rank = phi * last.count;
    let misses = |bucket: &Bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt);
    let at = below.partition_point(misses);
    if at == below.len() {
        return below[at - 1].upper;
    }
    let bucket = below[at];
    if at == 0 && bucket.upper <= 0.0 {
        return bucket.upper;
    }
    let lower = if at == 0 { Bucket { upper: 0.0, count: 0.0 } } else { below[at - 1] };
    lower.upper + (bucket.upper - lower.upper) * ((rank - lower.count) / (bucket.count - lower.count))
}

/// The fraction of observations between two values, as Prometheus' `BucketFraction`: NaN without a `+Inf` bucket or
/// observations or with a NaN bound, zero if the bounds are not in order.
pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let Some(buckets) = prepared(buckets) else { return f64::NAN };
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, &buckets, count) - rank_of(lower, &buckets, count)) / count
}

/// How many observations lie below a value, at most `count`.
fn rank_of(value: f64, buckets: &[Bucket], count: f64) -> f64 {
    // Values are taken as positive unless a bound says otherwise.
    let lowest = if buckets[0].upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut below = Bucket { upper: lowest, count: 0.0 };
    for bucket in buckets {
        if below.upper >= value {
            return at_most(count, below.count);
        }
        if bucket.upper > value {
            return at_most(count, rank_inside(value, below, *bucket));
        }
        below = *bucket;
    }
    count
}

/// Linear, but nothing is known of where in an infinite bucket values lie: of the lowest one all count as below, and by
/// the formula none of the highest one do.
fn rank_inside(value: f64, below: Bucket, bucket: Bucket) -> f64 {
    if below.upper == f64::NEG_INFINITY {
        return bucket.count;
    }
    below.count + (bucket.count - below.count) * (value - below.upper) / (bucket.upper - below.upper)
}

fn at_most(count: f64, rank: f64) -> f64 {
    if rank > count { count } else { rank }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(upper, count)| Bucket { upper, count }).collect()
    }

    fn quantile(phi: f64, pairs: &[(f64, f64)]) -> ClassicQuantile {
        bucket_quantile(phi, buckets(pairs))
    }

    #[test]
    fn interpolates_inside_of_the_bucket() {
        let pairs = [(INF, 10.0), (1.0, 5.0), (2.0, 10.0)];
        assert_eq!(quantile(0.5, &pairs).value, 1.0);
        assert_eq!(quantile(0.75, &pairs).value, 1.5);
        assert_eq!(quantile(0.25, &pairs).value, 0.5);
        assert_eq!(quantile(0.1, &[(-1.0, 5.0), (INF, 10.0)]).value, -1.0);
        assert_eq!(quantile(0.9, &[(3.0, 5.0), (INF, 10.0)]).value, 3.0);
    }

    #[test]
    fn needs_the_last_bucket_another_one_and_observations() {
        assert!(quantile(0.5, &[(1.0, 5.0)]).value.is_nan());
        assert!(quantile(0.5, &[(INF, 5.0)]).value.is_nan());
        assert!(quantile(0.5, &[(1.0, 0.0), (INF, 0.0)]).value.is_nan());
        assert!(quantile(0.5, &[]).value.is_nan());
        assert!(bucket_fraction(0.0, 1.0, Vec::new()).is_nan());
    }

    #[test]
    fn counts_of_the_same_bound_add_up() {
        assert_eq!(quantile(0.5, &[(2.0, 4.0), (2.0, 4.0), (INF, 8.0), (INF, 8.0)]).value, 2.0);
    }

    #[test]
    fn tells_which_counts_went_down() {
        let pairs = [(1.0, 6.0), (2.0, 5.0), (3.0, 3.0), (4.0, 8.0), (INF, 10.0)];
        let fixed = quantile(0.5, &pairs);
        assert_eq!(fixed.value, 5.0 / 6.0);
        let expected = ForcedMonotonic { min_bucket: 2.0, max_bucket: 3.0, max_diff: 3.0 };
        assert_eq!(fixed.forced_monotonic, Some(expected));
    }

    #[test]
    fn evens_out_rounding_silently() {
        let mut pairs = buckets(&[(1.0, 1e6), (2.0, 1e6 - 1e-7), (3.0, 1e6 + 1e-7), (INF, 2e6)]);
        assert_eq!(make_monotonic(&mut pairs), None);
        assert_eq!(pairs.iter().map(|bucket| bucket.count).collect::<Vec<_>>(), [1e6, 1e6, 1e6, 2e6]);
    }

    #[test]
    fn fractions_interpolate_linearly() {
        let of =
            |lower, upper| bucket_fraction(lower, upper, buckets(&[(1.0, 4.0), (3.0, 8.0), (INF, 16.0)]));
        assert_eq!(of(0.0, 2.0), 0.375);
        assert_eq!(of(f64::NEG_INFINITY, 1.0), 0.25);
        assert_eq!(of(5.0, INF), 0.5);
        assert_eq!(of(2.0, 2.0), 0.0);
        let negative = buckets(&[(-1.0, 4.0), (INF, 8.0)]);
        assert_eq!(bucket_fraction(f64::NEG_INFINITY, -2.0, negative), 0.5);
    }
}
