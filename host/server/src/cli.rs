//! The command line: one file for each subcommand.

pub mod check;
pub mod compile_plugins;
pub mod demo;
pub mod query;
pub mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Alerting for fleets of boards and the services around them.
#[derive(Debug, Parser)]
#[command(name = "bellwether", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows a simulated fleet at work: boards overheat, go away and come back; alerts fire, route and resolve
    Demo(demo::DemoArgs),
    /// Runs the server
    Serve(serve::ServeArgs),
    /// Checks files without running anything
    Check(check::CheckArgs),
    /// Evaluates an expression on a running server
    Query(query::QueryArgs),
    /// Fills the cache of compiled plugins; the host does so by itself
    #[command(hide = true)]
    CompilePlugins(compile_plugins::CompilePluginsArgs),
}

/// Which experimental parts of the language expressions may use.
#[derive(Debug, Clone, Default, Args)]
pub struct FeatureArgs {
    /// Features by Prometheus' names, such as promql-experimental-functions, with commas between them; may be repeated
    #[arg(long, value_name = "NAMES")]
    pub enable_feature: Vec<String>,
}

/// What a subcommand returns: success, a failure that was already reported, or an error to print.
pub type Outcome = anyhow::Result<ExitCode>;

/// Reads the arguments of the process, runs the subcommand, prints what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Demo(args) => runtime().and_then(|runtime| runtime.block_on(demo::run(args))),
        Command::Serve(args) => runtime().and_then(|runtime| runtime.block_on(serve::run(args))),
        Command::Check(args) => runtime().and_then(|runtime| runtime.block_on(check::run(&args))),
        Command::CompilePlugins(args) => {
            runtime().and_then(|runtime| runtime.block_on(compile_plugins::run(args)))
        }
        Command::Query(args) => runtime().and_then(|runtime| runtime.block_on(query::run(args))),
    };
    outcome.unwrap_or_else(|error| {
        print_error(&error);
        ExitCode::FAILURE
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    // The process default must be set before the first TLS connection; a second call would only say that it is set.
    drop(rustls::crypto::ring::default_provider().install_default());
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// The message on one line, each cause on its own.
fn print_error(error: &anyhow::Error) {
    let mut lines = vec![format!("error: {error}")];
    lines.extend(error.chain().skip(1).map(|cause| format!("  because: {cause}")));
    print_lines(std::io::stderr(), &lines);
}

/// Writes lines to a stream of the process; a closed pipe is nobody's error.
pub(crate) fn print_lines(mut to: impl Write, lines: &[impl AsRef<str>]) {
    for line in lines {
        if writeln!(to, "{}", line.as_ref()).is_err() {
            return;
        }
    }
}
