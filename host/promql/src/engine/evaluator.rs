//! One evaluation: dispatch over the tree, what may be held, cancellation, and what is to be said at the end.

use std::cell::RefCell;
use std::sync::Arc;

use bellwether_model::{QueryError, Queryable, Timestamp};

use crate::annotations::{Annotations, Remark};
use crate::ast::{Ast, AtTime, DurationContext, Expr, Length, LengthRole, NodeId, Shift};
use crate::engine::budget::Budget;
use crate::engine::plan::PlanNode;
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::tally::Tally;
use crate::engine::tick::Tick;
use crate::engine::vector::{Cells, Held, Vector};
use crate::engine::{Engine, Limits};
use crate::error::EvalError;
use crate::query::Query;
use crate::value::{Answer, Value};

/// The result of one node for all steps.
#[derive(Debug)]
pub(super) enum Evaluated {
    Scalar(Vec<f64>),
    String(Arc<str>),
    Vector(Held),
}

impl Evaluated {
    pub(super) fn own(vector: Vector) -> Self {
        Self::Vector(Held::Own(vector))
    }

    fn cells(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::String(_) => 0,
            Self::Vector(vector) => vector.cells.len(),
        }
    }
}

/// What an evaluation is part of.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) source: &'a dyn Queryable,
    pub(super) limits: Limits<'a>,
    /// The other queries of the same moment.
    pub(super) tick: Option<&'a Tick>,
    /// Start and end of the whole query as they were asked for.
    pub(super) bounds: (Timestamp, Timestamp),
    /// Step of a range query in milliseconds; 0 for an instant query.
    pub(super) step_ms: i64,
}

impl Scope<'_> {
    /// The steps of the whole query.
    fn steps(&self) -> Steps {
        let (start, end) = self.bounds;
        Steps::between(start.as_millis(), end.as_millis(), self.step_ms)
    }
}

pub(super) struct Evaluator<'a> {
    pub(super) engine: &'a Engine,
    pub(super) query: &'a Query,
    pub(super) scope: Scope<'a>,
    /// Writes of the tick before the evaluation began.
    writes_before: u64,
    /// Milliseconds of the lengths that had to be computed, by number.
    lengths: Vec<i64>,
    pub(super) budget: Budget,
    pub(super) tally: Tally,
    annotations: RefCell<Annotations>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(engine: &'a Engine, query: &'a Query, scope: Scope<'a>) -> Result<Self, EvalError> {
        let context =
            DurationContext { step_ms: scope.step_ms, range_ms: scope.bounds.1.millis_since(scope.bounds.0) };
        let lengths = lengths(query.ast(), context)?;
        let options = engine.options();
        Ok(Self {
            engine,
            query,
            writes_before: scope.tick.map_or(0, Tick::writes),
            lengths,
            budget: Budget::new(options.max_samples, options.max_bytes),
            annotations: RefCell::default(),
            tally: Tally::new(scope.limits.statistics, scope.steps().count),
            scope,
        })
    }

    pub(super) fn ast(&self) -> &'a Ast {
        self.query.ast()
    }

    pub(super) fn plan(&self, id: NodeId) -> &'a Arc<PlanNode> {
        &self.query.plan().nodes[id.0 as usize]
    }

    /// The result of a node at all steps. What its operands held is given back when it is done.
    ///
    /// Chains of binary operators that lean to the left (`a + b + c + …`) may have any length and are walked in a loop;
    /// everything else nests no deeper than the parser allows.
    pub(super) fn eval(&self, id: NodeId, steps: Steps) -> Result<Evaluated, EvalError> {
        let before = self.budget.mark();
        let mut chain = Vec::new();
        let mut at = id;
        let mut value = loop {
            if let Some(value) = self.known(at, steps)? {
                break value;
            }
            let Expr::Binary(binary) = self.ast().expr(at) else {
                break self.finished(at, steps, self.eval_node(at, steps)?);
            };
            chain.push((at, binary));
            at = binary.left;
        };
        while let Some((node, binary)) = chain.pop() {
            self.check_cancelled()?;
            let right = self.eval(binary.right, steps)?;
            value = self.finished(node, steps, self.binary(node, binary, value, right, steps)?);
            self.budget.back_to(before);
            self.budget.hold(value.cells())?;
        }
        self.budget.back_to(before);
        self.budget.hold(value.cells())?;
        Ok(value)
    }

    /// The result of a node that need not be evaluated at each step, or was already for another rule.
    fn known(&self, id: NodeId, steps: Steps) -> Result<Option<Evaluated>, EvalError> {
        self.check_cancelled()?;
        if steps.count > 1 && self.query.plan().invariant[id.0 as usize] {
            self.tally.enter_invariant();
            let once = self.eval(id, steps.first_only())?;
            self.tally.leave_invariant(steps.count);
            return Ok(Some(repeated(once, steps.count)));
        }
        let Some(tick) = self.sharing_tick(id, steps) else {
            return Ok(None);
        };
        Ok(tick.value(self.plan(id)).map(|vector| Evaluated::Vector(Held::Shared(vector))))
    }

    /// Keeps a result for other rules if they have the same node.
    fn finished(&self, id: NodeId, steps: Steps, value: Evaluated) -> Evaluated {
        match (value, self.sharing_tick(id, steps)) {
            (Evaluated::Vector(Held::Own(vector)), Some(tick)) => {
                let vector = Arc::new(vector);
                tick.keep(self.plan(id), Arc::clone(&vector), self.writes_before);
                Evaluated::Vector(Held::Shared(vector))
            }
            (value, _) => value,
        }
    }

    /// The tick, if this is its moment and other queries have the node too. What is counted is counted each time.
    fn sharing_tick(&self, id: NodeId, steps: Steps) -> Option<&'a Tick> {
        let tick = self.scope.tick.filter(|_| !self.tally.is_on())?;
        let is_shared = Arc::strong_count(self.plan(id)) > 1;
        (is_shared && steps == Steps::at(tick.at().as_millis())).then_some(tick)
    }

    fn eval_node(&self, id: NodeId, steps: Steps) -> Result<Evaluated, EvalError> {
        match self.ast().expr(id) {
            Expr::Number { value, .. } => Ok(Evaluated::Scalar(vec![*value; steps.count])),
            Expr::String(text) => Ok(Evaluated::String(Arc::clone(text))),
            Expr::Paren(inner) => self.eval(*inner, steps),
            Expr::Unary { negate, expr } => match self.eval(*expr, steps)? {
                Evaluated::Scalar(values) if *negate => {
                    Ok(Evaluated::Scalar(values.into_iter().map(|value| -value).collect()))
                }
                Evaluated::Vector(vector) if *negate => {
                    Ok(Evaluated::own(super::elementwise::negated(vector.into_own())))
                }
                other => Ok(other),
            },
            Expr::Call { function, args } => self.call(id, function, args, steps),
            Expr::Selector(selector) => {
                let stage = self.selector_stage(id, selector, steps)?;
                Ok(Evaluated::own(stage.into_vector(self, steps)?))
            }
            Expr::Aggregate(aggregate) => self.aggregate(id, aggregate, steps).map(Evaluated::own),
            // The parser lets range vectors stand only where a function takes them, or alone; operators are taken
            // apart in `eval`.
            Expr::Window { .. } | Expr::Subquery(_) | Expr::Binary(_) => {
                Err(EvalError::BadArgument("range vector where a value is needed".to_owned()))
            }
        }
    }

    pub(super) fn eval_vector(&self, id: NodeId, steps: Steps) -> Result<Held, EvalError> {
        match self.eval(id, steps)? {
            Evaluated::Vector(vector) => Ok(vector),
            Evaluated::Scalar(values) => Ok(Held::Own(Vector::of_scalar(values))),
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

    /// A node as something that gives its series piece by piece.
    pub(super) fn stage(&self, id: NodeId, steps: Steps) -> Result<Stage<'a>, EvalError> {
        if let Some(Evaluated::Vector(vector)) = self.known(id, steps)? {
            return Ok(Stage::Whole(vector));
        }
        // What others need too is computed as a whole, and kept.
        if self.sharing_tick(id, steps).is_some() {
            return self.eval_vector(id, steps).map(Stage::Whole);
        }
        match self.piecewise(id, steps)? {
            Some(stage) => Ok(stage),
            None => self.eval_vector(id, steps).map(Stage::Whole),
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), EvalError> {
        if (self.scope.limits.cancelled)() { Err(EvalError::Cancelled) } else { Ok(()) }
    }

    /// The time that an expression with `offset` and `@` looks at.
    pub(super) fn shifted(&self, shift: Shift, at: i64) -> i64 {
        let at = match shift.at {
            None => at,
            Some(AtTime::Fixed(time)) => time.as_millis(),
            Some(AtTime::Start) => self.scope.bounds.0.as_millis(),
            Some(AtTime::End) => self.scope.bounds.1.as_millis(),
        };
        at.saturating_sub(shift.offset.map_or(0, |offset| self.millis(offset)))
    }

    /// A length in milliseconds.
    pub(super) fn millis(&self, length: Length) -> i64 {
        match length {
            Length::Millis(millis) => millis,
            Length::Computed(id) => self.lengths[id.0 as usize],
        }
    }

    /// Says something about what begins at a byte of the query.
    pub(super) fn remark_at(&self, position: u32, remark: Remark) {
        self.annotations.borrow_mut().add(remark, position);
    }

    /// Says something about a node.
    pub(super) fn remark(&self, id: NodeId, remark: Remark) {
        self.remark_at(self.ast().span(id).start, remark);
    }

    pub(super) fn into_answer(self, value: Value) -> Answer {
        let (warnings, infos) = self.annotations.borrow().rendered(self.query.text());
        let steps = self.scope.steps();
        let stats = self.tally.into_stats(self.budget.peak() as u64, steps);
        Answer { value, warnings, infos, stats }
    }
}

/// The values of all lengths that have to be computed, by number.
fn lengths(ast: &Ast, context: DurationContext) -> Result<Vec<i64>, EvalError> {
    let mut values = vec![0; ast.durations.len()];
    if values.is_empty() {
        return Ok(values);
    }
    let mut compute = |length: Option<Length>, role| -> Result<(), EvalError> {
        if let Some(length @ Length::Computed(id)) = length {
            values[id.0 as usize] = ast.length_ms(length, context, role).map_err(EvalError::Length)?;
        }
        Ok(())
    };
    for id in ast.ids() {
        match ast.expr(id) {
            Expr::Selector(selector) => compute(selector.shift.offset, LengthRole::Offset)?,
            Expr::Window { range, .. } => compute(Some(*range), LengthRole::Window)?,
            Expr::Subquery(subquery) => {
                compute(subquery.shift.offset, LengthRole::Offset)?;
                compute(subquery.step, LengthRole::Window)?;
                compute(Some(subquery.range), LengthRole::Window)?;
            }
            _ => {}
        }
    }
    Ok(values)
}

/// What storage could not do, for the asker.
pub(super) fn storage_error(error: QueryError) -> EvalError {
    match error {
        QueryError::TooManySamples { limit } => {
            EvalError::TooManySamples { limit, needed: limit.saturating_add(1) }
        }
        other @ QueryError::Storage(_) => EvalError::Select(other),
    }
}

/// The value of one step at each of many.
fn repeated(once: Evaluated, count: usize) -> Evaluated {
    match once {
        Evaluated::Scalar(values) => Evaluated::Scalar(vec![values[0]; count]),
        Evaluated::String(text) => Evaluated::String(text),
        Evaluated::Vector(vector) => {
            let Vector { shape, cells, .. } = vector.into_own();
            let repeat = |value: &f64| std::iter::repeat_n(*value, count);
            let floats = cells.floats.iter().flat_map(repeat).collect();
            let histograms =
                cells.histograms.iter().flat_map(|cell| std::iter::repeat_n(cell.clone(), count)).collect();
            Evaluated::own(Vector { shape, steps: count, cells: Cells { floats, histograms } })
        }
    }
}
