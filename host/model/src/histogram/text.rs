//! How histograms are written: in answers, and in the test language.

use std::fmt;

use super::{Bucket, Buckets, CounterResetHint, FloatHistogram};
use crate::number::General;

impl fmt::Display for Bucket {
    /// In the notation of intervals with the count, as Prometheus: `(1,2]:3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        let [lower, upper, count] = [self.lower, self.upper, self.count].map(General);
        write!(f, "{open}{lower},{upper}{close}:{count}")
    }
}

impl fmt::Display for FloatHistogram {
    /// As Prometheus prints it in the text of results: `{count:3, sum:4, (1,2]:3}`, populated buckets upwards.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", General(self.count), General(self.sum))?;
        let zero = (!self.uses_custom_buckets()).then(|| self.zero_bucket());
        let buckets = self.negative_buckets_reversed().chain(zero).chain(self.positive_buckets());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl CounterResetHint {
    /// As the test language writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reset => "reset",
            Self::NotReset => "not_reset",
            Self::Gauge => "gauge",
        }
    }
}

impl FloatHistogram {
    /// As the test language writes it, braces included, Prometheus' `TestExpression`; [`super::parse_literal`] reads
    /// what is between the braces.
    ///
    /// The language has one span on each side. If there is a gap that [`FloatHistogram::compact`] does not fill, what
    /// lies beyond it is written as `...`, which cannot be read back.
    pub fn test_expression(&self) -> String {
        let mut compacted = self.clone();
        compacted.compact(usize::MAX);
        let mut parts = compacted.scalar_parts();
        push_buckets(&mut parts, "offset", "buckets", &compacted.positive);
        if !compacted.uses_custom_buckets() {
            push_buckets(&mut parts, "n_offset", "n_buckets", &compacted.negative);
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }

    fn scalar_parts(&self) -> Vec<String> {
        let custom = self.uses_custom_buckets();
        let (zero_count, zero_threshold) =
            if custom { (0.0, 0.0) } else { (self.zero_count, self.zero_threshold) };
        let mut parts = Vec::new();
        if self.schema != 0 {
            parts.push(format!("schema:{}", self.schema));
        }
        let numbers = [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", zero_count),
            ("z_bucket_w", zero_threshold),
        ];
        let given = numbers.into_iter().filter(|&(_, value)| value != 0.0);
        parts.extend(given.map(|(key, value)| format!("{key}:{}", General(value))));
        if custom {
            parts.push(format!("custom_values:[{}]", spaced(&self.custom_bounds)));
        }
        if self.counter_reset_hint != CounterResetHint::Unknown {
            parts.push(format!("counter_reset_hint:{}", self.counter_reset_hint.as_str()));
        }
        parts
    }
}

fn push_buckets(parts: &mut Vec<String>, offset_key: &str, buckets_key: &str, buckets: &Buckets) {
    let Some(first) = buckets.spans.first() else { return };
    if first.offset != 0 {
        parts.push(format!("{offset_key}:{}", first.offset));
    }
    let length = usize::try_from(first.length).unwrap_or(usize::MAX).min(buckets.counts.len());
    let more = if length < buckets.counts.len() { " ..." } else { "" };
    parts.push(format!("{buckets_key}:[{}{more}]", spaced(&buckets.counts[..length])));
}

fn spaced(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|&number| General(number).to_string()).collect();
    numbers.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::BucketSpan;
    use super::super::fixtures::histogram;
    use super::*;

    #[test]
    fn prints_populated_buckets_upwards() {
        let h = histogram(
            "count:22 sum:1.5 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[3 0 4] n_offset:1 n_buckets:[5 6]",
        );
        let expected = "{count:22, sum:1.5, [-4,-2):6, [-2,-1):5, [-0.5,0.5]:2, (1,2]:3, (4,8]:4}";
        assert_eq!(h.to_string(), expected);
        let custom = histogram("schema:-53 count:3 sum:1 custom_values:[5 10] buckets:[1 0 2]");
        assert_eq!(custom.to_string(), "{count:3, sum:1, [-Inf,5]:1, (10,+Inf]:2}");
        assert_eq!(FloatHistogram::default().to_string(), "{count:0, sum:0}");
    }

    #[test]
    fn writes_what_it_reads() {
        for text in [
            "",
            "schema:1 count:22 sum:-1.5 z_bucket:2 z_bucket_w:0.5 counter_reset_hint:gauge offset:-1 buckets:[3 0 4] \
             n_offset:1 n_buckets:[5 6]",
            "schema:-53 count:3 sum:NaN custom_values:[5 10] counter_reset_hint:not_reset buckets:[1 0 2]",
        ] {
            assert_eq!(histogram(text).test_expression(), format!("{{{{{text}}}}}"));
        }
    }

    #[test]
    fn gaps_that_nothing_made_are_not_filled() {
        let mut far = histogram("buckets:[1 2]");
        far.positive.spans =
            vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: i32::MAX, length: 1 }];
        assert_eq!(far.test_expression(), "{{buckets:[1 ...]}}");
    }
}
