//! What a text driver declares: the metrics it may produce, the events it may report, the settings it takes.

use bellwether_plugin_sdk::driver::{EventKind, Metric, MetricKind, Setting, SettingKind};

use crate::event::KINDS;
use crate::names::METRICS;

/// All metrics that come out without a mapping of the operator's.
pub fn metrics() -> Vec<Metric> {
    let metric = |known: &crate::names::KnownMetric| Metric {
        name: known.name.into(),
        kind: if known.name.ends_with("_total") { MetricKind::Counter } else { MetricKind::Gauge },
        help: known.help.into(),
    };
    METRICS.iter().map(metric).collect()
}

/// All events that log lines are searched for.
pub fn events() -> Vec<EventKind> {
    let event = |known: &crate::event::KnownEvent| EventKind {
        kind: known.kind.into(),
        severity: known.severity,
        help: known.help.into(),
    };
    KINDS.iter().map(event).collect()
}

/// The settings of [`Mapping`](crate::mapping::Mapping).
pub fn settings() -> Vec<Setting> {
    let setting = |name: &str, kind, default: &str, help: &str| Setting {
        name: name.into(),
        kind,
        help: help.into(),
        required: false,
        default: Some(default.into()),
    };
    vec![
        setting(
            "map",
            SettingKind::Json,
            "{}",
            "Metrics by key: a metric's name, or {metric, labels, scale}; goes before the built-in names",
        ),
        setting(
            "keep_unknown",
            SettingKind::Boolean,
            "false",
            "Keep numbers with unknown keys as device_value{name=\"key\"}",
        ),
    ]
}
