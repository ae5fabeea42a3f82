use std::path::PathBuf;

use super::*;

fn folder(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

fn assert_passes(report: &Report) {
    assert!(report.failures.is_empty(), "{report}\n{}", list(&report.failures));
    assert!(report.passed > 0, "nothing ran");
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn own_cases_pass() {
    for folder in [folder("tests/promql"), folder("tests/promql/random")] {
        let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let is_script = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "test");
        let mut scripts: Vec<PathBuf> = paths.filter(is_script).collect();
        scripts.sort();
        assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
        scripts.iter().for_each(|script| assert_passes(&run_file(script)));
    }
}

#[test]
fn a_script_is_run_at_other_times_and_as_a_range_too() {
    let script = "load 1m\n  x 1 2 3 4\n\neval instant at 2m x @ 1m\n  x 2\n\neval instant at 1m x + time() * 0\n  {} 2\n";
    assert_passes(&run_text("made-up", script));
}

#[test]
fn wrong_expectations_fail_with_their_line() {
    let script = "load 1m\n  x 1 2\n\neval instant at 1m x\n  x 3\n\neval instant at 1m x\n  y 2\n\neval instant at 1m x\n  x 2\n";
    let report = run_text("made-up", script);
    assert_eq!(report.passed, 1);
    let lines: Vec<usize> = report.failures.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [4, 7]);
    assert!(report.failures[0].to_string().starts_with("made-up:4: x: "), "{}", report.failures[0]);
}

#[test]
fn results_that_nobody_expects_fail() {
    for eval in [
        "eval instant at 1m x\n",
        "eval range from 0 to 1m step 1m x\n",
        "eval instant at 1m x\n  expect fail\n",
        "eval instant at 1m x\n  x 2\n  expect warn\n",
        "eval instant at 1m rate(x[2m])\n  expect no_info\n  {} 0.0083333\n",
        "eval instant at 1m x +\n",
    ] {
        let report = run_text("made-up", &format!("load 1m\n  x 1 2\n\n{eval}"));
        assert_eq!((report.passed, report.failures.len()), (0, 1), "{eval}");
    }
}

#[test]
fn lines_that_cannot_be_read_are_failures() {
    for script in
        ["load\n  x 1", "load 1m\n  x 1x99999999", "evaluate x", "eval instant at x", "load 1m\n  x{ 1"]
    {
        let report = run_text("made-up", script);
        assert_eq!(report.failures.len(), 1, "{script}");
    }
}
