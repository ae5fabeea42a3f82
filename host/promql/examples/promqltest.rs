//! Runs PromQL test scripts: `cargo run -p bellwether-promql --release --example promqltest -- PATH…`
//!
//! A path is a script or a folder of scripts (`*.test`). Prints each query that fails, with its place and
//! the reason, and ends with `N passed, M failed`; fails when M is above 0.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bellwether_promql::testing::{Report, run_file};

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut report = Report::default();
    for path in paths.iter().flat_map(|path| scripts(path)) {
        report.merge(run_file(&path));
    }
    if print(&report).is_err() || !report.failures.is_empty() || paths.is_empty() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The script itself, or all scripts right inside of a folder, sorted.
fn scripts(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = path.read_dir() else {
        return vec![path.to_owned()];
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut scripts: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "test")).collect();
    scripts.sort();
    scripts
}

fn print(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for failure in &report.failures {
        writeln!(out, "FAIL {failure}")?;
    }
    writeln!(out, "{report}")
}
