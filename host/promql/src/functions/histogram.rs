//! Quantiles of classic histograms.

/// Relative differences up to this between neighbouring buckets come from rounding, as in Prometheus.
const SMALL_DELTA: f64 = 1e-12;

/// The cumulative count up to a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// A quantile, and whether counts had to be raised to be monotonic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantile {
    pub(crate) value: f64,
    pub(crate) forced_monotonic: bool,
}

/// The φ-quantile of cumulative buckets in any order, interpolated inside of the bucket where it falls; NaN without a
/// `+Inf` bucket or observations. As Prometheus' `BucketQuantile`.
pub(crate) fn quantile(phi: f64, mut buckets: Vec<Bucket>) -> Quantile {
    let plain = |value| Quantile { value, forced_monotonic: false };
    if phi.is_nan() {
        return plain(f64::NAN);
    }
    if !(0.0..=1.0).contains(&phi) {
        return plain(if phi < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return plain(f64::NAN);
    }
    coalesce(&mut buckets);
    let forced_monotonic = make_monotonic(&mut buckets);
    Quantile { value: interpolate(phi, &buckets), forced_monotonic }
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

/// Raises counts that go down; returns whether one went down by more than rounding.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    for at in 1..buckets.len() {
        let (before, now) = (buckets[at - 1].count, buckets[at].count);
        if almost_equal(before, now) || now < before {
            forced |= !almost_equal(before, now);
            buckets[at].count = before;
        }
    }
    forced
}

fn almost_equal(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() / (a.abs() + b.abs()).min(f64::MAX) < SMALL_DELTA
}

fn interpolate(phi: f64, buckets: &[Bucket]) -> f64 {
    let Some((last, below)) = buckets.split_last().filter(|(_, below)| !below.is_empty()) else {
        return f64::NAN;
    };
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let rank = phi * last.count;
    let at = below.partition_point(|bucket| bucket.count < rank);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(phi: f64, buckets: &[(f64, f64)]) -> Quantile {
        quantile(phi, buckets.iter().map(|&(upper, count)| Bucket { upper, count }).collect())
    }

    #[test]
    fn interpolates_inside_of_the_bucket() {
        let buckets = [(f64::INFINITY, 10.0), (1.0, 5.0), (2.0, 10.0)];
        assert_eq!(of(0.5, &buckets).value, 1.0);
        assert_eq!(of(0.75, &buckets).value, 1.5);
        assert_eq!(of(0.25, &buckets).value, 0.5);
    }

    #[test]
    fn needs_the_last_bucket_and_observations() {
        assert!(of(0.5, &[(1.0, 5.0)]).value.is_nan());
        assert!(of(0.5, &[(1.0, 0.0), (f64::INFINITY, 0.0)]).value.is_nan());
    }

    #[test]
    fn raises_counts_that_go_down() {
        let fixed = of(0.5, &[(1.0, 6.0), (2.0, 5.0), (f64::INFINITY, 10.0)]);
        assert!(fixed.forced_monotonic);
        assert_eq!(fixed.value, 5.0 / 6.0);
    }
}
