//! What keeps a command of the workbench from working, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// A name that cannot be used.
    #[error("{name:?} is no name for a plugin: {problem}; use small letters, digits and -, such as my-board")]
    BadName {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// `new` writes into empty folders only.
    #[error("the folder {} is not empty; give another name, or another place with --dir", .0.display())]
    NotEmpty(PathBuf),
    /// There is no template.
    #[error(
        "there is no template for a {kind} in {language} yet; `bellwether plugin new --list` shows what there is"
    )]
    NoTemplate {
        /// Which language.
        language: &'static str,
        /// Which kind.
        kind: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder that is no project.
    #[error("{} has no plugin.toml; go to the folder of a plugin, or make one with `bellwether plugin new`", .0.display())]
    NoProject(PathBuf),
    /// A file of the project says something impossible.
    #[error("{}: {problem}", path.display())]
    Project {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A program that a language needs is not there.
    #[error(
        "{tool} is not installed, and plugins in {language} are built with it; install it with: {install}"
    )]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// The language.
        language: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// A command could not be started.
    #[error("cannot run {command}")]
    Spawn {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A command failed; it has said why itself.
    #[error("{command} failed with {status}")]
    Command {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A command took too long.
    #[error("{command} was not over after {} s", limit.as_secs())]
    TimedOut {
        /// The command.
        command: String,
        /// How long it may take.
        limit: Duration,
    },
    /// A command that went well left nothing behind.
    #[error("{command} made no {}", path.display())]
    NoOutput {
        /// The command.
        command: String,
        /// What it should have made.
        path: PathBuf,
    },
    /// The interfaces cannot be read, or no bindings can be made of them.
    #[error("cannot make bindings of {}: {problem}", folder.display())]
    Bindings {
        /// The folder of the interfaces.
        folder: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A core module that cannot become a component.
    #[error("cannot make a component of {}: {problem}", path.display())]
    Componentize {
        /// The core module.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The sandbox cannot be set up.
    #[error("cannot start the sandbox")]
    Sandbox(#[from] bellwether_sandbox::LoadError),
    /// A plugin that the host cannot use.
    #[error("{} {reason}", path.display())]
    Unusable {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is nothing to test.
    #[error("{} has no cases; a driver's are *.cap.jsonl, the others' are *.json", .0.display())]
    NoCases(PathBuf),
}

impl WorkbenchError {
    /// A file that cannot be read.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { action: "read", path: path.to_owned(), source }
    }

    /// A file that cannot be written.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { action: "write", path: path.to_owned(), source }
    }

    /// A file of the project with a mistake in it.
    pub(crate) fn in_file(path: &Path, problem: impl ToString) -> Self {
        Self::Project { path: path.to_owned(), problem: problem.to_string() }
    }
}
