//! Binary operators on two numbers.

use crate::ast::BinaryOp;

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
        // Set operators work on series; the parser keeps them away from numbers.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}

/// What becomes of two values of vectors: none where a comparison filters them out. `kept` is the value that a filter
/// lets through.
pub(super) fn combine(op: BinaryOp, returns_bool: bool, a: f64, b: f64, kept: f64) -> Option<f64> {
    let value = apply(op, a, b);
    if op.is_comparison() && !returns_bool { (value != 0.0).then_some(kept) } else { Some(value) }
}
