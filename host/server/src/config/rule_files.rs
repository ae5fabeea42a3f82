//! Finding and reading rule files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_model::yaml::YamlError;
use bellwether_promql::Engine;
use bellwether_rules::{RuleGroupSpec, parse_rule_file};

use super::ConfigErrors;

/// Patterns of rule files, each relative to a folder.
#[derive(Debug, Clone, Default)]
pub struct RuleFiles {
    patterns: Vec<Pattern>,
    embedded: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Clone)]
struct Pattern {
    folder: PathBuf,
    glob: String,
    /// A flag must find something; a file's pattern may find nothing, as in Prometheus.
    must_match: bool,
}

impl RuleFiles {
    /// Patterns of a flag: relative to the working folder, and at least one file must be there.
    pub fn add_flag(&mut self, glob: &str) {
        self.patterns.push(Pattern { folder: PathBuf::new(), glob: glob.to_owned(), must_match: true });
    }

    /// Patterns of a configuration file: relative to its folder.
    pub fn add_file_entry(&mut self, folder: &Path, glob: &str) {
        self.patterns.push(Pattern { folder: folder.to_owned(), glob: glob.to_owned(), must_match: false });
    }

    /// One file, whatever characters its name has.
    pub fn add_path(&mut self, path: &Path) {
        self.add_flag(&glob::Pattern::escape(&path.to_string_lossy()));
    }

    /// A file that is part of the binary.
    pub fn add_embedded(&mut self, name: &'static str, text: &'static str) {
        self.embedded.push((name, text));
    }

    /// All files that the patterns find now, each once, in order.
    pub fn find(&self) -> Result<Vec<PathBuf>, ConfigErrors> {
        let mut found: Vec<PathBuf> = Vec::new();
        for pattern in &self.patterns {
            let files = pattern.find()?;
            found.extend(files.into_iter().filter(|file| !found.contains(file)).collect::<Vec<_>>());
        }
        Ok(found)
    }
}

impl Pattern {
    fn find(&self) -> Result<Vec<PathBuf>, YamlError> {
        let full = self.folder.join(&self.glob);
        let full = full.to_string_lossy();
        let paths = glob::glob(&full).map_err(|error| {
            YamlError::of_file(&full, format!("bad pattern of rule files: {error}"))
                .with_hint("`*` and `?` are known")
        })?;
        let files: Vec<PathBuf> = paths.filter_map(Result::ok).filter(|path| path.is_file()).collect();
        if files.is_empty() && self.must_match {
            return Err(YamlError::of_file(&full, "no rule file matches")
                .with_hint("check the path given to --rules"));
        }
        Ok(files)
    }
}

/// Reads and checks all rule files; the errors of all files together.
pub fn load_rules(
    files: &RuleFiles,
    engine: &Engine,
    default_interval: Duration,
) -> Result<Vec<RuleGroupSpec>, ConfigErrors> {
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    let mut parse = |name: &str, text: &str| match parse_rule_file(name, text, engine, default_interval) {
        Ok(parsed) => groups.extend(parsed),
        Err(found) => errors.extend(found),
    };
    for (name, text) in &files.embedded {
        parse(name, text);
    }
    for path in files.find()? {
        let text = super::load::read_text(&path)?;
        parse(&path.to_string_lossy(), &text);
    }
    if errors.is_empty() { Ok(groups) } else { Err(ConfigErrors(errors)) }
}
