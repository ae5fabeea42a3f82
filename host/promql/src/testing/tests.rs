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
    let folder = folder("tests/promql");
    let mut scripts: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
    for script in scripts {
        let report = run_file(&script);
        assert_passes(&report);
        assert!(report.is_complete(), "{}", list(&report.skipped));
    }
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
fn native_histograms_are_skipped_by_name() {
    let script = "load_with_nhcb 1m\n  h_bucket{le=\"+Inf\"} 1 2\n  n {{schema:0 sum:1 count:1}}x3\n\n\
                  eval instant at 1m h\n\neval instant at 1m n\n\neval instant at 1m histogram_count(vector(1))\n\n\
                  eval instant at 1m h_bucket\n  h_bucket{le=\"+Inf\"} 2\n";
    let report = run_text("made-up", script);
    assert_eq!((report.passed, report.skipped.len(), report.failures.len()), (1, 3, 0));
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
