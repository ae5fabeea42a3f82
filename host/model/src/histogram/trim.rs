//! The operators `</` and `>/`, which cut a histogram off at a value.

use super::{Bucket, FloatHistogram};

/// Where to cut, and which side stays.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: f64,
    keeps_below: bool,
}

/// What stays of a bucket: observations, and the value that each of them counts with in the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    count: f64,
    midpoint: f64,
}

impl Kept {
    const NOTHING: Self = Self { count: 0.0, midpoint: 0.0 };
}

/// How observations spread within a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    Linear,
    /// By logarithms; the sign is that of the values.
    Exponential {
        positive: bool,
    },
}

impl FloatHistogram {
    /// Keeps the observations below a bound if `upper`, else those above it; Prometheus' `TrimBuckets`.
    ///
    /// A bucket around the bound is interpolated. If anything is cut off, the count becomes that of what is left, the
    /// sum is estimated from the middles of the buckets, and empty buckets are dropped; else all stays as it was.
    pub fn trim_buckets(&mut self, bound: f64, upper: bool) {
        let cut = Cut { at: bound, keeps_below: upper };
        let spread = |positive| {
            if self.uses_custom_buckets() { Spread::Linear } else { Spread::Exponential { positive } }
        };
        let positive = trimmed(self.positive_buckets(), cut, spread(true));
        let negative = trimmed(self.negative_buckets(), cut, spread(false));
        let mut totals = Totals::default();
        totals.put(&mut self.positive.counts, &positive);
        let has_positive = totals.populated;
        totals.populated = false;
        totals.put(&mut self.negative.counts, &negative);
        let has_negative = totals.populated;
        if self.zero_count > 0.0 {
            let kept = cut.zero_bucket(self.zero_bucket(), has_negative, has_positive);
            totals.put(std::slice::from_mut(&mut self.zero_count), &[kept]);
        }
        if totals.changed {
            (self.count, self.sum) = (totals.count, totals.sum);
            self.compact(0);
        }
    }
}

fn trimmed(buckets: impl Iterator<Item = Bucket>, cut: Cut, spread: Spread) -> Vec<Kept> {
    buckets.map(|bucket| cut.bucket(&bucket, spread)).collect()
}

/// Sums up what is left.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    count: f64,
    sum: f64,
    changed: bool,
    populated: bool,
}

impl Totals {
    fn put(&mut self, counts: &mut [f64], kept: &[Kept]) {
        for (count, kept) in counts.iter_mut().zip(kept).filter(|(count, _)| **count != 0.0) {
            self.populated = true;
            self.count += kept.count;
            self.sum += kept.midpoint * kept.count;
            if *count != kept.count {
                *count = kept.count;
                self.changed = true;
            }
        }
    }
}

impl Cut {
    fn bucket(self, bucket: &Bucket, spread: Spread) -> Kept {
        let (whole, partly) = if self.keeps_below {
            (bucket.upper <= self.at, bucket.lower < self.at)
        } else {
            (bucket.lower >= self.at, bucket.upper > self.at)
        };
        match (whole, partly) {
            (true, _) => Kept { count: bucket.count, midpoint: spread.midpoint(bucket.lower, bucket.upper) },
            (false, true) if bucket.lower == f64::NEG_INFINITY => self.lowest_bucket(bucket),
            (false, true) if bucket.upper == f64::INFINITY => self.highest_bucket(bucket),
            (false, true) => self.split(bucket, spread),
            (false, false) => Kept::NOTHING,
        }
    }

    fn split(self, bucket: &Bucket, spread: Spread) -> Kept {
        let below = match self.at {
            at if at <= bucket.lower => 0.0,
            at if at >= bucket.upper => bucket.count,
            at => bucket.count * bucket.fraction_below(at, spread == Spread::Linear),
        };
        if self.keeps_below {
            return Kept { count: below, midpoint: spread.midpoint(bucket.lower, self.at) };
        }
        Kept { count: bucket.count - below, midpoint: spread.midpoint(self.at, bucket.upper) }
    }

    /// The lowest custom bucket begins at zero if it ends above. Else nothing is known of where its values lie: if none
    /// is positive, all of them stay when cut from above, and none when cut from below.
    fn lowest_bucket(self, bucket: &Bucket) -> Kept {
        let (at, upper) = (self.at, bucket.upper);
        let bounded = upper > 0.0 && upper < f64::INFINITY;
        if self.keeps_below {
            if at > 0.0 && bounded {
                return Kept { count: bucket.count * at / upper, midpoint: at / 2.0 };
            }
            return if upper <= 0.0 { Kept { count: bucket.count, midpoint: at } } else { Kept::NOTHING };
        }
        if at >= 0.0 && upper > at && bounded {
            return Kept { count: bucket.count * (1.0 - at / upper), midpoint: middle(at, upper) };
        }
        Kept::NOTHING
    }

    /// Nothing is known of where values in the highest bucket lie: all of them stay when cut from below, none when cut
    /// from above.
    fn highest_bucket(self, bucket: &Bucket) -> Kept {
        if !self.keeps_below && self.at >= bucket.lower {
            return Kept { count: bucket.count, midpoint: self.at };
        }
        Kept::NOTHING
    }

    /// Linear; beside buckets of one sign only, the zero bucket ends at zero on the other side.
    fn zero_bucket(self, bucket: Bucket, has_negative: bool, has_positive: bool) -> Kept {
        let lower = if has_positive && !has_negative { 0.0 } else { bucket.lower };
        let upper = if has_negative && !has_positive { 0.0 } else { bucket.upper };
        let all = Kept { count: bucket.count, midpoint: middle(lower, upper) };
        let part = |from: f64, to: f64| {
            let fraction = (to - from) / (upper - lower);
            Kept { count: bucket.count * fraction, midpoint: middle(from, to) }
        };
        match self.keeps_below {
            true if self.at <= lower => Kept::NOTHING,
            true if self.at >= upper => all,
            true => part(lower, self.at),
            false if self.at <= lower => all,
            false if self.at >= upper => Kept::NOTHING,
            false => part(self.at, upper),
        }
    }
}

fn middle(a: f64, b: f64) -> f64 {
    (a + b) / 2.0
}

impl Spread {
    /// The value that observations between two bounds count with.
    fn midpoint(self, lower: f64, upper: f64) -> f64 {
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, true) => 0.0,
            (true, false) if upper > 0.0 => upper / 2.0,
            (true, false) => upper,
            (false, true) => lower,
            (false, false) => match self {
                Self::Linear => middle(lower, upper),
                Self::Exponential { positive: true } => (lower * upper).abs().sqrt(),
                Self::Exponential { positive: false } => -(lower * upper).abs().sqrt(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;

    fn trimmed(text: &str, bound: f64, upper: bool) -> String {
        let mut h = histogram(text);
        h.trim_buckets(bound, upper);
        h.test_expression()
    }

    #[test]
    fn cuts_at_bucket_bounds() {
        let text = "count:10 sum:5 offset:1 buckets:[1 2 3] n_offset:1 n_buckets:[4]";
        assert_eq!(
            trimmed(text, 100.0, true),
            "{{count:10 sum:5 offset:1 buckets:[1 2 3] n_offset:1 n_buckets:[4]}}"
        );
        assert_eq!(
            trimmed("count:6 sum:5 offset:1 buckets:[1 0 3]", 4.0, true),
            format!("{{{{count:1 sum:{} offset:1 buckets:[1]}}}}", 2.0_f64.sqrt())
        );
        assert_eq!(
            trimmed("count:4 sum:5 offset:2 buckets:[4 1]", 4.0, false),
            format!("{{{{count:1 sum:{} offset:3 buckets:[1]}}}}", 32.0_f64.sqrt())
        );
    }

    #[test]
    fn interpolates_exponential_buckets() {
        assert_eq!(
            trimmed("schema:-1 count:4 sum:5 offset:1 buckets:[4]", 2.0, true),
            format!("{{{{schema:-1 count:2 sum:{} offset:1 buckets:[2]}}}}", 2.0 * 2.0_f64.sqrt())
        );
    }

    #[test]
    fn interpolates_the_zero_bucket_linearly() {
        let both = "count:8 sum:0 z_bucket:8 z_bucket_w:2";
        assert_eq!(trimmed(both, 1.0, true), "{{count:6 sum:-3 z_bucket:6 z_bucket_w:2}}");
        assert_eq!(trimmed(both, 1.0, false), "{{count:2 sum:3 z_bucket:2 z_bucket_w:2}}");
        let positive = "count:12 sum:9 z_bucket:8 z_bucket_w:1 offset:1 buckets:[4]";
        assert_eq!(trimmed(positive, 0.5, true), "{{count:4 sum:1 z_bucket:4 z_bucket_w:1}}");
    }

    #[test]
    fn interpolates_custom_buckets_and_guesses_at_infinite_ones() {
        let text = "schema:-53 count:12 sum:9 custom_values:[4 8] buckets:[4 4 4]";
        let of = |bound, upper| trimmed(text, bound, upper);
        assert_eq!(of(6.0, true), "{{schema:-53 count:6 sum:18 custom_values:[4 8] buckets:[4 2]}}");
        assert_eq!(
            of(6.0, false),
            "{{schema:-53 count:6 sum:46 custom_values:[4 8] offset:1 buckets:[2 4]}}"
        );
        assert_eq!(of(2.0, true), "{{schema:-53 count:2 sum:2 custom_values:[4 8] buckets:[2]}}");
        assert_eq!(of(9.0, true), "{{schema:-53 count:8 sum:32 custom_values:[4 8] buckets:[4 4]}}");
        assert_eq!(of(9.0, false), "{{schema:-53 count:4 sum:36 custom_values:[4 8] offset:2 buckets:[4]}}");
        assert_eq!(of(-1.0, true), "{{schema:-53 custom_values:[4 8]}}");
    }

    #[test]
    fn infinite_and_nan_bounds_do_not_panic() {
        for bound in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            for upper in [true, false] {
                trimmed(
                    "count:9 z_bucket:1 z_bucket_w:1 offset:1 buckets:[1 2] n_offset:1 n_buckets:[5]",
                    bound,
                    upper,
                );
                trimmed("schema:-53 count:3 custom_values:[-1 1] buckets:[1 1 1]", bound, upper);
            }
        }
    }
}
