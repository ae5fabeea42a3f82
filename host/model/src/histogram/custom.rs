//! Histograms with custom bounds: those that two have in common, and classic histograms turned into them.

use super::cells::{Cell, compensated_add};
use super::{BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramError};

/// Empty buckets between others that a converted histogram of whole numbers keeps, as Prometheus' converter.
const KEPT_EMPTY_BUCKETS: usize = 2;

/// The bounds that are in both lists, Prometheus' `intersectCustomBucketBounds`.
pub(super) fn shared_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b;
    let mut shared = Vec::new();
    for &bound in a {
        let smaller = rest.iter().take_while(|&&other| other < bound).count();
        rest = &rest[smaller..];
        if rest.first() == Some(&bound) {
            shared.push(bound);
            rest = &rest[1..];
        }
    }
    shared
}

/// Adds buckets with some bounds to `target`, a list with a bucket for each shared bound and the infinite one, in the
/// manner of Prometheus' `addCustomBucketsWithMismatches`. An empty target is filled first.
pub(super) fn spread(
    cells: impl Iterator<Item = Cell>,
    bounds: &[f64],
    shared: &[f64],
    mut target: Vec<Cell>,
) -> Vec<Cell> {
    if target.is_empty() {
        target.extend((0_i64..).take(shared.len() + 1).map(|index| Cell { index, count: 0.0, rest: 0.0 }));
    }
    for cell in cells {
        let upper = match usize::try_from(cell.index) {
            Ok(at) => bounds.get(at).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
        let sum = &mut target[shared.partition_point(|&bound| bound < upper)];
        (sum.count, sum.rest) = compensated_add(cell.count, sum.count, sum.rest);
        (sum.count, sum.rest) = compensated_add(cell.rest, sum.count, sum.rest);
    }
    target
}

impl FloatHistogram {
    /// A histogram with custom buckets from a classic one, as Prometheus converts them: `bounds` with the `cumulative`
    /// count up to each, in any order, with the infinite bound or without. Of a repeated bound the first count holds.
    ///
    /// # Errors
    /// If a bound is NaN, a count is negative or less than one before it, the numbers of both lists differ, or the
    /// count up to infinity is not `count`.
    pub fn custom_from_cumulative(
        bounds: &[f64],
        cumulative: &[f64],
        count: f64,
        sum: f64,
    ) -> Result<Self, HistogramError> {
        let buckets = sorted_buckets(bounds, cumulative, count)?;
        let whole = buckets.iter().map(|bucket| bucket.1).chain([count]).all(|count| count.fract() == 0.0);
        let length = u32::try_from(buckets.len()).unwrap_or(u32::MAX);
        let mut histogram = Self {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum,
            positive: Buckets {
                spans: vec![BucketSpan { offset: 0, length }],
                counts: differences(&buckets),
            },
            custom_bounds: buckets
                .iter()
                .map(|bucket| bucket.0)
                .filter(|&upper| upper != f64::INFINITY)
                .collect(),
            ..Self::default()
        };
        histogram.compact(if whole { KEPT_EMPTY_BUCKETS } else { 0 });
        Ok(histogram)
    }
}

/// Bounds with cumulative counts, each bound once, with the infinite one at the end.
fn sorted_buckets(bounds: &[f64], cumulative: &[f64], count: f64) -> Result<Vec<(f64, f64)>, HistogramError> {
    if bounds.len() != cumulative.len() {
        return Err(HistogramError::BoundsMismatch { bounds: bounds.len(), counts: cumulative.len() });
    }
    if bounds.iter().any(|bound| bound.is_nan()) {
        return Err(HistogramError::CustomBoundNan);
    }
    if count < 0.0 {
        return Err(HistogramError::NegativeCount(count));
    }
    let mut buckets: Vec<(f64, f64)> = bounds.iter().copied().zip(cumulative.iter().copied()).collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets.dedup_by(|next, kept| next.0 == kept.0);
    if buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        buckets.push((f64::INFINITY, count));
    }
    if let Some(&(upper, count)) = buckets.iter().find(|bucket| bucket.1 < 0.0) {
        return Err(HistogramError::NegativeCumulative { upper, count });
    }
    let (last, below) = buckets.split_last().expect("the infinite bucket is there");
    if let Some(pair) = below.windows(2).find(|pair| pair[1].1 < pair[0].1) {
        return Err(HistogramError::NotCumulative { count: pair[1].1, before: pair[0].1 });
    }
    if let Some(before) = below.last().filter(|before| last.1 < before.1) {
        return Err(HistogramError::NotCumulative { count: last.1, before: before.1 });
    }
    if last.1 != count {
        return Err(HistogramError::CountMismatch { count, upper: last.0, last: last.1 });
    }
    Ok(buckets)
}

fn differences(cumulative: &[(f64, f64)]) -> Vec<f64> {
    let before = std::iter::once(0.0).chain(cumulative.iter().map(|bucket| bucket.1));
    cumulative.iter().zip(before).map(|(bucket, before)| bucket.1 - before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(bounds: &[f64], cumulative: &[f64], count: f64) -> Result<FloatHistogram, HistogramError> {
        FloatHistogram::custom_from_cumulative(bounds, cumulative, count, 7.0)
    }

    #[test]
    fn converts_classic_histograms() {
        let h = converted(&[2.0, 1.0, f64::INFINITY], &[3.0, 1.0, 6.0], 6.0).unwrap();
        h.validate().unwrap();
        assert_eq!((&*h.custom_bounds, &*h.positive.counts), (&[1.0, 2.0][..], &[1.0, 2.0, 3.0][..]));
        let open = converted(&[1.0, 2.0], &[1.0, 3.0], 6.0).unwrap();
        assert!(open.equals(&h));
        assert_eq!(converted(&[], &[], 2.0).unwrap().positive.counts, [2.0]);
    }

    #[test]
    fn keeps_few_empty_buckets_of_whole_numbers_only() {
        let bounds = [1.0, 2.0, 3.0];
        let whole = converted(&bounds, &[1.0, 1.0, 2.0], 2.0).unwrap();
        assert_eq!(whole.positive.counts, [1.0, 0.0, 1.0]);
        let float = converted(&bounds, &[1.5, 1.5, 2.0], 2.0).unwrap();
        assert_eq!(float.positive.counts, [1.5, 0.5]);
    }

    #[test]
    fn refuses_counts_that_are_not_cumulative() {
        let of = |bounds: &[f64], counts: &[f64]| converted(bounds, counts, 6.0).unwrap_err().to_string();
        assert_eq!(of(&[1.0, 2.0], &[4.0, 3.0]), "count is not cumulative: 3 < 4");
        assert_eq!(of(&[1.0], &[7.0]), "count is not cumulative: 6 < 7");
        assert_eq!(of(&[1.0, f64::INFINITY], &[1.0, 5.0]), "count mismatch: count=6 != le=inf count=5");
        assert_eq!(of(&[f64::NAN], &[1.0]), "custom buckets: histogram custom bounds must not be NaN");
        assert_eq!(of(&[1.0], &[-1.0]), "bucket count must be non-negative: le=1, count=-1");
        assert_eq!(of(&[1.0], &[]), "have 1 bucket bounds and 0 cumulative counts");
    }

    #[test]
    fn finds_bounds_of_both() {
        assert_eq!(shared_bounds(&[1.0, 2.0, 3.0], &[0.0, 2.0, 3.0, 4.0]), [2.0, 3.0]);
        assert!(shared_bounds(&[1.0], &[]).is_empty());
    }

    #[test]
    fn spreads_over_shared_bounds() {
        let cell = |index, count| Cell { index, count, rest: 0.0 };
        let cells = [cell(-1, 1.0), cell(0, 1.0), cell(1, 2.0), cell(2, 3.0), cell(99, 4.0)];
        let target = spread(cells.into_iter(), &[1.0, 2.0, 3.0], &[2.0], Vec::new());
        assert_eq!(target, [cell(0, 4.0), cell(1, 7.0)]);
    }
}
