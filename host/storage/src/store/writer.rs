//! The writing side: which series are known, what their newest sample is, and so what of a batch is accepted.
//!
//! Kept apart from the head so that a batch can be judged and logged while readers go on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::query::Appended;
use bellwether_model::{Labels, Record, Sample, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{StoreOptions, StoreStats};
use crate::head::{Head, LogRef, Slot};
use crate::wal::Wal;
use crate::wal::record::{Entry, RecordWriter};

/// Decides on batches and writes them to the log.
#[derive(Debug)]
pub(super) struct Writer {
    options: StoreOptions,
    table: SeriesTable,
    wal: Wal,
    records: RecordWriter,
    counts: StoreStats,
}

impl Writer {
    /// Judges a batch and writes what it accepts to the log. On failure nothing has changed.
    pub(super) fn write(&mut self, records: &[Record]) -> io::Result<Batch> {
        let mut batch = Batch::default();
        for record in records {
            self.table.admit(record, self.options.max_series, &mut batch);
        }
        if !batch.is_empty()
            && let Err(error) = self.log(&batch)
        {
            self.table.undo(&batch);
            return Err(error);
        }
        self.counts.accepted += batch.samples.len() as u64;
        self.counts.out_of_order += batch.out_of_order as u64;
        self.counts.duplicate += batch.duplicate as u64;
        self.counts.refused += batch.refused as u64;
        Ok(batch)
    }

    fn log(&mut self, batch: &Batch) -> io::Result<()> {
        self.records.clear();
        for created in &batch.created {
            self.records.define(created.log_ref, &created.labels);
        }
        for accepted in &batch.samples {
            self.records.sample(self.table.newest[accepted.slot.0 as usize].log_ref, accepted.sample);
        }
        self.wal.append(&mut self.records)
    }

    /// Forgets series that the head has dropped.
    pub(super) fn forget(&mut self, dead: &[(Slot, Labels)]) {
        self.table.forget(dead);
    }

    pub(super) fn retention(&self) -> Duration {
        self.options.retention
    }

    pub(super) fn max_series(&self) -> usize {
        self.options.max_series
    }

    pub(super) fn stats(&self) -> StoreStats {
        StoreStats { log_bytes: self.wal.bytes(), ..self.counts }
    }

    pub(super) fn checkpoint_due(&self) -> bool {
        self.wal.checkpoint_due()
    }

    pub(super) fn wal_mut(&mut self) -> &mut Wal {
        &mut self.wal
    }
}

/// What a batch changes, and what was left out of it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    created: Vec<Created>,
    samples: Vec<Accepted>,
    unchanged: usize,
    out_of_order: usize,
    duplicate: usize,
    refused: usize,
}

#[derive(Debug)]
struct Created {
    slot: Slot,
    log_ref: LogRef,
    labels: Labels,
}

#[derive(Debug)]
struct Accepted {
    slot: Slot,
    sample: Sample,
    /// The newest sample of the series before this one.
    before: Option<Sample>,
}

impl Batch {
    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Makes it visible to readers.
    pub(super) fn apply(&self, head: &mut Head) {
        for created in &self.created {
            head.create(created.slot, created.log_ref, created.labels.clone());
        }
        for accepted in &self.samples {
            head.push(accepted.slot, accepted.sample);
        }
    }

    /// What the sender is told.
    pub(super) fn appended(&self) -> Appended {
        Appended { accepted: self.samples.len(), out_of_order: self.out_of_order, duplicate: self.duplicate }
    }

    /// How many samples were refused because of the limit of series.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}

/// All known series.
#[derive(Debug, Default)]
struct SeriesTable {
    slots: FxHashMap<Labels, Slot>,
    newest: Vec<Newest>,
    free: Vec<Slot>,
    next_ref: u64,
    /// Each label text once, shared by all series that carry it.
    texts: FxHashSet<Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    log_ref: LogRef,
    sample: Option<Sample>,
}

impl SeriesTable {
    /// Puts one record where it belongs.
    fn admit(&mut self, record: &Record, max_series: usize, batch: &mut Batch) {
        let slot = match self.slots.get(&record.labels) {
            Some(slot) => *slot,
            None if self.slots.len() >= max_series => {
                batch.refused += 1;
                return;
            }
            None => {
                let log_ref = LogRef(self.next_ref);
                let created = self.create(&record.labels, log_ref);
                let slot = created.slot;
                batch.created.push(created);
                slot
            }
        };
        self.admit_sample(slot, record.sample, batch);
    }

    /// As Prometheus without an out-of-order window, but the same time and value again is no fault.
    fn admit_sample(&mut self, slot: Slot, sample: Sample, batch: &mut Batch) {
        let newest = &mut self.newest[slot.0 as usize].sample;
        match newest {
            Some(last) if sample.at < last.at => batch.out_of_order += 1,
            Some(last) if sample.at == last.at && sample.value.to_bits() == last.value.to_bits() => {
                batch.unchanged += 1;
            }
            Some(last) if sample.at == last.at => batch.duplicate += 1,
            Some(_) | None => {
                batch.samples.push(Accepted { slot, sample, before: *newest });
                *newest = Some(sample);
            }
        }
    }

    fn create(&mut self, labels: &Labels, log_ref: LogRef) -> Created {
        let labels = self.interned(labels);
        let newest = Newest { log_ref, sample: None };
        let slot = if let Some(slot) = self.free.pop() {
            self.newest[slot.0 as usize] = newest;
            slot
        } else {
            self.newest.push(newest);
            Slot(u32::try_from(self.newest.len() - 1).expect("memory ends before four billion series"))
        };
        self.next_ref = self.next_ref.max(log_ref.0.saturating_add(1));
        self.slots.insert(labels.clone(), slot);
        Created { slot, log_ref, labels }
    }

    fn interned(&mut self, labels: &Labels) -> Labels {
        let mut intern = |text: &Arc<str>| match self.texts.get(text) {
            Some(known) => known.clone(),
            None => {
                self.texts.insert(text.clone());
                text.clone()
            }
        };
        Labels::from_pairs(labels.iter().map(|label| (intern(&label.name), intern(&label.value))))
    }

    /// Takes back what admitting a batch has changed.
    fn undo(&mut self, batch: &Batch) {
        for accepted in batch.samples.iter().rev() {
            self.newest[accepted.slot.0 as usize].sample = accepted.before;
        }
        for created in &batch.created {
            self.slots.remove(&created.labels);
            self.free.push(created.slot);
        }
    }

    fn forget(&mut self, dead: &[(Slot, Labels)]) {
        for (slot, labels) in dead {
            self.slots.remove(labels);
            self.newest[slot.0 as usize].sample = None;
            self.free.push(*slot);
        }
        if !dead.is_empty() {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
        }
    }
}

/// Builds the writer and the head from the log.
#[derive(Debug)]
pub(super) struct Replay {
    options: StoreOptions,
    cutoff: Timestamp,
    table: SeriesTable,
    head: Head,
    slots: FxHashMap<LogRef, Slot>,
    orphans: u64,
}

impl Replay {
    /// Begins with nothing; samples before `cutoff` will be left out.
    pub(super) fn new(options: StoreOptions, cutoff: Timestamp) -> Self {
        Self {
            options,
            cutoff,
            table: SeriesTable::default(),
            head: Head::default(),
            slots: FxHashMap::default(),
            orphans: 0,
        }
    }

    /// Takes the next entry of the log.
    pub(super) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Series(log_ref, labels) => self.define(log_ref, &labels),
            Entry::Sample(log_ref, sample) if sample.at >= self.cutoff => self.sample(log_ref, sample),
            Entry::Sample(..) => {}
        }
    }

    /// A series that had vanished and came back has a second number; both stand for it, and the first one goes on.
    fn define(&mut self, log_ref: LogRef, labels: &Labels) {
        let slot = if let Some(slot) = self.table.slots.get(labels) {
            self.table.next_ref = self.table.next_ref.max(log_ref.0.saturating_add(1));
            *slot
        } else {
            let created = self.table.create(labels, log_ref);
            self.head.create(created.slot, created.log_ref, created.labels);
            created.slot
        };
        self.slots.insert(log_ref, slot);
    }

    fn sample(&mut self, log_ref: LogRef, sample: Sample) {
        let Some(slot) = self.slots.get(&log_ref) else {
            self.orphans += 1;
            return;
        };
        let newest = &mut self.table.newest[slot.0 as usize].sample;
        // A checkpoint and the segments after it may tell the same sample twice.
        if newest.is_none_or(|last| last.at < sample.at) {
            *newest = Some(sample);
            self.head.push(*slot, sample);
        }
    }

    /// Drops series without samples and joins everything with the log.
    pub(super) fn finish(mut self, wal: Wal) -> (Writer, Head) {
        if self.orphans > 0 {
            tracing::warn!(
                samples = self.orphans,
                "left out samples of the log whose series it does not define"
            );
        }
        let dead = self.head.drop_before(self.cutoff);
        self.table.forget(&dead);
        let writer = Writer {
            options: self.options,
            table: self.table,
            wal,
            records: RecordWriter::default(),
            counts: StoreStats::default(),
        };
        (writer, self.head)
    }
}
