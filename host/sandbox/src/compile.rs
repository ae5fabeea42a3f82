//! Compiling in a place of its own, where neither the memory that it takes nor a compiler that goes astray is the host's.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::cache::CodeCache;
use crate::engine;

/// Has components compiled by somebody else.
pub trait Compiler: fmt::Debug + Send + Sync {
    /// Has [`compile_into`] run elsewhere, within bounds. Blocks until it is done; the error says why there is no code.
    fn compile(&self, wasm: &[u8], cache: &Path) -> Result<(), CompileFailure>;
}

/// Why there is no code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileFailure {
    /// Nobody compiles elsewhere: this process has to do it itself.
    NotStarted(String),
    /// It cannot be compiled, or not within bounds.
    Component(String),
}

/// Compiles a component and leaves its code in a folder of compiled code, where a sandbox of this program finds it.
pub fn compile_into(cache: &Path, wasm: &[u8]) -> Result<(), String> {
    let cache = CodeCache::open(cache)?;
    let engine = Engine::new(&engine::config()).map_err(|error| format!("{error:#}"))?;
    let (_, kept) = cache.compile(&engine, wasm, &hex(&Sha256::digest(wasm)))?;
    kept.map_err(|error| error.to_string())
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
