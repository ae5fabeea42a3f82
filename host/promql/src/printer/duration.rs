//! Lengths and duration expressions to text.

use std::time::Duration;

use bellwether_model::duration::PrometheusDuration;

use crate::ast::{Ast, DurationExpr, DurationId, Length};
use crate::printer::number;

/// A number, or seconds as a duration.
pub(super) fn literal(value: f64, duration: bool) -> String {
    if duration { millis((value * 1000.0).round() as i64) } else { number(value) }
}

fn millis(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    format!("{sign}{}", PrometheusDuration(Duration::from_millis(millis.unsigned_abs())))
}

/// A length inside of brackets.
pub(super) fn length(ast: &Ast, length: Length) -> String {
    let mut text = String::new();
    match length {
        Length::Millis(value) => text = millis(value),
        Length::Computed(id) => expression(ast, id, &mut text),
    }
    text
}

/// A length after `offset`, where the beginning of an expression may be taken for all of it.
pub(super) fn offset(ast: &Ast, offset: Length) -> String {
    let text = length(ast, offset);
    match offset {
        // Two signs are always the beginning of a whole expression, and are no part of the tree.
        Length::Computed(id) if begins_like_whole_offset(ast, id) => format!("++{text}"),
        _ => text,
    }
}

/// Whether a proper beginning of the expression would be an offset of its own: a literal, a call or parentheses, with
/// one sign at most.
fn begins_like_whole_offset(ast: &Ast, mut id: DurationId) -> bool {
    let (mut is_whole, mut signs) = (true, 0);
    loop {
        match ast.duration(id) {
            DurationExpr::Binary { left, .. } => (is_whole, id) = (false, left),
            DurationExpr::Negate(inner) | DurationExpr::Plus(inner) => (signs, id) = (signs + 1, inner),
            DurationExpr::Paren(_) => return !is_whole && signs == 1,
            DurationExpr::Number { seconds, .. } => {
                return !is_whole && signs + i32::from(seconds.is_sign_negative()) <= 1;
            }
            _ => return !is_whole && signs <= 1,
        }
    }
}

/// Down the left sides in a loop, like chains of operators.
fn expression(ast: &Ast, id: DurationId, text: &mut String) {
    let mut operators = Vec::new();
    let mut leftmost = id;
    while let DurationExpr::Binary { op, left, right } = ast.duration(leftmost) {
        operators.push((op, right));
        leftmost = left;
    }
    simple(ast, leftmost, text);
    for (op, right) in operators.into_iter().rev() {
        *text += &format!(" {} ", op.as_str());
        expression(ast, right, text);
    }
}

fn simple(ast: &Ast, id: DurationId, text: &mut String) {
    let mut around = |before: &str, inner: &[DurationId], after: &str| {
        text.push_str(before);
        for (at, &inner) in inner.iter().enumerate() {
            text.push_str(if at > 0 { ", " } else { "" });
            expression(ast, inner, text);
        }
        text.push_str(after);
    };
    match ast.duration(id) {
        DurationExpr::Number { seconds, duration } => around(&literal(seconds, duration), &[], ""),
        DurationExpr::Step => around("step()", &[], ""),
        DurationExpr::Range => around("range()", &[], ""),
        DurationExpr::Negate(inner) => around("-", &[inner], ""),
        DurationExpr::Plus(inner) => around("+", &[inner], ""),
        DurationExpr::Max(left, right) => around("max_of(", &[left, right], ")"),
        DurationExpr::Min(left, right) => around("min_of(", &[left, right], ")"),
        DurationExpr::Paren(inner) => around("(", &[inner], ")"),
        // Walked by the caller.
        DurationExpr::Binary { .. } => {}
    }
}
