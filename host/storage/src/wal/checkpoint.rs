//! Checkpoints: what is alive, written anew, so that the segments before it can go.
//!
//! A checkpoint is written while appending goes on: it covers all segments before the one that was begun when the
//! checkpoint was, and may hold samples of later ones too. Those are read twice at the next start, and dropped the
//! second time. It counts from the moment it gets its final name.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::RecordWriter;
use super::segment::{self, LogFile, PREAMBLE_BYTES};
use crate::head::SeriesDump;

/// A checkpoint that is being written.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    covered: u64,
    dir: PathBuf,
    file: File,
    records: RecordWriter,
    bytes: u64,
}

impl CheckpointWriter {
    pub(super) fn create(dir: &Path, covered: u64) -> io::Result<Self> {
        let path = LogFile::Checkpoint(covered).unfinished_path(dir);
        let file = segment::create(&path)?;
        Ok(Self {
            covered,
            dir: dir.to_owned(),
            file,
            records: RecordWriter::default(),
            bytes: PREAMBLE_BYTES,
        })
    }

    /// Adds series with their samples.
    pub(crate) fn add<'a>(&mut self, series: impl Iterator<Item = SeriesDump<'a>>) {
        for dump in series {
            self.records.define(dump.log_ref, dump.labels);
            for sample in dump.samples {
                self.records.sample(dump.log_ref, sample);
            }
        }
    }

    /// Writes what was added so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(self.records.finish())?;
        self.bytes += self.records.len() as u64;
        self.records.clear();
        Ok(())
    }

    /// Makes the checkpoint durable and valid.
    pub(crate) fn finish(mut self) -> io::Result<FinishedCheckpoint> {
        self.flush()?;
        self.file.sync_all()?;
        let this = LogFile::Checkpoint(self.covered);
        fs::rename(this.unfinished_path(&self.dir), this.path(&self.dir))?;
        segment::sync_directory(&self.dir)?;
        Ok(FinishedCheckpoint { covered: self.covered, bytes: self.bytes })
    }
}

/// A checkpoint that counts: the files it covers may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FinishedCheckpoint {
    pub(super) covered: u64,
    pub(super) bytes: u64,
}
