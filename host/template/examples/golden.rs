//! Compares this crate with what the real tools made of random templates:
//! `cargo run -p bellwether-template --example golden -- FILE.json`.
//!
//! The file is a list of data with cases, as recorded from Prometheus (`Cases`) or Alertmanager (`cases`). Lists each
//! difference, ends with `N passed, M failed`, and fails when M is not 0.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bellwether_model::{Labels, Timestamp};
use bellwether_template::alertmanager::{Format, Templates, WebhookData};
use bellwether_template::prometheus::{self, AlertData};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Group {
    Prometheus(PrometheusGroup),
    Alertmanager(AlertmanagerGroup),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrometheusGroup {
    labels: Labels,
    external_labels: Labels,
    #[serde(rename = "ExternalURL")]
    external_url: String,
    value: String,
    timestamp_ms: i64,
    queries: BTreeMap<String, Vec<QuerySample>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct QuerySample {
    labels: Labels,
    value: String,
}

#[derive(Deserialize)]
struct AlertmanagerGroup {
    data: WebhookData,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    #[serde(default)]
    kind: String,
    output: String,
    error: Option<String>,
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    same_errors: usize,
    errors: usize,
}

impl Tally {
    fn count(&mut self, case: &Case, got: Result<String, String>) {
        let same = match (&got, &case.error) {
            (Ok(text), None) => *text == case.output,
            (Err(got), Some(wanted)) => {
                self.errors += 1;
                self.same_errors += usize::from(got == wanted);
                if got != wanted {
                    println!("other error for {}\n  wanted {wanted}\n  got    {got}", case.template);
                }
                true
            }
            _ => false,
        };
        if same {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        let wanted = case.error.as_ref().map_or(Ok(&case.output), Err);
        println!("{} {}\n  wanted {wanted:?}\n  got    {got:?}", case.kind, case.template);
    }
}

fn main() -> Result<ExitCode> {
    let path = std::env::args().nth(1).context("usage: golden FILE.json")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let groups: Vec<Group> =
        serde_json::from_str(&text).with_context(|| format!("cannot read {path} as cases"))?;
    let mut tally = Tally::default();
    for group in &groups {
        match group {
            Group::Prometheus(group) => run_prometheus(group, &mut tally)?,
            Group::Alertmanager(group) => run_alertmanager(group, &mut tally),
        }
    }
    println!("{} of {} errors are worded the same", tally.same_errors, tally.errors);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_prometheus(group: &PrometheusGroup, tally: &mut Tally) -> Result<()> {
    let data = AlertData {
        labels: &group.labels,
        external_labels: &group.external_labels,
        external_url: &group.external_url,
        value: group.value.parse()?,
    };
    let query = |text: &str, _: Timestamp| {
        let samples = group.queries.get(text).ok_or_else(|| format!("unknown query {text:?}"))?;
        let sample = |sample: &QuerySample| {
            Ok((sample.labels.clone(), sample.value.parse().map_err(|_| "no number")?))
        };
        samples.iter().map(sample).collect::<Result<Vec<_>, String>>()
    };
    let name = format!("__alert_{}", group.labels.value("alertname"));
    for case in &group.cases {
        let now = Timestamp::from_millis(group.timestamp_ms);
        let got = prometheus::expand(&name, &case.template, &data, now, &query);
        tally.count(case, got.map_err(|error| error.to_string()));
    }
    Ok(())
}

fn run_alertmanager(group: &AlertmanagerGroup, tally: &mut Tally) {
    let templates = Templates::without_defaults();
    for case in &group.cases {
        let format = if case.kind == "html" { Format::Html } else { Format::Text };
        let got = templates.render_webhook(&case.template, &group.data, format, Timestamp::UNIX_EPOCH);
        tally.count(case, got.map_err(|error| error.to_string()));
    }
}
