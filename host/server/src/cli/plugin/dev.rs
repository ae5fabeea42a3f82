//! `bellwether plugin dev [DIR] --plugins FOLDER`

use std::path::PathBuf;

use bellwether_workbench::dev::Watch;
use clap::Args;

use super::{ProjectArgs, print};
use crate::cli::check::DEFAULT_PLUGINS;
use crate::cli::{Outcome, print_error};

/// Arguments of `bellwether plugin dev`.
#[derive(Debug, Args)]
pub(super) struct DevArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// Folder with the plugins of the running host
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PLUGINS)]
    plugins: PathBuf,
}

/// Goes on until it is interrupted. A build that fails says so and waits for the next save.
pub(super) async fn run(args: &DevArgs) -> Outcome {
    let mut watch = Watch::new(args.project.open()?);
    loop {
        watch.changed().await;
        match watch.build_into(&args.plugins) {
            Ok((built, copy)) => {
                let bytes = built.facts.size_bytes;
                print(&[format!("{}: {bytes} bytes; waiting for changes", copy.display())]);
            }
            Err(error) => print_error(&error.into()),
        }
    }
}
