//! What a command says, before anything is printed: a test reads it as a person would.

use std::io::Write;
use std::process::ExitCode;

use super::{Outcome, print_lines};

/// What goes to which stream, and how the command ends.
#[derive(Debug, Default)]
pub struct Answer {
    /// The result, for stdout, with its line breaks.
    pub out: String,
    /// Lines for stderr.
    pub remarks: Vec<String>,
    /// Why the command fails in spite of what it says.
    pub failure: Option<Failure>,
}

/// How a command fails that says something all the same.
#[derive(Debug)]
pub enum Failure {
    /// What it says is enough.
    Told,
    /// This comes after it.
    Because(anyhow::Error),
}

impl Answer {
    /// A result and nothing else.
    pub fn of(out: impl Into<String>) -> Self {
        Self { out: out.into(), ..Self::default() }
    }

    /// A result of lines.
    pub fn of_lines(lines: &[impl AsRef<str>]) -> Self {
        Self::of(lines.iter().fold(String::new(), |text, line| text + line.as_ref() + "\n"))
    }

    /// Prints all of it.
    pub fn print(self) -> Outcome {
        // A closed pipe is nobody's error.
        drop(std::io::stdout().write_all(self.out.as_bytes()));
        print_lines(std::io::stderr(), &self.remarks);
        match self.failure {
            None => Ok(ExitCode::SUCCESS),
            Some(Failure::Told) => Ok(ExitCode::FAILURE),
            Some(Failure::Because(error)) => Err(error),
        }
    }
}
