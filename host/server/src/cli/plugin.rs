//! `bellwether plugin …`: what authors of plugins use, done by the workbench, and what operators do with a folder of them.

mod bench;
mod build;
mod check;
mod dev;
mod folder;
mod inspect;
mod lock;
mod new;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bellwether_workbench::{Built, CompiledCode, Project};
use clap::{Args, Subcommand};

pub(super) use self::folder::FolderArgs;
use super::{Outcome, print_lines};

/// Arguments of `bellwether plugin`.
#[derive(Debug, Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Lists the plugins of a folder, and those of the host, with their states
    List(folder::ListArgs),
    /// Shows all about one plugin
    Show(folder::OneArgs),
    /// Grants a plugin what it asks for, after saying in words what that is
    Approve(folder::ApproveArgs),
    /// Switches a plugin on
    Enable(folder::OneArgs),
    /// Switches a plugin off
    Disable(folder::OneArgs),
    /// Writes down which files are the plugins of a folder; the server loads no others from then on
    Lock(lock::LockArgs),
    /// Writes a new project that builds and passes its tests
    New(new::NewArgs),
    /// Builds the plugin of a project into build/NAME.wasm
    Build(build::BuildArgs),
    /// Says what keeps files from working as plugins of this host
    Check(check::CheckArgs),
    /// Shows what a file says of itself, what it asks for, and who made it
    Inspect(inspect::InspectArgs),
    /// Runs the cases of tests/ in the sandbox and compares with their golden files
    Test(test::TestArgs),
    /// Prints what a capture, or another input, gives
    Replay(test::ReplayArgs),
    /// Measures calls in the sandbox
    Bench(bench::BenchArgs),
    /// Builds on every save and hands the plugin to a running host
    Dev(dev::DevArgs),
}

/// The project that a command is about.
#[derive(Debug, Args)]
struct ProjectArgs {
    /// Folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl ProjectArgs {
    fn open(&self) -> anyhow::Result<Project> {
        Ok(Project::open(&self.dir)?)
    }
}

/// Runs the subcommand.
pub async fn run(args: PluginArgs) -> Outcome {
    match args.command {
        PluginCommand::List(args) => folder::list(&args).await,
        PluginCommand::Show(args) => folder::show(&args).await,
        PluginCommand::Approve(args) => folder::approve(&args).await,
        PluginCommand::Enable(args) => folder::switch(&args, true).await,
        PluginCommand::Disable(args) => folder::switch(&args, false).await,
        PluginCommand::Lock(args) => lock::run(&args).await,
        PluginCommand::New(args) => new::run(&args),
        PluginCommand::Build(args) => build::run(&args),
        PluginCommand::Check(args) => check::run(&args).await,
        PluginCommand::Inspect(args) => inspect::run(&args).await,
        PluginCommand::Test(args) => test::run(&args).await,
        PluginCommand::Replay(args) => test::replay(&args).await,
        PluginCommand::Bench(args) => bench::run(&args).await,
        PluginCommand::Dev(args) => dev::run(&args).await,
    }
}

/// Code that these commands have compiled is kept in the user's folder of caches, where there is one.
#[cfg(not(test))]
fn compiled_code() -> CompiledCode {
    use etcetera::BaseStrategy as _;
    let folder =
        etcetera::choose_base_strategy().map(|folders| folders.cache_dir().join("bellwether/plugins"));
    folder.map(CompiledCode::kept_in).unwrap_or_default()
}

/// Nothing in tests, which leave no traces in anybody's folders.
#[cfg(test)]
fn compiled_code() -> CompiledCode {
    CompiledCode::default()
}

fn print(lines: &[impl AsRef<str>]) {
    print_lines(std::io::stdout(), lines);
}

fn print_built(built: &Built) {
    print(&built.lines());
}

const fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A path as a person would write it.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
