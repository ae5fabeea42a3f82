//! Aggregations that keep some series of each group as they are: the largest, the smallest, the first, or a share.

use std::hash::Hasher;

use bellwether_model::Labels;
use bellwether_model::number::General;
use twox_hash::XxHash64;

use crate::annotations::Remark;
use crate::ast::{Aggregate, AggregateOp, NodeId};
use crate::engine::aggregate::Groups;
use crate::engine::evaluator::Evaluator;
use crate::engine::sorting::by_value_nan_last;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Vector};
use crate::error::EvalError;

impl Evaluator<'_> {
    pub(super) fn ranked(
        &self,
        id: NodeId,
        aggregate: &Aggregate,
        params: &[f64],
        groups: &Groups,
        mut input: Vector,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let by_share = aggregate.op == AggregateOp::LimitRatio;
        let wanted = if by_share { self.has_share(aggregate, params)? } else { has_size(params)? };
        let mut kept = vec![false; input.shape.len()];
        let mut order = Vec::new();
        for (step, &param) in params.iter().enumerate() {
            self.check_cancelled()?;
            order.clear();
            if wanted {
                self.keep(id, aggregate, param, groups, &input, step, &mut order);
            }
            if steps.is_instant() {
                return Ok(input.picked(&order));
            }
            kept.fill(false);
            order.iter().for_each(|&place| kept[place] = true);
            for (place, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
                input.cells.clear(place * steps.count + step);
            }
        }
        Ok(input)
    }

    /// Puts the places of the series that stay at a step into `order`, group after group, best first.
    #[expect(clippy::too_many_arguments, reason = "all of them are the one step that is looked at")]
    fn keep(
        &self,
        id: NodeId,
        aggregate: &Aggregate,
        param: f64,
        groups: &Groups,
        input: &Vector,
        step: usize,
        order: &mut Vec<usize>,
    ) {
        let op = aggregate.op;
        let by_value = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
        let mut members: Vec<Vec<(usize, f64)>> = vec![Vec::new(); groups.shape.len()];
        let count = if param >= 1.0 { (param as usize).min(input.shape.len()) } else { 0 };
        for (place, &group) in groups.of.iter().enumerate() {
            let members = &mut members[group as usize];
            match input.get(place, step) {
                Cell::Absent => {}
                _ if op == AggregateOp::LimitRatio => {
                    if is_in_share(&input.shape.labels()[place], param) {
                        members.push((place, 0.0));
                    }
                }
                _ if count == 0 => {}
                Cell::Histogram(_) if by_value => {
                    self.remark(id, Remark::HistogramIgnoredInAggregation(op.as_str()));
                }
                Cell::Float(value) => members.push((place, value)),
                Cell::Histogram(_) => members.push((place, 0.0)),
            }
        }
        for mut members in members {
            if by_value {
                members.sort_by(|a, b| by_value_nan_last(a.1, b.1, op == AggregateOp::Topk));
            }
            if op != AggregateOp::LimitRatio {
                members.truncate(count);
            }
            order.extend(members.into_iter().map(|(place, _)| place));
        }
    }

    /// Whether `limit_ratio` keeps anything at any step.
    fn has_share(&self, aggregate: &Aggregate, ratios: &[f64]) -> Result<bool, EvalError> {
        if ratios.iter().all(|&ratio| ratio == 0.0) {
            return Ok(false);
        }
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(EvalError::BadArgument("Ratio value is NaN".to_owned()));
        }
        let param = aggregate.param.unwrap_or(aggregate.expr);
        let largest = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        if largest > 1.0 {
            self.remark(param, Remark::InvalidRatio { ratio: largest, cap: 1.0 });
        }
        if smallest < -1.0 {
            self.remark(param, Remark::InvalidRatio { ratio: smallest, cap: -1.0 });
        }
        Ok(true)
    }
}

/// Whether a number of series is above 0 at any step; refuses what is no number of series.
fn has_size(counts: &[f64]) -> Result<bool, EvalError> {
    let refuse = |message: String| Err(EvalError::BadArgument(message));
    let any_nan = counts.iter().any(|count| count.is_nan());
    if !any_nan && counts.iter().all(|&count| count < 1.0) {
        return Ok(false);
    }
    if any_nan {
        return refuse("Parameter value is NaN".to_owned());
    }
    let smallest = counts.iter().copied().fold(f64::INFINITY, f64::min);
    if smallest <= i64::MIN as f64 {
        return refuse(format!("Scalar value {} underflows int64", General(smallest)));
    }
    let largest = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest >= i64::MAX as f64 {
        return refuse(format!("Scalar value {} overflows int64", General(largest)));
    }
    Ok(true)
}

/// Whether a series belongs to a share of all: those whose hash is small for a positive ratio, the others for a
/// negative one. So `limit_ratio(0.3, x)` and `limit_ratio(-0.7, x)` are all of `x`, whoever asks.
fn is_in_share(labels: &Labels, ratio: f64) -> bool {
    let ratio = ratio.clamp(-1.0, 1.0);
    let offset = hash(labels) as f64 / u64::MAX as f64;
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

/// The hash of Prometheus 3: XXH64 over names and values, each with its length before it.
fn hash(labels: &Labels) -> u64 {
    let mut hasher = XxHash64::with_seed(0);
    for text in labels.iter().flat_map(|label| [&label.name, &label.value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < u8::MAX => hasher.write(&[length]),
            // Three bytes, least first, after a mark.
            _ => {
                let [a, b, c, ..] = text.len().to_le_bytes();
                hasher.write(&[u8::MAX, a, b, c]);
            }
        }
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}
