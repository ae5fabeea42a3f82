//! Whole evaluations of a rule group: what a tick of the server costs beside waiting for it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::{Labels, Queryable};
use bellwether_promql::Engine;
use bellwether_rules::{Group, GroupEnv, Schedule, parse_rule_file};
use bellwether_server::evaluation::EngineEvaluator;
use criterion::Criterion;

use crate::fleet::{DEVICES, Fleet};

/// The expression of the n-th rule.
type Expression = fn(usize) -> String;

const GROUPS: [(&str, usize, Expression); 4] = [
    ("10,000 rules of one device each", 10_000, |rule| {
        let device = format!("dev-{:06}", rule % DEVICES);
        match rule / DEVICES % 4 {
            0 => format!(r#"device_temperature_celsius{{device_id="{device}",sensor_location="cpu"}} > 95"#),
            1 => format!(r#"device_connection_status{{device_id="{device}"}} == 0"#),
            2 => format!(
                r#"device_memory_usage_bytes{{device_id="{device}"}} / device_memory_total_bytes > 0.99"#
            ),
            _ => format!(r#"rate(ml_predictions_total{{device_id="{device}",status="error"}}[5m]) > 10"#),
        }
    }),
    ("1,000 rules of 500 devices each", 1_000, |rule| match rule % 5 {
        0 => format!(r#"device_temperature_celsius{{sensor_location="cpu"}} > {}"#, 85 + rule % 10),
        1 => "device_connection_status == 0".to_owned(),
        2 => format!("device_power_consumption_mw > {}", 5_000 + rule),
        3 => format!("device_memory_usage_bytes / device_memory_total_bytes > 0.{}", 980 + rule % 10),
        _ => "model_accuracy_score < 0.70".to_owned(),
    }),
    ("100 heavy rules", 100, |rule| {
        match rule % 4 {
        0 => "histogram_quantile(0.99, rate(ml_prediction_latency_seconds_bucket[5m])) > 0.6".to_owned(),
        1 => r#"sum(rate(ml_predictions_total{status="error"}[5m])) / sum(rate(ml_predictions_total[5m])) > 0.9"#
            .to_owned(),
        2 => "increase(profiling_errors_total[10m]) > 100".to_owned(),
        _ => "model_accuracy_score < 0.5 * model_accuracy_score offset 1d".to_owned(),
    }
    }),
    // What alerts cost that stay: templates, states, and the samples that tell of them.
    ("10 rules with 500 alerts each", 10, |rule| format!("device_connection_status < {}", 2 + rule)),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("tick");
    benches.sample_size(10);
    for (name, rules, expression) in GROUPS {
        let fleet = Fleet::new();
        let engine = Arc::new(ArcSwap::from_pointee(Engine::default()));
        let text = rule_file(rules, expression);
        let interval = Duration::from_secs(15);
        let specs = parse_rule_file("bench.yml", &text, &engine.load(), interval).expect("a valid rule file");
        let mut groups: Vec<Group> =
            specs.into_iter().map(|spec| Group::new(spec, Schedule::aligned(interval))).collect();
        let samples = Arc::clone(&fleet.store) as Arc<dyn Queryable>;
        let evaluator = EngineEvaluator::new(engine, samples, Duration::from_secs(120));
        let env = GroupEnv {
            evaluator: &evaluator,
            appender: fleet.store.as_ref(),
            external_labels: &Labels::empty(),
            external_url: "http://127.0.0.1:9090",
            stopwatch: &|| Duration::ZERO,
        };
        // The next tick a little later, so that each one is new and all of them see the same samples.
        let mut at = fleet.now;
        benches.bench_function(name, |bencher| {
            bencher.iter(|| {
                at += Duration::from_millis(1);
                groups.iter_mut().for_each(|group| drop(black_box(group.evaluate(at, &env))));
            });
        });
    }
    benches.finish();
}

fn rule_file(rules: usize, expression: Expression) -> String {
    let rules = (0..rules).map(|rule| {
        format!(
            "  - alert: Bench{rule}\n    expr: '{}'\n    for: 1m\n    labels: {{severity: warning}}\n    annotations:\n      \
             summary: Device {{{{ $labels.device_id }}}} value {{{{ $value }}}}\n",
            expression(rule)
        )
    });
    format!("groups:\n- name: bench\n  rules:\n{}", rules.collect::<String>())
}
