//! `bellwether compile-plugins`: fills the cache of compiled plugins. The host runs it in a process of its own, because
//! compiling takes thirty times the memory that the host needs afterwards, and an allocator gives little of it back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::plugins;

/// Arguments of `bellwether compile-plugins`.
#[derive(Debug, Args)]
pub struct CompilePluginsArgs {
    /// Where compiled code is kept
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of drop-in plugins
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
}

/// Loads all plugins once; what is compiled on the way stays in the cache.
pub async fn run(args: CompilePluginsArgs) -> Outcome {
    plugins::load(&args.plugins, &args.data, &crate::clock::Clock::system()).await?;
    Ok(ExitCode::SUCCESS)
}
