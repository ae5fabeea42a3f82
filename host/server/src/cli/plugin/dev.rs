//! `bellwether plugin dev [DIR] --plugins FOLDER`

use std::path::{Path, PathBuf};

use bellwether_workbench::cases;
use bellwether_workbench::dev::Watch;
use clap::Args;

use super::{ProjectArgs, compiled_code, print};
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
        if let Err(error) = build_and_test(&watch, &args.plugins).await {
            print_error(&error);
        }
    }
}

/// What is built goes to the host whether its tests pass or not: there is more to try than what they say.
async fn build_and_test(watch: &Watch, plugins: &Path) -> anyhow::Result<()> {
    let (built, copy) = watch.build_into(plugins)?;
    print(&[format!("{}: {} bytes", copy.display(), built.facts.size_bytes)]);
    print(&cases::test(watch.project(), &compiled_code(), false).await?.lines);
    Ok(())
}
