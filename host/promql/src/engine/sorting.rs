//! `sort` and `sort_by_label`.

use std::cmp::Ordering;

use crate::annotations::Remark;
use crate::ast::NodeId;
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Vector};
use crate::error::EvalError;
use crate::functions::{Special, labels};

impl Evaluator<'_> {
    /// Orders the series of an instant query; over a range the order is that of the labels, whatever is asked for.
    pub(super) fn sort(
        &self,
        special: Special,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let by_value = matches!(special, Special::Sort | Special::SortDesc);
        let mut vector = self.eval_vector(args[0], steps)?.into_own();
        if by_value {
            vector.cells.histograms = Vec::new();
        }
        let names = self.texts(&args[1..], steps)?;
        if !steps.is_instant() {
            self.remark(id, Remark::SortInRange);
            return Ok(vector);
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let mut places: Vec<usize> =
            (0..vector.shape.len()).filter(|&place| vector.is_present(place, 0)).collect();
        let value = |place: usize| match vector.get(place, 0) {
            Cell::Float(value) => value,
            Cell::Absent | Cell::Histogram(_) => f64::NAN,
        };
        let labels = vector.shape.labels();
        places.sort_by(|&a, &b| match special {
            Special::Sort => by_value_nan_last(value(a), value(b), false),
            Special::SortDesc => by_value_nan_last(value(a), value(b), true),
            Special::SortByLabelDesc => labels::compare_by(&names, &labels[b], &labels[a]),
            _ => labels::compare_by(&names, &labels[a], &labels[b]),
        });
        Ok(vector.picked(&places))
    }
}

/// Smaller first, or larger; NaN after everything else.
pub(super) fn by_value_nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    let by_value = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    let by_value = if descending { by_value.reverse() } else { by_value };
    a.is_nan().cmp(&b.is_nan()).then(by_value)
}
