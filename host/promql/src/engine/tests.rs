mod properties;

use std::cell::Cell;
use std::sync::Mutex;

use bellwether_model::detector::{DetectorError, DetectorFunction, DetectorParam, Verdicts, WindowMatrix};
use bellwether_model::query::{VisitLatest, VisitSamples};
use bellwether_model::{Labels, Matcher, QueryError, SeriesList};

use super::*;
use crate::plugin::{PluginFunction, RegisterError};
use crate::testing::MemoryStore;

const MINUTE: Duration = Duration::from_secs(60);

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(minutes * 60_000)
}

/// Name, labels, and a value a minute.
type MadeUp<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [f64]);

/// A store with these series.
fn store(series: &[MadeUp<'_>]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for (name, labels, values) in series {
        let labels = Labels::from_pairs([("__name__", *name)].into_iter().chain(labels.iter().copied()));
        for (minute, value) in (0..).zip(values.iter()) {
            store.put(&labels, Sample::new(at(minute), *value));
        }
    }
    store
}

fn vector(
    engine: &Engine,
    store: &MemoryStore,
    text: &str,
    time: Timestamp,
) -> Result<Vec<(String, f64)>, EvalError> {
    let query = engine.prepare(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let answer = engine.instant(&query, store, time)?;
    let samples = answer.value.as_vector().unwrap_or_else(|| panic!("{text} gives {:?}", answer.value));
    Ok(samples.iter().map(|sample| (sample.labels.to_string(), sample.value.as_float().unwrap())).collect())
}

/// Mean plus parameter, for each series; records how many series each call had.
#[derive(Default)]
struct Mean {
    signature: Option<DetectorFunction>,
    calls: Mutex<Vec<Vec<usize>>>,
    failure: Option<DetectorError>,
}

impl PluginFunction for Mean {
    fn signature(&self) -> &DetectorFunction {
        self.signature.as_ref().unwrap()
    }

    fn evaluate(
        &self,
        params: &[f64],
        _: Timestamp,
        windows: &[WindowMatrix],
    ) -> Result<Verdicts, DetectorError> {
        self.calls.lock().unwrap().push(windows.iter().map(WindowMatrix::series).collect());
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mean = |window: &WindowMatrix, at: usize| {
            let (from, to) = (window.offsets[at] as usize, window.offsets[at + 1] as usize);
            window.values[from..to].iter().sum::<f64>() / (to - from) as f64
        };
        let score = |at| windows.iter().map(|window| mean(window, at)).sum::<f64>() + params[0];
        Ok(Verdicts { score: (0..windows[0].series()).map(score).collect(), ..Verdicts::default() })
    }
}

fn signature(name: &str, windows: u8) -> DetectorFunction {
    let param = DetectorParam { name: "plus".to_owned(), help: String::new(), default: Some(100.0) };
    DetectorFunction {
        name: name.to_owned(),
        help: String::new(),
        windows,
        params: vec![param],
        min_points: 2,
    }
}

fn engine_with(function: &Arc<Mean>) -> Engine {
    let mut registry = FunctionRegistry::default();
    registry.register(Arc::clone(function) as Arc<dyn PluginFunction>).unwrap();
    Engine::default().with_functions(Arc::new(registry))
}

#[test]
fn a_plugin_function_is_called_once_for_all_series() {
    let function = Arc::new(Mean { signature: Some(signature("meanplus", 1)), ..Mean::default() });
    let engine = engine_with(&function);
    let store = store(&[
        ("t", &[("d", "a")], &[1.0, 3.0]),
        ("t", &[("d", "b")], &[5.0, 7.0]),
        ("t", &[("d", "few")], &[5.0]),
        ("t", &[("d", "nan")], &[f64::NAN, 1.0]),
    ]);
    let result = vector(&engine, &store, "meanplus(t[5m]) * 1 > 102", at(1)).unwrap();
    assert_eq!(result, [("{d=\"b\"}".to_owned(), 106.0)]);
    assert_eq!(*function.calls.lock().unwrap(), [[3]], "one call, without the series of one point");
    assert_eq!(vector(&engine, &store, "meanplus(t{d=\"a\"}[5m], 1)", at(1)).unwrap()[0].1, 3.0);
    assert!(vector(&engine, &store, "meanplus(t{d=\"nan\"}[5m])", at(1)).unwrap().is_empty());
    assert!(vector(&engine, &store, "meanplus(nothing[5m])", at(1)).unwrap().is_empty());
}

#[test]
fn two_windows_are_paired_by_labels_without_name() {
    let function = Arc::new(Mean { signature: Some(signature("compare", 2)), ..Mean::default() });
    let engine = engine_with(&function);
    let store = store(&[
        ("now", &[("d", "a")], &[1.0, 3.0]),
        ("now", &[("d", "alone")], &[1.0, 3.0]),
        ("then", &[("d", "a")], &[10.0, 10.0]),
        ("then", &[("d", "other")], &[10.0, 10.0]),
    ]);
    let result = vector(&engine, &store, "compare(now[5m], then[5m], 0)", at(1)).unwrap();
    assert_eq!(result, [("{d=\"a\"}".to_owned(), 12.0)]);
    assert_eq!(*function.calls.lock().unwrap(), [[1, 1]]);
}

#[test]
fn plugin_arguments_are_checked_when_prepared() {
    let function = Arc::new(Mean { signature: Some(signature("meanplus", 1)), ..Mean::default() });
    let engine = engine_with(&function);
    for (text, message) in [
        (
            "meanplus(t)",
            "1:10: parse error: expected type range vector in call to function \"meanplus\", got instant vector",
        ),
        ("meanplus()", "1:1: parse error: expected at least 1 argument(s) in call to \"meanplus\", got 0"),
        (
            "meanplus(t[5m], 1, 2)",
            "1:1: parse error: expected at most 2 argument(s) in call to \"meanplus\", got 3",
        ),
    ] {
        assert_eq!(engine.prepare(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_crashed_plugin_is_an_error_that_names_it() {
    let failure = Some(DetectorError::Crashed("trap".to_owned()));
    let function = Arc::new(Mean { signature: Some(signature("meanplus", 1)), failure, ..Mean::default() });
    let engine = engine_with(&function);
    let store = store(&[("t", &[], &[1.0, 3.0])]);
    let error = vector(&engine, &store, "meanplus(t[5m])", at(1)).unwrap_err();
    assert_eq!(error.to_string(), "plugin function meanplus failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "plugin failed: trap");
}

#[test]
fn a_plugin_that_went_away_is_an_error() {
    let function = Arc::new(Mean { signature: Some(signature("meanplus", 1)), ..Mean::default() });
    let query = engine_with(&function).prepare("meanplus(t[5m])").unwrap();
    let error = Engine::default().instant(&query, &MemoryStore::default(), at(1)).unwrap_err();
    assert!(error.to_string().starts_with("plugin function meanplus: no loaded plugin"), "{error}");
}

#[test]
fn reserved_names_are_refused() {
    let register = |name: &str, windows| {
        let function = Mean { signature: Some(signature(name, windows)), ..Mean::default() };
        FunctionRegistry::default().register(Arc::new(function))
    };
    for name in ["rate", "sum", "and", "group_left", "limitk", "inf"] {
        assert_eq!(register(name, 1), Err(RegisterError::Reserved(name.to_owned())));
    }
    assert_eq!(register("a-b", 1), Err(RegisterError::BadName("a-b".to_owned())));
    assert_eq!(register("x", 3), Err(RegisterError::BadWindows { name: "x".to_owned(), windows: 3 }));
}

#[test]
fn a_limit_that_is_passed_is_named() {
    let engine = Engine::new(EngineOptions { max_samples: 10, max_steps: 20, ..EngineOptions::default() });
    let store = store(&[("t", &[], &[1.0; 9])]);
    let query = engine.prepare("t").unwrap();
    assert!(engine.instant(&query, &store, at(8)).is_ok());
    assert!(engine.range(&query, &store, at(0), at(8), MINUTE).is_ok());
    let product = engine.prepare("t * t").unwrap();
    let error = engine.range(&product, &store, at(0), at(8), MINUTE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query processing would load too many samples into memory in query execution: 18 at once, 8 more than the \
         limit of 10 (max_samples)"
    );
    let error = engine.range(&query, &store, at(0), at(30), MINUTE).unwrap_err();
    assert_eq!(error.to_string(), "range query has 31 steps, 11 more than the limit of 20 (max_steps)");
    let query = engine.prepare("max_over_time(t[1h:1s])").unwrap();
    assert!(matches!(engine.instant(&query, &store, at(8)), Err(EvalError::TooManySteps { limit: 20, .. })));
}

#[test]
fn limits_of_series_and_memory_are_named_too() {
    let store = store(&[("t", &[("d", "a")], &[1.0]), ("t", &[("d", "b")], &[1.0])]);
    let fails = |options: EngineOptions| {
        let engine = Engine::new(options);
        let query = engine.prepare("t").unwrap();
        engine.instant(&query, &store, at(0)).unwrap_err().to_string()
    };
    assert_eq!(
        fails(EngineOptions { max_series: 1, ..EngineOptions::default() }),
        "selector finds 2 series, 1 more than the limit of 1 (max_series)"
    );
    assert_eq!(
        fails(EngineOptions { max_bytes: 10, ..EngineOptions::default() }),
        "query needs 16 bytes for intermediate results, 6 more than the limit of 10 (max_bytes)"
    );
}

#[test]
fn a_cancelled_query_ends() {
    let (store, engine) = (store(&[("t", &[], &[1.0])]), Engine::default());
    let query = engine.prepare("t + t + t").unwrap();
    let asked = Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 2
    };
    let limits = Limits { cancelled: &cancelled, ..Limits::NONE };
    assert!(matches!(engine.instant_within(&query, &store, at(0), limits), Err(EvalError::Cancelled)));
    assert_eq!(asked.get(), 3);
}

/// Counts how often it is read.
struct Counting(MemoryStore, Mutex<usize>);

impl Counting {
    fn reads(&self) -> usize {
        std::mem::take(&mut self.1.lock().unwrap())
    }
}

impl Queryable for Counting {
    fn find(&self, matchers: &[Matcher]) -> Result<Arc<SeriesList>, QueryError> {
        self.0.find(matchers)
    }

    fn latest(
        &self,
        list: &SeriesList,
        places: std::ops::Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitLatest<'_>,
    ) -> Result<(), QueryError> {
        *self.1.lock().unwrap() += 1;
        self.0.latest(list, places, after, until, visit)
    }

    fn read(
        &self,
        list: &SeriesList,
        places: std::ops::Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitSamples<'_>,
    ) -> Result<(), QueryError> {
        *self.1.lock().unwrap() += 1;
        self.0.read(list, places, after, until, visit)
    }
}

#[test]
fn a_selector_is_read_once_for_all_steps() {
    let store = Counting(store(&[("t", &[], &[80.0; 60])]), Mutex::new(0));
    let engine = Engine::default();
    let query = engine.prepare("t > 70").unwrap();
    let answer = engine.range(&query, &store, at(0), at(59), MINUTE).unwrap();
    let Value::Matrix(series) = answer.value else { panic!("no matrix") };
    assert_eq!((series[0].floats.len(), store.reads()), (60, 1));
}

#[test]
fn a_value_is_not_kept_when_another_group_writes_meanwhile() {
    let store = Counting(store(&[("t", &[], &[80.0; 60])]), Mutex::new(0));
    let engine = Engine::default();
    let [first, second] = ["t > 70", "t > 75"].map(|text| engine.prepare(text).unwrap());
    let tick = Tick::new(at(10));
    // Asked during the evaluation, and so able to write then: only before the value is there, not once it is kept.
    let write = || {
        if *store.1.lock().unwrap() == 0 {
            tick.wrote("t");
        }
        false
    };
    engine.instant_in(&tick, &first, &store, Limits { cancelled: &write, ..Limits::NONE }).unwrap();
    assert_eq!(store.reads(), 1);
    engine.instant_in(&tick, &second, &store, Limits::NONE).unwrap();
    assert_eq!(store.reads(), 1);
}

#[test]
fn what_queries_of_a_tick_have_in_common_is_evaluated_once() {
    let store = Counting(store(&[("t", &[], &[80.0; 60]), ("u", &[], &[1.0; 60])]), Mutex::new(0));
    let engine = Engine::default();
    let texts = ["t > 70 and t <= 85", "sum(rate(t[5m]))", "avg(rate(t[5m])) + 1", "t + on () u"];
    let queries: Vec<Query> = texts.iter().map(|text| engine.prepare(text).unwrap()).collect();
    let evaluate = |tick: &Tick| {
        for query in &queries {
            let answer = engine.instant_in(tick, query, &store, Limits::NONE).unwrap();
            assert_eq!(answer.value.as_vector().unwrap().len(), 1, "{}", query.text());
        }
        store.reads()
    };
    let tick = Tick::new(at(30));
    assert_eq!(evaluate(&tick), 3, "t, its rate, and u");
    assert_eq!(evaluate(&tick), 1, "nobody else has u");
    tick.wrote("v");
    assert_eq!(evaluate(&tick), 1, "v is nobody's");
    tick.wrote("t");
    assert_eq!(evaluate(&tick), 3);
    assert_eq!(evaluate(&Tick::new(at(31))), 3);
}

#[test]
fn what_is_written_within_a_tick_is_seen_by_later_queries() {
    let mut store = store(&[("t", &[], &[1.0; 9])]);
    let engine = Engine::default();
    let (query, other) = (engine.prepare("t * 2").unwrap(), engine.prepare("t * 2 + 1").unwrap());
    let tick = Tick::new(at(9));
    let value = |query: &Query, store: &MemoryStore| {
        let answer = engine.instant_in(&tick, query, store, Limits::NONE).unwrap();
        answer.value.as_vector().unwrap()[0].value.as_float().unwrap()
    };
    assert_eq!(value(&query, &store), 2.0);
    store.put(&Labels::from_pairs([("__name__", "t")]), Sample::new(at(9), 5.0));
    tick.wrote("t");
    assert_eq!(value(&other, &store), 11.0);
}

#[test]
fn the_signal_of_a_comparison_is_its_left_side() {
    let engine = Engine::default();
    let signal = |text: &str| engine.prepare(text).unwrap().signal();
    let of = |text: &str, threshold| Some(crate::query::Signal { text: text.to_owned(), threshold });
    assert_eq!(signal("rate(x[5m]) > 85"), of("rate(x[5m])", 85.0));
    assert_eq!(signal("(t < -1.5)"), of("t", -1.5));
    assert_eq!(signal("t == bool (3)"), of("t", 3.0));
    assert_eq!(signal("t > t"), None);
    assert_eq!(signal("t + 1"), None);
}

#[test]
fn a_query_knows_its_selectors() {
    let query = Engine::default().prepare("sum(a{x=\"1\"}) / rate(b[5m])").unwrap();
    let matchers: Vec<String> = query.selectors().map(|matchers| format!("{matchers:?}")).collect();
    assert_eq!(matchers, ["[x=\"1\", __name__=\"a\"]", "[__name__=\"b\"]"]);
}

#[test]
fn the_deepest_expression_evaluates() {
    let engine = Engine::default();
    let store = store(&[("t", &[], &[1.0])]);
    let sum = vec!["t"; 20_000].join(" + ");
    assert_eq!(vector(&engine, &store, &sum, at(0)).unwrap()[0].1, 20_000.0);
    let nested = "abs(".repeat(120) + "-(t)" + &")".repeat(120);
    assert_eq!(vector(&engine, &store, &nested, at(0)).unwrap()[0].1, 1.0);
    let subqueries = "max_over_time(".repeat(120) + "(t)" + &"[5m:1m])".repeat(120);
    assert_eq!(vector(&engine, &store, &subqueries, at(0)).unwrap()[0].1, 1.0);
    let joins = "(t * on () ".repeat(120) + "t" + &")".repeat(120);
    assert_eq!(vector(&engine, &store, &joins, at(0)).unwrap()[0].1, 1.0);
}

#[test]
fn strings_and_windows_are_instant_only() {
    let (engine, store) = (Engine::default(), store(&[("t", &[], &[1.0, 2.0, 3.0])]));
    let query = engine.prepare("t[2m]").unwrap();
    let Value::Matrix(series) = engine.instant(&query, &store, at(2)).unwrap().value else {
        panic!("no matrix")
    };
    assert_eq!(series[0].floats.len(), 2, "open on the left");
    let error = engine.range(&query, &store, at(0), at(2), MINUTE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
    let query = engine.prepare("\"a\"").unwrap();
    let text = engine.instant(&query, &store, at(2)).unwrap().value;
    assert!(matches!(text, Value::String { text, .. } if text == "a"));
}

/// Every rule expression of the documents that the product is made for, and whether the data below makes it fire.
const SEED_EXPRESSIONS: &[(&str, bool)] = &[
    ("up{job=\"tiny-llm-profiler\"} == 0", true),
    ("up{job=\"model-server\"} == 0", false),
    (
        "(\n  rate(container_cpu_usage_seconds_total{container=\"profiler\"}[5m]) > 0.8\n) or (\n  \
         container_memory_usage_bytes{container=\"profiler\"} / container_spec_memory_limit_bytes > 0.8\n)\n",
        true,
    ),
    ("device_connection_status == 0", true),
    ("device_temperature_celsius > 85", true),
    ("increase(profiling_errors_total[10m]) > 10", true),
    ("increase(profiling_errors_total[5m]) > 3", true),
    ("device_memory_usage_bytes / device_memory_total_bytes > 0.95", true),
    ("device_memory_usage_bytes / device_memory_total_bytes > 0.9", true),
    ("histogram_quantile(0.95, rate(profiling_duration_seconds_bucket[10m])) > 300", true),
    ("device_temperature_celsius > 70 and device_temperature_celsius <= 85", true),
    ("model_tokens_per_second < 5", true),
    ("model_tokens_per_second < 1", false),
    ("(node_filesystem_size_bytes - node_filesystem_avail_bytes) / node_filesystem_size_bytes > 0.8", true),
    ("histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 2.0", false),
    ("model_accuracy_score < 0.85", true),
    ("quantization_error_rate > 0.1", true),
    ("device_power_consumption_mw > 5000", false),
    ("histogram_quantile(0.99, rate(ml_prediction_latency_seconds_bucket[5m])) > 0.2", false),
    (
        "sum(rate(ml_predictions_total{status=\"error\"}[5m])) \n/ sum(rate(ml_predictions_total[5m])) > 0.01\n",
        true,
    ),
    ("ml_model_accuracy < 0.8 * ml_model_accuracy offset 1d\n", false),
    ("ml_drift_score > 0.2", true),
    ("sum(rate(ml_predictions_total[5m])) < 10\n", true),
    ("nvidia_gpu_memory_used_bytes / nvidia_gpu_memory_total_bytes > 0.95", false),
    ("histogram_quantile(0.99, rate(feature_store_latency_seconds_bucket[5m])) > 0.05", false),
];

#[test]
fn seed_expressions_evaluate() {
    let device: &[(&str, &str)] = &[("device_id", "d1")];
    let store = store(&[
        ("up", &[("job", "tiny-llm-profiler")], &[0.0; 11]),
        ("device_connection_status", device, &[0.0; 11]),
        ("device_temperature_celsius", device, &[90.0; 11]),
        ("device_temperature_celsius", &[("device_id", "d2")], &[80.0; 11]),
        ("profiling_errors_total", device, &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0]),
        ("device_memory_usage_bytes", device, &[99.0; 11]),
        ("device_memory_total_bytes", device, &[100.0; 11]),
        (
            "profiling_duration_seconds_bucket",
            &[("le", "400")],
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
        ),
        (
            "profiling_duration_seconds_bucket",
            &[("le", "+Inf")],
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
        ),
        ("model_tokens_per_second", device, &[3.0; 11]),
        ("node_filesystem_size_bytes", device, &[100.0; 11]),
        ("node_filesystem_avail_bytes", device, &[1.0; 11]),
        (
            "ml_predictions_total",
            &[("status", "error")],
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
        ),
        ("model_accuracy_score", device, &[0.5; 11]),
        ("quantization_error_rate", device, &[0.5; 11]),
        ("device_power_consumption_mw", device, &[500.0; 11]),
        ("ml_drift_score", device, &[0.5; 11]),
        (
            "container_cpu_usage_seconds_total",
            &[("container", "profiler")],
            &[0.0, 54.0, 108.0, 162.0, 216.0, 270.0, 324.0, 378.0, 432.0, 486.0, 540.0],
        ),
        ("ml_model_accuracy", &[], &[0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5]),
    ]);
    let engine = Engine::default();
    for (text, fires) in SEED_EXPRESSIONS {
        let ast = engine.prepare(text).unwrap().ast().clone();
        let printed = engine.prepare(&ast.to_string()).unwrap();
        assert!(ast.same_tree(printed.ast()), "{text}");
        let result = vector(&engine, &store, text, at(10)).unwrap();
        assert_eq!(result.len(), usize::from(*fires), "{text} gives {result:?}");
    }
}
