//! A prepared query: parsed and checked once, evaluated as often as wanted.

use bellwether_model::Matcher;

use crate::ast::{Ast, Expr, NodeId};

/// An expression that parsed, whose functions exist and whose types fit.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    ast: Ast,
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
    pub(crate) fn new(text: &str, ast: Ast) -> Self {
        Self { text: text.to_owned(), ast }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The syntax tree.
    pub fn ast(&self) -> &Ast {
        &self.ast
    }

    /// The matchers of each selector, in order of the text: which series the query depends on.
    pub fn selectors(&self) -> impl Iterator<Item = &[Matcher]> {
        self.ast.ids().filter_map(|id| match self.ast.expr(id) {
            Expr::Selector(selector) => Some(selector.matchers.as_slice()),
            _ => None,
        })
    }

    /// The matchers, where the whole query is one plain series selector such as `up{job="node"}`.
    pub fn as_selector(&self) -> Option<&[Matcher]> {
        match self.ast.expr(self.ast.without_parens(self.ast.root())) {
            Expr::Selector(selector) => Some(selector.matchers.as_slice()),
            _ => None,
        }
    }

    /// Left side and number of a top-level comparison such as `expr > 85`; none for anything else.
    pub fn signal(&self) -> Option<Signal> {
        let Expr::Binary(binary) = self.ast.expr(self.ast.without_parens(self.ast.root())) else {
            return None;
        };
        if !binary.op.is_comparison() {
            return None;
        }
        let threshold = self.number(binary.right)?;
        Some(Signal { text: self.ast.span(binary.left).slice(&self.text).to_owned(), threshold })
    }

    fn number(&self, id: NodeId) -> Option<f64> {
        match self.ast.expr(id) {
            Expr::Number { value, .. } => Some(*value),
            Expr::Paren(inner) => self.number(*inner),
            Expr::Unary { negate, expr } => {
                self.number(*expr).map(|value| if *negate { -value } else { value })
            }
            _ => None,
        }
    }
}
