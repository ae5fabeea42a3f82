//! Files of the log: their names, their headers, and reading one from its first to its last record.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::{Entry, Framed, decode, frame};
use crate::error::OpenError;

/// The first bytes of each file: a name, then the version of the format.
const MAGIC: [u8; 8] = *b"BWLOG\0\0\x01";
const MAGIC_NAME_BYTES: usize = 7;

/// Bytes before the first record.
pub(super) const PREAMBLE_BYTES: u64 = MAGIC.len() as u64;

const SEGMENT_SUFFIX: &str = ".log";
const CHECKPOINT_SUFFIX: &str = ".checkpoint";
const UNFINISHED_SUFFIX: &str = ".tmp";

/// A file in the directory of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LogFile {
    /// What was alive when all segments up to this number had been written.
    Checkpoint(u64),
    /// Batches in the order of their arrival.
    Segment(u64),
}

impl LogFile {
    /// Where it lies.
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Checkpoint(number) => format!("{number:08}{CHECKPOINT_SUFFIX}"),
            Self::Segment(number) => format!("{number:08}{SEGMENT_SUFFIX}"),
        })
    }

    fn parse(name: &str) -> Option<Self> {
        let number = |suffix| name.strip_suffix(suffix)?.parse().ok();
        number(SEGMENT_SUFFIX).map(Self::Segment).or_else(|| number(CHECKPOINT_SUFFIX).map(Self::Checkpoint))
    }

    /// Where a checkpoint is written until it is complete.
    pub(super) fn unfinished_path(self, dir: &Path) -> PathBuf {
        let mut path = self.path(dir).into_os_string();
        path.push(UNFINISHED_SUFFIX);
        path.into()
    }
}

/// All files of the log in a directory, sorted; removes checkpoints that were never finished.
pub(super) fn list(dir: &Path) -> Result<Vec<LogFile>, OpenError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(OpenError::io("list", dir))? {
        let path = entry.map_err(OpenError::io("list", dir))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(UNFINISHED_SUFFIX) {
            fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
        } else {
            files.extend(LogFile::parse(name));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Creates a file of the log with its first bytes.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(&MAGIC)?;
    Ok(file)
}

/// Makes the creation, renaming or removal of files in a directory durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// How far a file could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// To its end, which is at this byte.
    Whole(u64),
    /// To this byte; what follows is a record that was never finished.
    Torn(u64),
}

/// Reads a file of the log and hands its entries on in order.
pub(super) fn read(path: &Path, each: &mut dyn FnMut(Entry)) -> Result<ReadEnd, OpenError> {
    let bytes = fs::read(path).map_err(OpenError::io("read", path))?;
    let damaged = |at: usize, cause: &str| OpenError::DamagedLog {
        path: path.to_owned(),
        offset: at as u64,
        cause: cause.to_owned(),
    };
    let Some((preamble, _)) = bytes.split_first_chunk::<{ MAGIC.len() }>() else {
        // Created, but not even the preamble got to the disk.
        return if MAGIC.starts_with(&bytes) {
            Ok(ReadEnd::Torn(0))
        } else {
            Err(damaged(0, "this is no log file"))
        };
    };
    check_preamble(preamble, path)
        .map_err(|error| error.unwrap_or_else(|| damaged(0, "this is no log file")))?;
    let mut at = MAGIC.len();
    loop {
        match frame(&bytes[at..]) {
            Framed::Record(payload, length) => {
                decode(payload, &mut *each).map_err(|cause| damaged(at, cause))?;
                at += length;
            }
            Framed::End => return Ok(ReadEnd::Whole(at as u64)),
            Framed::Torn => return Ok(ReadEnd::Torn(at as u64)),
            Framed::Damaged(cause) => return Err(damaged(at, cause)),
        }
    }
}

/// `Err(None)` where the file is no log at all.
fn check_preamble(preamble: &[u8; MAGIC.len()], path: &Path) -> Result<(), Option<OpenError>> {
    let (name, version) = preamble.split_at(MAGIC_NAME_BYTES);
    let known = MAGIC[MAGIC_NAME_BYTES];
    match version {
        _ if name != &MAGIC[..MAGIC_NAME_BYTES] => Err(None),
        [version] if *version == known => Ok(()),
        [version] if *version > known => Err(Some(OpenError::Newer {
            path: path.to_owned(),
            found: i64::from(*version),
            known: i64::from(known),
        })),
        _ => Err(None),
    }
}
