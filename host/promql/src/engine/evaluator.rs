//! One evaluation: dispatch over the tree, the budget of samples, cancellation, and what is to be said at the end.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bellwether_model::{Matcher, Queryable, Series, Timestamp};

use crate::ast::{Ast, Expr, NodeId};
use crate::engine::column::{Column, absent, is_absent};
use crate::engine::{Engine, Limits, invariant};
use crate::error::{EvalError, line_and_column};
use crate::query::Query;
use crate::value::{Answer, Value};

/// The times of an evaluation: `count` of them from `start`, `step` milliseconds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

/// The result of one node for all steps.
#[derive(Debug)]
pub(super) enum Evaluated {
    Scalar(Vec<f64>),
    String(Arc<str>),
    Vector(Vec<Column>),
}

impl Evaluated {
    fn values(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::String(_) => 0,
            Self::Vector(columns) => columns.iter().map(|column| column.values.len()).sum(),
        }
    }
}

/// What storage answered; a selector that stands twice in a query is asked for once.
pub(super) struct Selected {
    pub(super) matchers: Vec<Matcher>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) series: Arc<Vec<Series>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning,
    Info,
}

pub(super) struct Evaluator<'a> {
    pub(super) engine: &'a Engine,
    pub(super) query: &'a Query,
    pub(super) source: &'a dyn Queryable,
    limits: Limits<'a>,
    /// Start and end of the whole query as they were asked for, for `@ start()` and `start()`.
    pub(super) bounds: (Timestamp, Timestamp),
    /// Step of a range query in milliseconds; 0 for an instant query.
    pub(super) outer_step_ms: i64,
    /// For each node whether it is the same at every step.
    invariant: Vec<bool>,
    /// Samples of results that are still needed.
    held: Cell<usize>,
    /// Samples in `selected`, which stay until the end.
    cached: Cell<usize>,
    notes: RefCell<Vec<(Severity, String)>>,
    pub(super) selected: RefCell<Vec<Selected>>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        query: &'a Query,
        source: &'a dyn Queryable,
        limits: Limits<'a>,
        bounds: (Timestamp, Timestamp),
        outer_step_ms: i64,
    ) -> Self {
        Self {
            engine,
            query,
            source,
            limits,
            bounds,
            outer_step_ms,
            invariant: invariant::nodes(query.ast()),
            held: Cell::new(0),
            cached: Cell::new(0),
            notes: RefCell::default(),
            selected: RefCell::default(),
        }
    }

    pub(super) fn ast(&self) -> &'a Ast {
        self.query.ast()
    }

    /// The result of a node at all steps. What its operands held is given back when it is done.
    pub(super) fn eval(&self, id: NodeId, steps: Steps) -> Result<Evaluated, EvalError> {
        self.check_cancelled()?;
        let held_before = self.held.get();
        let result = if steps.count > 1 && self.invariant[id.0 as usize] {
            let once = self.eval_node(id, Steps { count: 1, ..steps })?;
            repeated(once, steps.count)
        } else {
            self.eval_node(id, steps)?
        };
        self.held.set(held_before);
        self.hold(result.values())?;
        Ok(result)
    }

    fn eval_node(&self, id: NodeId, steps: Steps) -> Result<Evaluated, EvalError> {
        match self.ast().expr(id) {
            Expr::Number { value, .. } => Ok(Evaluated::Scalar(vec![*value; steps.count])),
            Expr::String(text) => Ok(Evaluated::String(Arc::clone(text))),
            Expr::Selector(selector) => self.select(selector, steps).map(Evaluated::Vector),
            Expr::Unary { negate, expr } => {
                let value = self.eval(*expr, steps)?;
                Ok(if *negate { negated(value) } else { value })
            }
            Expr::Binary(binary) => self.binary(binary, steps),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, steps).map(Evaluated::Vector),
            Expr::Call { function, args } => self.call(id, function, args, steps),
            Expr::Paren(inner) => self.eval(*inner, steps),
            // The parser lets range vectors stand only where a function takes them, or alone.
            Expr::Window { .. } | Expr::Subquery(_) => {
                Err(EvalError::BadArgument("range vector where a value is needed".to_owned()))
            }
        }
    }

    pub(super) fn eval_vector(&self, id: NodeId, steps: Steps) -> Result<Vec<Column>, EvalError> {
        match self.eval(id, steps)? {
            Evaluated::Vector(columns) => Ok(columns),
            Evaluated::Scalar(values) => Ok(vec![Column::scalar(values)]),
            Evaluated::String(_) => Err(EvalError::BadArgument("string where a vector is needed".to_owned())),
        }
    }

    pub(super) fn eval_scalar(&self, id: NodeId, steps: Steps) -> Result<Vec<f64>, EvalError> {
        match self.eval(id, steps)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(EvalError::BadArgument("argument is no scalar".to_owned())),
        }
    }

    pub(super) fn eval_string(&self, id: NodeId, steps: Steps) -> Result<Arc<str>, EvalError> {
        match self.eval(id, steps)? {
            Evaluated::String(text) => Ok(text),
            _ => Err(EvalError::BadArgument("argument is no string".to_owned())),
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), EvalError> {
        if (self.limits.cancelled)() { Err(EvalError::Cancelled) } else { Ok(()) }
    }

    /// Counts samples of results against the limit.
    pub(super) fn hold(&self, samples: usize) -> Result<(), EvalError> {
        self.check_room(samples)?;
        self.held.set(self.held.get() + samples);
        Ok(())
    }

    /// Counts samples from storage against the limit.
    pub(super) fn hold_selected(&self, samples: usize) -> Result<(), EvalError> {
        self.check_room(samples)?;
        self.cached.set(self.cached.get() + samples);
        Ok(())
    }

    fn check_room(&self, samples: usize) -> Result<(), EvalError> {
        if samples <= self.room() {
            return Ok(());
        }
        let limit = self.engine.options.max_samples;
        Err(EvalError::TooManySamples { limit, needed: (limit - self.room()).saturating_add(samples) })
    }

    /// How many more samples may be held.
    pub(super) fn room(&self) -> usize {
        self.engine.options.max_samples.saturating_sub(self.held.get() + self.cached.get())
    }

    /// Says something about a node once, with its place as Prometheus prints it.
    pub(super) fn note(&self, severity: Severity, id: NodeId, message: &str) {
        let (line, column) = line_and_column(self.query.text(), self.ast().span(id).start as usize);
        let kind = if severity == Severity::Warning { "warning" } else { "info" };
        let note = (severity, format!("PromQL {kind}: {message} ({line}:{column})"));
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn into_answer(self, value: Value) -> Answer {
        let (warnings, infos): (Vec<_>, Vec<_>) =
            self.notes.into_inner().into_iter().partition(|(severity, _)| *severity == Severity::Warning);
        let texts = |notes: Vec<(Severity, String)>| notes.into_iter().map(|(_, text)| text).collect();
        Answer { value, warnings: texts(warnings), infos: texts(infos) }
    }
}

fn repeated(once: Evaluated, count: usize) -> Evaluated {
    match once {
        Evaluated::Scalar(values) => Evaluated::Scalar(values.repeat(count)),
        Evaluated::Vector(mut columns) => {
            columns.iter_mut().for_each(|column| column.values = column.values.repeat(count));
            Evaluated::Vector(columns)
        }
        text @ Evaluated::String(_) => text,
    }
}

fn negated(value: Evaluated) -> Evaluated {
    match value {
        Evaluated::Scalar(mut values) => {
            values.iter_mut().for_each(|value| *value = -*value);
            Evaluated::Scalar(values)
        }
        Evaluated::Vector(mut columns) => {
            for column in &mut columns {
                column.drop_name = true;
                let present = column.values.iter_mut().filter(|value| !is_absent(**value));
                present.for_each(|value| *value = -*value);
            }
            Evaluated::Vector(columns)
        }
        text @ Evaluated::String(_) => text,
    }
}

/// One column or scalar with `compute` at each step where there is a value.
pub(super) fn map_present(values: &mut [f64], mut compute: impl FnMut(usize, f64) -> Option<f64>) {
    for (at, value) in values.iter_mut().enumerate() {
        if !is_absent(*value) {
            *value = compute(at, *value).unwrap_or_else(absent);
        }
    }
}
