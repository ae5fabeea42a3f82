//! Aggregations: many series become one for each group, or fewer of themselves.

use std::cmp::Ordering;
use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, LabelsBuilder};
use rustc_hash::FxHashMap;

use crate::ast::{Aggregate, AggregateOp};
use crate::engine::column::{Column, is_absent, is_metadata_label, retain_present};
use crate::engine::evaluator::{Evaluated, Evaluator, Severity, Steps};
use crate::error::EvalError;
use crate::printer::number;
use crate::statistics;

/// Columns that share the grouping labels.
struct Group {
    labels: Labels,
    drop_name: bool,
    members: Vec<usize>,
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, steps: Steps) -> Result<Vec<Column>, EvalError> {
        let columns = self.eval_vector(aggregate.expr, steps)?;
        let param = match aggregate.param {
            Some(param) => self.eval(param, steps)?,
            None => Evaluated::Scalar(Vec::new()),
        };
        let groups = group(aggregate, &columns);
        self.hold(groups.len().saturating_mul(steps.count))?;
        match (aggregate.op, param) {
            (AggregateOp::CountValues, Evaluated::String(label)) => {
                count_values(&label, &groups, &columns, steps)
            }
            (AggregateOp::Quantile, Evaluated::Scalar(phis)) => {
                if !groups.is_empty() {
                    self.warn_of_quantiles(aggregate.param.unwrap_or(aggregate.expr), &phis);
                }
                Ok(reduce(&groups, &columns, steps, |values, at| statistics::quantile(phis[at], values)))
            }
            (AggregateOp::Topk | AggregateOp::Bottomk, Evaluated::Scalar(counts)) => {
                extremes(aggregate.op, &counts, &groups, columns, steps)
            }
            (op, _) => {
                let kernel = kernel(op);
                Ok(reduce(&groups, &columns, steps, |values, _| kernel(values)))
            }
        }
    }

    /// Warns of each quantile that is no number from 0 to 1.
    pub(super) fn warn_of_quantiles(&self, id: crate::ast::NodeId, phis: &[f64]) {
        for &phi in phis.iter().filter(|phi| !(0.0..=1.0).contains(*phi)) {
            let message = format!("quantile value should be between 0 and 1, got {}", number(phi));
            self.note(Severity::Warning, id, &message);
        }
    }
}

fn group(aggregate: &Aggregate, columns: &[Column]) -> Vec<Group> {
    let listed = |name: &str| aggregate.labels.iter().any(|label| **label == *name);
    let key = |labels: &Labels| {
        if aggregate.without {
            labels.filtered(|name| !is_metadata_label(name) && !listed(name))
        } else {
            labels.filtered(listed)
        }
    };
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let place = *places.entry(key(&column.labels)).or_insert_with_key(|labels| {
            groups.push(Group { labels: labels.clone(), drop_name: column.drop_name, members: Vec::new() });
            groups.len() - 1
        });
        groups[place].members.push(index);
    }
    groups
}

fn kernel(op: AggregateOp) -> fn(&[f64]) -> f64 {
    match op {
        AggregateOp::Sum => statistics::sum,
        AggregateOp::Avg => statistics::mean,
        AggregateOp::Count => |values| values.len() as f64,
        AggregateOp::Min => statistics::min,
        AggregateOp::Max => statistics::max,
        AggregateOp::Group => |_| 1.0,
        AggregateOp::Stddev => statistics::standard_deviation,
        AggregateOp::Stdvar => statistics::variance,
        // These take a parameter and never come here.
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile | AggregateOp::CountValues => {
            |_| f64::NAN
        }
    }
}

/// One value for each group and step from the values of its members.
fn reduce(
    groups: &[Group],
    columns: &[Column],
    steps: Steps,
    compute: impl Fn(&[f64], usize) -> f64,
) -> Vec<Column> {
    let mut scratch = Vec::new();
    let mut reduce_group = |group: &Group| {
        let mut result = Column::empty(group.labels.clone(), group.drop_name, steps);
        for (at, slot) in result.values.iter_mut().enumerate() {
            scratch.clear();
            let values = group.members.iter().map(|&member| columns[member].values[at]);
            scratch.extend(values.filter(|&value| !is_absent(value)));
            if !scratch.is_empty() {
                *slot = compute(&scratch, at);
            }
        }
        result
    };
    groups.iter().map(&mut reduce_group).collect()
}

/// `topk` and `bottomk`: keeps the values of the largest or smallest members of each group, step by step. With one step
/// the result is in order of the values.
fn extremes(
    op: AggregateOp,
    counts: &[f64],
    groups: &[Group],
    columns: Vec<Column>,
    steps: Steps,
) -> Result<Vec<Column>, EvalError> {
    let mut kept: Vec<Column> =
        columns.iter().map(|column| Column::empty(column.labels.clone(), column.drop_name, steps)).collect();
    let mut order: Vec<usize> = Vec::new();
    for (at, &count) in counts.iter().enumerate() {
        let count = group_size(count)?;
        for group in groups {
            let mut members: Vec<usize> = group.members.clone();
            members.retain(|&member| !is_absent(columns[member].values[at]));
            members.sort_by(|&a, &b| rank(op, columns[a].values[at], columns[b].values[at]));
            members.truncate(count);
            for &member in &members {
                kept[member].values[at] = columns[member].values[at];
            }
            order.append(&mut members);
        }
    }
    if steps.count == 1 {
        let mut slots: Vec<Option<Column>> = kept.into_iter().map(Some).collect();
        return Ok(order.into_iter().filter_map(|member| slots[member].take()).collect());
    }
    retain_present(&mut kept);
    Ok(kept)
}

/// Wanted values first, NaN last.
fn rank(op: AggregateOp, a: f64, b: f64) -> Ordering {
    let by_value = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    let wanted = if op == AggregateOp::Topk { by_value.reverse() } else { by_value };
    a.is_nan().cmp(&b.is_nan()).then(wanted)
}

/// The parameter of `topk` and `bottomk` as a number of series.
fn group_size(count: f64) -> Result<usize, EvalError> {
    if count.is_nan() {
        return Err(EvalError::BadArgument("Parameter value is NaN".to_owned()));
    }
    if count <= i64::MIN as f64 {
        return Err(EvalError::BadArgument(format!("Scalar value {} underflows int64", number(count))));
    }
    if count >= i64::MAX as f64 {
        return Err(EvalError::BadArgument(format!("Scalar value {} overflows int64", number(count))));
    }
    Ok(if count < 1.0 { 0 } else { count as usize })
}

fn count_values(
    label: &Arc<str>,
    groups: &[Group],
    columns: &[Column],
    steps: Steps,
) -> Result<Vec<Column>, EvalError> {
    if label.is_empty() {
        return Err(EvalError::BadArgument(format!("invalid label name {label:?}")));
    }
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut results: Vec<Column> = Vec::new();
    let drops_name = |group: &Group| group.drop_name && **label != *METRIC_NAME;
    for group in groups {
        for &member in &group.members {
            for (at, &value) in
                columns[member].values.iter().enumerate().filter(|(_, value)| !is_absent(**value))
            {
                let mut builder: LabelsBuilder = group.labels.to_builder();
                builder.set(Arc::clone(label), number(value));
                let place = *places.entry(builder.build()).or_insert_with_key(|labels| {
                    results.push(Column::empty(labels.clone(), drops_name(group), steps));
                    results.len() - 1
                });
                let slot = &mut results[place].values[at];
                *slot = if is_absent(*slot) { 1.0 } else { *slot + 1.0 };
            }
        }
    }
    Ok(results)
}
