//! Buckets as a plain list of indices and counts, which is what arithmetic works on.

use super::bounds::coarser_index;
use super::{BucketSpan, Buckets};

/// Empty buckets that [`compact`] writes out at most; more than all that numbers can fall into at the finest schema.
/// A larger gap comes from spans that no observation made, and filling it could exhaust the memory.
const MAX_FILLED_BUCKETS: usize = 1 << 20;

/// One bucket, empty ones included. The index is a sum of 32-bit numbers and cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) index: i64,
    pub(super) count: f64,
    /// What the sum in `count` lost to rounding.
    pub(super) rest: f64,
}

impl Cell {
    /// Adds a count and its rest, as Prometheus' `kahanAddBuckets`.
    pub(super) fn add(&mut self, count: f64, rest: f64) {
        (self.count, self.rest) = compensated_add(count, self.count, self.rest);
        if rest != 0.0 {
            (self.count, self.rest) = compensated_add(rest, self.count, self.rest);
        }
    }

    fn is_empty(&self) -> bool {
        self.count == 0.0 && self.rest == 0.0
    }
}

/// Adds a value to a sum and its compensation, by Kahan and Neumaier, as Prometheus' `kahansum.Inc`.
///
/// The sum itself is the same as that of a plain addition.
pub(super) fn compensated_add(value: f64, sum: f64, rest: f64) -> (f64, f64) {
    let total = sum + value;
    let rest = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        rest + ((sum - total) + value)
    } else {
        rest + ((value - total) + sum)
    };
    (total, rest)
}

/// The buckets of one side, in order. Spans without counts and counts without spans are left out.
pub(super) fn decode(buckets: &Buckets, rests: &[f64]) -> Vec<Cell> {
    let rests = rests.iter().copied().chain(std::iter::repeat(0.0));
    let counts = buckets.counts.iter().zip(rests);
    indices(&buckets.spans).zip(counts).map(|(index, (&count, rest))| Cell { index, count, rest }).collect()
}

/// The index of each bucket that the spans name. Whoever takes them all has to end with the counts.
fn indices(spans: &[BucketSpan]) -> impl Iterator<Item = i64> {
    let starts = spans.iter().scan(0_i64, |next, span| {
        let start = next.saturating_add(i64::from(span.offset));
        *next = start.saturating_add(i64::from(span.length));
        Some(start..*next)
    });
    starts.flatten()
}

/// Spans and counts of buckets in order; neighbours share a span.
pub(super) fn encode(cells: &[Cell]) -> Buckets {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for cell in cells {
        let gap = cell.index.saturating_sub(next);
        next = cell.index.saturating_add(1);
        match spans.last_mut() {
            Some(span) if gap == 0 => span.length = span.length.saturating_add(1),
            _ => spans.push(BucketSpan { offset: clamp(gap), length: 1 }),
        }
    }
    Buckets { spans, counts: cells.iter().map(|cell| cell.count).collect() }
}

/// The rests of buckets, in the order of their counts.
pub(super) fn rests(cells: &[Cell]) -> Vec<f64> {
    cells.iter().map(|cell| cell.rest).collect()
}

/// As near to an index as 32 bits come; only spans that no observation made are beyond.
pub(super) fn clamp(index: i64) -> i32 {
    i32::try_from(index).unwrap_or(if index < 0 { i32::MIN } else { i32::MAX })
}

/// The same observations at a coarser schema, Prometheus' `kahanReduceResolution`.
pub(super) fn reduce(cells: Vec<Cell>, from: i32, to: i32) -> Vec<Cell> {
    if to >= from {
        return cells;
    }
    let mut merged: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells {
        let index = coarser_index(cell.index, from, to);
        match merged.last_mut() {
            Some(last) if last.index == index => last.add(cell.count, cell.rest),
            _ => merged.push(Cell { index, ..cell }),
        }
    }
    merged
}

/// Adds the second list to the first, bucket by bucket. Empty buckets of both stay.
pub(super) fn merge(ours: Vec<Cell>, theirs: impl Iterator<Item = Cell>) -> Vec<Cell> {
    let mut merged = Vec::with_capacity(ours.len());
    let mut ours = ours.into_iter().peekable();
    for their in theirs {
        while let Some(our) = ours.next_if(|our| our.index < their.index) {
            merged.push(our);
        }
        let sum = match ours.next_if(|our| our.index == their.index) {
            Some(mut our) => {
                our.add(their.count, their.rest);
                our
            }
            None => their,
        };
        merged.push(sum);
    }
    merged.extend(ours);
    merged
}

/// Drops empty buckets and fills gaps of at most `max_empty` buckets, Prometheus' `compactBuckets`.
pub(super) fn compact(cells: Vec<Cell>, max_empty: usize) -> Vec<Cell> {
    let mut budget = MAX_FILLED_BUCKETS;
    let mut kept: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells.into_iter().filter(|cell| !cell.is_empty()) {
        if let Some(next) = kept.last().map(|last| last.index.saturating_add(1)) {
            let gap = usize::try_from(cell.index.saturating_sub(next)).unwrap_or(0);
            if gap <= max_empty.min(budget) {
                budget -= gap;
                kept.extend((next..cell.index).map(|index| Cell { index, count: 0.0, rest: 0.0 }));
            }
        }
        kept.push(cell);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(spans: &[(i32, u32)], counts: &[f64]) -> Buckets {
        let spans = spans.iter().map(|&(offset, length)| BucketSpan { offset, length }).collect();
        Buckets { spans, counts: counts.to_vec() }
    }

    fn compacted(spans: &[(i32, u32)], counts: &[f64], max_empty: usize) -> Buckets {
        encode(&compact(decode(&buckets(spans, counts), &[]), max_empty))
    }

    #[test]
    fn spans_name_indices_until_the_counts_end() {
        let cells = decode(&buckets(&[(-2, 1), (0, 0), (3, u32::MAX)], &[1.0, 2.0, 3.0]), &[0.5]);
        assert_eq!(cells.iter().map(|cell| cell.index).collect::<Vec<_>>(), [-2, 2, 3]);
        assert_eq!(rests(&cells), [0.5, 0.0, 0.0]);
        assert_eq!(encode(&cells), buckets(&[(-2, 1), (3, 2)], &[1.0, 2.0, 3.0]));
    }

    #[test]
    fn extreme_spans_neither_panic_nor_hang() {
        let far = buckets(&[(i32::MAX, u32::MAX), (i32::MAX, u32::MAX)], &[1.0, 2.0]);
        assert_eq!(encode(&decode(&far, &[])).spans, [BucketSpan { offset: i32::MAX, length: 2 }]);
        let wide = compacted(&[(i32::MIN, 1), (i32::MAX, 1)], &[1.0, 2.0], usize::MAX);
        assert_eq!(wide.counts, [1.0, 2.0]);
    }

    #[test]
    fn compaction_cuts_edges_and_splits_long_gaps() {
        let (spans, counts) = ([(0, 7)], [0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0]);
        assert_eq!(compacted(&spans, &counts, 0), buckets(&[(1, 1), (1, 1), (2, 1)], &[1.0, 2.0, 3.0]));
        assert_eq!(compacted(&spans, &counts, 1), buckets(&[(1, 3), (2, 1)], &[1.0, 0.0, 2.0, 3.0]));
        assert_eq!(compacted(&[(0, 2), (1, 1)], &[0.0, 0.0, 0.0], 5), buckets(&[], &[]));
        assert_eq!(compacted(&[(0, 1), (2, 1)], &[1.0, 2.0], 2), buckets(&[(0, 4)], &[1.0, 0.0, 0.0, 2.0]));
    }

    #[test]
    fn coarser_buckets_take_the_counts_together() {
        let cells = decode(&buckets(&[(0, 5)], &[1.0, 2.0, 3.0, 4.0, 5.0]), &[]);
        assert_eq!(encode(&reduce(cells, 1, 0)), buckets(&[(0, 3)], &[1.0, 5.0, 9.0]));
    }

    #[test]
    fn merging_inserts_what_is_missing() {
        let ours = decode(&buckets(&[(1, 1), (1, 1)], &[1.0, 2.0]), &[]);
        let theirs = decode(&buckets(&[(0, 4)], &[10.0, 20.0, 30.0, 40.0]), &[]);
        let sum = merge(ours, theirs.into_iter());
        assert_eq!(encode(&sum), buckets(&[(0, 4)], &[10.0, 21.0, 30.0, 42.0]));
    }

    #[test]
    fn rests_keep_what_sums_lose() {
        let (sum, rest) = compensated_add(1.0, 1e16, 0.0);
        assert_eq!((sum, rest), (1e16, 1.0));
        assert_eq!(compensated_add(f64::MAX, f64::MAX, 1.0), (f64::INFINITY, 0.0));
    }
}
