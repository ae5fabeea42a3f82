//! Arithmetic operators and comparisons between two vectors.
//!
//! As a rule each series has one partner for good: then the pairs and the labels of their results are known from the
//! shapes alone, and stay known as long as the same series are selected. Whatever is not so simple (several candidates,
//! filled gaps, histograms with something to say) goes step by step through [`stepwise`].

mod stepwise;

use std::sync::Arc;

use bellwether_model::Labels;
use rustc_hash::FxHashSet;

use crate::ast::{Binary, Cardinality, NodeId};
use crate::engine::arithmetic::combine;
use crate::engine::evaluator::Evaluator;
use crate::engine::matching::Groups;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Shape, Vector, is_absent, is_metadata_label, without_metadata};
use crate::error::EvalError;

use stepwise::Stepwise;

/// What the shapes of both sides say about a join.
struct Plan {
    groups: Groups,
    pairs: Option<Pairs>,
}

/// Series that only ever match each other.
struct Pairs {
    /// Places on the left and on the right.
    places: Vec<(u32, u32)>,
    /// The results of the pairs.
    shape: Shape,
}

impl Plan {
    fn new(binary: &Binary, left: &Shape, right: &Shape) -> Self {
        let groups = Groups::new(&binary.matching, left, right);
        let pairs = Pairs::new(binary, &groups, left, right);
        Self { groups, pairs }
    }
}

impl Pairs {
    /// None where some series has more than one possible partner, or results would not be told apart.
    fn new(binary: &Binary, groups: &Groups, left: &Shape, right: &Shape) -> Option<Self> {
        let matching = &binary.matching;
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return None;
        }
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let (many_groups, one_groups) =
            if swapped { (&groups.right, &groups.left) } else { (&groups.left, &groups.right) };
        let mut partner: Vec<Option<u32>> = vec![None; groups.labels.len()];
        for (place, &group) in one_groups.iter().enumerate() {
            if partner[group as usize].replace(place as u32).is_some() {
                return None;
            }
        }
        let mut taken = vec![false; groups.labels.len()];
        let (mut places, mut labels, mut drops) = (Vec::new(), Vec::new(), Vec::new());
        for (place, &group) in many_groups.iter().enumerate() {
            let Some(other) = partner[group as usize] else {
                continue;
            };
            let repeats = std::mem::replace(&mut taken[group as usize], true);
            if repeats && matching.cardinality == Cardinality::OneToOne {
                return None;
            }
            let (many_labels, one_labels) = (&many.labels()[place], &one.labels()[other as usize]);
            labels.push(if is_signature(binary) {
                without_metadata(&groups.labels[group as usize])
            } else {
                result_labels(binary, Some(many_labels), Some(one_labels))
            });
            // As Prometheus: a filter gives back names that were about to be dropped.
            drops.push(binary.returns_bool);
            places.push(if swapped { (other, place as u32) } else { (place as u32, other) });
        }
        let distinct: FxHashSet<&Labels> = labels.iter().collect();
        (distinct.len() == labels.len()).then(|| Self { places, shape: Shape::new(labels, drops) })
    }
}

impl Evaluator<'_> {
    pub(super) fn join(
        &self,
        id: NodeId,
        binary: &Binary,
        left: &Vector,
        right: &Vector,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let inputs = [&left.shape, &right.shape];
        let plan = self.plan(id).known(&inputs, || Plan::new(binary, &left.shape, &right.shape));
        self.budget.hold(steps.count.saturating_mul(left.shape.len().max(right.shape.len())))?;
        let only_floats = !left.cells.has_histograms() && !right.cells.has_histograms();
        match &plan.pairs {
            Some(pairs) if only_floats && !binary.op.is_trim() => Ok(paired(binary, pairs, left, right)),
            _ => Stepwise::new(self, id, binary, steps).run(&plan.groups, left, right),
        }
    }
}

/// The operator on each pair, at each step where both are there.
fn paired(binary: &Binary, pairs: &Pairs, left: &Vector, right: &Vector) -> Vector {
    let steps = left.steps;
    let mut cells = Cells::empty(pairs.places.len() * steps);
    // A comparison keeps the value of the left side, also under group_right.
    for (&(a, b), result) in pairs.places.iter().zip(cells.floats.chunks_exact_mut(steps.max(1))) {
        let of = |vector: &Vector, place: u32| place as usize * vector.steps;
        let (a, b) = (of(left, a), of(right, b));
        let (a, b) = (&left.cells.floats[a..a + steps], &right.cells.floats[b..b + steps]);
        for (result, (&a, &b)) in result.iter_mut().zip(a.iter().zip(b)) {
            if is_absent(a) || is_absent(b) {
                continue;
            }
            if let Some(value) = combine(binary.op, binary.returns_bool, a, b, a) {
                *result = value;
            }
        }
    }
    Vector { shape: pairs.shape.clone(), steps, cells }
}

fn keeps_name(binary: &Binary) -> bool {
    binary.op.is_comparison() || binary.op.is_trim()
}

/// Whether two series that match give a result with no labels but those that they matched by.
fn is_signature(binary: &Binary) -> bool {
    let matching = &binary.matching;
    !keeps_name(binary) && matching.cardinality == Cardinality::OneToOne && matching.include.is_empty()
}

/// The labels of the result of two series; one of them is missing where it was filled in.
fn result_labels(binary: &Binary, many: Option<&Labels>, one: Option<&Labels>) -> Labels {
    let matching = &binary.matching;
    let drops_name = !keeps_name(binary) || many.is_none();
    let listed = |name: &str| matching.labels.iter().any(|label| **label == *name);
    let matches = |name: &str| if matching.on { listed(name) } else { !listed(name) };
    let one_to_one = matching.cardinality == Cardinality::OneToOne;
    let Some(base) = many.or(one) else {
        return Labels::empty();
    };
    let keep = |name: &str| {
        !(drops_name && is_metadata_label(name)) && (many.is_some() && !one_to_one || matches(name))
    };
    let kept = base.filtered(keep);
    if matching.include.is_empty() {
        return kept;
    }
    let mut builder = kept.to_builder();
    for name in &matching.include {
        let value = one.map_or("", |labels| labels.value(name));
        builder.set(Arc::clone(name), value);
    }
    builder.build()
}
