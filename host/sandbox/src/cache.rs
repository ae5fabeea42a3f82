//! Compiled code on disk, so that a restart does not compile everything again.
//!
//! A file holds a digest and the code. It is native code: whoever can write it can run anything in this process. So the
//! folder must belong to us alone, and a file whose digest does not fit is not used.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Length of the digest at the start of each file.
const DIGEST_BYTES: usize = 32;
/// Larger files are not read: the code of the largest language runtimes has 40 MiB.
const MAX_FILE_BYTES: u64 = 256 << 20;

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
        let file = fs::read(&path).ok()?;
        let (digest, code) = file.split_at_checked(DIGEST_BYTES)?;
        if Sha256::digest(code)[..] != *digest {
            warn!(path = %path.display(), "cached code is damaged, compiling again");
            return None;
        }
        match deserialize(engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                debug!(path = %path.display(), %error, "cached code is of no use, compiling again");
                None
            }
        }
    }

    /// Keeps the code of a component. A failure costs nothing but time at the next start.
    pub(crate) fn store(&self, engine: &Engine, sha256: &str, component: &Component) -> std::io::Result<()> {
        let code = component.serialize().map_err(std::io::Error::other)?;
        write(&self.path(engine, sha256), &code)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Another version of wasmtime, other settings or another processor have another name.
    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{sha256}.{:016x}.cwasm", hasher.finish()))
    }
}

#[expect(unsafe_code, reason = "wasmtime cannot check that code is its own; the caller has")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Component::serialize` gave: they lie in a folder that only we can write to, under the
    // digest that we wrote with them. wasmtime itself checks that version and settings fit.
    unsafe { Component::deserialize(engine, code) }
}

/// Written aside and moved into place, so that a kill leaves no half file behind.
fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::File::create(&aside)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.sync_all()?;
    fs::rename(aside, path)
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
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
