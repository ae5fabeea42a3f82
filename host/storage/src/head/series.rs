//! The samples of one series: chunks of two columns, times and values.

use std::collections::VecDeque;

use bellwether_model::query::Samples;
use bellwether_model::{Labels, Sample, Timestamp};

use super::LogRef;

/// Samples in a full chunk: half an hour at 15 s, so that retention has something to drop at that grain.
const CHUNK_SAMPLES: usize = 120;

/// One series. Samples are strictly ascending in time over all chunks; no chunk is empty.
#[derive(Debug)]
pub(super) struct MemSeries {
    labels: Labels,
    log_ref: LogRef,
    chunks: VecDeque<Chunk>,
}

/// Samples in columns of equal length.
#[derive(Debug, Default)]
struct Chunk {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl MemSeries {
    /// A series without samples.
    pub(super) fn new(labels: Labels, log_ref: LogRef) -> Self {
        Self { labels, log_ref, chunks: VecDeque::new() }
    }

    /// Identity.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Number in the log.
    pub(super) fn log_ref(&self) -> LogRef {
        self.log_ref
    }

    /// How many samples there are.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.times.len()).sum()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Adds a sample that is newer than all others.
    pub(super) fn push(&mut self, sample: Sample) {
        let full = self.chunks.back().is_none_or(|chunk| chunk.times.len() >= CHUNK_SAMPLES);
        if full {
            self.seal_last();
            self.chunks.push_back(Chunk::default());
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.times.push(sample.at.as_millis());
            chunk.values.push(sample.value);
        }
    }

    fn seal_last(&mut self) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.times.shrink_to_fit();
            chunk.values.shrink_to_fit();
        }
    }

    /// Drops chunks whose newest sample is older than `cutoff`.
    pub(super) fn drop_before(&mut self, cutoff: Timestamp) {
        while self.chunks.front().is_some_and(|chunk| chunk.last() < cutoff.as_millis()) {
            self.chunks.pop_front();
        }
    }

    /// Time of the oldest sample.
    pub(super) fn first_at(&self) -> Option<Timestamp> {
        self.chunks.front().map(|chunk| Timestamp::from_millis(chunk.first()))
    }

    /// The newest sample.
    pub(super) fn last(&self) -> Option<Sample> {
        let chunk = self.chunks.back()?;
        Some(chunk.sample(chunk.times.len() - 1))
    }

    /// Whether any sample lies in `start..=end`.
    pub(super) fn has_samples(&self, start: Timestamp, end: Timestamp) -> bool {
        self.overlapping(start, end).any(|chunk| !chunk.between(start, end).is_empty())
    }

    /// All samples, oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let of_chunk =
            |chunk: &Chunk| -> Vec<Sample> { (0..chunk.times.len()).map(|at| chunk.sample(at)).collect() };
        self.chunks.iter().flat_map(of_chunk).collect()
    }

    /// The newest sample no later than `at`.
    pub(super) fn latest(&self, at: i64) -> Option<(i64, f64)> {
        let chunk = self.chunks.partition_point(|chunk| chunk.first() <= at).checked_sub(1)?;
        let chunk = &self.chunks[chunk];
        let place = chunk.times.partition_point(|&time| time <= at).checked_sub(1)?;
        Some((chunk.times[place], chunk.values[place]))
    }

    /// The samples later than `after` and no later than `until`, in place; where they lie in several chunks they are
    /// put together in the scratch.
    pub(super) fn between<'s>(&'s self, after: i64, until: i64, scratch: &'s mut Scratch) -> Samples<'s> {
        let first = self.chunks.partition_point(|chunk| chunk.last() <= after);
        let mut chunks = self.chunks.range(first..).take_while(|chunk| chunk.first() <= until);
        let Some(only) = chunks.next() else {
            return Samples::default();
        };
        let (times, values) = only.columns(after, until);
        let Some(second) = chunks.next() else {
            return Samples { times, values, ..Samples::default() };
        };
        scratch.times.clear();
        scratch.values.clear();
        scratch.push((times, values));
        scratch.push(second.columns(after, until));
        chunks.for_each(|chunk| scratch.push(chunk.columns(after, until)));
        Samples { times: &scratch.times, values: &scratch.values, ..Samples::default() }
    }

    /// Estimate of the memory taken, labels included, shared label texts not.
    pub(super) fn bytes(&self) -> usize {
        let columns: usize =
            self.chunks.iter().map(|chunk| chunk.times.capacity() + chunk.values.capacity()).sum();
        let labels = self.labels.len() * size_of::<bellwether_model::Label>();
        size_of::<Self>() + labels + self.chunks.capacity() * size_of::<Chunk>() + columns * size_of::<f64>()
    }

    fn overlapping(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = &Chunk> {
        let (start, end) = (start.as_millis(), end.as_millis());
        let from = self.chunks.partition_point(|chunk| chunk.last() < start);
        self.chunks.range(from..).take_while(move |chunk| chunk.first() <= end)
    }
}

/// Room to put samples of several chunks together.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Scratch {
    fn push(&mut self, (times, values): (&[i64], &[f64])) {
        self.times.extend_from_slice(times);
        self.values.extend_from_slice(values);
    }
}

impl Chunk {
    /// The samples later than `after` and no later than `until`.
    fn columns(&self, after: i64, until: i64) -> (&[i64], &[f64]) {
        // Most often the range ends with the newest sample.
        let to = match self.times.last() {
            Some(&last) if last <= until => self.times.len(),
            _ => self.times.partition_point(|&at| at <= until),
        };
        let from = self.times[..to].partition_point(|&at| at <= after);
        (&self.times[from..to], &self.values[from..to])
    }

    fn first(&self) -> i64 {
        *self.times.first().expect("a chunk is never empty")
    }

    fn last(&self) -> i64 {
        *self.times.last().expect("a chunk is never empty")
    }

    fn sample(&self, at: usize) -> Sample {
        Sample::new(Timestamp::from_millis(self.times[at]), self.values[at])
    }

    /// Positions of the samples in `start..=end`.
    fn between(&self, start: Timestamp, end: Timestamp) -> std::ops::Range<usize> {
        let from = self.times.partition_point(|&at| at < start.as_millis());
        let to = self.times.partition_point(|&at| at <= end.as_millis());
        from..to.max(from)
    }
}
