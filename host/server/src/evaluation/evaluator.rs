//! Rule expressions through our own engine over our own samples.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::{Labels, Queryable, Timestamp};
use bellwether_promql::{Answer, Engine, EvalError, InstantSample, Limits, Query, SampleValue, Tick, Value};
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
        let answer = answer.map_err(|error| match error {
            EvalError::Cancelled => "query timed out in expression evaluation".to_owned(),
            error => with_cause(&error),
        });
        answer.and_then(into_vector).map_err(RuleError::Query)
    }

    fn evaluate_text(&self, expression: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
        let query = self.engine.load().prepare(expression).map_err(|error| error.to_string())?;
        let vector = self.evaluate(&query, &Tick::new(at)).map_err(|error| error.to_string())?;
        // Templates know numbers only; a native histogram counts as 0, as in Prometheus.
        Ok(vector.into_iter().map(|sample| (sample.labels, sample.value.as_float().unwrap_or(0.0))).collect())
    }
}

/// What a plugin's function says of its failure is the cause behind the error.
fn with_cause(error: &EvalError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
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
    use bellwether_promql::testing::MemoryStore;

    use super::*;

    #[test]
    fn a_rule_that_takes_too_long_fails() {
        let engine = Arc::new(ArcSwap::from_pointee(Engine::default()));
        let evaluator = EngineEvaluator::new(engine, Arc::<MemoryStore>::default(), Duration::ZERO);
        let error = evaluator.evaluate_text("sum(up)", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error, "query timed out in expression evaluation");
    }
}
