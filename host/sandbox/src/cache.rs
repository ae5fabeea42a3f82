//! Compiled code on disk, so that a restart does not compile everything again.
//!
//! A file holds the code, and after it a checksum. It is native code: whoever can write it can run anything in this process.
//! So the folder must belong to us alone. The checksum finds what a disk or a copy has damaged; against whoever writes on
//! purpose no digest beside the code would help, which is why it is a fast one.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::{debug, warn};
use twox_hash::XxHash3_128;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Length of the checksum at the end of each file.
const CHECKSUM_BYTES: usize = size_of::<u128>();
/// Larger files are not read: the code of the largest language runtimes has 40 MiB.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// All files together: twenty-five of the largest language runtimes.
const MAX_FOLDER_BYTES: u64 = 1 << 30;
const ENDING: &str = ".cwasm";
/// Of a file that holds the place of code that is being compiled.
const TURN_ENDING: &str = ".turn";
/// Of a file that is being written.
const ASIDE_ENDING: &str = ".tmp";
/// Older files of both kinds were left behind by a process that was killed: nothing compiles for so long.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);
/// So much is read at once to check it.
const READ_BYTES: usize = 64 << 10;

/// A folder of compiled code.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// Makes the folder where there is none. The error says why it cannot be trusted.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        make_private(folder).map_err(|error| error.to_string())?;
        check_private(folder)?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// The code of a component, if it is there and sound.
    pub(crate) fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let path = self.path(engine, sha256);
        if fs::metadata(&path).ok()?.len() > MAX_FILE_BYTES {
            return None;
        }
        if !is_sound(&path).ok()? {
            warn!(path = %path.display(), "cached code is damaged, compiling again");
            drop(fs::remove_file(&path));
            return None;
        }
        match map(engine, &path) {
            Ok(component) => Some(component),
            Err(error) => {
                debug!(path = %path.display(), %error, "cached code is of no use, compiling again");
                None
            }
        }
    }

    /// Compiles a component and keeps its code. Of several processes that want the same, one compiles: the others wait and
    /// take what it has left. What is beside the component says whether its code could be kept; a failure costs nothing
    /// but time at the next start.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        wasm: &[u8],
        sha256: &str,
    ) -> Result<(Component, io::Result<()>), String> {
        let _turn = Turn::wait(self.path(engine, sha256).with_extension(&TURN_ENDING[1..]));
        if let Some(made_meanwhile) = self.load(engine, sha256) {
            return Ok((made_meanwhile, Ok(())));
        }
        let component = Component::from_binary(engine, wasm).map_err(|error| format!("{error:#}"))?;
        let kept = self.store(engine, sha256, &component);
        Ok((component, kept))
    }

    /// Writes the code of a component, and makes room for it.
    fn store(&self, engine: &Engine, sha256: &str, component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        self.make_room(engine, code.len() as u64)?;
        write(&self.path(engine, sha256), &code)
    }

    /// Removes what another version of this program or one that was killed has left, and the oldest files where there is
    /// too much. Code that is running stays in memory.
    fn make_room(&self, engine: &Engine, bytes: u64) -> io::Result<()> {
        let ours = ending(engine);
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.ends_with(&ours) {
                kept.extend(fs::metadata(&path).ok().map(|file| (file.modified().ok(), file.len(), path)));
            } else if name.ends_with(ENDING) || was_left_behind(name, &path) {
                // Another process may have been faster.
                drop(fs::remove_file(&path));
            }
        }
        kept.sort_unstable();
        let mut total = kept.iter().fold(bytes, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        for (_, bytes, path) in kept {
            if total <= MAX_FOLDER_BYTES {
                break;
            }
            drop(fs::remove_file(path));
            total -= bytes;
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}{}", ending(engine)))
    }
}

/// Held by the process that compiles a component; the system takes it back when that ends, however it does.
struct Turn {
    path: PathBuf,
    _lock: fs::File,
}

impl Turn {
    /// Waits for it. None where files cannot be locked: then the same is compiled twice, and nothing worse.
    fn wait(path: PathBuf) -> Option<Self> {
        let file = fs::File::create(&path).ok()?;
        file.lock().ok()?;
        Some(Self { path, _lock: file })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Whoever waits for the file that is gone finds the code when its turn comes.
        drop(fs::remove_file(&self.path));
    }
}

#[expect(clippy::disallowed_methods, reason = "files have the time of the system")]
fn was_left_behind(name: &str, path: &Path) -> bool {
    let is_passing = name.ends_with(TURN_ENDING) || name.ends_with(ASIDE_ENDING);
    let modified = || fs::metadata(path).and_then(|file| file.modified()).ok();
    is_passing && modified().is_some_and(|modified| modified + LEFT_BEHIND < SystemTime::now())
}

/// Another version of wasmtime, other settings or another processor have another one.
fn ending(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!(".{:016x}{ENDING}", hasher.finish())
}

/// Maps the code: it is neither copied nor counted as memory of our own.
#[expect(unsafe_code, reason = "wasmtime cannot check that code is its own; the caller has")]
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Component::serialize` gave: they lie in a folder that only we can write to, before the
    // checksum that we wrote with them. No file there is written to again; a newer one takes its place. wasmtime itself
    // checks that version and settings fit, and does not look at what follows the code.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Whether a file ends with the checksum of the rest.
fn is_sound(path: &Path) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    let Some(mut left) = file.metadata()?.len().checked_sub(CHECKSUM_BYTES as u64) else { return Ok(false) };
    let mut sum = XxHash3_128::new();
    let mut buffer = vec![0; READ_BYTES];
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
        file.read_exact(&mut buffer[..part])?;
        sum.write(&buffer[..part]);
        left -= part as u64;
    }
    let mut told = [0; CHECKSUM_BYTES];
    file.read_exact(&mut told)?;
    Ok(sum.finish_128() == u128::from_le_bytes(told))
}

/// Written aside and moved into place, so that a kill leaves no half file behind.
fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let aside = path.with_extension(format!("{}{ASIDE_ENDING}", std::process::id()));
    let mut file = fs::File::create(&aside)?;
    file.write_all(code)?;
    file.write_all(&XxHash3_128::oneshot(code).to_le_bytes())?;
    file.sync_all()?;
    fs::rename(aside, path)
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn check_private(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    if !metadata.is_dir() {
        return Err("it is no folder".into());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(format!("others may use it (mode {:o}); remedy: chmod 700", metadata.mode() & 0o777));
    }
    let probe = folder.join(format!(".owner.{}", std::process::id()));
    let ours = fs::write(&probe, []).and_then(|()| fs::metadata(&probe)).map(|probe| probe.uid());
    drop(fs::remove_file(&probe));
    match ours {
        Ok(uid) if uid == metadata.uid() => Ok(()),
        Ok(_) => Err("it belongs to somebody else".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(unix))]
fn check_private(_folder: &Path) -> Result<(), String> {
    Ok(())
}
