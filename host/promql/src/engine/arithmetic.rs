//! Binary operators on two numbers, or on numbers and native histograms.

use std::sync::Arc;

use bellwether_model::FloatHistogram;
use bellwether_model::histogram::CounterResetHint;

use crate::annotations::{Combination, Remark};
use crate::ast::BinaryOp;
use crate::engine::vector::Cell;

/// The number beside a vector, at each step.
#[derive(Debug)]
pub(super) struct ScalarSide {
    pub(super) values: Vec<f64>,
    /// Whether the number stands on the left.
    pub(super) scalar_first: bool,
}

/// The value of an operator; comparisons give 1 or 0.
pub(super) fn apply(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::NotEqual => truth(a != b),
        BinaryOp::Greater => truth(a > b),
        BinaryOp::GreaterOrEqual => truth(a >= b),
        BinaryOp::Less => truth(a < b),
        BinaryOp::LessOrEqual => truth(a <= b),
        // Set operators work on series, trimming on histograms; the parser keeps both away from plain numbers.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => {
            f64::NAN
        }
    }
}

/// What becomes of two floats of vectors: none where a comparison filters them out. `kept` is the value that a filter
/// lets through.
pub(super) fn combine(op: BinaryOp, returns_bool: bool, a: f64, b: f64, kept: f64) -> Option<f64> {
    let value = apply(op, a, b);
    if op.is_comparison() && !returns_bool { (value != 0.0).then_some(kept) } else { Some(value) }
}

/// The value of an operator on cells.
#[derive(Debug)]
pub(super) enum Combined {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// What an operator makes of two cells that are not both floats or not both absent.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) value: Combined,
    /// Whether a comparison holds; true for all other operators.
    pub(super) holds: bool,
    pub(super) remark: Option<Remark>,
}

impl Outcome {
    fn histogram(histogram: FloatHistogram) -> Self {
        Self { value: Combined::Histogram(Arc::new(compact(histogram))), holds: true, remark: None }
    }
}

fn compact(mut histogram: FloatHistogram) -> FloatHistogram {
    histogram.compact(0);
    histogram
}

/// Applies an operator to two cells, as Prometheus 3. An error leaves the pair out of the result; it is none where
/// there is nothing to say about that.
pub(super) fn combine_cells(op: BinaryOp, a: Cell<'_>, b: Cell<'_>) -> Result<Outcome, Option<Remark>> {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) if !op.is_trim() => {
            let holds = !op.is_comparison() || apply(op, a, b) != 0.0;
            let value = if op.is_comparison() { a } else { apply(op, a, b) };
            Ok(Outcome { value: Combined::Float(value), holds, remark: None })
        }
        (Cell::Float(factor), Cell::Histogram(histogram)) if op == BinaryOp::Mul => {
            Ok(scaled(histogram, |histogram| histogram.mul(factor)))
        }
        (Cell::Histogram(histogram), Cell::Float(number)) => match op {
            BinaryOp::Mul => Ok(scaled(histogram, |histogram| histogram.mul(number))),
            BinaryOp::Div => Ok(scaled(histogram, |histogram| histogram.div(number))),
            BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                let mut trimmed = FloatHistogram::clone(histogram);
                trimmed.trim_buckets(number, op == BinaryOp::TrimUpper);
                let value = Combined::Histogram(Arc::new(trimmed));
                Ok(Outcome { value, holds: true, remark: None })
            }
            _ => Err(Some(incompatible(op, a, b))),
        },
        (Cell::Histogram(a_histogram), Cell::Histogram(b_histogram)) => match op {
            BinaryOp::Add => sum(a_histogram, b_histogram),
            BinaryOp::Sub => difference(a_histogram, b_histogram),
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let holds = a_histogram.equals(b_histogram) == (op == BinaryOp::Equal);
                Ok(Outcome { value: Combined::Histogram(Arc::clone(a_histogram)), holds, remark: None })
            }
            _ => Err(Some(incompatible(op, a, b))),
        },
        (Cell::Absent, _) | (_, Cell::Absent) => Err(None),
        (Cell::Float(_), _) => Err(Some(incompatible(op, a, b))),
    }
}

fn scaled(histogram: &FloatHistogram, scale: impl FnOnce(&mut FloatHistogram)) -> Outcome {
    let mut scaled = histogram.clone();
    scale(&mut scaled);
    Outcome::histogram(scaled)
}

fn sum(a: &FloatHistogram, b: &FloatHistogram) -> Result<Outcome, Option<Remark>> {
    let mut sum = a.clone();
    let reconciled = sum.add(b).map_err(|_| Some(Remark::IncompatibleBucketLayout("+")))?;
    if reconciled.counter_reset_collision {
        return Err(Some(Remark::CounterResetCollision(Combination::Addition)));
    }
    let remark =
        reconciled.bounds_reconciled.then_some(Remark::MismatchedCustomBuckets(Combination::Addition));
    Ok(Outcome { remark, ..Outcome::histogram(sum) })
}

fn difference(a: &FloatHistogram, b: &FloatHistogram) -> Result<Outcome, Option<Remark>> {
    let mut difference = a.clone();
    let reconciled = difference.sub(b).map_err(|_| Some(Remark::IncompatibleBucketLayout("-")))?;
    difference.counter_reset_hint = CounterResetHint::Gauge;
    if reconciled.counter_reset_collision {
        return Err(Some(Remark::CounterResetCollision(Combination::Subtraction)));
    }
    let remark =
        reconciled.bounds_reconciled.then_some(Remark::MismatchedCustomBuckets(Combination::Subtraction));
    Ok(Outcome { remark, ..Outcome::histogram(difference) })
}

fn incompatible(op: BinaryOp, a: Cell<'_>, b: Cell<'_>) -> Remark {
    let name = |cell| if matches!(cell, Cell::Histogram(_)) { "histogram" } else { "float" };
    Remark::IncompatibleTypes { left: name(a), operator: op.as_str(), right: name(b) }
}
