//! `plugin test`: each input of `tests/` goes through the plugin in the sandbox, and what comes out is compared with the
//! golden file beside it.

mod detector;
mod driver;
mod input;
mod model;
mod receiver;
mod recording;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_sandbox::PluginKind;

use crate::diff;
use crate::error::WorkbenchError;
use crate::guest::{CompiledCode, Guest, Loaded, component_of};
use crate::project::Project;

pub(crate) use self::detector::DetectorCase;
pub(crate) use self::driver::{play, read_capture};
pub(crate) use self::model::ModelCase;
pub(crate) use self::receiver::{ReceiverCase, call_of};
use self::recording::Recording;

/// The largest input that is read.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// How the tests of a project went.
#[derive(Debug, Default)]
pub struct Report {
    /// A line for each case, with what differs.
    pub lines: Vec<String>,
    /// Cases in which the right lines came out, or whose golden file was written.
    pub passed: usize,
    /// All others.
    pub failed: usize,
}

/// One input.
#[derive(Debug, Clone)]
struct Case {
    name: String,
    input: PathBuf,
    golden: PathBuf,
}

/// Runs all cases of a project; with `bless`, their golden files become what comes out now.
pub async fn test(project: &Project, code: &CompiledCode, bless: bool) -> Result<Report, WorkbenchError> {
    let folder = project.folder.join("tests");
    let cases = find(&folder, project.kind)?;
    let component = component_of(&project.folder, project.output())?;
    let mut bench = Bench::load(&component, code, cases.iter().map(|case| case.input.as_path())).await?;
    if bench.loaded.guest.kind() != project.kind {
        let problem = format!("it is a {}, plugin.toml says {}", bench.loaded.guest.kind(), project.kind);
        return Err(WorkbenchError::in_file(&component, problem));
    }
    let mut report = Report::default();
    for case in cases {
        let got = bench.run(&case.input).await?;
        report.add(&case, &got, bless)?;
    }
    if report.failed > 0 {
        let log = bench.loaded.log();
        let head = (!log.is_empty()).then(|| "the plugin's own log:".to_owned());
        report.lines.extend(head.into_iter().chain(log.into_iter().map(|line| format!("  {line}"))));
    }
    report.lines.push(format!("{} passed, {} failed", report.passed, report.failed));
    Ok(report)
}

/// What one capture or input gives: the lines that its golden file has.
pub async fn replay(component: &Path, code: &CompiledCode, input: &Path) -> Result<String, WorkbenchError> {
    Bench::load(component, code, [input]).await?.run(input).await
}

/// A plugin with the other end of its requests.
struct Bench {
    loaded: Loaded,
    recording: Arc<Recording>,
}

impl Bench {
    async fn load<'a>(
        component: &Path,
        code: &CompiledCode,
        inputs: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self, WorkbenchError> {
        let recording = Arc::new(Recording::default());
        // An operator who writes an address into the settings of a receiver grants it, too.
        let cases = inputs.into_iter().filter_map(|input| ReceiverCase::read(input).ok());
        let hosts: Vec<String> = cases.flat_map(|case| case.origins()).collect();
        let loaded = Loaded::load_granting(component, Arc::clone(&recording) as _, code, &hosts).await?;
        Ok(Self { loaded, recording })
    }

    async fn run(&mut self, input: &Path) -> Result<String, WorkbenchError> {
        self.loaded.pardon();
        let lines = match &self.loaded.guest {
            Guest::Driver(driver) => driver::lines(driver, &read_capture(input)?).await,
            Guest::Detector(detector) => {
                let lines = match ModelCase::read(input)? {
                    Some(case) => model::lines(detector.modeller(), &case).await,
                    None => detector::lines(detector, &DetectorCase::read(input)?).await,
                };
                lines.map_err(|problem| WorkbenchError::in_file(input, problem))?
            }
            Guest::Receiver(receiver) => {
                let case = ReceiverCase::read(input)?;
                receiver::lines(receiver, case, &self.recording).await
            }
        };
        Ok(lines.into_iter().map(|line| line + "\n").collect())
    }
}

impl Report {
    fn add(&mut self, case: &Case, got: &str, bless: bool) -> Result<(), WorkbenchError> {
        let expected = fs::read_to_string(&case.golden).ok();
        let name = &case.name;
        if expected.as_deref() == Some(got) {
            self.passed += 1;
            self.lines.push(format!("ok      {name}"));
        } else if bless {
            fs::write(&case.golden, got).map_err(WorkbenchError::writing(&case.golden))?;
            self.passed += 1;
            self.lines.push(format!("blessed {name}"));
        } else {
            self.failed += 1;
            let (why, expected) = match expected {
                Some(expected) => ("- expected, + got", expected),
                None => ("no golden file yet; --bless writes what came out:", String::new()),
            };
            self.lines.push(format!("FAILED  {name}  ({why})"));
            self.lines.extend(diff::lines(&expected, got).into_iter().map(|line| format!("  {line}")));
        }
        Ok(())
    }
}

/// All inputs of a folder, sorted by name.
fn find(folder: &Path, kind: PluginKind) -> Result<Vec<Case>, WorkbenchError> {
    let ending = match kind {
        PluginKind::Driver => ".cap.jsonl",
        PluginKind::Detector | PluginKind::Receiver => ".json",
    };
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let case = |entry: fs::DirEntry| {
        let file = entry.file_name().into_string().ok()?;
        let name = file.strip_suffix(ending)?.to_owned();
        let golden = folder.join(format!("{name}.golden"));
        Some(Case { name, input: entry.path(), golden })
    };
    let mut cases: Vec<Case> = entries.filter_map(case).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    if cases.is_empty() { Err(WorkbenchError::NoCases(folder.to_owned())) } else { Ok(cases) }
}

/// The text of an input, if it is not too long.
fn read_input(path: &Path) -> Result<String, WorkbenchError> {
    let length = fs::metadata(path).map_err(WorkbenchError::reading(path))?.len();
    if length > MAX_INPUT_BYTES {
        return Err(WorkbenchError::in_file(path, format!("has {length} bytes, limit {MAX_INPUT_BYTES}")));
    }
    fs::read_to_string(path).map_err(WorkbenchError::reading(path))
}

/// A text in quotes, on one line.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bytes as a quoted text, or in hex where they are none.
fn quoted_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => quoted(text),
        Err(_) => format!("hex:{}", hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod archive;

#[cfg(test)]
mod tests {
    use super::*;

    fn case(folder: &Path) -> Case {
        Case { name: "a".into(), input: folder.join("a.json"), golden: folder.join("a.golden") }
    }

    #[test]
    fn a_case_passes_where_the_same_lines_come_out() {
        let folder = tempfile::tempdir().unwrap();
        let case = case(folder.path());
        let mut report = Report::default();
        report.add(&case, "1\n2\n", false).unwrap();
        assert_eq!(
            report.lines,
            ["FAILED  a  (no golden file yet; --bless writes what came out:)", "  + 1", "  + 2"]
        );
        report.add(&case, "1\n2\n", true).unwrap();
        report.add(&case, "1\n2\n", false).unwrap();
        report.add(&case, "1\n3\n", false).unwrap();
        assert_eq!((report.passed, report.failed), (2, 2));
        assert_eq!(
            report.lines[3..],
            ["blessed a", "ok      a", "FAILED  a  (- expected, + got)", "    1", "  - 2", "  + 3"]
        );
    }

    #[test]
    fn inputs_are_found_by_kind_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b.cap.jsonl", "a.cap.jsonl", "c.json", "a.golden", "README.md"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let names =
            |kind| find(folder.path(), kind).unwrap().into_iter().map(|case| case.name).collect::<Vec<_>>();
        assert_eq!(
            (names(PluginKind::Driver), names(PluginKind::Receiver)),
            (vec!["a".into(), "b".into()], vec!["c".into()])
        );
        assert!(
            find(&folder.path().join("none"), PluginKind::Driver)
                .unwrap_err()
                .to_string()
                .contains("*.cap.jsonl")
        );
    }

    #[test]
    fn texts_stay_on_one_line() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\n""#);
        assert_eq!(
            (quoted_bytes(b"ok\r\n"), quoted_bytes(b"\xff\x00")),
            ("\"ok\\r\\n\"".into(), "hex:ff00".into())
        );
    }
}
