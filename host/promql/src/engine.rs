//! The engine: prepares queries and evaluates them at one time or over a range.
//!
//! An evaluation goes through the tree once, whatever the number of steps: each node gives one [`column::Column`] of
//! values for each series, and each selector asks storage once for all steps. Names that an operation drops stay on
//! the series until the end (Prometheus' delayed name removal), so that `label_replace` can still read them.

mod aggregate;
mod arithmetic;
mod binary;
mod call;
mod column;
mod evaluator;
mod invariant;
mod plugin_call;
mod select;
mod special;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::time::millis;
use bellwether_model::{Queryable, Sample, Series, Timestamp};

use crate::ast::ValueType;
use crate::engine::column::{Column, is_absent};
use crate::engine::evaluator::{Evaluated, Evaluator, Steps};
use crate::error::{EvalError, ParseError};
use crate::parser::parse;
use crate::plugin::FunctionRegistry;
use crate::query::Query;
use crate::value::{Answer, InstantSample, Value};

/// How the engine evaluates; the defaults are Prometheus'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// How far back an instant selector looks for the last sample.
    pub lookback: Duration,
    /// Samples that one evaluation may hold at once, those read and those computed.
    pub max_samples: usize,
    /// Steps of one range query, and of one subquery.
    pub max_steps: usize,
    /// Step of a subquery that names none; Prometheus takes the global evaluation interval.
    pub subquery_step: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(300),
            max_samples: 50_000_000,
            max_steps: 1_000_000,
            subquery_step: Duration::from_secs(60),
        }
    }
}

/// What one evaluation may take, beyond the engine's options.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Asked again and again; true ends the evaluation with [`EvalError::Cancelled`]. This is where a deadline goes.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Limits<'_> {
    /// Never cancelled.
    pub const NONE: Limits<'static> = Limits { cancelled: &|| false };
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
}

impl Engine {
    /// An engine without plugin functions.
    pub fn new(options: EngineOptions) -> Self {
        Self { options, functions: Arc::default() }
    }

    /// The same engine with another set of plugin functions.
    #[must_use]
    pub fn with_functions(&self, functions: Arc<FunctionRegistry>) -> Self {
        Self { options: self.options.clone(), functions }
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
        Ok(Query::new(text, parse(text, &self.functions)?))
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
        let steps = Steps { start: at.as_millis(), step: 1, count: 1 };
        let evaluator = Evaluator::new(self, query, source, limits, (at, at), 0);
        let root = query.ast().root();
        let value = if query.ast().value_type(root) == ValueType::Matrix {
            Value::Matrix(evaluator.window_samples(root, at)?)
        } else {
            instant_value(evaluator.eval(root, steps)?, at)?
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
        let evaluator =
            Evaluator::new(self, query, source, limits, (range.start, range.end), millis(range.step));
        let columns = match evaluator.eval(root, steps)? {
            Evaluated::Vector(columns) => column::without_dropped_names(columns)?,
            Evaluated::Scalar(values) => vec![Column::scalar(values)],
            Evaluated::String(_) => return Err(EvalError::NotForRange(ValueType::String.as_str())),
        };
        Ok(evaluator.into_answer(Value::Matrix(matrix(columns, steps))))
    }

    fn steps(&self, range: Range) -> Result<Steps, EvalError> {
        let step = millis(range.step);
        if step <= 0 {
            return Err(EvalError::BadRange("the step must be at least one millisecond"));
        }
        if range.end < range.start {
            return Err(EvalError::BadRange("the end lies before the start"));
        }
        let count = range.end.millis_since(range.start) / step;
        let count = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(1);
        if count > self.options.max_steps {
            return Err(EvalError::TooManySteps { limit: self.options.max_steps, needed: count });
        }
        Ok(Steps { start: range.start.as_millis(), step, count })
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

fn instant_value(evaluated: Evaluated, at: Timestamp) -> Result<Value, EvalError> {
    Ok(match evaluated {
        Evaluated::Scalar(values) => Value::Scalar(Sample::new(at, values[0])),
        Evaluated::String(text) => Value::String { at, text: text.to_string() },
        Evaluated::Vector(columns) => {
            let present = columns.into_iter().filter(|column| !is_absent(column.values[0])).collect();
            let columns = column::without_dropped_names(present)?;
            let sample = |column: Column| InstantSample {
                labels: column.labels,
                sample: Sample::new(at, column.values[0]),
            };
            Value::Vector(columns.into_iter().map(sample).collect())
        }
    })
}

fn matrix(columns: Vec<Column>, steps: Steps) -> Vec<Series> {
    let mut series: Vec<Series> = columns
        .into_iter()
        .map(|column| Series { samples: column.samples(steps).collect(), labels: column.labels })
        .filter(|series| !series.samples.is_empty())
        .collect();
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

#[cfg(test)]
mod tests;
