//! `cargo plugins` builds the first-party plugins into `plugins/dist`; `cargo plugins --check` builds them aside and
//! compares.
//!
//! The built files are committed and embedded into the host, so that neither `cargo build` nor `cargo test` at the root
//! needs the wasm target. The same sources and the same compiler give the same bytes, wherever and by whomever they are
//! built: paths are mapped away, and nothing else of the machine reaches the output. This program changes nothing
//! about the toolchain: it installs no target and calls no `rustup`.

mod build;
mod dist;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use build::Toolchain;

/// Where the files of a build go, relative to the root of the repository.
const DIST: &str = "plugins/dist";

enum Command {
    Build,
    Check,
}

fn main() -> ExitCode {
    match arguments().and_then(run) {
        Ok(code) => code,
        Err(error) => {
            report(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Command> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Command::Build),
        ["--check"] => Ok(Command::Check),
        _ => bail!("usage: cargo plugins [--check]"),
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let root = repository();
    let dist = root.join(DIST);
    let toolchain = Toolchain::find(&root)?;
    match command {
        Command::Build => {
            toolchain.require_target()?;
            let files = build::all(&root, &toolchain)?;
            dist::write(&dist, &files, &toolchain.version)?;
            report(&format!("{} plugins in {}", files.len(), dist.display()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Check => check(&root, &dist, &toolchain),
    }
}

/// Exit code 0 for the same bytes or where they cannot be compared, 1 for different bytes.
fn check(root: &Path, dist: &Path, toolchain: &Toolchain) -> Result<ExitCode> {
    let recorded = dist::compiler(dist)?;
    if recorded != toolchain.version {
        report(&format!("skipped: {DIST} was built by {recorded}, this is {}", toolchain.version));
        return Ok(ExitCode::SUCCESS);
    }
    if let Err(missing) = toolchain.require_target() {
        report(&format!("skipped: {missing}"));
        return Ok(ExitCode::SUCCESS);
    }
    let differences = dist::compare(dist, &build::all(root, toolchain)?)?;
    if differences.is_empty() {
        report(&format!("{DIST} is what the sources give"));
        return Ok(ExitCode::SUCCESS);
    }
    for difference in differences {
        report(&format!("different: {difference}"));
    }
    report("rebuild with `cargo plugins` and commit the result");
    Ok(ExitCode::FAILURE)
}

/// The root of the repository that this program was built in.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).expect("the builder is two folders below the root")
}

#[expect(clippy::print_stderr, reason = "this is a command-line program; its messages are its output")]
fn report(message: &str) {
    eprintln!("{message}");
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
