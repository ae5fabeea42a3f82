//! `bellwether plugin build [DIR]`

use bellwether_workbench::build;
use clap::Args;

use super::{ProjectArgs, code, print_built};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin build`.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) fn run(args: &BuildArgs) -> Outcome {
    print_built(&build(&args.project.open()?)?);
    Ok(code(true))
}
