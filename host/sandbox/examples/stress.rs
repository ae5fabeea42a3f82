//! Calls a detector with windows of random sizes, again and again: `stress FILE CALLS SEED`.
//!
//! For guests whose language brings a garbage collector: one that works in small calls may run out of memory, or run at a
//! moment when the component model forbids it, after thousands of large ones. Fails where any call does.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::{Detector, WindowMatrix};
use bellwether_sandbox::{Plugins, PluginsOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);
/// The largest window: so many series of so many points.
const MOST: u32 = 1024;
/// Every so many values, one that no arithmetic expects.
const ODD_EVERY: u32 = 100;
const ODD: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, f64::MAX, f64::MIN];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match &arguments[..] {
        [file, calls, seed] => calls.parse().ok().zip(seed.parse().ok()).map(|numbers| (file, numbers)),
        _ => None,
    };
    let Some((file, (calls, seed))) = parsed else {
        return report("usage: stress FILE CALLS SEED", ExitCode::FAILURE);
    };
    match stress(Path::new(file), calls, seed).await {
        Ok(points) => {
            report(&format!("seed {seed}: {calls} calls, {points} points, 0 failed"), ExitCode::SUCCESS)
        }
        Err(problem) => report(&format!("seed {seed}: {problem}"), ExitCode::FAILURE),
    }
}

#[expect(clippy::print_stdout, reason = "this is a program; what it says is its output")]
fn report(text: &str, code: ExitCode) -> ExitCode {
    println!("{text}");
    code
}

/// How many points were judged, or what went wrong first.
async fn stress(file: &Path, calls: u64, seed: u64) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::copy(file, folder.path().join("stressed.wasm"))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let options =
        PluginsOptions { folder: Some(folder.path().to_path_buf()), ..PluginsOptions::new(Arc::new(|| NOW)) };
    let plugins = Plugins::load(options).await.map_err(|error| error.to_string())?;
    let detectors = plugins.detectors();
    let detector = detectors.first().ok_or_else(|| format!("no detector in it: {:?}", plugins.status()))?;
    let (mut random, mut points) = (StdRng::seed_from_u64(seed), 0);
    for call in 0..calls {
        let function = &detector.functions()[random.random_range(0..detector.functions().len())];
        let windows: Vec<WindowMatrix> = (0..function.windows).map(|_| window(&mut random)).collect();
        let params: Vec<f64> = function.params.iter().map(|param| param.default.unwrap_or(3.0)).collect();
        detector
            .evaluate(&function.name, &params, NOW, &windows)
            .await
            .map_err(|error| format!("call {call} of {}: {error}", function.name))?;
        points += windows.iter().map(|window| window.values.len() as u64).sum::<u64>();
    }
    Ok(points)
}

/// Series of one length.
fn window(random: &mut StdRng) -> WindowMatrix {
    let (series, length) = (random.random_range(0..=MOST), random.random_range(0..=MOST));
    let value = |random: &mut StdRng| match random.random_range(0..ODD_EVERY) {
        0 => ODD[random.random_range(0..ODD.len())],
        _ => random.random_range(-1e3..1e3),
    };
    WindowMatrix {
        offsets: (0..=series).map(|nth| nth * length).collect(),
        times: (0..series).flat_map(|_| (0..length).map(|nth| i64::from(nth) * 1000)).collect(),
        values: (0..series * length).map(|_| value(random)).collect(),
    }
}
