//! What makes a histogram refused.

use std::fmt;

use super::bounds::is_exponential;
use super::{BucketSpan, Buckets, FloatHistogram};

/// Which buckets of a histogram an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those of positive values.
    Positive,
    /// Those of negative values.
    Negative,
    /// Those with custom bounds.
    Custom,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive side",
            Self::Negative => "negative side",
            Self::Custom => "custom buckets",
        })
    }
}

/// A histogram that makes no sense, or two that do not go together; worded as in Prometheus where it has the error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// One of two histograms has exponential buckets and the other one custom buckets.
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    IncompatibleSchemas,
    /// A schema that nothing computes with.
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom \
         buckets, got schema {0}"
    )]
    InvalidSchema(i32),
    /// A change of schema that would need finer buckets, or other ones, than there are.
    #[error("cannot reduce resolution from schema {from} to {to}")]
    NotCoarser {
        /// Of the histogram.
        from: i32,
        /// Asked for.
        to: i32,
    },
    /// A span that begins before the span before it ends.
    #[error(
        "{side}: span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )]
    NegativeOffset {
        /// Where.
        side: Side,
        /// Counted from 1.
        number: usize,
        /// What it says.
        offset: i32,
    },
    /// More buckets than the spans name, or fewer.
    #[error(
        "{side}: spans need {needed} buckets, have {present} buckets: histogram spans specify different number of \
         buckets than provided"
    )]
    SpansMismatch {
        /// Where.
        side: Side,
        /// By the spans.
        needed: u64,
        /// Counts that there are.
        present: usize,
    },
    /// A bucket with fewer than no observations.
    #[error(
        "{side}: bucket number {number} has observation count of {count}: histogram has a bucket whose observation \
         count is negative"
    )]
    NegativeBucketCount {
        /// Where.
        side: Side,
        /// Counted from 1.
        number: usize,
        /// What it says.
        count: f64,
    },
    /// A zero bucket with fewer than no observations.
    #[error(
        "zero bucket has observation count of {0}: histogram has a bucket whose observation count is negative"
    )]
    NegativeZeroCount(f64),
    /// Fewer than no observations at all.
    #[error("observation count is {0}: histogram's observation count is negative")]
    NegativeCount(f64),
    /// A zero bucket without a width.
    #[error("zero threshold must not be NaN")]
    ZeroThresholdNan,
    /// Custom bounds with an exponential schema.
    #[error("histogram with exponential schema must not have custom bounds")]
    UnexpectedCustomBounds,
    /// A custom bound that is no number.
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    CustomBoundNan,
    /// Custom bounds out of order, or twice the same.
    #[error(
        "custom buckets: previous bound is {previous} and current is {current}: histogram custom bounds must be in \
         strictly increasing order"
    )]
    CustomBoundsOrder {
        /// The bound before.
        previous: f64,
        /// The bound that is not larger.
        current: f64,
    },
    /// The last bound, which goes without saying.
    #[error(
        "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite"
    )]
    CustomBoundInfinite,
    /// More buckets than bounds.
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of \
         {spans}: histogram custom bounds are too few"
    )]
    CustomBoundsTooFew {
        /// How many bounds there are.
        bounds: usize,
        /// How many buckets they would have to end.
        spans: u64,
    },
    /// Custom buckets beside a populated zero bucket.
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    /// Custom buckets beside a zero bucket.
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    /// Custom buckets beside spans for negative values.
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    /// Custom buckets beside counts of negative values.
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
    /// A classic histogram with as many bounds as counts was expected.
    #[error("have {bounds} bucket bounds and {counts} cumulative counts")]
    BoundsMismatch {
        /// How many bounds there are.
        bounds: usize,
        /// How many counts there are.
        counts: usize,
    },
    /// A bucket of a classic histogram with fewer than no observations.
    #[error("bucket count must be non-negative: le={upper}, count={count}")]
    NegativeCumulative {
        /// Its upper bound.
        upper: f64,
        /// What it says.
        count: f64,
    },
    /// A bucket of a classic histogram with fewer observations than a smaller one.
    #[error("count is not cumulative: {count} < {before}")]
    NotCumulative {
        /// The smaller count.
        count: f64,
        /// That of the bucket before.
        before: f64,
    },
    /// A classic histogram whose count is not that of its last bucket.
    #[error("count mismatch: count={count} != le={upper} count={last}")]
    CountMismatch {
        /// Of the histogram.
        count: f64,
        /// The last bound.
        upper: f64,
        /// The count up to there.
        last: f64,
    },
}

impl FloatHistogram {
    /// Whether spans, counts, bounds and schema go together, Prometheus' `Validate`. That the buckets add up to the
    /// count is not checked, because rounding breaks it.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.uses_custom_buckets() {
            self.validate_custom()?;
        } else if is_exponential(self.schema) {
            self.validate_exponential()?;
        } else {
            return Err(HistogramError::InvalidSchema(self.schema));
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(self.count));
        }
        check_counts(&self.positive, Side::Positive)
    }

    fn validate_exponential(&self) -> Result<(), HistogramError> {
        self.check_spans()?;
        check_counts(&self.negative, Side::Negative)?;
        if self.zero_count < 0.0 {
            return Err(HistogramError::NegativeZeroCount(self.zero_count));
        }
        if self.custom_bounds.is_empty() { Ok(()) } else { Err(HistogramError::UnexpectedCustomBounds) }
    }

    fn validate_custom(&self) -> Result<(), HistogramError> {
        check_bounds(&self.custom_bounds)?;
        check_spans(&self.positive, Side::Custom)?;
        let covered = |span: &BucketSpan| u64::from(span.length) + u64::from(span.offset.unsigned_abs());
        let spans: u64 = self.positive.spans.iter().map(covered).sum();
        let bounds = self.custom_bounds.len();
        if spans > bounds as u64 + 1 {
            return Err(HistogramError::CustomBoundsTooFew { bounds, spans });
        }
        let unused = [
            (self.zero_count != 0.0, HistogramError::CustomZeroCount),
            (self.zero_threshold != 0.0, HistogramError::CustomZeroThreshold),
            (!self.negative.spans.is_empty(), HistogramError::CustomNegativeSpans),
            (!self.negative.is_empty(), HistogramError::CustomNegativeBuckets),
        ];
        unused.into_iter().find(|(used, _)| *used).map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Whether the spans of both sides are in order and name as many buckets as there are counts.
    pub(super) fn check_spans(&self) -> Result<(), HistogramError> {
        let side = if self.uses_custom_buckets() { Side::Custom } else { Side::Positive };
        check_spans(&self.positive, side)?;
        check_spans(&self.negative, Side::Negative)
    }
}

/// Of custom buckets not even the first span may begin below zero, because no index there has a bound.
fn check_spans(buckets: &Buckets, side: Side) -> Result<(), HistogramError> {
    let may_be_negative = usize::from(side != Side::Custom);
    for (at, span) in buckets.spans.iter().enumerate().skip(may_be_negative) {
        if span.offset < 0 {
            return Err(HistogramError::NegativeOffset { side, number: at + 1, offset: span.offset });
        }
    }
    let needed: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
    let present = buckets.counts.len();
    if usize::try_from(needed) == Ok(present) {
        return Ok(());
    }
    Err(HistogramError::SpansMismatch { side, needed, present })
}

fn check_counts(buckets: &Buckets, side: Side) -> Result<(), HistogramError> {
    match buckets.counts.iter().position(|&count| count < 0.0) {
        Some(at) => {
            Err(HistogramError::NegativeBucketCount { side, number: at + 1, count: buckets.counts[at] })
        }
        None => Ok(()),
    }
}

fn check_bounds(bounds: &[f64]) -> Result<(), HistogramError> {
    if bounds.iter().any(|bound| bound.is_nan()) {
        return Err(HistogramError::CustomBoundNan);
    }
    if let Some(pair) = bounds.windows(2).find(|pair| pair[1] <= pair[0]) {
        return Err(HistogramError::CustomBoundsOrder { previous: pair[0], current: pair[1] });
    }
    if bounds.last() == Some(&f64::INFINITY) { Err(HistogramError::CustomBoundInfinite) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::histogram;
    use super::*;

    fn complaint(change: impl FnOnce(&mut FloatHistogram), text: &str) -> String {
        let mut histogram = histogram(text);
        histogram.validate().unwrap();
        change(&mut histogram);
        histogram.validate().unwrap_err().to_string()
    }

    #[test]
    fn spans_and_counts_have_to_fit() {
        let text = "schema:1 count:3 sum:1 buckets:[1 2] n_offset:-3 n_buckets:[1]";
        let of = |change: fn(&mut FloatHistogram)| complaint(change, text);
        assert_eq!(
            of(|h| h.positive.counts.push(1.0)),
            "positive side: spans need 2 buckets, have 3 buckets: histogram spans specify different number of \
             buckets than provided"
        );
        assert_eq!(
            of(|h| h.negative.spans.push(BucketSpan { offset: -1, length: 0 })),
            "negative side: span number 2 with offset -1: histogram has a span whose offset is negative"
        );
        assert!(of(|h| h.negative.counts[0] = -1.0).starts_with("negative side: bucket number 1"));
        assert!(of(|h| h.count = -1.0).starts_with("observation count is -1"));
        assert!(of(|h| h.schema = 9).ends_with("got schema 9"));
        assert!(of(|h| h.custom_bounds = [1.0].into()).contains("must not have custom bounds"));
        assert!(of(|h| h.positive.spans[0].length = u32::MAX).contains("spans need 4294967295 buckets"));
    }

    #[test]
    fn custom_bounds_have_to_increase_and_suffice() {
        let text = "schema:-53 count:3 sum:1 custom_values:[1 2] buckets:[1 1 1]";
        let of = |change: fn(&mut FloatHistogram)| complaint(change, text);
        assert!(of(|h| h.custom_bounds = [1.0].into()).contains("only 1 custom bounds"));
        assert!(of(|h| h.custom_bounds = [2.0, 2.0].into()).contains("strictly increasing"));
        assert!(of(|h| h.custom_bounds = [2.0, f64::NAN].into()).contains("NaN"));
        assert!(of(|h| h.custom_bounds = [1.0, f64::INFINITY].into()).contains("must be finite"));
        assert!(of(|h| h.zero_count = 1.0).contains("zero count"));
        assert!(of(|h| h.negative = h.positive.clone()).contains("negative spans"));
        assert!(of(|h| h.positive.spans[0].offset = -1).contains("offset is negative"));
    }
}
