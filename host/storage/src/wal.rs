//! The write-ahead log: what is appended is in a file before it is acknowledged.
//!
//! A directory of numbered segments, appended to with plain writes, so that a kill of the process loses nothing;
//! whoever owns the log makes it durable against a power cut by syncing the file it hands out. A checkpoint replaces
//! the segments before it. Knows numbers of series, not the series; decides nothing about order or limits.

pub(crate) mod checkpoint;
pub(crate) mod record;
mod segment;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::checkpoint::{CheckpointWriter, FinishedCheckpoint};
use self::record::{Entry, RecordWriter};
use self::segment::{LogFile, PREAMBLE_BYTES, ReadEnd};
use crate::error::OpenError;

/// When files are closed and replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalLimits {
    /// A segment that has grown to this many bytes is followed by a new one.
    pub(crate) segment_bytes: u64,
    /// A checkpoint is due when the segments hold more than this and more than the last checkpoint.
    pub(crate) log_bytes: u64,
}

/// The log, open for appending.
#[derive(Debug)]
pub(crate) struct Wal {
    dir: PathBuf,
    limits: WalLimits,
    number: u64,
    file: Arc<File>,
    /// Length of the open segment up to the last whole batch.
    length: u64,
    closed_bytes: u64,
    checkpoint_bytes: u64,
    unsynced: bool,
    /// Set when a failed write left bytes behind that could not be taken back.
    broken: bool,
}

impl Wal {
    /// Reads the log from its first entry to its last, then opens it for appending.
    ///
    /// A last record that was never finished is cut off; such a batch was never acknowledged.
    pub(crate) fn open(
        dir: &Path,
        limits: WalLimits,
        each: &mut dyn FnMut(Entry),
    ) -> Result<Self, OpenError> {
        fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
        let found = Found::new(dir)?;
        let checkpoint_bytes = found.read_checkpoint(dir, each)?;
        let (closed_bytes, last_bytes) = found.read_segments(dir, each)?;
        let number = found.last_segment();
        let path = LogFile::Segment(number).path(dir);
        let (file, length) = match last_bytes {
            Some(length) if length >= PREAMBLE_BYTES => {
                let file =
                    OpenOptions::new().append(true).open(&path).map_err(OpenError::io("open", &path))?;
                (file, length)
            }
            _ => (segment::create(&path).map_err(OpenError::io("create", &path))?, PREAMBLE_BYTES),
        };
        segment::sync_directory(dir).map_err(OpenError::io("sync", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            limits,
            number,
            file: Arc::new(file),
            length,
            closed_bytes,
            checkpoint_bytes,
            unsynced: true,
            broken: false,
        })
    }

    /// Writes records; when it returns, they survive a kill of the process. On failure nothing of them stays.
    pub(crate) fn append(&mut self, records: &mut RecordWriter) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other(
                "an earlier write failed and could not be taken back; restart bellwether",
            ));
        }
        if self.length >= self.limits.segment_bytes {
            self.rotate()?;
        }
        let bytes = records.finish();
        let written = (&*self.file).write_all(bytes);
        if let Err(error) = written {
            self.broken = self.take_back().is_err();
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Removes what a failed write may have left behind the last whole batch.
    fn take_back(&self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        (&*self.file).seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// The open segment where it has to be synced; counts as synced from then on.
    pub(crate) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| self.file.clone())
    }

    /// Says that syncing failed, so that it is tried again.
    pub(crate) fn mark_unsynced(&mut self) {
        self.unsynced = true;
    }

    /// Whether it is time for a checkpoint.
    pub(crate) fn checkpoint_due(&self) -> bool {
        self.closed_bytes + self.length > self.limits.log_bytes.max(self.checkpoint_bytes)
    }

    /// Closes the open segment and begins a checkpoint of everything up to here.
    pub(crate) fn begin_checkpoint(&mut self) -> io::Result<CheckpointWriter> {
        let covered = self.number;
        self.rotate()?;
        CheckpointWriter::create(&self.dir, covered)
    }

    /// Removes what a checkpoint has replaced.
    pub(crate) fn finish_checkpoint(&mut self, checkpoint: FinishedCheckpoint) -> io::Result<()> {
        self.checkpoint_bytes = checkpoint.bytes;
        self.closed_bytes = 0;
        let files = segment::list(&self.dir).map_err(io::Error::other)?;
        for file in files {
            match file {
                LogFile::Segment(number) if number > checkpoint.covered => {
                    if number != self.number {
                        self.closed_bytes += fs::metadata(file.path(&self.dir))?.len();
                    }
                }
                LogFile::Checkpoint(number) if number >= checkpoint.covered => {}
                LogFile::Segment(_) | LogFile::Checkpoint(_) => fs::remove_file(file.path(&self.dir))?,
            }
        }
        Ok(())
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.checkpoint_bytes + self.closed_bytes + self.length
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let next = self.number + 1;
        let file = segment::create(&LogFile::Segment(next).path(&self.dir))?;
        segment::sync_directory(&self.dir)?;
        self.closed_bytes += self.length;
        self.number = next;
        self.file = Arc::new(file);
        self.length = PREAMBLE_BYTES;
        Ok(())
    }
}

/// The files that count when a log is opened.
struct Found {
    checkpoint: Option<u64>,
    /// Ascending, all after the checkpoint.
    segments: Vec<u64>,
}

impl Found {
    /// Lists the directory and removes what the newest checkpoint has replaced.
    fn new(dir: &Path) -> Result<Self, OpenError> {
        let files = segment::list(dir)?;
        let checkpoint = files.iter().filter_map(|file| match file {
            LogFile::Checkpoint(number) => Some(*number),
            LogFile::Segment(_) => None,
        });
        let checkpoint = checkpoint.max();
        let mut segments = Vec::new();
        for file in files {
            match file {
                LogFile::Checkpoint(number) if Some(number) == checkpoint => {}
                LogFile::Segment(number) if checkpoint.is_none_or(|covered| number > covered) => {
                    segments.push(number);
                }
                LogFile::Segment(_) | LogFile::Checkpoint(_) => {
                    let path = file.path(dir);
                    fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
                }
            }
        }
        Self { checkpoint, segments }.without_gaps(dir)
    }

    fn without_gaps(self, dir: &Path) -> Result<Self, OpenError> {
        let first = self.checkpoint.map_or(1, |covered| covered + 1);
        for (number, wanted) in self.segments.iter().zip(first..) {
            if *number != wanted {
                return Err(OpenError::MissingSegment { path: LogFile::Segment(wanted).path(dir) });
            }
        }
        Ok(self)
    }

    fn last_segment(&self) -> u64 {
        self.segments.last().copied().unwrap_or_else(|| self.checkpoint.map_or(1, |covered| covered + 1))
    }

    fn read_checkpoint(&self, dir: &Path, each: &mut dyn FnMut(Entry)) -> Result<u64, OpenError> {
        let Some(number) = self.checkpoint else {
            return Ok(0);
        };
        let path = LogFile::Checkpoint(number).path(dir);
        match segment::read(&path, each)? {
            ReadEnd::Whole(length) => Ok(length),
            ReadEnd::Torn(offset) => Err(ends_early(path, offset)),
        }
    }

    /// Returns the bytes of all segments but the last, and those of the last.
    fn read_segments(
        &self,
        dir: &Path,
        each: &mut dyn FnMut(Entry),
    ) -> Result<(u64, Option<u64>), OpenError> {
        let (mut closed, mut last) = (0, None);
        for number in &self.segments {
            let path = LogFile::Segment(*number).path(dir);
            closed += last.unwrap_or(0);
            last = Some(match segment::read(&path, each)? {
                ReadEnd::Whole(length) => length,
                ReadEnd::Torn(offset) if *number == self.last_segment() => cut(&path, offset)?,
                ReadEnd::Torn(offset) => return Err(ends_early(path, offset)),
            });
        }
        Ok((closed, last))
    }
}

fn ends_early(path: PathBuf, offset: u64) -> OpenError {
    OpenError::DamagedLog { path, offset, cause: "the file ends in the middle of a record".to_owned() }
}

fn cut(path: &Path, offset: u64) -> Result<u64, OpenError> {
    let file = OpenOptions::new().write(true).open(path).map_err(OpenError::io("open", path))?;
    let length = file.metadata().map_err(OpenError::io("read", path))?.len();
    file.set_len(offset).map_err(OpenError::io("truncate", path))?;
    file.sync_all().map_err(OpenError::io("sync", path))?;
    tracing::warn!(
        file = %path.display(),
        offset,
        bytes = length - offset,
        "cut an unfinished record off the end of the log; it was never acknowledged"
    );
    Ok(offset)
}
