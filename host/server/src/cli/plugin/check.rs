//! `bellwether plugin check FILE…`

use std::path::PathBuf;

use bellwether_workbench::check::check;
use clap::Args;

use super::{code, compiled_code, print};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files to check
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: &CheckArgs) -> Outcome {
    let mut all_good = true;
    for file in &args.files {
        let verdict = check(file, &compiled_code()).await?;
        all_good &= verdict.is_good();
        print(&verdict.lines(file));
    }
    Ok(code(all_good))
}
