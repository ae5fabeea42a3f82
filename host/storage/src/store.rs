//! The store: the head behind the log, with one writer at a time and any number of readers.
//!
//! A batch is judged (who is too late, who is a duplicate), written to the log, applied to the head, and only then
//! acknowledged. Readers wait only while a batch is applied. A thread of the store's own syncs the log and writes
//! checkpoints; it ends when the store is dropped.

mod flusher;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bellwether_model::query::{AppendError, Appended, VisitLatest, VisitSamples};
use bellwether_model::{Appender, Matcher, QueryError, Queryable, Record, SeriesList, Timestamp};

use self::flusher::Flusher;
use self::writer::Writer;
use crate::error::OpenError;
use crate::head::{Head, HeadStats};
use crate::lock::DirectoryLock;
use crate::wal::record::Entry;
use crate::wal::{Wal, WalLimits};

/// Name of the log's directory inside the data directory.
const WAL_DIR: &str = "wal";

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Samples older than this are dropped, half an hour's worth at a time.
    pub retention: Duration,
    /// Most series that are held at once; samples of further ones are refused.
    pub max_series: usize,
    /// How often the log is made durable against a power cut. A kill of the process loses nothing either way.
    pub sync_interval: Duration,
    /// A log file that has grown to this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// The log is written anew with only what is alive once it holds more than this and more than it held after
    /// the last time, in bytes.
    pub log_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            // Long enough for `offset 1d`, which rules on accuracy and drift use.
            retention: Duration::from_secs(2 * 86_400),
            max_series: 1_000_000,
            sync_interval: Duration::from_secs(1),
            segment_bytes: 32 << 20,
            log_bytes: 256 << 20,
        }
    }
}

/// Figures about a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// What is in memory.
    pub head: HeadStats,
    /// Bytes of the log's files.
    pub log_bytes: u64,
    /// Samples accepted since the store was opened.
    pub accepted: u64,
    /// Samples dropped since then because their series already had a newer one.
    pub out_of_order: u64,
    /// Samples dropped since then because their series already had another value for that time.
    pub duplicate: u64,
    /// Samples refused since then because the limit of series was reached.
    pub refused: u64,
}

/// Samples of a data directory. Use it behind an `Arc`; dropping the last one syncs the log.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    flusher: Option<Flusher>,
    _lock: DirectoryLock,
}

/// What the store and its thread work on. The writer's lock is always taken before the head's.
#[derive(Debug)]
struct Shared {
    writer: Mutex<Writer>,
    head: RwLock<Head>,
    /// Held while a checkpoint is written: one at a time.
    checkpointing: Mutex<()>,
}

impl Store {
    /// Opens a data directory, creates it where it is missing, and reads back what was acknowledged.
    ///
    /// Samples that are beyond the retention at `now` are left out.
    pub fn open(dir: &Path, options: StoreOptions, now: Timestamp) -> Result<Self, OpenError> {
        if dir.is_file() {
            return Err(OpenError::NotADirectory { path: dir.to_owned() });
        }
        std::fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
        let lock = DirectoryLock::acquire(dir)?;
        let cutoff = now - options.retention;
        let mut replay = writer::Replay::new(options, cutoff);
        let limits = WalLimits { segment_bytes: options.segment_bytes, log_bytes: options.log_bytes };
        let wal = Wal::open(&dir.join(WAL_DIR), limits, &mut |entry: Entry| replay.take(entry))?;
        let (writer, head) = replay.finish(wal);
        let shared = Arc::new(Shared {
            writer: Mutex::new(writer),
            head: RwLock::new(head),
            checkpointing: Mutex::new(()),
        });
        let flusher = Flusher::spawn(shared.clone(), options.sync_interval)
            .map_err(OpenError::io("start the thread that syncs", dir))?;
        Ok(Self { shared, flusher: Some(flusher), _lock: lock })
    }

    /// Drops samples that are beyond the retention at `now`, and series without samples; returns how many series.
    ///
    /// Call it about once a minute.
    pub fn apply_retention(&self, now: Timestamp) -> usize {
        let mut writer = self.shared.writer();
        let cutoff = now - writer.retention();
        let dead = self.shared.head_mut().drop_before(cutoff);
        writer.forget(&dead);
        dead.len()
    }

    /// Names of the labels that series which match have, in the range; sorted. No matcher means all series.
    pub fn label_names(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Vec<Arc<str>> {
        self.shared.head().label_names(matchers, start, end)
    }

    /// Values that one label has among series which match, in the range; sorted. No matcher means all series.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<Arc<str>> {
        self.shared.head().label_values(name, matchers, start, end)
    }

    /// Figures for telemetry and the status page; walks all series.
    pub fn stats(&self) -> StoreStats {
        let head = self.shared.head().stats();
        StoreStats { head, ..self.shared.writer().stats() }
    }

    /// Makes everything acknowledged so far durable against a power cut.
    pub fn sync(&self) -> std::io::Result<()> {
        self.shared.sync()
    }

    /// Writes the log anew with only what is alive. The store does so by itself when the log has grown too long.
    pub fn checkpoint(&self) -> std::io::Result<()> {
        self.shared.checkpoint()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(flusher) = self.flusher.take() {
            flusher.stop();
        }
    }
}

impl Appender for Store {
    /// Samples of known series are taken in even where others are refused because of the limit of series.
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError> {
        let mut writer = self.shared.writer();
        let batch = writer.write(records).map_err(|error| AppendError::Log(error.to_string()))?;
        if !batch.is_empty() {
            batch.apply(&mut self.shared.head_mut());
        }
        match batch.refused() {
            0 => Ok(batch.appended()),
            _ => Err(AppendError::TooManySeries { limit: writer.max_series() }),
        }
    }
}

impl Queryable for Store {
    fn find(&self, matchers: &[Matcher]) -> Result<Arc<SeriesList>, QueryError> {
        self.shared.head().find(matchers)
    }

    fn latest(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        at: Timestamp,
        visit: &mut VisitLatest<'_>,
    ) -> Result<(), QueryError> {
        self.shared.head().latest(list, places, after, at, visit)
    }

    fn read(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitSamples<'_>,
    ) -> Result<(), QueryError> {
        self.shared.head().read(list, places, after, until, visit)
    }
}

/// A panic while a lock is held is a bug that has already been reported; the data behind it is never half-written in
/// a way that would make reading it unsafe, so the others go on.
impl Shared {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
