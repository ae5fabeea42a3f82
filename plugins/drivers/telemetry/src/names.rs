//! The names that firmware gives to its measurements, and the metrics that they become.

/// A metric that comes out without a mapping of the operator's.
pub(crate) struct KnownMetric {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// Texts of the same line that become labels of this metric.
    pub(crate) labels: &'static [&'static str],
}

/// All of them. A key that is one of these names passes as it is.
pub(crate) const METRICS: &[KnownMetric] = &[
    known(TEMPERATURE, "Operating temperature", &["sensor_location"]),
    known(MEMORY_USAGE, "Memory in use", &["memory_type"]),
    known(MEMORY_TOTAL, "Memory there is", &["memory_type"]),
    known(MEMORY_FREE, "Memory that is free, where the total is not known", &["memory_type"]),
    known(POWER, "Power consumption", &[]),
    known(CPU, "CPU utilisation", &[]),
    known(TOKENS, "Inference speed of the model", &["model_name", "quantization"]),
    known(MODEL_MEMORY, "Memory consumption of the model", &["model_name", "memory_type"]),
    known(LATENCY, "Time of one inference", &["model_name", "quantization"]),
    known(
        "model_latency_p95_ms",
        "95th percentile of the inference latency",
        &["model_name", "input_length"],
    ),
    known(ACCURACY, "Accuracy on the test set", &["model_name", "dataset"]),
    known(
        "quantization_error_rate",
        "Error introduced by quantization",
        &["model_name", "quantization_bits", "method"],
    ),
    known(ERRORS, "Errors while profiling", &["error_type"]),
    known("profiling_sessions_total", "Profiling sessions", &["model_type", "quantization"]),
    known("profiling_duration_seconds", "Time spent profiling", &["test_type"]),
    known("device_uptime_seconds", "Time since the device started", &[]),
    known(UNKNOWN, "A number with an unknown key (keep_unknown)", &["name"]),
];

/// Where numbers with unknown keys go if the operator wants them.
pub(crate) const UNKNOWN: &str = "device_value";
pub(crate) const MEMORY_USAGE: &str = "device_memory_usage_bytes";
pub(crate) const MEMORY_TOTAL: &str = "device_memory_total_bytes";
pub(crate) const MEMORY_FREE: &str = "device_memory_free_bytes";
const TEMPERATURE: &str = "device_temperature_celsius";
const POWER: &str = "device_power_consumption_mw";
const CPU: &str = "device_cpu_utilization_percent";
const TOKENS: &str = "model_tokens_per_second";
const MODEL_MEMORY: &str = "model_memory_usage_kb";
const LATENCY: &str = "inference_latency_ms";
const ACCURACY: &str = "model_accuracy_score";
const ERRORS: &str = "profiling_errors_total";

const fn known(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> KnownMetric {
    KnownMetric { name, help, labels }
}

/// Keys, the metric they mean, and the factor into its unit.
const SYNONYMS: &[(&[&str], &str, f64)] = &[
    (
        &["temp", "temp_c", "temperature", "temperature_c", "temperature_celsius", "die_temp"],
        TEMPERATURE,
        1.0,
    ),
    (&["power_mw", "power", "power_consumption_mw"], POWER, 1.0),
    (&["power_w", "power_watts"], POWER, 1000.0),
    (
        &["cpu", "cpu_percent", "cpu_usage", "cpu_load", "cpu_utilization", "cpu_utilization_percent"],
        CPU,
        1.0,
    ),
    (&["tok_s", "tps", "tokens_per_second", "tokens_per_sec", "tok_per_s"], TOKENS, 1.0),
    (&["model_kb", "model_memory_kb"], MODEL_MEMORY, 1.0),
    (&["latency_ms", "inference_ms", "inference_time_ms"], LATENCY, 1.0),
    (&["errors", "profiling_errors"], ERRORS, 1.0),
    (&["accuracy", "model_accuracy"], ACCURACY, 1.0),
    (&["uptime", "uptime_s", "uptime_seconds"], "device_uptime_seconds", 1.0),
    (&["uptime_ms"], "device_uptime_seconds", 0.001),
];

/// Which part of a memory a number tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryPart {
    Free,
    Used,
    Total,
}

/// Keys of memory sizes in bytes: which memory, and which part of it.
const MEMORIES: &[(&[&str], &str, MemoryPart)] = &[
    (&["heap_free", "free_heap"], "heap", MemoryPart::Free),
    (&["heap_used", "used_heap"], "heap", MemoryPart::Used),
    (&["heap_total", "total_heap", "heap_size"], "heap", MemoryPart::Total),
    (&["mem_free", "ram_free", "memory_free", "free_mem"], "ram", MemoryPart::Free),
    (&["mem_used", "ram_used", "memory_used", "used_mem"], "ram", MemoryPart::Used),
    (&["mem_total", "ram_total", "memory_total", "total_mem"], "ram", MemoryPart::Total),
];

/// Words that stand for a temperature inside a longer key.
const TEMPERATURE_WORDS: [&str; 2] = ["temperature", "temp"];
/// What may follow such a word without being the name of a place.
const TEMPERATURE_UNITS: [&str; 3] = ["c", "celsius", "degc"];

/// What a key means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// A metric, with the factor into its unit.
    Metric { metric: &'static KnownMetric, scale: f64 },
    /// The temperature of one place.
    TemperatureOf { metric: &'static KnownMetric, place: String },
    /// A part of a memory.
    Memory { memory_type: &'static str, part: MemoryPart },
}

impl std::fmt::Debug for KnownMetric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for KnownMetric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What a key means without help of the operator; none where it means nothing known.
pub(crate) fn meaning(key: &str) -> Option<Meaning> {
    if let Some(metric) = metric(key) {
        return Some(Meaning::Metric { metric, scale: 1.0 });
    }
    if let Some((_, name, scale)) = SYNONYMS.iter().find(|(keys, ..)| keys.contains(&key)) {
        return metric(name).map(|metric| Meaning::Metric { metric, scale: *scale });
    }
    if let Some((_, memory_type, part)) = MEMORIES.iter().find(|(keys, ..)| keys.contains(&key)) {
        return Some(Meaning::Memory { memory_type, part: *part });
    }
    let place = place_of_temperature(key)?.to_owned();
    metric(TEMPERATURE).map(|metric| Meaning::TemperatureOf { metric, place })
}

fn metric(name: &str) -> Option<&'static KnownMetric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// `cpu` of `temp_cpu`, `cpu_temp` and `cpu_temp_c`.
fn place_of_temperature(key: &str) -> Option<&str> {
    let without_unit = TEMPERATURE_UNITS.iter().find_map(|unit| key.strip_suffix(unit)?.strip_suffix('_'));
    let key = without_unit.unwrap_or(key);
    TEMPERATURE_WORDS.iter().find_map(|word| {
        let before = key.strip_suffix(word).and_then(|rest| rest.strip_suffix('_'));
        let place = before.or_else(|| key.strip_prefix(word)?.strip_prefix('_'))?;
        (!place.is_empty()).then_some(place)
    })
}
