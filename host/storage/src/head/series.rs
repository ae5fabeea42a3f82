//! The samples of one series: chunks of two columns, times and values.

use std::collections::VecDeque;

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

    /// How many samples lie in `start..=end`.
    pub(super) fn count(&self, start: Timestamp, end: Timestamp) -> usize {
        self.overlapping(start, end).map(|chunk| chunk.between(start, end).len()).sum()
    }

    /// The samples in `start..=end`, oldest first; `count` of them are expected.
    pub(super) fn samples(&self, start: Timestamp, end: Timestamp, count: usize) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(count);
        for chunk in self.overlapping(start, end) {
            samples.extend(chunk.between(start, end).map(|at| chunk.sample(at)));
        }
        samples
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

impl Chunk {
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
