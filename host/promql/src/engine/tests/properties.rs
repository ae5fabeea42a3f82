//! What holds for any series and expressions.

use std::collections::BTreeMap;

use bellwether_model::{FloatHistogram, stale_nan};
use proptest::prelude::*;

use super::*;

const STEP: Duration = Duration::from_secs(20);
const STEPS: u32 = 30;

/// What a series has at one step of the load.
#[derive(Debug, Clone)]
enum Loaded {
    Nothing,
    End,
    Float(f64),
    Histogram { schema: i32, counts: [u8; 3] },
}

/// Labels `a` and `b`, and what happens every 20 seconds. Counters grow, and fall now and then.
#[derive(Debug, Clone)]
struct MadeUpSeries {
    name: &'static str,
    a: u8,
    b: u8,
    loaded: Vec<Loaded>,
}

fn loaded(name: &'static str) -> BoxedStrategy<Loaded> {
    // Whole numbers, so that sums do not depend on the order.
    let float = (-50..50_i32).prop_map(|value| Loaded::Float(value.into()));
    match name {
        "gauge" => prop_oneof![1 => Just(Loaded::Nothing), 1 => Just(Loaded::End), 8 => float].boxed(),
        _ => {
            let histogram = (0..3_i32, any::<[u8; 3]>())
                .prop_map(|(schema, counts)| Loaded::Histogram { schema, counts });
            prop_oneof![1 => Just(Loaded::Nothing), 1 => float, 8 => histogram].boxed()
        }
    }
}

fn series() -> impl Strategy<Value = MadeUpSeries> {
    (prop::sample::select(&["gauge", "histogram"][..]), 0..3_u8, 0..3_u8).prop_flat_map(|(name, a, b)| {
        prop::collection::vec(loaded(name), STEPS as usize).prop_map(move |loaded| MadeUpSeries {
            name,
            a,
            b,
            loaded,
        })
    })
}

fn store_of(all: &[MadeUpSeries]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for series in all {
        let (a, b) = (series.a.to_string(), series.b.to_string());
        let labels = Labels::from_pairs([("__name__", series.name), ("a", &a), ("b", &b)]);
        for (step, loaded) in (0..).zip(&series.loaded) {
            let at = Timestamp::from_millis(0) + STEP * step;
            match loaded {
                Loaded::Nothing => {}
                Loaded::End => store.put(&labels, Sample::new(at, stale_nan())),
                Loaded::Float(value) => store.put(&labels, Sample::new(at, *value)),
                Loaded::Histogram { schema, counts } => {
                    store.put_histogram(&labels, at, histogram(*schema, *counts), 0);
                }
            }
        }
    }
    store
}

fn histogram(schema: i32, counts: [u8; 3]) -> FloatHistogram {
    let [first, second, third] = counts.map(f64::from);
    let count = first + second + third;
    let text = format!("schema:{schema} count:{count} sum:{count} buckets:[{first} {second} {third}]");
    bellwether_model::histogram::parse_literal(&text).unwrap()
}

fn expression() -> impl Strategy<Value = String> {
    const SELECTORS: [&str; 5] =
        ["gauge", "gauge{a=\"1\"}", "{b=~\"0|2\"}", "histogram offset 1m", "gauge @ 300"];
    const WINDOWS: [&str; 6] = [
        "rate(gauge[2m])",
        "sum_over_time({a=~\"1|2\"}[90s])",
        "last_over_time(histogram[1m] offset -40s)",
        "quantile_over_time(0.3, gauge[3m] @ end())",
        "changes(gauge[1m])",
        "increase(histogram[2m])",
    ];
    let leaf = prop_oneof![
        prop::sample::select(&SELECTORS[..]).prop_map(str::to_owned),
        prop::sample::select(&WINDOWS[..]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let aggregation = prop::sample::select(&["sum", "avg", "max", "count", "group", "stddev"][..]);
        let grouping = prop::sample::select(&["by (a)", "without (b)", "by ()", "without ()"][..]);
        let operator = prop::sample::select(&["+", "/", ">", "== bool", "and", "or", "unless"][..]);
        let call = prop::sample::select(&["abs", "histogram_count", "timestamp", "absent", "-"][..]);
        let over = prop::sample::select(&["avg_over_time", "present_over_time", "rate"][..]);
        prop_oneof![
            (aggregation, grouping, inner.clone())
                .prop_map(|(aggregation, grouping, text)| format!("{aggregation} {grouping} ({text})")),
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left}) {operator} on (a, b) ({right})")),
            (call, inner.clone()).prop_map(|(call, text)| format!("{call} ({text})")),
            (over, inner).prop_map(|(over, text)| format!("{over} (({text})[2m:30s])")),
        ]
    })
}

/// The value of a query at each time, by labels.
type Cells = BTreeMap<(i64, String), SampleValue>;

/// Whether two values differ by no more than the order of additions may make: the series of an `or` stand in the order
/// in which they first come up, which a range and an instant see differently.
fn close(a: &SampleValue, b: &SampleValue) -> bool {
    let near = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
    };
    match (a, b) {
        (SampleValue::Float(a), SampleValue::Float(b)) => near(*a, *b),
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => {
            let (a_buckets, b_buckets) = (a.api_buckets(), b.api_buckets());
            let bounds = |buckets: &[(u8, f64, f64, f64)]| -> Vec<(u8, f64, f64)> {
                buckets.iter().map(|&(kind, lower, upper, _)| (kind, lower, upper)).collect()
            };
            near(a.sum, b.sum)
                && near(a.count, b.count)
                && bounds(&a_buckets) == bounds(&b_buckets)
                && a_buckets.iter().zip(&b_buckets).all(|(a, b)| near(a.3, b.3))
        }
        _ => false,
    }
}

fn differences(range: &Cells, instants: &Cells) -> Vec<String> {
    let cells = range.keys().chain(instants.keys());
    let differ = cells.filter(|cell| match (range.get(*cell), instants.get(*cell)) {
        (Some(a), Some(b)) => !close(a, b),
        _ => true,
    });
    differ.map(|cell| format!("{cell:?}: {:?} and {:?}", range.get(cell), instants.get(cell))).collect()
}

/// None where a float and a histogram have the same time and labels: a range lets them pass side by side, as in
/// Prometheus, and an instant does not.
fn of_range(answer: &Answer) -> Option<Cells> {
    let Value::Matrix(series) = &answer.value else { panic!("{:?} is not a matrix", answer.value) };
    let mut cells = Cells::new();
    for series in series {
        let floats = series.floats.iter().map(|sample| (sample.at, SampleValue::Float(sample.value)));
        let histograms = series.histograms.iter().map(|(at, h)| (*at, SampleValue::Histogram(Arc::clone(h))));
        for (at, value) in floats.chain(histograms) {
            let before = cells.insert((at.as_millis(), series.labels.to_string()), value);
            if before.is_some() {
                return None;
            }
        }
    }
    Some(cells)
}

fn of_instant(answer: &Answer) -> Cells {
    let cell =
        |sample: &InstantSample| ((sample.at.as_millis(), sample.labels.to_string()), sample.value.clone());
    answer.value.as_vector().unwrap().iter().map(cell).collect()
}

fn count_by(store: &MemoryStore, text: &str, time: Timestamp) -> BTreeMap<String, f64> {
    vector(&Engine::default(), store, text, time).unwrap().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_range_is_what_instants_are_at_its_steps(
        series in prop::collection::vec(series(), 1..7),
        text in expression(),
        first in 0..300_u32,
        step in 1..90_u32,
    ) {
        let (engine, store) = (Engine::default(), store_of(&series));
        let start = Timestamp::from_millis(0) + Duration::from_secs(first.into());
        let (step, count) = (Duration::from_secs(step.into()), 12);
        let end = start + step * (count - 1);
        // `end()` and `@ end()` mean the end of the range, so each instant has to mean the same.
        let fixed = format!("@ {}", end.as_millis() / 1000);
        let query = engine.prepare(&text.replace("@ end()", &fixed)).unwrap();
        let instants: Result<Vec<Answer>, EvalError> =
            (0..count).map(|nth| engine.instant(&query, &store, start + step * nth)).collect();
        let range = engine.range(&query, &store, start, end, step).ok().as_ref().and_then(of_range);
        let expected: Option<Cells> = instants.ok().map(|all| all.iter().flat_map(of_instant).collect());
        prop_assert_eq!(range.is_some(), expected.is_some(), "{}", text);
        let differences = differences(&range.unwrap_or_default(), &expected.unwrap_or_default());
        prop_assert!(differences.is_empty(), "{}: {:#?}", text, differences);
    }

    #[test]
    fn by_and_without_part_series_into_the_same_groups(
        series in prop::collection::vec(series(), 1..9),
        minute in 0..10_i64,
    ) {
        let store = store_of(&series);
        let parts = [("by (a)", "without (b, __name__)"), ("by (b)", "without (a)"), ("by (a, b)", "without ()")];
        for (by, without) in parts {
            for aggregation in ["sum", "count", "max"] {
                let side = |grouping: &str| format!("{aggregation} {grouping} (gauge)");
                let groups = count_by(&store, &side(by), at(minute));
                prop_assert_eq!(&groups, &count_by(&store, &side(without), at(minute)));
            }
            // No series is lost, and none counts twice.
            let (whole, parted) = ("sum (gauge)".to_owned(), format!("sum (sum {by} (gauge))"));
            prop_assert_eq!(count_by(&store, &whole, at(minute)), count_by(&store, &parted, at(minute)));
        }
    }
}
