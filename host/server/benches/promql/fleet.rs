//! Boards and models that send samples every 15 seconds.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::{Appender, Labels, Record, Timestamp};
use bellwether_storage::{Store, StoreOptions};
use tempfile::TempDir;

pub(crate) const DEVICES: usize = 500;
const SAMPLES: u32 = 40;
const INTERVAL: Duration = Duration::from_secs(15);
const BUCKETS: [(&str, f64); 8] = [
    ("0.005", 0.2),
    ("0.01", 0.4),
    ("0.025", 0.6),
    ("0.05", 0.8),
    ("0.1", 0.9),
    ("0.2", 0.97),
    ("0.5", 0.99),
    ("+Inf", 1.0),
];

/// Labels beyond those of the device.
type Extra = &'static [(&'static str, &'static str)];

/// Value by device and step.
type Process = fn(f64, f64) -> f64;

/// Metrics of one device: name, further labels, and what its values do.
const METRICS: [(&str, Extra, Process); 12] = [
    ("device_temperature_celsius", &[("sensor_location", "cpu")], |d, s| {
        45.0 + (d * 0.7 + s * 0.3).sin() * 20.0
    }),
    ("device_temperature_celsius", &[("sensor_location", "ambient")], |d, s| {
        22.0 + (d + s * 0.1).sin() * 5.0
    }),
    ("device_memory_usage_bytes", &[("memory_type", "ram")], |d, s| 3e8 + ((d * 31.0 + s) % 97.0) * 1e6),
    ("device_memory_total_bytes", &[("memory_type", "ram")], |_, _| 536_870_912.0),
    ("device_connection_status", &[("port", "/dev/ttyUSB0")], |_, _| 1.0),
    ("device_power_consumption_mw", &[], |d, s| 1000.0 + (d * 17.0 + s * 29.0) % 800.0),
    ("device_cpu_utilization_percent", &[], |d, s| 50.0 + (d * 1.3 + s).cos() * 49.0),
    ("model_tokens_per_second", &[("model_name", "tinyllama-42m")], |d, s| 30.0 + (d + s * 0.9).sin() * 8.0),
    ("model_accuracy_score", &[("dataset", "val")], |d, s| 0.9 + (d + s).sin() * 0.05),
    ("profiling_errors_total", &[("test_type", "latency")], |_, s| (s / 10.0).floor()),
    ("ml_predictions_total", &[("status", "ok")], |d, s| s * (40.0 + d % 7.0)),
    ("ml_predictions_total", &[("status", "error")], |d, s| (s * (1.0 + d % 3.0) / 5.0).floor()),
];

/// A store in a folder of its own that goes with it.
pub(crate) struct Fleet {
    pub(crate) store: Arc<Store>,
    /// When the last sample of each series was taken.
    pub(crate) now: Timestamp,
    _folder: TempDir,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let start = Timestamp::from_millis(1_790_000_000_000);
        let store =
            Store::open(folder.path(), StoreOptions::default(), start).expect("an empty folder opens");
        for step in 0..SAMPLES {
            let records: Vec<Record> =
                (0..DEVICES).flat_map(|device| samples(device, step, start + INTERVAL * step)).collect();
            store.append(&records).expect("the store takes samples");
        }
        Self { store: Arc::new(store), now: start + INTERVAL * (SAMPLES - 1), _folder: folder }
    }
}

fn samples(device: usize, step: u32, at: Timestamp) -> Vec<Record> {
    let (d, s) = (device as f64, f64::from(step));
    let gauges =
        METRICS.iter().map(|&(name, extra, value)| Record::new(labels(name, device, extra), at, value(d, s)));
    let buckets = BUCKETS.iter().map(|&(le, share)| {
        let labels = labels("ml_prediction_latency_seconds_bucket", device, &[("le", le)]);
        Record::new(labels, at, (s * 40.0 * share).floor())
    });
    gauges.chain(buckets).collect()
}

fn labels(name: &str, device: usize, extra: &[(&str, &str)]) -> Labels {
    let id = format!("dev-{device:06}");
    let instance = format!("10.0.{}.{}:9100", device / 256, device % 256);
    let platform = ["esp32", "stm32f7", "rp2040", "k210", "jetson-nano", "rpi4"][device % 6];
    let common = [
        ("__name__", name),
        ("device_id", id.as_str()),
        ("instance", instance.as_str()),
        ("job", "edge"),
        ("platform", platform),
    ];
    Labels::from_pairs(common.into_iter().chain(extra.iter().copied()))
}
