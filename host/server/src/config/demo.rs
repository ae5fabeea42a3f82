//! The configuration of `bellwether demo`, part of the binary; the same files stand under `examples/demo`.

use std::time::Duration;

use bellwether_alerting::config::Config as AlertingConfig;
use bellwether_devices::{DeviceSet, sim};
use bellwether_model::yaml::YamlError;
use bellwether_model::{Labels, Timestamp};

use super::{ConfigErrors, Configuration, PromqlSettings, RuleFiles, SourceFile};

const RULES: (&str, &str) = ("examples/demo/rules.yml", include_str!("../../../../examples/demo/rules.yml"));
const ROUTING: (&str, &str) =
    ("examples/demo/alertmanager.yml", include_str!("../../../../examples/demo/alertmanager.yml"));

/// A day is more than a demo runs.
const RETENTION: Duration = Duration::from_secs(86_400);

/// The simulated fleet with its rules and routing.
pub(super) fn configuration(now: Timestamp) -> Result<Configuration, ConfigErrors> {
    let (alerting, _) = AlertingConfig::parse(ROUTING.0, ROUTING.1)?;
    let devices = DeviceSet::from_configs(sim::demo_fleet(), &[])
        .map_err(|error| YamlError::of_file("the simulated fleet", error.to_string()))?;
    let mut rule_files = RuleFiles::default();
    rule_files.add_embedded(RULES.0, RULES.1);
    let file = |(name, text): (&str, &str)| SourceFile { name: name.to_owned(), text: text.to_owned() };
    Ok(Configuration {
        loaded_at: now,
        external_labels: Labels::empty(),
        external_url: None,
        evaluation_interval: Duration::from_secs(1),
        rule_files,
        scrapes: Vec::new(),
        alerting,
        alerting_file: ROUTING.0.into(),
        devices,
        models: Vec::new(),
        plugin_dir: None,
        promql: PromqlSettings::default(),
        retention: RETENTION,
        history_retention: RETENTION,
        notes: Vec::new(),
        problems: Vec::new(),
        files: vec![file(RULES), file(ROUTING)],
        prometheus_yaml: String::new(),
    })
}
