//! Rule expressions through our own engine over our own samples.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bellwether_model::{Labels, Queryable, Timestamp};
use bellwether_promql::{Answer, Engine, InstantSample, Query, Value};
use bellwether_rules::{Evaluator, RuleError};

/// Evaluates with an engine over a store.
#[derive(Clone)]
pub struct EngineEvaluator {
    engine: Arc<ArcSwap<Engine>>,
    samples: Arc<dyn Queryable>,
}

impl std::fmt::Debug for EngineEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineEvaluator").finish_non_exhaustive()
    }
}

impl EngineEvaluator {
    /// An engine, which may be exchanged when plugins change, with the samples that it looks at.
    pub fn new(engine: Arc<ArcSwap<Engine>>, samples: Arc<dyn Queryable>) -> Self {
        Self { engine, samples }
    }
}

impl Evaluator for EngineEvaluator {
    fn evaluate(&self, query: &Query, at: Timestamp) -> Result<Vec<InstantSample>, RuleError> {
        let answer = self.engine.load().instant(query, self.samples.as_ref(), at);
        answer.map_err(|error| error.to_string()).and_then(into_vector).map_err(RuleError::Query)
    }

    fn evaluate_text(&self, expression: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
        let query = self.engine.load().prepare(expression).map_err(|error| error.to_string())?;
        let vector = self.evaluate(&query, at).map_err(|error| error.to_string())?;
        Ok(vector.into_iter().map(|sample| (sample.labels, sample.sample.value)).collect())
    }
}

/// A scalar counts as one sample without labels, as in Prometheus.
fn into_vector(answer: Answer) -> Result<Vec<InstantSample>, String> {
    match answer.value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(sample) => Ok(vec![InstantSample { labels: Labels::empty(), sample }]),
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}
