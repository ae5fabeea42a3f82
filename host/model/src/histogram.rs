//! Native histograms with float counts, as Prometheus 3 computes them: exponential buckets and custom ones.
//!
//! [`FloatHistogram`] is the value of a histogram sample. Its buckets are kept sparsely, as spans of indices with a
//! count each; what they cover follows from the schema. Arithmetic reconciles schemas, zero buckets and custom bounds
//! as Prometheus does. Histograms of integers in deltas, and their encoding in chunks, are not known here.

mod arithmetic;
mod bounds;
mod buckets;
mod cells;
mod custom;
mod equality;
pub mod literal;
mod reset;
mod text;
mod trim;
mod validate;
mod zero;

use std::sync::Arc;

pub use self::arithmetic::Reconciled;
pub use self::buckets::Bucket;
pub use self::literal::{Literal, LiteralError, parse_literal};
pub use self::validate::{HistogramError, Side};

/// The schema of histograms whose buckets end at custom bounds, Prometheus' `CustomBucketsSchema`.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// The coarsest exponential schema, Prometheus' `ExponentialSchemaMin`: each bucket is 2^16 times as wide as the one
/// before.
pub const MIN_SCHEMA: i32 = -4;
/// The finest exponential schema, Prometheus' `ExponentialSchemaMax`: 256 buckets for each power of two.
pub const MAX_SCHEMA: i32 = 8;
/// The coarsest schema that Prometheus knows but does not compute with, its `ExponentialSchemaMinReserved`.
pub const MIN_SCHEMA_RESERVED: i32 = -9;
/// The finest schema that Prometheus takes in, at once reduced to [`MAX_SCHEMA`]; its `ExponentialSchemaMaxReserved`.
pub const MAX_SCHEMA_RESERVED: i32 = 52;

/// Bytes that Prometheus' `FloatHistogram` takes without its slices.
const UPSTREAM_STRUCT_BYTES: usize = 168;

/// What is known of a counter reset between a histogram and the one before it in its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CounterResetHint {
    /// Nothing; only comparison tells.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// Not a counter at all.
    Gauge,
}

/// A run of neighbouring buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSpan {
    /// Of the first span, the index of its first bucket; of others, how many buckets lie between it and the one before.
    pub offset: i32,
    /// How many buckets it has.
    pub length: u32,
}

/// The buckets of one side of a histogram, those nearest to zero first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Which buckets there are.
    pub spans: Vec<BucketSpan>,
    /// Observations in each of them: absolute, neither deltas nor cumulative.
    pub counts: Vec<f64>,
}

impl Buckets {
    /// Whether no bucket is kept, not even an empty one.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether [`FloatHistogram::compact`] with zero would change nothing.
    fn is_compact(&self) -> bool {
        let lengths: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        let fits = usize::try_from(lengths) == Ok(self.counts.len());
        let apart = self.spans.iter().skip(1).all(|span| span.offset > 0);
        fits && apart
            && self.spans.iter().all(|span| span.length > 0)
            && self.counts.iter().all(|&count| count != 0.0)
    }
}

/// A histogram, Prometheus' `histogram.FloatHistogram`.
///
/// The fields may hold anything that came from outside; only [`FloatHistogram::validate`] says whether they make sense.
/// No method panics on those that do not.
#[derive(Clone, Debug, Default)]
pub struct FloatHistogram {
    /// What is known of a counter reset right before it.
    pub counter_reset_hint: CounterResetHint,
    /// Resolution: each power of two has 2^schema buckets; [`CUSTOM_BUCKETS_SCHEMA`] for custom bounds.
    pub schema: i32,
    /// Largest absolute value of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations, NaNs included, which are in no bucket.
    pub count: f64,
    /// Sum of all observations; NaN as soon as one of them was, or both infinities were.
    pub sum: f64,
    /// Buckets of positive values; of all values where bounds are custom.
    pub positive: Buckets,
    /// Buckets of negative values, by the index of their absolute value.
    pub negative: Buckets,
    /// Upper bounds of custom buckets without the infinite one, strictly increasing; none for exponential schemas.
    pub custom_bounds: Arc<[f64]>,
}

impl FloatHistogram {
    /// Whether the buckets end at custom bounds, as those of a converted classic histogram.
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Multiplies all counts and the sum. A negative factor makes the histogram a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.for_each_number(|number| *number *= factor);
        self.become_gauge_if(factor < 0.0);
    }

    /// Divides all counts and the sum. A negative divisor makes the histogram a gauge; zero removes the buckets and
    /// leaves what division by zero gives in the counts, as Prometheus' `Div`.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive = Buckets::default();
            self.negative = Buckets::default();
        }
        self.for_each_number(|number| *number /= divisor);
        self.become_gauge_if(divisor < 0.0);
    }

    fn for_each_number(&mut self, change: impl FnMut(&mut f64)) {
        let totals = [&mut self.zero_count, &mut self.count, &mut self.sum];
        let buckets = self.positive.counts.iter_mut().chain(&mut self.negative.counts);
        totals.into_iter().chain(buckets).for_each(change);
    }

    fn become_gauge_if(&mut self, negative: bool) {
        if negative {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Drops empty buckets, but fills gaps of at most `max_empty_buckets` between others, Prometheus' `Compact`. Zero
    /// gives one layout for all histograms with the same counts.
    ///
    /// Where Prometheus fills any gap, this leaves gaps beyond a million buckets, which no observations make.
    pub fn compact(&mut self, max_empty_buckets: usize) {
        for side in [&mut self.positive, &mut self.negative] {
            if max_empty_buckets > 0 || !side.is_compact() {
                *side = cells::encode(&cells::compact(cells::decode(side, &[]), max_empty_buckets));
            }
        }
    }

    /// A copy at a coarser schema, Prometheus' `CopyToSchema`: another schema than its own loses the hint.
    ///
    /// # Errors
    /// See [`FloatHistogram::reduce_resolution`].
    pub fn copy_to_schema(&self, schema: i32) -> Result<Self, HistogramError> {
        let mut copy = self.clone();
        if schema != self.schema {
            copy.reduce_resolution(schema)?;
            copy.counter_reset_hint = CounterResetHint::Unknown;
        }
        Ok(copy)
    }

    /// Merges buckets to those of a coarser schema, Prometheus' `ReduceResolution`.
    ///
    /// # Errors
    /// If one of the schemas is that of custom buckets, the schema is not coarser, or spans and counts do not agree.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), HistogramError> {
        if self.uses_custom_buckets() || schema == CUSTOM_BUCKETS_SCHEMA || schema >= self.schema {
            return Err(HistogramError::NotCoarser { from: self.schema, to: schema });
        }
        self.check_spans()?;
        for side in [&mut self.positive, &mut self.negative] {
            *side = cells::encode(&cells::reduce(cells::decode(side, &[]), self.schema, schema));
        }
        self.schema = schema;
        Ok(())
    }

    /// How many buckets are kept, empty ones included, without the zero bucket.
    pub fn buckets_len(&self) -> usize {
        self.positive.counts.len() + self.negative.counts.len()
    }

    /// The bytes that Prometheus counts for it, its `Size`: 168, and 8 for each span, count and custom bound.
    pub fn size_bytes(&self) -> usize {
        let spans = self.positive.spans.len() + self.negative.spans.len();
        UPSTREAM_STRUCT_BYTES + 8 * (spans + self.buckets_len() + self.custom_bounds.len())
    }

    /// How many float samples a point with it counts for against the limit of samples: `(size + 8) / 16` as
    /// Prometheus' `HPoint.size`, which counts the timestamp too.
    pub fn sample_equivalents(&self) -> usize {
        (self.size_bytes() + 8) / 16
    }

    /// Whether a count, the sum or a bound is infinite, Prometheus' `HasOverflow`; a mean has to be computed
    /// incrementally then.
    pub fn has_overflow(&self) -> bool {
        let totals = [self.zero_count, self.count, self.sum];
        let buckets = self.positive.counts.iter().chain(&self.negative.counts);
        totals.iter().chain(buckets).chain(&*self.custom_bounds).any(|number| number.is_infinite())
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    /// A histogram of the test language.
    pub(crate) fn histogram(text: &str) -> FloatHistogram {
        parse_literal(text).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::histogram;
    use super::*;

    #[test]
    fn scales_counts_and_sum() {
        let mut scaled = histogram("count:6 sum:4 z_bucket:2 buckets:[1 2] n_buckets:[1]");
        scaled.mul(-2.0);
        assert_eq!((scaled.count, scaled.sum, scaled.zero_count), (-12.0, -8.0, -4.0));
        assert_eq!(scaled.positive.counts, [-2.0, -4.0]);
        assert_eq!(scaled.negative.counts, [-2.0]);
        assert_eq!(scaled.counter_reset_hint, CounterResetHint::Gauge);
        scaled.div(4.0);
        assert_eq!((scaled.count, scaled.positive.counts[1]), (-3.0, -1.0));
    }

    #[test]
    fn division_by_zero_removes_buckets() {
        let mut divided = histogram("count:3 sum:-4 buckets:[1 2]");
        divided.div(0.0);
        assert_eq!((divided.count, divided.sum), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(divided.zero_count.is_nan());
        assert!(divided.positive.is_empty() && divided.positive.spans.is_empty());
        assert!(divided.has_overflow());
    }

    #[test]
    fn coarser_copies_lose_the_hint() {
        let fine = histogram("schema:1 counter_reset_hint:gauge buckets:[1 2 3]");
        let coarse = fine.copy_to_schema(0).unwrap();
        assert_eq!((coarse.schema, coarse.positive.counts), (0, vec![1.0, 5.0]));
        assert_eq!(coarse.counter_reset_hint, CounterResetHint::Unknown);
        assert_eq!(fine.copy_to_schema(1).unwrap().counter_reset_hint, CounterResetHint::Gauge);
        assert!(fine.copy_to_schema(2).is_err());
        assert!(histogram("schema:-53 custom_values:[1] buckets:[1]").copy_to_schema(-60).is_err());
    }

    #[test]
    fn spans_that_do_not_fit_are_refused() {
        let mut broken = histogram("schema:3 buckets:[1 2]");
        broken.positive.counts.pop();
        assert!(broken.reduce_resolution(1).is_err());
    }

    #[test]
    fn compaction_gives_one_layout() {
        let mut loose = histogram("buckets:[0 1 0 2 0]");
        loose.compact(0);
        assert_eq!(loose.positive.counts, [1.0, 2.0]);
        assert_eq!(
            loose.positive.spans,
            [BucketSpan { offset: 1, length: 1 }, BucketSpan { offset: 1, length: 1 }]
        );
        let before = loose.positive.clone();
        loose.compact(0);
        assert_eq!(loose.positive, before);
    }

    #[test]
    fn counts_as_samples_by_size() {
        assert_eq!(FloatHistogram::default().sample_equivalents(), 11);
        assert_eq!(histogram("buckets:[1 2 3]").size_bytes(), 168 + 8 * 4);
    }
}
