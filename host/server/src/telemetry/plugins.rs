//! Metrics of plugins: how each stands and what it costs, asked for at each scrape. Counters begin anew with each version
//! of a plugin.

use std::fmt;

use bellwether_sandbox::{PluginStatus, Plugins};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// A registry with the metrics of these plugins and nothing else.
pub(super) fn registry(plugins: &Plugins, prefix: &str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    registry.register_collector(Box::new(PluginMetrics(plugins.clone())));
    registry
}

#[derive(Debug)]
struct PluginMetrics(Plugins);

impl Collector for PluginMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let plugins = self.0.status();
        let mut family = |name, help, value: fn(&PluginStatus) -> Value| {
            let kind = if let Some(first) = plugins.first() { value(first).kind() } else { return Ok(()) };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for plugin in &plugins {
                let labels = [("plugin", plugin.name.as_str())];
                value(plugin).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        family("plugin_calls", "Calls of a plugin", |plugin| Value::Count(plugin.usage.calls))?;
        family("plugin_crashes", "Calls of a plugin that crashed", |plugin| {
            Value::Count(plugin.usage.crashed_calls)
        })?;
        family("plugin_cpu_seconds", "Processor time in the code of a plugin", |plugin| {
            Value::Seconds(plugin.usage.cpu_seconds)
        })?;
        family("plugin_memory_bytes", "Linear memory of all instances of a plugin", |plugin| {
            Value::Amount(plugin.usage.memory_bytes)
        })?;
        family("plugin_instances", "Instances of a plugin that live", |plugin| {
            Value::Amount(plugin.usage.instances)
        })?;
        durations(&mut encoder, &plugins)?;
        states(&mut encoder, &plugins)
    }
}

/// A value of one plugin.
enum Value {
    Count(u64),
    Seconds(f64),
    Amount(usize),
}

impl Value {
    const fn kind(&self) -> MetricType {
        match self {
            Self::Count(_) | Self::Seconds(_) => MetricType::Counter,
            Self::Amount(_) => MetricType::Gauge,
        }
    }

    fn encode(self, encoder: prometheus_client::encoding::MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => ConstCounter::new(count).encode(encoder),
            Self::Seconds(seconds) => ConstCounter::new(seconds).encode(encoder),
            Self::Amount(amount) => {
                ConstGauge::new(i64::try_from(amount).unwrap_or(i64::MAX)).encode(encoder)
            }
        }
    }
}

fn durations(encoder: &mut DescriptorEncoder<'_>, plugins: &[PluginStatus]) -> fmt::Result {
    let help = "How long calls of a plugin took, answers to its requests included";
    let mut family =
        encoder.encode_descriptor("plugin_call_duration_seconds", help, None, MetricType::Histogram)?;
    for plugin in plugins {
        let labels = [("plugin", plugin.name.as_str())];
        let usage = &plugin.usage;
        family.encode_family(&labels)?.encode_histogram::<[(&str, &str); 0]>(
            usage.call_seconds,
            usage.calls,
            &usage.durations,
            None,
        )?;
    }
    Ok(())
}

/// One series with the value 1 for the state that each plugin is in.
fn states(encoder: &mut DescriptorEncoder<'_>, plugins: &[PluginStatus]) -> fmt::Result {
    let mut family =
        encoder.encode_descriptor("plugin_state", "How a plugin stands", None, MetricType::Gauge)?;
    for plugin in plugins {
        let kind = plugin.kind.map(|kind| kind.to_string()).unwrap_or_default();
        let labels = [
            ("plugin", plugin.name.as_str()),
            ("kind", kind.as_str()),
            ("state", plugin.state.as_str()),
            ("version", plugin.version.as_str()),
        ];
        ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
