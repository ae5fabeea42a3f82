//! `bellwether compile-plugin`: compiles one component and leaves its code in the cache. The host runs it in a process of
//! its own, because compiling takes thirty times the memory that the host needs afterwards, an allocator gives little of it
//! back, and a component may be made so that it takes without end.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use nix::sys::resource::{Resource, setrlimit};

use super::Outcome;

/// The largest component that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Address space: the largest language runtimes take 1.5 GiB.
const ADDRESS_SPACE_BYTES: u64 = 6 << 30;
/// Processor time: the largest language runtimes take 40 s on a slow board.
const CPU_SECONDS: u64 = 300;

/// Arguments of `bellwether compile-plugin`.
#[derive(Debug, Args)]
pub struct CompilePluginArgs {
    /// Where compiled code is kept
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
}

/// Compiles what comes in on standard input.
pub fn run(args: &CompilePluginArgs) -> Outcome {
    for (resource, limit) in [(Resource::RLIMIT_AS, ADDRESS_SPACE_BYTES), (Resource::RLIMIT_CPU, CPU_SECONDS)]
    {
        setrlimit(resource, limit, limit).context("cannot bound this process")?;
    }
    let mut wasm = Vec::new();
    std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut wasm).context("cannot read the component")?;
    if wasm.len() as u64 > MAX_BYTES {
        bail!("the component has more than {MAX_BYTES} bytes");
    }
    bellwether_sandbox::compile_into(&args.cache, &wasm).map_err(|reason| anyhow!(reason))?;
    Ok(ExitCode::SUCCESS)
}
