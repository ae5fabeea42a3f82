//! The engine: prepares queries and evaluates them at one time or over a range.
//!
//! An evaluation goes through the tree once, whatever the number of steps: each node gives a vector with a cell for each
//! series at each step ([`vector`]), selectors and what is done to their values piece by piece ([`stage`]). Names that
//! an operation drops stay on the series until the end (Prometheus' delayed name removal), so that `label_replace` can
//! still read them. What many queries have in common is known once ([`plan`]) and evaluated once a tick ([`tick`]).

mod absence;
mod aggregate;
mod arithmetic;
mod binary;
mod budget;
mod call;
mod counts;
mod elementwise;
mod evaluator;
mod histogram_functions;
mod info;
mod invariant;
mod join;
mod matching;
mod plan;
mod plugin_call;
mod range_result;
mod relabel;
mod select;
mod sets;
mod smoothed;
mod sorting;
mod stage;
mod steps;
mod tally;
mod tick;
mod vector;
mod window;
mod window_call;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::time::millis;
use bellwether_model::{Queryable, Sample, Timestamp};
use rustc_hash::FxHashSet;

use crate::ast::{NodeId, ValueType};
use crate::engine::evaluator::{Evaluated, Evaluator, Scope};
use crate::engine::plan::{Interner, PlanNode};
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Held, Vector};
use crate::error::{EvalError, ParseError};
use crate::features::Features;
use crate::parser::parse;
use crate::plugin::FunctionRegistry;
use crate::query::Query;
use crate::value::{Answer, InstantSample, SampleValue, Value};

pub(crate) use invariant::TIME_DEPENDENT;
pub(crate) use plan::Plan;
pub use tally::Statistics;
pub use tick::Tick;

/// How the engine evaluates; the defaults are Prometheus'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// How far back an instant selector looks for the last sample.
    pub lookback: Duration,
    /// Samples that one evaluation may hold at once, those read and those computed.
    pub max_samples: usize,
    /// Bytes that intermediate results of one evaluation may take.
    pub max_bytes: usize,
    /// Series that one selector may ask for.
    pub max_series: usize,
    /// Steps of one range query, and of one subquery.
    pub max_steps: usize,
    /// Step of a subquery that names none; Prometheus takes the global evaluation interval.
    pub subquery_step: Duration,
    /// Parts of the language that Prometheus has behind feature flags.
    pub features: Features,
    /// Whether start timestamps of samples tell of counter resets (Prometheus' `use-start-timestamps`).
    pub start_timestamps: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(300),
            max_samples: 50_000_000,
            max_bytes: 2 << 30,
            max_series: 5_000_000,
            max_steps: 1_000_000,
            subquery_step: Duration::from_secs(60),
            features: Features::default(),
            start_timestamps: false,
        }
    }
}

/// What one evaluation may take, beyond the engine's options.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Asked again and again; true ends the evaluation with [`EvalError::Cancelled`]. This is where a deadline goes.
    pub cancelled: &'a dyn Fn() -> bool,
    /// What is counted on the way.
    pub statistics: Statistics,
}

impl Limits<'_> {
    /// Never cancelled, nothing counted.
    pub const NONE: Limits<'static> = Limits { cancelled: &|| false, statistics: Statistics::Off };
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

/// Evaluates queries. Cheap to clone; immutable, so that one engine can serve many threads and a reload makes a new
/// one.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    options: EngineOptions,
    functions: Arc<FunctionRegistry>,
    interner: Arc<Interner>,
}

impl Engine {
    /// An engine without plugin functions.
    pub fn new(options: EngineOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// The same engine with another set of plugin functions.
    #[must_use]
    pub fn with_functions(&self, functions: Arc<FunctionRegistry>) -> Self {
        Self { functions, ..self.clone() }
    }

    /// The same engine with other options.
    #[must_use]
    pub fn with_options(&self, options: EngineOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// How it evaluates.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// The plugin functions that queries may call.
    pub fn functions(&self) -> &FunctionRegistry {
        &self.functions
    }

    /// Parses a query, resolves its functions and checks its types, once for all evaluations.
    pub fn prepare(&self, text: &str) -> Result<Query, ParseError> {
        let ast = parse(text, self.options.features, &self.functions)?;
        let plan = self.interner.plan(&ast);
        Ok(Query::new(text, ast, plan))
    }

    /// The value of a query at one time.
    pub fn instant(&self, query: &Query, source: &dyn Queryable, at: Timestamp) -> Result<Answer, EvalError> {
        self.instant_within(query, source, at, Limits::NONE)
    }

    /// [`Engine::instant`] with a way to stop it.
    pub fn instant_within(
        &self,
        query: &Query,
        source: &dyn Queryable,
        at: Timestamp,
        limits: Limits<'_>,
    ) -> Result<Answer, EvalError> {
        self.instant_in(&Tick::new(at), query, source, limits)
    }

    /// The value of a query at the time of a tick; takes over what other queries of the tick have found out.
    pub fn instant_in(
        &self,
        tick: &Tick,
        query: &Query,
        source: &dyn Queryable,
        limits: Limits<'_>,
    ) -> Result<Answer, EvalError> {
        let at = tick.at();
        let scope = Scope { source, limits, tick: Some(tick), bounds: (at, at), step_ms: 0 };
        let evaluator = Evaluator::new(self, query, scope)?;
        let root = query.ast().root();
        let value = if query.ast().value_type(root) == ValueType::Matrix {
            Value::Matrix(evaluator.window_samples(root, at.as_millis())?)
        } else {
            instant_value(evaluator.eval(root, Steps::at(at.as_millis()))?, at, evaluator.plan(root))?
        };
        Ok(evaluator.into_answer(value))
    }

    /// The values of a query from `start` to `end`, both included, every `step`.
    pub fn range(
        &self,
        query: &Query,
        source: &dyn Queryable,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Answer, EvalError> {
        self.range_within(query, source, Range { start, end, step }, Limits::NONE)
    }

    /// [`Engine::range`] with a way to stop it.
    pub fn range_within(
        &self,
        query: &Query,
        source: &dyn Queryable,
        range: Range,
        limits: Limits<'_>,
    ) -> Result<Answer, EvalError> {
        let steps = self.steps(range)?;
        let root = query.ast().root();
        let value_type = query.ast().value_type(root);
        if matches!(value_type, ValueType::String | ValueType::Matrix) {
            return Err(EvalError::NotForRange(value_type.as_str()));
        }
        let bounds = (range.start, range.end);
        let scope = Scope { source, limits, tick: None, bounds, step_ms: millis(range.step) };
        let evaluator = Evaluator::new(self, query, scope)?;
        let stage = evaluator.root_stage(root, steps)?;
        let series = evaluator.matrix(&stage, steps)?;
        drop(stage);
        Ok(evaluator.into_answer(Value::Matrix(series)))
    }

    fn steps(&self, range: Range) -> Result<Steps, EvalError> {
        let step = millis(range.step);
        if step <= 0 {
            return Err(EvalError::BadRange("the step must be at least one millisecond"));
        }
        if range.end < range.start {
            return Err(EvalError::BadRange("the end lies before the start"));
        }
        let steps = Steps::between(range.start.as_millis(), range.end.as_millis(), step);
        if steps.count > self.options.max_steps {
            return Err(EvalError::TooManySteps { limit: self.options.max_steps, needed: steps.count });
        }
        Ok(steps)
    }
}

impl<'a> Evaluator<'a> {
    /// The whole query as a stage; a scalar is one series without labels.
    fn root_stage(&self, root: NodeId, steps: Steps) -> Result<Stage<'a>, EvalError> {
        if self.ast().value_type(root) == ValueType::Vector {
            return self.stage(root, steps);
        }
        Ok(Stage::Whole(Held::Own(Vector::of_scalar(self.eval_scalar(root, steps)?))))
    }
}

/// The times of a range query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first time.
    pub start: Timestamp,
    /// The last time, if the steps hit it.
    pub end: Timestamp,
    /// From one time to the next; at least a millisecond.
    pub step: Duration,
}

fn instant_value(evaluated: Evaluated, at: Timestamp, node: &PlanNode) -> Result<Value, EvalError> {
    let vector = match evaluated {
        Evaluated::Scalar(values) => return Ok(Value::Scalar(Sample::new(at, values[0]))),
        Evaluated::String(text) => return Ok(Value::String { at, text: text.to_string() }),
        Evaluated::Vector(vector) => vector,
    };
    let labels = node.final_labels(&vector.shape);
    let mut samples = Vec::new();
    for place in 0..vector.shape.len() {
        let value = match vector.get(place, 0) {
            Cell::Absent => continue,
            Cell::Float(value) => SampleValue::Float(value),
            Cell::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
        };
        samples.push(InstantSample { labels: labels.get(place), at, value });
    }
    let mut labels = FxHashSet::default();
    if samples.len() > 1 && !samples.iter().all(|sample| labels.insert(&sample.labels)) {
        return Err(EvalError::DuplicateLabelset);
    }
    Ok(Value::Vector(samples))
}

#[cfg(test)]
mod tests;
