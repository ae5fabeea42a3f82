//! Compares with recorded answers of Prometheus: `golden FILE.json`, where the file is a list of exposition texts with
//! the samples, metadata or error that its parsers give. Ends with `N passed, M failed`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bellwether_model::exposition::{Entry, Exposition, ExpositionError, Format, Parser};
use serde::Deserialize;

/// Mismatches that are printed in full.
const MAX_SHOWN: usize = 40;

#[derive(Deserialize)]
struct Case {
    format: String,
    text_base64: String,
    #[serde(default)]
    samples: Vec<Expected>,
    #[serde(default)]
    types: Vec<(String, String)>,
    #[serde(default)]
    help: Vec<(String, String)>,
    #[serde(default)]
    units: Vec<(String, String)>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Expected {
    labels: BTreeMap<String, String>,
    value: String,
    timestamp_ms: Option<i64>,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]
fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: golden FILE.json");
        return ExitCode::FAILURE;
    };
    if path.file_stem().is_some_and(|stem| stem == "relabel") {
        println!("relabelling is not supported yet");
        return ExitCode::FAILURE;
    }
    let cases = match read(&path) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let mismatches: Vec<(usize, String)> =
        cases.iter().enumerate().filter_map(|(number, case)| Some((number, mismatch(case)?))).collect();
    for (number, text) in mismatches.iter().take(MAX_SHOWN) {
        println!("case {number}: {text}");
    }
    println!("{} passed, {} failed", cases.len() - mismatches.len(), mismatches.len());
    if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: &PathBuf) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// What differs between our answer and the recorded one.
fn mismatch(case: &Case) -> Option<String> {
    let text = match BASE64_STANDARD.decode(&case.text_base64) {
        Ok(text) => text,
        Err(error) => return Some(format!("the text is no base64: {error}")),
    };
    let format =
        if case.format.starts_with("openmetrics") { Format::OpenMetrics } else { Format::Prometheus };
    let (found, error) = parse(&text, format);
    let parts = [
        differs("samples", &expected_samples(case), &found_samples(&found)),
        differs("types", &case.types, &owned(&found.types, |kind| kind.as_str().to_owned())),
        differs("help", &case.help, &found.help),
        differs("units", &case.units, &found.units),
        (case.error.is_some() != error.is_some()).then(|| {
            format!("error: wanted {:?}, found {:?}", case.error, error.map(|error| error.to_string()))
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty())
        .then(|| format!("{format:?} {:?}\n  {}", String::from_utf8_lossy(&text), parts.join("\n  ")))
}

fn parse(text: &[u8], format: Format) -> (Exposition, Option<ExpositionError>) {
    let mut found = Exposition::default();
    for entry in Parser::new(text, format) {
        match entry {
            Ok(Entry::Sample(sample)) => found.samples.push(sample),
            Ok(Entry::Type(name, kind)) => found.types.push((name, kind)),
            Ok(Entry::Help(name, text)) => found.help.push((name, text)),
            Ok(Entry::Unit(name, unit)) => found.units.push((name, unit)),
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}

/// Labels, bits of the value, timestamp.
type Plain = (Vec<(String, String)>, Option<u64>, Option<i64>);

/// An empty label is no label; both sides leave it out.
fn expected_samples(case: &Case) -> Vec<Plain> {
    let plain = |sample: &Expected| {
        let labels = sample.labels.iter().filter(|(_, value)| !value.is_empty());
        let value = sample.value.parse::<f64>().ok();
        let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
        (labels, value.map(f64::to_bits), sample.timestamp_ms)
    };
    case.samples.iter().map(plain).collect()
}

fn found_samples(found: &Exposition) -> Vec<Plain> {
    let samples = found.samples.iter();
    samples
        .map(|sample| {
            let labels = sample.labels.iter().map(|label| (label.name.to_string(), label.value.to_string()));
            (labels.collect(), Some(sample.value.to_bits()), sample.at.map(|at| at.as_millis()))
        })
        .collect()
}

fn owned<T: Copy>(pairs: &[(String, T)], text: impl Fn(T) -> String) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.clone(), text(*value))).collect()
}

fn differs<T: PartialEq + std::fmt::Debug>(what: &str, wanted: &T, found: &T) -> Option<String> {
    (wanted != found).then(|| format!("{what}: wanted {wanted:?}, found {found:?}"))
}
