//! Files with the verdicts of the real `amtool check-config`.

use std::io::Read;

use serde::Deserialize;

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/");

/// Accepted here and refused by amtool, on purpose: `subject` and `body` of e-mails.
const TAKEN_HERE: [&str; 2] = ["seed000-alertmanager.yml", "seed000-fixed.yml"];

fn is_accepted(text: &str) -> Result<(), ConfigError> {
    Config::parse("file", text).map(|_| ())
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs amtool's verdicts beside the repository")]
fn verdicts_on_upstreams_files_agree() {
    let table =
        std::fs::read_to_string(format!("{FOLDER}alertmanager/amtool-0.34.2-check-config.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let (file, verdict) = line.split_once('\t').unwrap();
        let Ok(text) = std::fs::read_to_string(format!("{FOLDER}alertmanager/{file}")) else {
            continue;
        };
        let wanted = verdict == "OK" || TAKEN_HERE.contains(&file);
        let got = is_accepted(&text);
        if got.is_ok() != wanted {
            wrong.push(format!("{file}: amtool says {verdict}, we say {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[derive(Deserialize)]
struct Verdict {
    kind: String,
    change: String,
    text: String,
    accepted: bool,
    message: String,
}

/// Changes whose outcome differs on purpose: an unknown `.._configs` may be a plugin's.
fn is_left_to_a_plugin(verdict: &Verdict) -> bool {
    verdict.message.contains("_configs not found in type")
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs amtool's verdicts beside the repository")]
fn verdicts_on_damaged_files_agree() {
    let mut text = String::new();
    let file = std::fs::read(format!("{FOLDER}verdicts/verdicts.json.gz")).unwrap();
    flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
    let all: Vec<Verdict> = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for verdict in all.iter().filter(|own| own.kind == "alertmanager" && !is_left_to_a_plugin(own)) {
        let got = is_accepted(&verdict.text);
        if got.is_ok() != verdict.accepted {
            wrong.push(format!("{}: amtool says {:?}, we say {got:?}", verdict.change, verdict.message));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs the seeds beside the repository")]
fn the_seeds_file_loads_as_it_is() {
    let text = std::fs::read_to_string(format!("{FOLDER}../seeds/blocks/000_03.yaml")).unwrap();
    let (config, notes) = load(&text);
    assert_eq!(config.receivers.len(), 4);
    assert_eq!(notes.len(), 6, "{notes:#?}");
    load(&config.to_alertmanager_yaml());
}
