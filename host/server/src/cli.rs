//! The command line: one file for each subcommand, and one for the program under the name `amtool`.

pub mod alert;
pub mod amtool;
pub mod answer;
pub mod check;
mod client;
pub mod compile_plugin;
pub mod demo;
mod output;
pub mod plugin;
pub mod query;
pub mod routes;
pub mod serve;
pub mod session;
pub mod settings;
pub mod silence;
mod table;
mod words;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::answer::Answer;
use self::settings::Settings;

/// Subcommands whose flags have defaults in `amtool`'s settings.
const WITH_SETTINGS: [&str; 3] = ["alert", "routes", "silence"];

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
    /// Shows where alerts are routed: by a file, or by a running server
    Routes(routes::RoutesArgs),
    /// Shows and adds alerts of a running server
    Alert(alert::AlertArgs),
    /// Sets, shows, changes and ends silences of a running server
    Silence(silence::SilenceArgs),
    /// Makes, builds, checks and tests plugins
    Plugin(plugin::PluginArgs),
    /// Compiles a plugin from standard input into a cache; the host does so by itself
    #[command(hide = true)]
    CompilePlugin(compile_plugin::CompilePluginArgs),
}

/// Which experimental parts of the language expressions may use.
#[derive(Debug, Clone, Default, Args)]
pub struct FeatureArgs {
    /// Features by Prometheus' names, such as promql-experimental-functions, with commas between them; may be repeated
    #[arg(long, value_name = "NAMES")]
    pub enable_feature: Vec<String>,
}

/// What a subcommand returns: success, a failure that was already reported, or an error to print.
pub type Outcome<T = ExitCode> = anyhow::Result<T>;

/// Reads the arguments of the process, runs the subcommand, prints what went wrong.
pub fn main() -> ExitCode {
    if std::env::args().next().is_some_and(|program| amtool::is_meant(&program)) {
        return amtool::main();
    }
    let outcome = parse().and_then(|cli| runtime()?.block_on(run(cli.command)));
    outcome.unwrap_or_else(|error| {
        print_error(&error);
        ExitCode::FAILURE
    })
}

/// The arguments of the process; the files of settings are read only for those that have some in them.
fn parse() -> anyhow::Result<Cli> {
    let mut command = Cli::command();
    let named = std::env::args().nth(1).unwrap_or_default();
    if WITH_SETTINGS.contains(&named.as_str()) {
        let settings = Settings::load()?;
        command = command.mut_subcommand(named, |subcommand| settings.applied_to(subcommand));
    }
    Ok(Cli::from_arg_matches(&command.get_matches())?)
}

async fn run(command: Command) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Plugin(args) => plugin::run(args).await,
        Command::CompilePlugin(args) => compile_plugin::run(&args),
        Command::Query(args) => query::run(args).await,
        Command::Routes(args) => routes::run(args).await.and_then(Answer::print),
        Command::Alert(args) => alert::run(args).await.and_then(Answer::print),
        Command::Silence(args) => silence::run(args).await.and_then(Answer::print),
    }
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
