//! Lengths of time in a query: literals, and expressions such as `step() * 2` that have a value only when the query is
//! evaluated.

use std::fmt;

use crate::ast::{Ast, BinaryOp, Span};

/// Longest length, in seconds: nanoseconds in an i64, as in Prometheus.
pub(crate) const MAX_SECONDS: f64 = i64::MAX as f64 / 1e9;

/// The range or step of a window, or an offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// A literal, in milliseconds. Ranges and steps are above 0, offsets are not 0.
    Millis(i64),
    /// An expression; [`Ast::length_ms`] gives its value.
    Computed(DurationId),
}

/// A duration expression of one [`Ast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationId(pub(crate) u32);

/// One kind of duration expression. Values are seconds; experimental, see [`crate::Features::duration_expressions`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DurationExpr {
    /// `300` or `5m`; its sign is part of it.
    Number {
        /// The value.
        seconds: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// `step()`: the step of the query, 0 for an instant query.
    Step,
    /// `range()`: from the start to the end of the query, 0 for an instant query.
    Range,
    /// `-expr`
    Negate(DurationId),
    /// `+(expr)` as a whole offset, kept because `x offset +(5m) ^ 2` is `(x offset 5m) ^ 2`, which
    /// `x offset (5m) ^ 2` is not.
    Plus(DurationId),
    /// `a + b`, with `+`, `-`, `*`, `/`, `%` or `^`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left side.
        left: DurationId,
        /// Right side.
        right: DurationId,
    },
    /// `max_of(a, b)`
    Max(DurationId, DurationId),
    /// `min_of(a, b)`
    Min(DurationId, DurationId),
    /// `(expr)`; several pairs of parentheses count as one.
    Paren(DurationId),
}

#[derive(Debug, Clone)]
pub(crate) struct DurationNode {
    /// As Prometheus counts it: calls from their first to their last argument, parentheses only around literals.
    pub(crate) span: Span,
    /// The first node of the subtree, which ends with this one.
    pub(crate) first: u32,
    /// As for [`crate::ast::Node`].
    pub(crate) height: u16,
    pub(crate) expr: DurationExpr,
}

/// What `step()` and `range()` are in one query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DurationContext {
    /// Step of a range query in milliseconds; 0 for an instant query.
    pub step_ms: i64,
    /// End minus start of a range query in milliseconds; 0 for an instant query.
    pub range_ms: i64,
}

/// What a length is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthRole {
    /// The range of a window or the step of a subquery, which have to be above 0.
    Window,
    /// An offset, which may be negative.
    Offset,
}

/// A duration expression without a usable value. Prints as Prometheus does: first and last byte, then the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LengthError {
    /// What is wrong.
    pub message: &'static str,
    /// Which bytes of the query it is about.
    pub span: Span,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.span.start, self.span.end, self.message)
    }
}

impl std::error::Error for LengthError {}

impl Ast {
    /// The value of a length in milliseconds. A window may be 0 if an expression gives less than a millisecond.
    pub fn length_ms(
        &self,
        length: Length,
        context: DurationContext,
        role: LengthRole,
    ) -> Result<i64, LengthError> {
        let id = match length {
            Length::Millis(millis) => return Ok(millis),
            Length::Computed(id) => id,
        };
        let seconds = self.seconds(id, context)?;
        let message = if !seconds.is_finite() {
            "duration is NaN or infinite"
        } else if seconds <= 0.0 && role == LengthRole::Window {
            "duration must be greater than 0"
        } else if seconds.abs() > MAX_SECONDS {
            "duration is out of range"
        } else {
            // Cut off, as Prometheus does.
            return Ok((seconds * 1000.0) as i64);
        };
        Err(LengthError { message, span: self.duration_span(id) })
    }

    /// What a duration expression is.
    pub fn duration(&self, id: DurationId) -> DurationExpr {
        self.durations[id.0 as usize].expr
    }

    /// Where a duration expression stands in the text.
    pub fn duration_span(&self, id: DurationId) -> Span {
        self.durations[id.0 as usize].span
    }

    /// One pass over the subtree, children first, with their values on a stack.
    fn seconds(&self, id: DurationId, context: DurationContext) -> Result<f64, LengthError> {
        let first = self.durations[id.0 as usize].first;
        let mut stack = Vec::new();
        for node in &self.durations[first as usize..=id.0 as usize] {
            let value = match node.expr {
                DurationExpr::Number { seconds, .. } => seconds,
                DurationExpr::Step => context.step_ms as f64 / 1000.0,
                DurationExpr::Range => context.range_ms as f64 / 1000.0,
                DurationExpr::Negate(_) => -pop(&mut stack),
                DurationExpr::Plus(_) | DurationExpr::Paren(_) => pop(&mut stack),
                DurationExpr::Binary { op, .. } => {
                    let (right, left) = (pop(&mut stack), pop(&mut stack));
                    binary(op, left, right).map_err(|message| LengthError { message, span: node.span })?
                }
                // A NaN on either side wins, as in Go.
                DurationExpr::Max(..) | DurationExpr::Min(..) => {
                    let (right, left) = (pop(&mut stack), pop(&mut stack));
                    let is_max = matches!(node.expr, DurationExpr::Max(..));
                    match () {
                        () if left.is_nan() || right.is_nan() => f64::NAN,
                        () if is_max => left.max(right),
                        () => left.min(right),
                    }
                }
            };
            stack.push(value);
        }
        Ok(pop(&mut stack))
    }
}

fn pop(stack: &mut Vec<f64>) -> f64 {
    stack.pop().expect("children stand before their parents")
}

fn binary(op: BinaryOp, left: f64, right: f64) -> Result<f64, &'static str> {
    Ok(match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div if right == 0.0 => return Err("division by zero"),
        BinaryOp::Mod if right == 0.0 => return Err("modulo by zero"),
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        _ => return Err("operator not allowed in durations"),
    })
}
