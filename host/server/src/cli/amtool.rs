//! The program under the name `amtool`: Alertmanager's own commands, flags and words, for scripts that call it.
//!
//! What an alert, a silence or a route is to these commands stands beside this file; here are only the tool's command
//! line and the commands that Bellwether has in another form.
//!
//! On purpose different from `amtool`: without `--alertmanager.url` the server of this machine is asked;
//! `config show` takes `--config.file` too; errors in files name line and remedy; no notes on stdout about notations of
//! matchers; `silence import` sends nothing of a file that is not whole.

mod arguments;
mod check_config;
mod status;
mod template;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::alert::AlertCommand;
use super::answer::Answer;
use super::routes::{ConfigFileArgs, RoutesCommand};
use super::session::{Face, Session, SessionArgs};
use super::settings::Settings;
use super::silence::SilenceCommand;
use super::{Outcome, print_lines, runtime, words};
use crate::api::alertmanager::COMPATIBLE_VERSION;
use crate::clock::Clock;

/// The name that makes the program speak so.
const NAME: &str = "amtool";

/// View and modify the current Alertmanager state.
#[derive(Debug, Parser)]
#[command(name = NAME, version, arg_required_else_help = true)]
struct Amtool {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

/// Flags of `amtool` that change nothing here.
#[derive(Debug, Args)]
struct WithoutEffect {
    /// Verbose running information; there is none
    #[arg(long, short = 'v', global = true, hide = true)]
    verbose: bool,
    /// Compare versions; any Alertmanager with API v2 will do
    #[arg(long, global = true, hide = true)]
    version_check: bool,
    /// Features of Alertmanager; there are none here
    #[arg(long, global = true, hide = true, value_name = "NAMES")]
    enable_feature: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add or query alerts
    Alert {
        #[command(subcommand)]
        command: AlertCommand,
    },
    /// Add, expire or view silences
    Silence {
        #[command(subcommand)]
        command: SilenceCommand,
    },
    /// Validate Alertmanager configurations and their templates
    CheckConfig {
        /// Files to check; stdin by default
        #[arg(value_name = "FILE", value_parser = words::existing_file)]
        files: Vec<PathBuf>,
    },
    /// View cluster status and peers
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// View the configuration and its routes
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
        #[command(flatten)]
        source: ConfigFileArgs,
    },
    /// Render template files
    #[command(arg_required_else_help = false)]
    Template {
        #[command(subcommand)]
        command: template::TemplateCommand,
    },
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// View cluster status and peers
    Show,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the configuration
    Show,
    /// Print the routing tree, or test it
    Routes {
        #[command(subcommand)]
        command: RoutesCommand,
    },
}

/// Whether a program of this name is to speak as `amtool`.
pub fn is_meant(program: &str) -> bool {
    std::path::Path::new(program).file_name().is_some_and(|name| name == NAME)
}

/// Reads the arguments of the process, runs the command, prints what went wrong as `amtool` does.
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let outcome = runtime().and_then(|runtime| {
        let settings = Settings::load().map_err(|error| error.context("could not load config file"))?;
        runtime.block_on(answer(&words, &settings))
    });
    outcome.and_then(Answer::print).unwrap_or_else(|error| {
        print_lines(std::io::stderr(), &[format!("amtool: error: {}\n", Face::Amtool.error_text(&error))]);
        ExitCode::FAILURE
    })
}

/// What `amtool` says to these arguments, the first of which is its name.
pub async fn answer(words: &[String], settings: &Settings) -> anyhow::Result<Answer> {
    let command = settings.applied_to(Amtool::command());
    let words = arguments::completed(&command, words);
    let parsed = command.try_get_matches_from(words).and_then(|matches| Amtool::from_arg_matches(&matches));
    match parsed {
        Ok(amtool) => amtool.run().await,
        Err(error) => arguments::refused(&error, &version()),
    }
}

fn version() -> String {
    format!(
        "{NAME}, version {COMPATIBLE_VERSION} (branch: , revision: bellwether-{})\n",
        env!("CARGO_PKG_VERSION")
    )
}

impl Amtool {
    async fn run(self) -> Outcome<Answer> {
        let session = Session::new(self.session, Face::Amtool, Clock::system().now());
        let mut answer = match self.command {
            Command::Alert { command } => command.run(&session).await,
            Command::Silence { command } => command.run(&session).await,
            Command::CheckConfig { files } => check_config::run(files, session.now),
            Command::Cluster { command: ClusterCommand::Show } => status::cluster(&session).await,
            Command::Config { command: ConfigCommand::Show, source } => {
                status::config(source, &session).await
            }
            Command::Config { command: ConfigCommand::Routes { command }, source } => {
                command.run(source, &session).await
            }
            Command::Template { command } => command.run(session.now),
        }?;
        if self.without_effect.enable_feature.is_some_and(|names| !names.is_empty()) {
            answer.remarks.push("Warning: --enable-feature has no effect here.".to_owned());
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_what_needs_no_server() {
        let said = async |words: &[&str]| {
            let words: Vec<String> =
                std::iter::once(NAME).chain(words.iter().copied()).map(str::to_owned).collect();
            match answer(&words, &Settings::default()).await {
                Ok(answer) => answer.out,
                Err(error) => Face::Amtool.error_text(&error),
            }
        };
        assert!(said(&["--version"]).await.starts_with("amtool, version 0."));
        assert!(said(&[]).await.contains("check-config"));
        assert_eq!(said(&["silence", "add"]).await, "no matchers specified");
        assert_eq!(said(&["silence", "expire"]).await, "no silence IDs specified");
        assert_eq!(said(&["--alertmanager.url=:", "silence", "update"]).await, "no silence IDs specified");
        assert_eq!(said(&["check-config", "nope.yml"]).await, "path 'nope.yml' does not exist");
    }

    #[test]
    fn is_known_by_the_last_part_of_its_path() {
        assert!(is_meant("amtool") && is_meant("/usr/bin/amtool"));
        assert!(!is_meant("bellwether") && !is_meant("/amtool/bellwether"));
    }
}
