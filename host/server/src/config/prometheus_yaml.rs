//! `prometheus.yml`, as it is: what to scrape, which rule files to read.

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_ingest::ScrapeConfig;
use bellwether_model::Labels;
use bellwether_model::duration::parse_prometheus;
use bellwether_model::yaml::{self, Spanned, YamlError};
use serde::Deserialize;
use serde_json::Value;

/// Interval of scrapes and evaluations where nothing is said, as in Prometheus.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// The longest that a scrape may take where nothing is said, as in Prometheus.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The parts of the file that this host understands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusYaml {
    /// Intervals and labels for everything below.
    pub global: GlobalYaml,
    /// Patterns of rule files.
    pub rule_files: Vec<String>,
    /// What to scrape.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// Where Prometheus would send alerts: here the host routes them itself.
    alerting: Option<Value>,
    /// Settings of Prometheus' own storage: nothing to set here.
    storage: Option<Value>,
    remote_write: Option<Spanned<Value>>,
    remote_read: Option<Spanned<Value>>,
    scrape_config_files: Option<Spanned<Value>>,
    tracing: Option<Value>,
    otlp: Option<Value>,
    runtime: Option<Value>,
}

/// `global:` of Prometheus' file and of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlobalYaml {
    scrape_interval: Option<Spanned<String>>,
    scrape_timeout: Option<Spanned<String>>,
    evaluation_interval: Option<Spanned<String>>,
    external_labels: BTreeMap<String, String>,
    query_log_file: Option<Value>,
    scrape_failure_log_file: Option<Value>,
    rule_query_offset: Option<Value>,
    body_size_limit: Option<Value>,
    sample_limit: Option<Value>,
    label_limit: Option<Value>,
    label_name_length_limit: Option<Value>,
    label_value_length_limit: Option<Value>,
    target_limit: Option<Value>,
    keep_dropped_targets: Option<Value>,
    scrape_protocols: Option<Value>,
    metric_name_validation_scheme: Option<Value>,
    metric_name_escaping_scheme: Option<Value>,
    scrape_native_histograms: Option<Value>,
    convert_classic_histograms_to_nhcb: Option<Value>,
    always_scrape_classic_histograms: Option<Value>,
    extra_scrape_metrics: Option<Value>,
}

/// `global:` once checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// Time between scrapes of a target.
    pub scrape_interval: Duration,
    /// The longest that a scrape may take.
    pub scrape_timeout: Duration,
    /// Time between evaluations of a group.
    pub evaluation_interval: Duration,
    /// Labels of this host.
    pub external_labels: Labels,
}

impl Default for Global {
    /// What Prometheus takes where a file says nothing.
    fn default() -> Self {
        Self {
            scrape_interval: DEFAULT_INTERVAL,
            scrape_timeout: DEFAULT_TIMEOUT,
            evaluation_interval: DEFAULT_INTERVAL,
            external_labels: Labels::empty(),
        }
    }
}

impl GlobalYaml {
    /// What the file says over what was said before; labels add up.
    pub fn over(&self, before: &Global, file: &str, text: &str) -> Result<Global, YamlError> {
        let duration = |field: &Option<Spanned<String>>, default: Duration| match field {
            None => Ok(default),
            Some(value) => parse_prometheus(&value.value).map_err(|error| {
                YamlError::at(file, text, &value.referenced, error.to_string())
                    .with_hint("write a duration such as 15s or 1m")
            }),
        };
        // Zero means that nothing is said, as in Prometheus.
        let duration = |field: &Option<Spanned<String>>, default: Duration| {
            duration(field, default).map(|found| if found.is_zero() { default } else { found })
        };
        let scrape_interval = duration(&self.scrape_interval, before.scrape_interval)?;
        let mut labels = before.external_labels.to_builder();
        for (name, value) in &self.external_labels {
            labels.set(name.as_str(), value.as_str());
        }
        Ok(Global {
            scrape_interval,
            scrape_timeout: duration(&self.scrape_timeout, before.scrape_timeout)?.min(scrape_interval),
            evaluation_interval: duration(&self.evaluation_interval, before.evaluation_interval)?,
            external_labels: labels.build(),
        })
    }

    /// Keys that are accepted and have no effect here.
    fn ignored(&self) -> Vec<&'static str> {
        let fields = [
            ("query_log_file", &self.query_log_file),
            ("scrape_failure_log_file", &self.scrape_failure_log_file),
            ("rule_query_offset", &self.rule_query_offset),
            ("body_size_limit", &self.body_size_limit),
            ("sample_limit", &self.sample_limit),
            ("label_limit", &self.label_limit),
            ("label_name_length_limit", &self.label_name_length_limit),
            ("label_value_length_limit", &self.label_value_length_limit),
            ("target_limit", &self.target_limit),
            ("keep_dropped_targets", &self.keep_dropped_targets),
            ("scrape_protocols", &self.scrape_protocols),
            ("metric_name_validation_scheme", &self.metric_name_validation_scheme),
            ("metric_name_escaping_scheme", &self.metric_name_escaping_scheme),
            ("scrape_native_histograms", &self.scrape_native_histograms),
            ("convert_classic_histograms_to_nhcb", &self.convert_classic_histograms_to_nhcb),
            ("always_scrape_classic_histograms", &self.always_scrape_classic_histograms),
            ("extra_scrape_metrics", &self.extra_scrape_metrics),
        ];
        fields.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect()
    }
}

impl PrometheusYaml {
    /// Reads the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, YamlError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let parsed: Self = yaml::parse(file, text)?;
        let unsupported = [
            ("remote_write", &parsed.remote_write, "sending samples on is not supported"),
            ("remote_read", &parsed.remote_read, "reading samples from elsewhere is not supported"),
            ("scrape_config_files", &parsed.scrape_config_files, "put the entries under scrape_configs"),
        ];
        for (key, value, why) in unsupported {
            if let Some(value) = value {
                return Err(YamlError::at(file, text, &value.referenced, format!("{key}: {why}"))
                    .with_hint(format!("remove {key} from the file")));
            }
        }
        Ok(parsed)
    }

    /// What was accepted but means something else here.
    pub fn notes(&self, file: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.alerting.is_some() {
            notes.push(format!(
                "{file}: alerting: this host routes its alerts itself; the section has no effect"
            ));
        }
        let sections = [
            ("storage", &self.storage),
            ("tracing", &self.tracing),
            ("otlp", &self.otlp),
            ("runtime", &self.runtime),
        ];
        let ignored = sections.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name);
        let ignored_global = self.global.ignored().into_iter().map(|name| format!("global.{name}"));
        for name in ignored.map(str::to_owned).chain(ignored_global) {
            notes.push(format!("{file}: {name}: accepted, has no effect"));
        }
        notes
    }
}
