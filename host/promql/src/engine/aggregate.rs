//! Aggregations: series in groups, each group one result; or the series of each group that rank highest.

mod count_values;
mod fold;
mod histograms;
mod ranked;

use bellwether_model::Labels;
use bellwether_model::labels::METRIC_NAME;
use rustc_hash::FxHashMap;

use crate::annotations::Remark;
use crate::ast::{Aggregate, AggregateOp, NodeId};
use crate::engine::evaluator::Evaluator;
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector};
use crate::error::EvalError;
use crate::statistics;

/// Which group each series belongs to, and what the groups are called.
#[derive(Debug)]
struct Groups {
    of: Vec<u32>,
    shape: Shape,
}

impl Groups {
    fn new(aggregate: &Aggregate, input: &Shape) -> Self {
        let mut places: FxHashMap<Labels, u32> = FxHashMap::default();
        let (mut of, mut labels, mut drops) = (Vec::with_capacity(input.len()), Vec::new(), Vec::new());
        for (place, series) in input.labels().iter().enumerate() {
            let group = *places.entry(group_labels(aggregate, series)).or_insert_with_key(|group| {
                labels.push(group.clone());
                drops.push(false);
                labels.len() as u32 - 1
            });
            drops[group as usize] |= input.drops_name(place);
            of.push(group);
        }
        Self { of, shape: Shape::new(labels, drops) }
    }
}

/// The labels by which a series is grouped.
fn group_labels(aggregate: &Aggregate, labels: &Labels) -> Labels {
    let listed = |name: &str| aggregate.labels.iter().any(|label| **label == *name);
    if aggregate.without {
        labels.filtered(|name| name != METRIC_NAME && !listed(name))
    } else {
        labels.filtered(listed)
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn aggregate(
        &self,
        id: NodeId,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        if aggregate.op == AggregateOp::CountValues {
            return self.count_values(aggregate, steps);
        }
        let params = match aggregate.param {
            Some(param) => self.eval_scalar(param, steps)?,
            None => Vec::new(),
        };
        let input = self.stage(aggregate.expr, steps)?;
        match aggregate.op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                let input = input.into_vector(self, steps)?;
                let groups = self.groups(id, aggregate, &input.shape);
                self.ranked(id, aggregate, &params, &groups, input, steps)
            }
            AggregateOp::Quantile => {
                let input = input.into_vector(self, steps)?;
                let groups = self.groups(id, aggregate, &input.shape);
                self.quantiles(aggregate, &params, &groups, &input, steps)
            }
            _ => {
                let groups = self.groups(id, aggregate, input.shape());
                self.folded(aggregate, &groups, &input, steps)
            }
        }
    }

    fn groups(&self, id: NodeId, aggregate: &Aggregate, input: &Shape) -> std::sync::Arc<Groups> {
        self.plan(id).known(&[input], || Groups::new(aggregate, input))
    }

    fn folded(
        &self,
        aggregate: &Aggregate,
        groups: &Groups,
        input: &Stage<'a>,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let context = fold::Context { evaluator: self, aggregate, groups, input, steps };
        let cells = match aggregate.op {
            AggregateOp::Sum => context.fold::<fold::Sum>(),
            AggregateOp::Avg => context.fold::<fold::Avg>(),
            AggregateOp::Count => context.fold::<fold::Count>(),
            AggregateOp::Group => context.fold::<fold::Presence>(),
            AggregateOp::Min => context.fold::<fold::Min>(),
            AggregateOp::Max => context.fold::<fold::Max>(),
            AggregateOp::Stdvar => context.fold::<fold::Stdvar>(),
            _ => context.fold::<fold::Stddev>(),
        }?;
        Ok(Vector { shape: groups.shape.clone(), steps: steps.count, cells })
    }

    fn quantiles(
        &self,
        aggregate: &Aggregate,
        phis: &[f64],
        groups: &Groups,
        input: &Vector,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        self.check_quantiles(aggregate.param.unwrap_or(aggregate.expr), phis);
        self.budget.hold(groups.shape.len().saturating_mul(steps.count))?;
        let mut cells = Cells::empty(groups.shape.len() * steps.count);
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); groups.shape.len()];
        for (step, &phi) in phis.iter().enumerate() {
            self.check_cancelled()?;
            values.iter_mut().for_each(Vec::clear);
            for (place, &group) in groups.of.iter().enumerate() {
                match input.get(place, step) {
                    Cell::Absent => {}
                    Cell::Float(value) => values[group as usize].push(value),
                    Cell::Histogram(_) => {
                        self.remark(aggregate.expr, Remark::HistogramIgnoredInAggregation("quantile"));
                    }
                }
            }
            for (group, values) in values.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
                cells.floats[group * steps.count + step] = statistics::quantile(phi, values);
            }
        }
        Ok(Vector { shape: groups.shape.clone(), steps: steps.count, cells })
    }

    /// Says so where φ lies outside of 0..=1 at any step.
    pub(super) fn check_quantiles(&self, param: NodeId, phis: &[f64]) {
        if phis.iter().any(|phi| phi.is_nan()) {
            self.remark(param, Remark::InvalidQuantile(f64::NAN));
            return;
        }
        let largest = phis.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = phis.iter().copied().fold(f64::INFINITY, f64::min);
        if largest > 1.0 {
            self.remark(param, Remark::InvalidQuantile(largest));
        }
        if smallest < 0.0 {
            self.remark(param, Remark::InvalidQuantile(smallest));
        }
    }
}
