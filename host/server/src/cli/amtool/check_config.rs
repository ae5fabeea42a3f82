//! `amtool check-config`: whether Alertmanager configurations and their templates would be taken.

use std::io::IsTerminal;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use bellwether_model::Timestamp;

use super::super::answer::{Answer, Failure};
use super::super::check;
use crate::config::{self, Configuration, Origin, Sources};

/// Where the system keeps what is written to the process.
const STDIN: &str = "/dev/stdin";

pub(super) fn run(mut files: Vec<PathBuf>, now: Timestamp) -> anyhow::Result<Answer> {
    if files.is_empty() {
        let is_device = std::fs::metadata(STDIN).is_ok_and(|found| found.file_type().is_char_device());
        if is_device || std::io::stdin().is_terminal() {
            bail!("Failed to read from standard input");
        }
        files.push(STDIN.into());
    }
    let (mut answer, mut failed) = (Answer::default(), 0);
    for file in &files {
        failed += usize::from(!check(file, now, &mut answer));
        answer.out.push('\n');
    }
    if failed > 0 {
        answer.failure = Some(Failure::Because(anyhow!("failed to validate {failed} file(s)")));
    }
    Ok(answer)
}

/// Says how it went with one file; returns whether it went well.
fn check(file: &Path, now: Timestamp, answer: &mut Answer) -> bool {
    answer.out += &format!("Checking '{}'", file.display());
    let sources = Sources { alertmanager: Some(file.to_owned()), ..Sources::default() };
    let loaded = config::load(&Origin::Files(sources), now);
    let plugins = Path::new(check::DEFAULT_PLUGINS);
    match loaded.and_then(|loaded| check::check_kinds(&loaded, plugins).map(|()| loaded)) {
        Ok(loaded) => {
            answer.out += "  SUCCESS\n";
            answer.remarks.extend(loaded.notes.iter().map(|note| format!("note: {note}")));
            found(&loaded, &mut answer.out)
        }
        Err(errors) => {
            answer.out += &format!("  FAILED: {errors}\n");
            false
        }
    }
}

fn found(loaded: &Configuration, out: &mut String) -> bool {
    let alerting = &loaded.alerting;
    *out += "Found:\n - global config\n - route\n";
    *out += &format!(" - {} inhibit rules\n", alerting.inhibit_rules.len());
    *out += &format!(" - {} receivers\n", alerting.receivers.len());
    *out += &format!(" - {} templates\n", alerting.templates.len());
    if alerting.templates.is_empty() {
        return true;
    }
    let templates = config::load_templates(loaded);
    *out += &match &templates {
        Ok(_) => "  SUCCESS\n".to_owned(),
        Err(errors) => format!("  FAILED: {errors}\n"),
    };
    templates.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(files: &[(&str, &str)], names: &[&str]) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let paths = names.iter().map(|name| folder.path().join(name)).collect();
        let answer = run(paths, Timestamp::UNIX_EPOCH).unwrap();
        let folder = format!("{}/", folder.path().display());
        (answer.out.replace(&folder, ""), answer.failure.is_none())
    }

    #[test]
    fn counts_what_it_finds() {
        let config = "route: {receiver: a}\nreceivers: [{name: a}]\n";
        let found = "Found:\n - global config\n - route\n - 0 inhibit rules\n - 1 receivers\n";
        let (out, good) = checked(&[("a.yml", config)], &["a.yml"]);
        assert_eq!((out, good), (format!("Checking 'a.yml'  SUCCESS\n{found} - 0 templates\n\n"), true));
        let with_templates = config.to_owned() + "templates: ['*.tmpl']\n";
        let bad = [("a.yml", with_templates.as_str()), ("x.tmpl", "{{ nope }}")];
        let (out, good) = checked(&bad, &["a.yml"]);
        assert!(!good && out.contains(" - 1 templates\n  FAILED: "), "{out}");
    }

    #[test]
    fn goes_on_after_a_bad_file() {
        let files = [
            ("a.yml", "route: {receiver: a}\n"),
            ("b.yml", "route: {receiver: b}\nreceivers: [{name: b}]\n"),
        ];
        let (out, good) = checked(&files, &["a.yml", "b.yml"]);
        assert!(!good && out.starts_with("Checking 'a.yml'  FAILED: "), "{out}");
        assert!(out.contains("\n\nChecking 'b.yml'  SUCCESS\n"), "{out}");
    }
}
