//! `absent` and `absent_over_time`: 1 where there is nothing.

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, LabelsBuilder, MatchOp};

use crate::ast::{Expr, NodeId, Selector};
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Shape, Vector, absent};
use crate::error::EvalError;

impl Evaluator<'_> {
    pub(super) fn absent(&self, arg: NodeId, steps: Steps) -> Result<Vector, EvalError> {
        let vector = self.eval_vector(arg, steps)?;
        let series = 0..vector.shape.len();
        let is_empty = |step| !series.clone().any(|place| vector.is_present(place, step));
        let empty: Vec<bool> = (0..steps.count).map(is_empty).collect();
        Ok(self.absence(arg, &empty, false))
    }

    pub(super) fn absent_over_time(&self, arg: NodeId, steps: Steps) -> Result<Vector, EvalError> {
        let empty = self.is_empty_over_time(arg, steps)?;
        Ok(self.absence(arg, &empty, true))
    }

    /// 1 at each step without anything, with the labels that the selector asks for.
    fn absence(&self, arg: NodeId, empty: &[bool], drops_name: bool) -> Vector {
        let values = empty.iter().map(|&empty| if empty { 1.0 } else { absent() }).collect();
        let selector = |id: NodeId| match self.ast().expr(id) {
            Expr::Selector(selector) => absent_labels(selector),
            _ => Labels::empty(),
        };
        let inner = self.ast().without_parens(arg);
        let labels = match self.ast().expr(inner) {
            Expr::Window { selector: inner, .. } => selector(*inner),
            _ => selector(inner),
        };
        let shape = Shape::new(vec![labels], vec![drops_name]);
        Vector { shape, steps: empty.len(), cells: Cells::floats(values) }
    }
}

/// The labels that equal-matchers name once; a label with several conditions is left out.
fn absent_labels(selector: &Selector) -> Labels {
    let mut builder = LabelsBuilder::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
            builder.set(matcher.name(), matcher.value());
            seen.push(matcher.name());
        } else {
            builder.remove(matcher.name());
        }
    }
    builder.build()
}
