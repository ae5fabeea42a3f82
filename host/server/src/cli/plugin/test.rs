//! `bellwether plugin test [DIR]` and `bellwether plugin replay FILE INPUT`

use std::path::PathBuf;

use bellwether_workbench::cases;
use clap::Args;

use super::{ProjectArgs, code, compiled_code, print};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// Write what comes out into the golden files
    #[arg(long)]
    bless: bool,
}

/// Arguments of `bellwether plugin replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The plugin
    file: PathBuf,
    /// A capture (*.cap.jsonl) for a driver, a case (*.json) for a detector or receiver
    input: PathBuf,
}

pub(super) async fn run(args: &TestArgs) -> Outcome {
    let report = cases::test(&args.project.open()?, &compiled_code(), args.bless).await?;
    print(&report.lines);
    Ok(code(report.failed == 0))
}

pub(super) async fn replay(args: &ReplayArgs) -> Outcome {
    let lines = cases::replay(&args.file, &compiled_code(), &args.input).await?;
    print(&lines.lines().collect::<Vec<_>>());
    Ok(code(true))
}
