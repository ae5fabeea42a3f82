//! Configuration: which files there are, what stands in them, and what it means once checked.
//!
//! `bellwether.yaml` is our own; `--prometheus-config` and `--alertmanager-config` take the other tools' files as they
//! are. Any one of them is enough. Rule files are read after the plugins, because plugins add functions to expressions.

mod bellwether_yaml;
mod demo;
pub mod environment;
mod load;
mod models;
mod prometheus_yaml;
mod promql;
mod rule_files;
pub mod secrets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_devices::DeviceSet;
use bellwether_ingest::ScrapeJob;
use bellwether_model::yaml::YamlError;
use bellwether_model::{Labels, Timestamp};

pub use load::{load, load_templates, read_text};
pub use models::{MODEL_SERIES, ModelConfig, ModelDefinition, check_models};
pub use prometheus_yaml::PrometheusYaml;
pub use promql::{PromqlFlags, PromqlSettings};
pub use rule_files::{RuleFiles, load_rules};

/// Where the configuration comes from: the flags of `bellwether serve`.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--config`
    pub bellwether: Option<PathBuf>,
    /// `--prometheus-config`
    pub prometheus: Option<PathBuf>,
    /// `--alertmanager-config`
    pub alertmanager: Option<PathBuf>,
    /// `--rules`, patterns of files
    pub rules: Vec<String>,
    /// `--enable-feature` and `--query.*`
    pub promql: PromqlFlags,
}

/// Where a configuration comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// From files.
    Files(Sources),
    /// The demo's own, part of the binary.
    Demo,
}

/// A file as it was read, before `${…}` was replaced, secrets masked.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As the user named it.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// Everything that the files say, checked.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// When it was read.
    pub loaded_at: Timestamp,
    /// Labels of this host.
    pub external_labels: Labels,
    /// Where this host can be reached, if the file says so.
    pub external_url: Option<String>,
    /// Interval of groups that name none.
    pub evaluation_interval: Duration,
    /// Which rule files to read.
    pub rule_files: RuleFiles,
    /// What to scrape.
    pub scrapes: Vec<ScrapeJob>,
    /// How alerts are routed.
    pub alerting: bellwether_alerting::config::Config,
    /// The file that routing was read from, as the user named it.
    pub alerting_file: PathBuf,
    /// Boards.
    pub devices: DeviceSet,
    /// What is judged by models.
    pub models: Vec<ModelConfig>,
    /// Folder with drop-in plugins.
    pub plugin_dir: Option<PathBuf>,
    /// How expressions are evaluated.
    pub promql: PromqlSettings,
    /// How long samples are kept.
    pub retention: Duration,
    /// How long it is kept what was told of alerts that are over.
    pub history_retention: Duration,
    /// Remarks about what was taken differently than written.
    pub notes: Vec<String>,
    /// What of it does not work with the plugins that there are: receivers and devices, a line each.
    pub problems: Vec<String>,
    /// The files, for the status page.
    pub files: Vec<SourceFile>,
    prometheus_yaml: String,
}

impl Configuration {
    /// The folder that the routing configuration's own paths count from.
    pub fn alerting_folder(&self) -> &Path {
        self.alerting_file.parent().unwrap_or_else(|| Path::new(""))
    }

    /// What is fixed when a host starts stays as it is; a note says what was written in vain.
    pub fn keep_what_needs_a_restart(&mut self, former: &Self) {
        let mut changed = Vec::new();
        if self.external_labels != former.external_labels {
            self.external_labels = former.external_labels.clone();
            changed.push("external_labels");
        }
        if self.external_url != former.external_url {
            self.external_url.clone_from(&former.external_url);
            changed.push("external_url");
        }
        if self.plugin_dir != former.plugin_dir {
            self.plugin_dir.clone_from(&former.plugin_dir);
            changed.push("plugins.dir");
        }
        if self.promql != former.promql {
            self.promql.clone_from(&former.promql);
            changed.push("promql");
        }
        if self.retention != former.retention {
            self.retention = former.retention;
            changed.push("storage.retention");
        }
        if !changed.is_empty() {
            self.notes.push(format!("{}: changed, takes effect at the next start", changed.join(", ")));
        }
    }

    /// The part that Prometheus' API shows as its configuration, secrets masked.
    pub fn prometheus_yaml(&self) -> String {
        self.prometheus_yaml.clone()
    }
}

/// What is wrong with the configuration: every error of a file, each with place and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<YamlError>);

impl std::error::Error for ConfigErrors {}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// More would not fit on a screen.
        const SHOWN: usize = 8;
        for (index, error) in self.0.iter().take(SHOWN).enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{error}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl From<YamlError> for ConfigErrors {
    fn from(error: YamlError) -> Self {
        Self(vec![error])
    }
}
