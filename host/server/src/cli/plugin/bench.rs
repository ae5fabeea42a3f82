//! `bellwether plugin bench FILE [INPUT]`

use std::path::PathBuf;

use bellwether_workbench::bench::bench;
use clap::Args;

use super::{code, compiled_code, print};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin bench`.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// The plugin
    file: PathBuf,
    /// What to call it with: a capture for a driver, a case for a receiver or detector. A detector has a made-up window
    /// of 1000 series with 240 points where nothing is given
    input: Option<PathBuf>,
}

pub(super) async fn run(args: &BenchArgs) -> Outcome {
    print(&bench(&args.file, &compiled_code(), args.input.as_deref()).await?);
    Ok(code(true))
}
