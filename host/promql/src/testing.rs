//! Upstream's test language for PromQL: loads of made-up series and queries with their expected results.
//!
//! [`run_text`] runs one script against this engine and an in-memory store, as Prometheus' own test engine does, with
//! all features on: each instant query is run as the middle step of a range query too, and again at other times with
//! `@` at all that it selects.

mod classic;
mod compare;
mod memory;
mod parse;
mod run;
mod series;
mod start_times;

use std::fmt;
use std::path::Path;

pub use memory::MemoryStore;

/// One query of a script that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The script.
    pub file: String,
    /// The line of the `eval`, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// What went wrong.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.query, self.reason)
    }
}

/// What became of the queries of one or more scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many gave what was expected.
    pub passed: usize,
    /// Those that did not, and lines that could not be read.
    pub failures: Vec<Finding>,
}

impl Report {
    /// Adds another script's report.
    pub fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failures.len())
    }
}

/// Runs a script; `name` is what findings call it.
pub fn run_text(name: &str, text: &str) -> Report {
    run::Runner::new(name).run(text)
}

/// Runs a script from a file; a file that cannot be read is a failure.
pub fn run_file(path: &Path) -> Report {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => run_text(&name, &text),
        Err(error) => {
            let reason = format!("cannot read the file: {error}");
            let finding = Finding { file: name, line: 0, query: String::new(), reason };
            Report { passed: 0, failures: vec![finding] }
        }
    }
}

#[cfg(test)]
mod tests;
