//! Which nodes are the same at every step of a range query: those that look at the data only through `@`.
//!
//! They are evaluated once, as Prometheus does, which is not only faster: inside of them there is one step, so that
//! `sort` orders and does not warn.

use crate::ast::{Ast, Expr, NodeId};

/// Functions that depend on the time of evaluation, whatever their arguments.
pub(crate) const TIME_DEPENDENT: [&str; 15] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// For each node whether it is the same at every step.
pub(super) fn nodes(ast: &Ast) -> Vec<bool> {
    let mut fixed: Vec<bool> = Vec::with_capacity(ast.ids().count());
    for id in ast.ids() {
        let of = |id: NodeId| fixed[id.0 as usize];
        let is_fixed = match ast.expr(id) {
            Expr::Number { .. } | Expr::String(_) => true,
            Expr::Selector(selector) => selector.shift.at.is_some(),
            Expr::Window { selector, .. } => of(*selector),
            Expr::Subquery(subquery) => subquery.shift.at.is_some(),
            Expr::Unary { expr, .. } | Expr::Paren(expr) => of(*expr),
            Expr::Binary(binary) => of(binary.left) && of(binary.right),
            // The parameter does not count, as in Prometheus.
            Expr::Aggregate(aggregate) => of(aggregate.expr),
            Expr::Call { function, args } => call_is_fixed(ast, function, args, &of),
        };
        fixed.push(is_fixed);
    }
    fixed
}

fn call_is_fixed(ast: &Ast, function: &str, args: &[NodeId], of: &dyn Fn(NodeId) -> bool) -> bool {
    match function {
        // The values of these do not change within a query.
        "start" | "end" | "step" | "range" => true,
        // Times of the samples themselves, not of the evaluation.
        "timestamp" => {
            args.iter().all(|&arg| of(arg) && matches!(ast.expr(ast.without_parens(arg)), Expr::Selector(_)))
        }
        "info" => args.first().is_some_and(|&arg| of(arg) && has_one_reference(ast, arg)),
        _ => !TIME_DEPENDENT.contains(&function) && args.iter().all(|&arg| of(arg)),
    }
}

/// Whether all selectors under a node look at the same time.
fn has_one_reference(ast: &Ast, id: NodeId) -> bool {
    let mut shifts = Vec::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        match ast.expr(id) {
            Expr::Selector(selector) => shifts.push(selector.shift),
            Expr::Subquery(_) => return false,
            _ => open.extend(ast.children(id)),
        }
    }
    shifts.windows(2).all(|pair| pair[0] == pair[1]) && !shifts.is_empty()
}
