//! The samples that are held in memory, with the index that finds them.
//!
//! Filled by the store's writer, which has already decided what is accepted; read by queries under a shared lock.
//! Decides nothing about order, duplicates or limits, and knows nothing of the log.

mod index;
mod lists;
mod series;

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::query::{Latest, LatestValue, SeriesRef, VisitLatest, VisitSamples};
use bellwether_model::{Labels, Matcher, QueryError, Queryable, Sample, SeriesList, Timestamp};

use self::index::Index;
use self::lists::{Generations, Lists};
use self::series::{MemSeries, Scratch};

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
    /// The newest sample of each slot, all side by side: most rules look at nothing else.
    newest: Vec<Newest>,
    index: Index,
    generations: Generations,
    lists: Mutex<Lists>,
}

/// The newest sample of a slot.
#[derive(Debug, Clone, Copy)]
struct Newest {
    at: i64,
    value: f64,
    /// Whose slot it is, see [`reference`].
    owner: u32,
}

impl Newest {
    /// A slot without a series.
    const NONE: Self = Self { at: i64::MIN, value: f64::NAN, owner: 0 };
}

/// What a series is called in lists: its slot, and the lower half of its number in the log, since slots are given
/// again.
fn reference(slot: Slot, log_ref: LogRef) -> SeriesRef {
    SeriesRef::from(slot.0) | u64::from(owner(log_ref)) << 32
}

fn owner(log_ref: LogRef) -> u32 {
    // Cut on purpose: two owners of one slot are never four billion series apart.
    log_ref.0 as u32
}

impl Head {
    /// Creates an empty series. The slot must be free; its labels must not be those of another series.
    pub(crate) fn create(&mut self, slot: Slot, log_ref: LogRef, labels: Labels) {
        let at = slot.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
            self.newest.resize(at + 1, Newest::NONE);
        }
        self.index.insert(slot, &labels);
        self.generations.appeared(&labels);
        self.newest[at] = Newest { owner: owner(log_ref), ..Newest::NONE };
        self.slots[at] = Some(MemSeries::new(labels, log_ref));
    }

    /// Adds a sample that is newer than all others of its series.
    pub(crate) fn push(&mut self, slot: Slot, sample: Sample) {
        let at = slot.0 as usize;
        if let Some(Some(series)) = self.slots.get_mut(at) {
            series.push(sample);
            let newest = &mut self.newest[at];
            (newest.at, newest.value) = (sample.at.as_millis(), sample.value);
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
        for (slot, labels) in &dead {
            self.newest[slot.0 as usize] = Newest::NONE;
            let name = labels.metric_name().unwrap_or("");
            self.generations.went(labels, !self.index.has(METRIC_NAME, name));
        }
        dead
    }

    /// Names of the labels of series that match and have samples in the range, sorted.
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
    pub(crate) fn dump(&self, slots: Range<usize>) -> impl Iterator<Item = SeriesDump<'_>> {
        let slots = self.slots.get(slots.start..slots.end.min(self.slots.len())).unwrap_or_default();
        slots.iter().flatten().map(|series| SeriesDump {
            log_ref: series.log_ref(),
            labels: series.labels(),
            samples: series.samples(),
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
        self.matching(matchers).filter(move |series| series.has_samples(start, end)).map(MemSeries::labels)
    }
}

impl Head {
    fn list(&self, matchers: &[Matcher]) -> SeriesList {
        let slots = self.index.matching(matchers);
        let with_labels = slots.into_iter().filter_map(|slot| {
            let series = self.slots.get(slot.0 as usize)?.as_ref()?;
            Some((series.labels(), reference(slot, series.log_ref())))
        });
        let mut found: Vec<(&Labels, SeriesRef)> = with_labels.collect();
        found.sort_unstable();
        let (labels, refs) = found.into_iter().map(|(labels, reference)| (labels.clone(), reference)).unzip();
        SeriesList::new(labels, refs)
    }

    /// The slot of a listed series, unless it is another's by now.
    fn slot(&self, reference: SeriesRef) -> Option<(usize, &Newest)> {
        // The lower half is the slot.
        let slot = reference as u32 as usize;
        let newest = self.newest.get(slot)?;
        (u64::from(newest.owner) == reference >> 32).then_some((slot, newest))
    }
}

impl Queryable for Head {
    fn find(&self, matchers: &[Matcher]) -> Result<Arc<SeriesList>, QueryError> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(lists.get(matchers, &self.generations, || self.list(matchers)))
    }

    fn latest(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        at: Timestamp,
        visit: &mut VisitLatest<'_>,
    ) -> Result<(), QueryError> {
        let (after, at) = (after.as_millis(), at.as_millis());
        for (place, &reference) in places.clone().zip(&list.refs()[places]) {
            let Some((slot, newest)) = self.slot(reference) else {
                continue;
            };
            let (time, value) = if newest.at <= at {
                (newest.at, newest.value)
            } else {
                let earlier = self.slots[slot].as_ref().and_then(|series| series.latest(at));
                match earlier {
                    Some(earlier) => earlier,
                    None => continue,
                }
            };
            let latest = Latest { at: time, counting_since: 0, value: LatestValue::Float(value) };
            if time > after && visit(place, latest) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn read(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitSamples<'_>,
    ) -> Result<(), QueryError> {
        let mut scratch = Scratch::default();
        for (place, &reference) in places.clone().zip(&list.refs()[places]) {
            let Some((slot, newest)) = self.slot(reference) else {
                continue;
            };
            if newest.at <= after.as_millis() {
                continue;
            }
            let Some(series) = &self.slots[slot] else {
                continue;
            };
            let samples = series.between(after.as_millis(), until.as_millis(), &mut scratch);
            if !samples.is_empty() && visit(place, samples) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
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
