//! A prepared query: parsed and checked once, evaluated as often as wanted.

use std::sync::Arc;

use bellwether_model::Matcher;

use crate::ast::{Ast, Expr, NodeId};
use crate::engine::Plan;

/// An expression that parsed, whose functions exist and whose types fit. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Query(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    text: String,
    ast: Ast,
    plan: Plan,
}

/// The left side and the number of a comparison: what a chart of an alert draws as line and threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Expression of the left side, as it was written.
    pub text: String,
    /// The number that it is compared with.
    pub threshold: f64,
}

impl Query {
    pub(crate) fn new(text: &str, ast: Ast, plan: Plan) -> Self {
        Self(Arc::new(Prepared { text: text.to_owned(), ast, plan }))
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The syntax tree.
    pub fn ast(&self) -> &Ast {
        &self.0.ast
    }

    /// The matchers of each selector, in order of the text: which series the query depends on.
    pub fn selectors(&self) -> impl Iterator<Item = &[Matcher]> {
        self.0.ast.ids().filter_map(|id| match self.0.ast.expr(id) {
            Expr::Selector(selector) => Some(selector.matchers.as_slice()),
            _ => None,
        })
    }

    /// The matchers, where the whole query is one plain series selector such as `up{job="node"}`.
    pub fn as_selector(&self) -> Option<&[Matcher]> {
        match self.0.ast.expr(self.0.ast.without_parens(self.0.ast.root())) {
            Expr::Selector(selector) => Some(selector.matchers.as_slice()),
            _ => None,
        }
    }

    /// Left side and number of a top-level comparison such as `expr > 85`; none for anything else.
    pub fn signal(&self) -> Option<Signal> {
        let Expr::Binary(binary) = self.0.ast.expr(self.0.ast.without_parens(self.0.ast.root())) else {
            return None;
        };
        if !binary.op.is_comparison() {
            return None;
        }
        let threshold = self.number(binary.right)?;
        Some(Signal { text: self.0.ast.span(binary.left).slice(self.text()).to_owned(), threshold })
    }

    fn number(&self, id: NodeId) -> Option<f64> {
        match self.0.ast.expr(id) {
            Expr::Number { value, .. } => Some(*value),
            Expr::Paren(inner) => self.number(*inner),
            Expr::Unary { negate, expr } => {
                self.number(*expr).map(|value| if *negate { -value } else { value })
            }
            _ => None,
        }
    }
}
