//! Which nodes are the same at every step of a range query: those that look at the data only through `@`.
//!
//! They are evaluated once, as Prometheus does, which is not only faster: inside of them there is one step, so that
//! `sort` orders and does not warn.

use crate::ast::{Ast, Expr, NodeId};

/// Functions that depend on the time of evaluation, whatever their arguments.
const TIME_DEPENDENT: [&str; 15] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
    "time",
    "timestamp",
    "predict_linear",
    "start",
    "end",
    "step",
    "range",
];

/// For each node whether it is the same at every step. Literals are not marked: there is nothing to save.
pub(super) fn nodes(ast: &Ast) -> Vec<bool> {
    let mut fixed: Vec<bool> = Vec::with_capacity(ast.nodes.len());
    let is_constant =
        |id: NodeId| matches!(ast.expr(ast.without_parens(id)), Expr::Number { .. } | Expr::String(_));
    for id in ast.ids() {
        let of = |id: NodeId| fixed[id.0 as usize];
        let or_constant = |id: &NodeId| of(*id) || is_constant(*id);
        let is_fixed = match ast.expr(id) {
            Expr::Number { .. } | Expr::String(_) => false,
            Expr::Selector(selector) => selector.shift.at.is_some(),
            Expr::Window { selector, .. } => of(*selector),
            Expr::Subquery(subquery) => subquery.shift.at.is_some() || of(subquery.expr),
            Expr::Unary { expr, .. } | Expr::Paren(expr) => of(*expr),
            Expr::Binary(binary) => {
                let sides = [binary.left, binary.right];
                sides.iter().any(|&side| of(side)) && sides.iter().all(or_constant)
            }
            Expr::Aggregate(aggregate) => of(aggregate.expr) && aggregate.param.iter().all(or_constant),
            Expr::Call { function, args } => {
                !TIME_DEPENDENT.contains(&&**function)
                    && args.iter().any(|&arg| of(arg))
                    && args.iter().all(or_constant)
            }
        };
        fixed.push(is_fixed);
    }
    fixed
}
