//! `bellwether.yaml`: our own file.

use std::path::PathBuf;

use bellwether_devices::DeviceConfig;
use bellwether_devices::log_rules::LogRuleConfig;
use bellwether_ingest::ScrapeConfig;
use bellwether_model::yaml::Spanned;
use serde::Deserialize;

/// All of the file. Every part may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BellwetherYaml {
    /// Where people reach this host: the base of links in messages.
    pub(super) external_url: Option<String>,
    /// Intervals and labels for everything below, as in Prometheus.
    pub(super) global: super::prometheus_yaml::GlobalYaml,
    /// Patterns of rule files, relative to this file.
    pub(super) rule_files: Vec<String>,
    /// What to scrape, as in Prometheus.
    pub(super) scrape_configs: Vec<ScrapeConfig>,
    /// An Alertmanager configuration, relative to this file.
    pub(super) alertmanager_config: Option<Spanned<PathBuf>>,
    /// Boards.
    pub(super) devices: Vec<Spanned<DeviceConfig>>,
    /// Lines of boards that are events.
    pub(super) log_rules: Vec<Spanned<LogRuleConfig>>,
    /// What is judged by models.
    pub(super) models: Vec<super::models::ModelYaml>,
    /// Drop-in plugins.
    pub(super) plugins: PluginsYaml,
    /// How expressions are evaluated.
    pub(super) promql: super::promql::PromqlYaml,
    /// How long samples and the history of alerts are kept.
    pub(super) storage: StorageYaml,
}

/// `plugins:`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PluginsYaml {
    /// Folder with `*.wasm` files, and `*.toml` files beside them that grant them something; relative to this file;
    /// `plugins` in the data folder unless given.
    pub(super) dir: Option<PathBuf>,
}

/// `storage:`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StorageYaml {
    /// `15d` unless given.
    pub(super) retention: Option<Spanned<String>>,
    /// How long episodes of alerts and their messages are kept; `90d` unless given.
    pub(super) history_retention: Option<Spanned<String>>,
}
