//! When two histograms are the same data.

use super::{BucketSpan, Buckets, FloatHistogram};

impl FloatHistogram {
    /// Whether both are the same data, Prometheus' `Equals`: counts and sums to the bit, so that a NaN equals itself,
    /// and the same buckets, empty ones included. Spans without buckets do not matter, hints neither.
    pub fn equals(&self, other: &Self) -> bool {
        let same_bounds = !self.uses_custom_buckets() || self.custom_bounds == other.custom_bounds;
        let totals = |h: &Self| [h.count, h.sum, h.zero_count].map(f64::to_bits);
        self.schema == other.schema
            && totals(self) == totals(other)
            && self.zero_threshold == other.zero_threshold
            && same_bounds
            && same_buckets(&self.negative, &other.negative)
            && same_buckets(&self.positive, &other.positive)
    }
}

fn same_buckets(a: &Buckets, b: &Buckets) -> bool {
    let bits = |counts: &[f64]| counts.iter().map(|count| count.to_bits()).collect::<Vec<_>>();
    populated(&a.spans) == populated(&b.spans) && bits(&a.counts) == bits(&b.counts)
}

/// Spans with buckets; the offsets of others are added to the next one.
fn populated(spans: &[BucketSpan]) -> Vec<(i64, u32)> {
    let mut kept = Vec::with_capacity(spans.len());
    let mut offset = 0_i64;
    for span in spans {
        offset += i64::from(span.offset);
        if span.length > 0 {
            kept.push((offset, span.length));
            offset = 0;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;
    use super::*;

    #[test]
    fn compares_bits_and_layout() {
        let a = histogram("count:3 sum:NaN z_bucket:1 buckets:[1 0 1]");
        let mut b = a.clone();
        assert!(a.equals(&b));
        b.positive.spans.insert(0, BucketSpan { offset: 0, length: 0 });
        assert!(a.equals(&b));
        b.compact(0);
        assert!(!a.equals(&b));
        assert!(!a.equals(&histogram("count:3 sum:NaN z_bucket:1 buckets:[1 -0 1]")));
    }

    #[test]
    fn compares_custom_bounds() {
        let a = histogram("schema:-53 custom_values:[1 2] buckets:[1]");
        assert!(!a.equals(&histogram("schema:-53 custom_values:[1 3] buckets:[1]")));
        assert!(a.equals(&histogram("schema:-53 counter_reset_hint:gauge custom_values:[1 2] buckets:[1]")));
    }
}
