//! Rule expressions through our own engine over our own samples.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::{Labels, Queryable, Timestamp};
use bellwether_promql::{
    Answer, Engine, EvalError, InstantSample, Limits, Query, Range, RangeSeries, SampleValue, Tick, Value,
};
use bellwether_rules::{Evaluator, RuleError};

use crate::clock::stopwatch;

/// Evaluates with an engine over a store.
#[derive(Clone)]
pub struct EngineEvaluator {
    engine: Arc<ArcSwap<Engine>>,
    samples: Arc<dyn Queryable>,
    timeout: Duration,
    /// The tick that some group is at, for other groups at the same time.
    current: Arc<Mutex<Weak<Tick>>>,
}

impl std::fmt::Debug for EngineEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineEvaluator").finish_non_exhaustive()
    }
}

impl EngineEvaluator {
    /// An engine, which may be exchanged when plugins change, with the samples that it looks at and the longest that one
    /// evaluation may take.
    pub fn new(engine: Arc<ArcSwap<Engine>>, samples: Arc<dyn Queryable>, timeout: Duration) -> Self {
        Self { engine, samples, timeout, current: Arc::default() }
    }

    /// The values of an expression over a range of times, unless somebody calls it off.
    pub fn range(
        &self,
        query: &Query,
        range: Range,
        is_called_off: impl Fn() -> bool,
    ) -> Result<Vec<RangeSeries>, String> {
        let stopwatch = stopwatch();
        let is_over = || stopwatch() > self.timeout || is_called_off();
        let limits = Limits { cancelled: &is_over, ..Limits::NONE };
        let answer = self.engine.load().range_within(query, self.samples.as_ref(), range, limits);
        match answer.map_err(in_words)?.value {
            Value::Matrix(series) => Ok(series),
            Value::Vector(_) | Value::Scalar(_) | Value::String { .. } => {
                Err("the result over a range is no matrix".to_owned())
            }
        }
    }
}

impl Evaluator for EngineEvaluator {
    fn tick(&self, at: Timestamp) -> Arc<Tick> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tick) = current.upgrade().filter(|tick| tick.at() == at) {
            return tick;
        }
        let tick = Arc::new(Tick::new(at));
        *current = Arc::downgrade(&tick);
        tick
    }

    fn evaluate(&self, query: &Query, tick: &Tick) -> Result<Vec<InstantSample>, RuleError> {
        let stopwatch = stopwatch();
        let is_over = || stopwatch() > self.timeout;
        let limits = Limits { cancelled: &is_over, ..Limits::NONE };
        let answer = self.engine.load().instant_in(tick, query, self.samples.as_ref(), limits);
        answer.map_err(in_words).and_then(into_vector).map_err(RuleError::Query)
    }

    fn evaluate_text(&self, expression: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
        let query = self.engine.load().prepare(expression).map_err(|error| error.to_string())?;
        let vector = self.evaluate(&query, &Tick::new(at)).map_err(|error| error.to_string())?;
        // Templates know numbers only; a native histogram counts as 0, as in Prometheus.
        Ok(vector.into_iter().map(|sample| (sample.labels, sample.value.as_float().unwrap_or(0.0))).collect())
    }
}

fn in_words(error: EvalError) -> String {
    match error {
        EvalError::Cancelled => "query timed out in expression evaluation".to_owned(),
        // With its causes, such as what a plugin has against its parameters.
        error => format!("{:#}", anyhow::Error::new(error)),
    }
}

/// A scalar counts as one sample without labels, as in Prometheus.
fn into_vector(answer: Answer) -> Result<Vec<InstantSample>, String> {
    match answer.value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(sample) => Ok(vec![InstantSample {
            labels: Labels::empty(),
            at: sample.at,
            value: SampleValue::Float(sample.value),
        }]),
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::Sample;
    use bellwether_model::detector::{DetectorError, DetectorFunction, Verdicts, WindowMatrix};
    use bellwether_promql::testing::MemoryStore;
    use bellwether_promql::{FunctionRegistry, PluginFunction};

    use super::*;

    #[test]
    fn a_rule_that_takes_too_long_fails() {
        let engine = Arc::new(ArcSwap::from_pointee(Engine::default()));
        let evaluator = EngineEvaluator::new(engine, Arc::<MemoryStore>::default(), Duration::ZERO);
        let error = evaluator.evaluate_text("sum(up)", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error, "query timed out in expression evaluation");
    }

    /// A plugin function that does not like its parameters.
    struct Picky(DetectorFunction);

    impl PluginFunction for Picky {
        fn signature(&self) -> &DetectorFunction {
            &self.0
        }

        fn evaluate(
            &self,
            _params: &[f64],
            _at: Timestamp,
            _windows: &[WindowMatrix],
        ) -> Result<Verdicts, DetectorError> {
            Err(DetectorError::BadParam("floor is -1; it must be 0 or more".to_owned()))
        }
    }

    #[test]
    fn a_rule_that_a_plugin_fails_says_why() {
        let (name, help) = ("picky".to_owned(), String::new());
        let function = DetectorFunction { name, help, windows: 1, params: Vec::new(), min_points: 1 };
        let mut functions = FunctionRegistry::default();
        functions.register(Arc::new(Picky(function))).unwrap();
        let engine = Engine::default().with_functions(Arc::new(functions));
        let mut store = MemoryStore::default();
        let at = Timestamp::from_millis(1000);
        store.put(&Labels::from_pairs([("__name__", "x")]), Sample { at, value: 1.0 });
        let engine = Arc::new(ArcSwap::from_pointee(engine));
        let evaluator = EngineEvaluator::new(engine, Arc::new(store), Duration::from_secs(60));
        let error = evaluator.evaluate_text("picky(x[1m])", at).unwrap_err();
        assert_eq!(error, "plugin function picky failed: bad parameter: floor is -1; it must be 0 or more");
    }
}
