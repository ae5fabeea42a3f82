//! Damages the committed components at random, loads each as an operator's file and calls what loads: `mutate COUNT [SEED]`.
//!
//! The host must refuse it in words or run it within its limits. It fails where anything in this process panics, also
//! where the sandbox caught it, or where a file or call takes too long. The same seed gives the same files.

mod mutants;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use mutants::Mutants;
use trial::Trial;

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (count, seed) = match arguments[..] {
        [count] => (count, u64::from(std::process::id())),
        [count, seed] => (count, seed),
        _ => return report("usage: mutate COUNT [SEED]", ExitCode::FAILURE),
    };
    count_panics();
    report(&format!("seed {seed}"), ExitCode::SUCCESS);
    match run(seed, count) {
        Err(problem) => report(&format!("seed {seed}: {problem}"), ExitCode::FAILURE),
        Ok(summary) => report(&format!("seed {seed}: {count} mutants: {summary}"), ExitCode::SUCCESS),
    }
}

#[expect(clippy::print_stdout, reason = "this is a program; what it says is its output")]
fn report(text: &str, code: ExitCode) -> ExitCode {
    println!("{text}");
    code
}

fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
}

/// What came of so many mutants, or which of them did harm.
fn run(seed: u64, count: u64) -> Result<String, String> {
    let files = components(&dist()).map_err(|error| format!("{}: {error}", dist().display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mutants = Mutants::new(&files, seed);
    runtime.block_on(async {
        let mut trial = Trial::begin().await?;
        for number in 0..count {
            let mutant = mutants.mutant(number);
            let named = |problem| format!("mutant {number} of {}: {problem}", mutant.of);
            trial.load(&mutant.wasm).await.map_err(named)?;
            if PANICS.load(Ordering::Relaxed) > 0 {
                return Err(named("panicked".into()));
            }
        }
        Ok(format!("{}{}", trial.summary(), peak_memory()))
    })
}

/// The most that this process had, where the system says so.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map(|size| format!("; memory at most {}", size.trim())).unwrap_or_default()
}

fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist")
}

/// All components below a folder, in an order that does not change.
fn components(folder: &Path) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(components(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "wasm") {
            found.push((path.clone(), std::fs::read(path)?));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So few that they are compiled within seconds without optimisation.
    const FEW: u64 = 15;

    #[test]
    fn some_mutants_do_no_harm() {
        let summary = run(0x6265_6c6c, FEW).unwrap();
        assert!(summary.contains("refused") && !summary.contains(" 0 loaded"), "{summary}");
    }
}
