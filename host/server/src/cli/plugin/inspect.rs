//! `bellwether plugin inspect FILE`

use std::path::PathBuf;

use bellwether_workbench::inspect;
use clap::Args;

use super::{code, compiled_code, print};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The plugin
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &InspectArgs) -> Outcome {
    let inspection = inspect(&args.file, &compiled_code()).await?;
    match args.json {
        true => print(&[serde_json::to_string_pretty(&inspection)?]),
        false => print(&inspection.lines()),
    }
    Ok(code(true))
}
