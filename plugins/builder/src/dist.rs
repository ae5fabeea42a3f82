//! The folder of built plugins: the files, their digests, and the compiler that made them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::build::Built;

/// Digests of all files, as `sha256sum -c` reads them.
const DIGESTS: &str = "SHA256SUMS";
/// The version line of the compiler.
const COMPILER: &str = "COMPILER";

/// Replaces what the folder holds.
pub(crate) fn write(dist: &Path, files: &[Built], compiler: &str) -> Result<()> {
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    for file in files {
        put(&dist.join(&file.name), &file.bytes)?;
    }
    put(&dist.join(DIGESTS), digests(files).as_bytes())?;
    put(&dist.join(COMPILER), format!("{compiler}\n").as_bytes())
}

/// The compiler that made the files.
pub(crate) fn compiler(dist: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&crate::read(&dist.join(COMPILER))?).trim().to_owned())
}

/// What is not the same in the folder as among the files; empty where everything is.
pub(crate) fn compare(dist: &Path, files: &[Built]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for file in files {
        match fs::read(dist.join(&file.name)) {
            Ok(committed) if committed == file.bytes => {}
            Ok(committed) => differences.push(format!(
                "{}: {} bytes, sha256 {}, rebuilt {} bytes, sha256 {}",
                file.name,
                committed.len(),
                digest(&committed),
                file.bytes.len(),
                digest(&file.bytes)
            )),
            Err(error) => differences.push(format!("{}: {error}", file.name)),
        }
    }
    if crate::read(&dist.join(DIGESTS))? != digests(files).as_bytes() {
        differences.push(format!("{DIGESTS} does not list these files"));
    }
    Ok(differences)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn digests(files: &[Built]) -> String {
    let mut lines: Vec<String> =
        files.iter().map(|file| format!("{}  {}\n", digest(&file.bytes), file.name)).collect();
    lines.sort_by(|a, b| a[64..].cmp(&b[64..]));
    lines.concat()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
