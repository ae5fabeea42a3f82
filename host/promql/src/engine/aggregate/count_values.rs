//! `count_values`: how many series of a group have each value.

use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_model::labels::METRIC_NAME;
use bellwether_model::number::Plain;
use rustc_hash::FxHashMap;

use crate::ast::Aggregate;
use crate::engine::call::is_label_name;
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector, is_absent};
use crate::error::EvalError;

impl Evaluator<'_> {
    pub(super) fn count_values(&self, aggregate: &Aggregate, steps: Steps) -> Result<Vector, EvalError> {
        let label = match aggregate.param {
            Some(param) => self.eval_string(param, steps)?,
            None => Arc::from(""),
        };
        if !is_label_name(&label) {
            return Err(EvalError::BadArgument(format!("invalid label name {label:?}")));
        }
        let input = self.eval_vector(aggregate.expr, steps)?;
        let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
        let (mut labels, mut cells) = (Vec::new(), Cells::default());
        for place in 0..input.shape.len() {
            for step in 0..steps.count {
                let value = match input.get(place, step) {
                    Cell::Absent => continue,
                    Cell::Float(value) => Plain(value).to_string(),
                    Cell::Histogram(histogram) => histogram.to_string(),
                };
                let group = group(aggregate, &label, &input.shape.labels()[place], value);
                let at = match places.get(&group) {
                    Some(&at) => at,
                    None => {
                        self.budget.hold(steps.count)?;
                        cells.grow(steps.count);
                        labels.push(group.clone());
                        places.insert(group, labels.len() - 1);
                        labels.len() - 1
                    }
                };
                let count = &mut cells.floats[at * steps.count + step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
        }
        let drops = vec![false; labels.len()];
        Ok(Vector { shape: Shape::new(labels, drops), steps: steps.count, cells })
    }
}

/// The labels of the group of a value: those that are grouped by, and the value itself.
fn group(aggregate: &Aggregate, label: &Arc<str>, labels: &Labels, value: String) -> Labels {
    let listed = |name: &str| aggregate.labels.iter().any(|label| **label == *name);
    let mut builder = labels.to_builder();
    builder.set(Arc::clone(label), value);
    let valued = builder.build();
    if aggregate.without {
        valued.filtered(|name| name != METRIC_NAME && !listed(name))
    } else {
        valued.filtered(|name| listed(name) || *name == **label)
    }
}
