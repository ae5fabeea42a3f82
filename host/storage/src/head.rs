//! The samples that are held in memory, with the index that finds them.
//!
//! Filled by the store's writer, which has already decided what is accepted; read by queries under a shared lock.
//! Decides nothing about order, duplicates or limits, and knows nothing of the log.

mod index;
mod series;

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_model::{Labels, Matcher, QueryError, Sample, Series, Timestamp};

use self::index::Index;
use self::series::MemSeries;

/// Place of a series in memory; given to another series once this one is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// Number of a series in the log; never given twice within one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogRef(pub(crate) u64);

/// What the samples in memory amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadStats {
    /// Series that have samples.
    pub series: usize,
    /// Samples in memory.
    pub samples: usize,
    /// Estimate of the memory taken by samples, labels and index, in bytes.
    pub bytes: usize,
    /// Time of the oldest sample; none when there is no sample.
    pub oldest: Option<Timestamp>,
    /// Time of the newest sample; none when there is no sample.
    pub newest: Option<Timestamp>,
}

/// All series in memory.
#[derive(Debug, Default)]
pub(crate) struct Head {
    slots: Vec<Option<MemSeries>>,
    index: Index,
}

impl Head {
    /// Creates an empty series. The slot must be free; its labels must not be those of another series.
    pub(crate) fn create(&mut self, slot: Slot, log_ref: LogRef, labels: Labels) {
        let at = slot.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.index.insert(slot, &labels);
        self.slots[at] = Some(MemSeries::new(labels, log_ref));
    }

    /// Adds a sample that is newer than all others of its series.
    pub(crate) fn push(&mut self, slot: Slot, sample: Sample) {
        if let Some(Some(series)) = self.slots.get_mut(slot.0 as usize) {
            series.push(sample);
        }
    }

    /// Drops chunks that end before `cutoff`, and the series that have nothing left; returns the latter.
    pub(crate) fn drop_before(&mut self, cutoff: Timestamp) -> Vec<(Slot, Labels)> {
        let mut dead = Vec::new();
        for (at, place) in self.slots.iter_mut().enumerate() {
            let Some(series) = place else { continue };
            series.drop_before(cutoff);
            if series.is_empty() {
                dead.push((slot_at(at), series.labels().clone()));
                *place = None;
            }
        }
        self.index.remove(&dead);
        dead
    }

    /// Series that match and have samples in the range, with those samples; see [`bellwether_model::Queryable`].
    pub(crate) fn select(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        max_samples: usize,
    ) -> Result<Vec<Series>, QueryError> {
        let mut found = Vec::new();
        let mut total = 0;
        for series in self.matching(matchers) {
            let count = series.count(start, end);
            if count == 0 {
                continue;
            }
            total += count;
            if total > max_samples {
                return Err(QueryError::TooManySamples { limit: max_samples });
            }
            found
                .push(Series { labels: series.labels().clone(), samples: series.samples(start, end, count) });
        }
        found.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(found)
    }

    /// Label sets of series that match and have samples in the range, sorted.
    pub(crate) fn series(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Vec<Labels> {
        let mut found: Vec<Labels> = self.present(matchers, start, end).cloned().collect();
        found.sort_unstable();
        found
    }

    /// Names of the labels of such series, sorted.
    pub(crate) fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<Arc<str>> {
        let labels = self.present(matchers, start, end).flatten();
        let names: BTreeSet<Arc<str>> = labels.map(|label| label.name.clone()).collect();
        names.into_iter().collect()
    }

    /// Values of one label of such series, sorted.
    pub(crate) fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<Arc<str>> {
        let labels = self.present(matchers, start, end).flatten();
        let values: BTreeSet<Arc<str>> =
            labels.filter(|label| &*label.name == name).map(|label| label.value.clone()).collect();
        values.into_iter().collect()
    }

    /// What is in memory.
    pub(crate) fn stats(&self) -> HeadStats {
        let mut stats = HeadStats { bytes: self.index.bytes(), ..HeadStats::default() };
        for series in self.slots.iter().flatten() {
            stats.series += 1;
            stats.samples += series.len();
            stats.bytes += series.bytes();
            stats.oldest = stats.oldest.into_iter().chain(series.first_at()).min();
            stats.newest = stats.newest.max(series.last().map(|sample| sample.at));
        }
        stats
    }

    /// How many slots there are, free ones included.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The series in a range of slots, for a checkpoint: number in the log, labels, and all samples.
    pub(crate) fn dump(&self, slots: std::ops::Range<usize>) -> impl Iterator<Item = SeriesDump<'_>> {
        let slots = self.slots.get(slots.start..slots.end.min(self.slots.len())).unwrap_or_default();
        slots.iter().flatten().map(|series| SeriesDump {
            log_ref: series.log_ref(),
            labels: series.labels(),
            samples: series.samples(Timestamp::MIN, Timestamp::MAX, series.len()),
        })
    }

    fn matching(&self, matchers: &[Matcher]) -> impl Iterator<Item = &MemSeries> {
        let slots = self.index.matching(matchers);
        slots.into_iter().filter_map(|slot| self.slots.get(slot.0 as usize)?.as_ref())
    }

    fn present(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> impl Iterator<Item = &Labels> {
        self.matching(matchers).filter(move |series| series.count(start, end) > 0).map(MemSeries::labels)
    }
}

/// One series as a checkpoint writes it.
#[derive(Debug)]
pub(crate) struct SeriesDump<'a> {
    /// Number in the log.
    pub(crate) log_ref: LogRef,
    /// Identity.
    pub(crate) labels: &'a Labels,
    /// All samples, oldest first.
    pub(crate) samples: Vec<Sample>,
}

fn slot_at(at: usize) -> Slot {
    Slot(u32::try_from(at).expect("slots are numbered by u32"))
}

#[cfg(test)]
mod tests;
