//! Queries whose cost is that of one kernel.

use std::hint::black_box;
use std::time::Duration;

use bellwether_promql::{Engine, Features, FunctionRegistry, parse};
use criterion::Criterion;

use crate::fleet::Fleet;

const INSTANT: [(&str, &str); 11] = [
    ("threshold", "device_temperature_celsius > 85"),
    ("one series", r#"device_temperature_celsius{device_id="dev-000042",sensor_location="cpu"} > 85"#),
    ("join", "device_memory_usage_bytes / device_memory_total_bytes > 0.95"),
    ("set operation", "device_temperature_celsius > 50 and device_temperature_celsius <= 60"),
    ("offset", "model_accuracy_score < 0.8 * model_accuracy_score offset 5m"),
    ("rate", "rate(ml_prediction_latency_seconds_bucket[5m])"),
    ("sum by", "sum by (platform) (ml_prediction_latency_seconds_bucket)"),
    ("topk", "topk(5, device_power_consumption_mw)"),
    ("quantile of buckets", "histogram_quantile(0.99, ml_prediction_latency_seconds_bucket)"),
    ("over time", "avg_over_time(device_temperature_celsius[10m])"),
    ("count of all", r#"count({job="edge"})"#),
];

const RANGE: [(&str, &str); 3] = [
    ("rate", "rate(ml_predictions_total[2m])"),
    ("sum by", "sum by (platform) (rate(ml_predictions_total[2m]))"),
    ("join", "device_memory_usage_bytes / device_memory_total_bytes"),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let (fleet, engine) = (Fleet::new(), Engine::default());
    let mut group = criterion.benchmark_group("kernel");
    for (name, text) in INSTANT {
        let query = engine.prepare(text).expect("a valid query");
        group.bench_function(format!("instant/{name}"), |bencher| {
            bencher.iter(|| black_box(engine.instant(&query, fleet.store.as_ref(), fleet.now)));
        });
    }
    for (name, text) in RANGE {
        let query = engine.prepare(text).expect("a valid query");
        let (start, step) = (fleet.now - Duration::from_secs(300), Duration::from_secs(5));
        group.bench_function(format!("range/{name}"), |bencher| {
            bencher.iter(|| black_box(engine.range(&query, fleet.store.as_ref(), start, fleet.now, step)));
        });
    }
    let long = INSTANT.map(|(_, text)| format!("({text})")).join(" or ");
    let (features, plugins) = (Features::default(), FunctionRegistry::default());
    group.bench_function("parse", |bencher| bencher.iter(|| black_box(parse(&long, features, &plugins))));
    group.finish();
}
