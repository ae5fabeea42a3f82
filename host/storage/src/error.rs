//! Why a data directory cannot be used, in words that say what to do about it.

use std::io;
use std::path::PathBuf;

/// A store or the state database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused a file or directory.
    #[error(
        "cannot {action} {}; give the user that runs bellwether read and write access to it, or choose another data \
         directory",
        path.display()
    )]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The path names something else.
    #[error("data directory {} is a file; choose another data directory, or move the file away", path.display())]
    NotADirectory {
        /// What was given as data directory.
        path: PathBuf,
    },
    /// Another process uses the same data directory.
    #[error(
        "data directory {} is in use by {holder}; stop that process or choose another data directory",
        path.display()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// `process 4711`, as far as it is known.
        holder: String,
    },
    /// The log is damaged before its end, so that acknowledged samples would be lost silently.
    #[error(
        "log file {} is damaged at byte {offset}: {cause}; restore it from a backup, or run `truncate -s {offset} \
         {}` to give up what follows in this file",
        path.display(),
        path.display()
    )]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// Where the bad record begins.
        offset: u64,
        /// What is wrong with it.
        cause: String,
    },
    /// A file of the log is missing between two others.
    #[error(
        "log file {} is missing although later ones exist; restore it from a backup, or move the later files away to \
         give up what they hold",
        path.display()
    )]
    MissingSegment {
        /// The file that should be there.
        path: PathBuf,
    },
    /// Data of a later version.
    #[error(
        "{} was written by a newer bellwether (format {found}, this one knows up to {known}); start that newer \
         version, or restore a backup made before the upgrade",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: i64,
        /// The newest version that this build reads.
        known: i64,
    },
    /// SQLite cannot use the database file.
    #[error(
        "cannot {action} {}; check that it is a bellwether state database and that its directory is writable, or \
         restore it from a backup",
        path.display()
    )]
    Database {
        /// What was tried, such as `open`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// For `map_err`: an operating-system error with what was tried on what.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
