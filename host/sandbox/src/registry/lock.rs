//! Which bytes are the plugins of a folder: its `plugins.lock`, which `bellwether plugin lock` writes.
//!
//! Where there is such a file, a component that has no line in it, or other bytes than its line says, is not loaded, nor
//! even compiled. A lock that cannot be read lets nothing through.
//!
//! ```toml
//! [[plugin]]
//! name = "greenhouse"
//! file = "greenhouse.wasm"
//! version = "0.1.0"
//! sha256 = "2e910b…"
//! size_bytes = 98304
//! locked_at = "2026-11-26T12:00:00Z"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::load::{Key, files_in, read_file, sha256};
use crate::limits::Limits;

/// What the file is called.
pub const LOCK_FILE: &str = "plugins.lock";
/// A longer file is none of ours: there are a few hundred bytes for each of 200 plugins.
const MAX_FILE_BYTES: u64 = 256 << 10;
/// What the file begins with.
const HEAD: &str = "# The files that may be loaded from this folder. Written by `bellwether plugin lock`; compared with them by\n\
                    # `bellwether plugin lock --check`.\n";

/// A lock: one line for each file of the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<String, LockedPlugin>);

/// The line of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    /// What the plugin calls itself.
    pub name: String,
    /// Its file in the folder.
    pub file: String,
    /// Its own version.
    pub version: String,
    /// Digest of the file, in hex.
    pub sha256: String,
    /// Size of the file.
    pub size_bytes: u64,
    /// When it was locked, as RFC 3339.
    pub locked_at: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "plugin", skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<LockedPlugin>,
}

impl Lock {
    /// The lock of a folder; none where there is no such file. The error names what is wrong in it.
    pub fn read(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join(LOCK_FILE);
        let in_file = |problem: String| format!("{}: {problem}", path.display());
        let text = match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => return Err(in_file("is too long".into())),
            _ => fs::read_to_string(&path).map_err(|error| in_file(error.to_string()))?,
        };
        Self::parse(&text).map(Some).map_err(in_file)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        let mut lock = Self::default();
        for line in file.plugins {
            if let Some(twice) = lock.set(line) {
                return Err(format!("has two lines for {}", twice.file));
            }
        }
        Ok(lock)
    }

    /// The text of the file: sorted, so that the same plugins give the same text.
    pub fn to_text(&self) -> String {
        let plugins = self.0.values().cloned().collect();
        let body = toml::to_string(&File { plugins }).expect("texts and a number can be written");
        format!("{HEAD}\n{body}")
    }

    /// The line of a file.
    pub fn line(&self, file: &str) -> Option<&LockedPlugin> {
        self.0.get(file)
    }

    /// All lines, sorted by file.
    pub fn lines(&self) -> impl Iterator<Item = &LockedPlugin> {
        self.0.values()
    }

    /// Puts a line in the place of the one that its file has, and returns that.
    pub fn set(&mut self, line: LockedPlugin) -> Option<LockedPlugin> {
        let line = LockedPlugin { sha256: line.sha256.to_ascii_lowercase(), ..line };
        self.0.insert(line.file.clone(), line)
    }

    /// Takes the line of a file out.
    pub fn remove(&mut self, file: &str) -> Option<LockedPlugin> {
        self.0.remove(file)
    }
}

/// What the files of a folder have that its lock does not say, and the other way round, a line each. Nothing is loaded for
/// that. None where there is no lock.
pub fn differences(folder: &Path) -> Result<Option<Vec<String>>, String> {
    let Some(lock) = Lock::read(folder)? else { return Ok(None) };
    let mut gone: BTreeMap<String, LockedPlugin> = lock.0.clone();
    let mut differences = Vec::new();
    for candidate in files_in(folder, &Ok(Some(lock))) {
        let Key::File(path) = candidate.key() else { continue };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        gone.remove(&file);
        let refusal = match read_file(path, Limits::default().component_bytes) {
            Ok(bytes) => candidate.stamp.refusal(&sha256(&bytes)),
            Err(problem) => Some(problem),
        };
        differences.extend(refusal.map(|why| format!("{file} {why}")));
    }
    differences.extend(gone.into_keys().map(|file| format!("{file} has a line in {LOCK_FILE} and is gone")));
    Ok(Some(differences))
}

/// The lock of a folder, or what is wrong with it.
pub(super) type LockRead = Result<Option<Lock>, String>;

/// What the lock of its folder says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Locked {
    /// Nothing: there is no lock.
    Open,
    /// It has to have this digest.
    To(String),
    /// It has no line.
    Out,
    /// The lock cannot be read, for this reason.
    Unreadable(String),
}

impl Locked {
    pub(super) fn of(lock: &LockRead, file: &str) -> Self {
        match lock {
            Ok(None) => Self::Open,
            Ok(Some(lock)) => lock.line(file).map_or(Self::Out, |line| Self::To(line.sha256.clone())),
            Err(problem) => Self::Unreadable(problem.clone()),
        }
    }

    /// Why a component of this digest must not be loaded. `name` is what its file is called without the ending.
    pub(super) fn refusal(&self, name: &str, sha256: &str) -> Option<String> {
        let accept = format!("to accept it: bellwether plugin lock {name}");
        match self {
            Self::Open => None,
            Self::To(locked) if locked == sha256 => None,
            Self::To(locked) => {
                Some(format!("has the sha256 {sha256}, {LOCK_FILE} has {locked} for it; {accept}"))
            }
            Self::Out => Some(format!("has the sha256 {sha256} and no line in {LOCK_FILE}; {accept}")),
            Self::Unreadable(problem) => {
                Some(format!("is locked out, since the lock cannot be read: {problem}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(file: &str, sha256: &str) -> LockedPlugin {
        LockedPlugin {
            name: "a".into(),
            file: file.into(),
            version: "0.1.0".into(),
            sha256: sha256.into(),
            size_bytes: 3,
            locked_at: "2026-11-26T12:00:00Z".into(),
        }
    }

    #[test]
    fn is_written_sorted_and_read_again() {
        let mut lock = Lock::default();
        for file in ["b.wasm", "a.wasm"] {
            assert_eq!(lock.set(line(file, "AB")), None);
        }
        let text = lock.to_text();
        assert!(text.find("a.wasm") < text.find("b.wasm") && text.contains("sha256 = \"ab\""), "{text}");
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert_eq!(Lock::parse(HEAD).unwrap(), Lock::default());
        assert_eq!(Lock::parse(&Lock::default().to_text()).unwrap(), Lock::default());
    }

    #[test]
    fn a_lock_with_a_mistake_lets_nothing_through() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(folder.path()), Ok(None));
        let twice =
            Lock::default().to_text() + &toml::to_string(&File { plugins: vec![line("a", "0"); 2] }).unwrap();
        for (text, problem) in [
            ("plugin = 1", "invalid type"),
            ("[[plugin]]\nfile = \"a.wasm\"", "missing field"),
            ("[[plugins]]", "unknown field `plugins`"),
            (&twice, "has two lines for a"),
            (&"#".repeat(MAX_FILE_BYTES as usize + 1), "is too long"),
        ] {
            fs::write(folder.path().join(LOCK_FILE), text).unwrap();
            let read = Lock::read(folder.path());
            let refusal = Locked::of(&read, "a.wasm").refusal("a", "00").unwrap();
            assert!(refusal.contains(problem) && refusal.contains(LOCK_FILE), "{refusal}");
        }
    }
}
