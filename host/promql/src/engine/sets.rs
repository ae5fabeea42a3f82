//! `and`, `or` and `unless`: which series of one side stay, by whether the other side has a match at the same step.

use bellwether_model::Labels;
use rustc_hash::FxHashMap;

use crate::ast::{Binary, BinaryOp, NodeId};
use crate::engine::evaluator::Evaluator;
use crate::engine::matching::Groups;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Shape, Vector};
use crate::error::EvalError;

/// What the shapes of both sides say about a set operation.
struct Plan {
    groups: Groups,
    /// The result of `or`: everything on the left, then what is only on the right.
    union: Option<Union>,
}

struct Union {
    shape: Shape,
    /// Place in the result of each series on the right.
    right: Vec<usize>,
}

impl Union {
    fn new(left: &Shape, right: &Shape) -> Self {
        let mut labels: Vec<Labels> = left.labels().to_vec();
        let mut drops: Vec<bool> = (0..left.len()).map(|place| left.drops_name(place)).collect();
        let mut places: FxHashMap<Labels, usize> =
            left.labels().iter().enumerate().map(|(place, labels)| (labels.clone(), place)).collect();
        let mut place_of = |place: usize| {
            let of = &right.labels()[place];
            *places.entry(of.clone()).or_insert_with(|| {
                labels.push(of.clone());
                drops.push(right.drops_name(place));
                labels.len() - 1
            })
        };
        let right = (0..right.len()).map(&mut place_of).collect();
        Self { shape: Shape::new(labels, drops), right }
    }
}

impl Evaluator<'_> {
    pub(super) fn set_operation(
        &self,
        id: NodeId,
        binary: &Binary,
        left: &Vector,
        right: &Vector,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let plan = self.plan(id).known(&[&left.shape, &right.shape], || Plan {
            groups: Groups::new(&binary.matching, &left.shape, &right.shape),
            union: (binary.op == BinaryOp::Or).then(|| Union::new(&left.shape, &right.shape)),
        });
        self.budget.hold((left.shape.len() + right.shape.len()).saturating_mul(steps.count))?;
        match &plan.union {
            Some(union) => Ok(united(&plan.groups, union, left, right, steps)),
            None => {
                let wanted = binary.op == BinaryOp::And;
                Ok(filtered(&plan.groups, left, right, wanted, steps))
            }
        }
    }
}

/// For each group and step whether any of the series is there.
fn presence(vector: &Vector, of: &[u32], groups: usize, steps: Steps) -> Vec<bool> {
    let mut present = vec![false; groups * steps.count];
    for (place, &group) in of.iter().enumerate() {
        for step in 0..steps.count {
            present[group as usize * steps.count + step] |= vector.is_present(place, step);
        }
    }
    present
}

/// What is on the left where the right has a match, or where it has none.
fn filtered(groups: &Groups, left: &Vector, right: &Vector, wanted: bool, steps: Steps) -> Vector {
    let on_right = presence(right, &groups.right, groups.labels.len(), steps);
    let mut cells = Cells::empty(left.cells.len());
    for (place, &group) in groups.left.iter().enumerate() {
        for step in 0..steps.count {
            if on_right[group as usize * steps.count + step] == wanted {
                cells.put(place * steps.count + step, left.get(place, step));
            }
        }
    }
    Vector { shape: left.shape.clone(), steps: steps.count, cells }
}

/// Everything on the left, and what is on the right where the left has no match.
fn united(groups: &Groups, union: &Union, left: &Vector, right: &Vector, steps: Steps) -> Vector {
    let on_left = presence(left, &groups.left, groups.labels.len(), steps);
    let mut cells = Cells::empty(union.shape.len() * steps.count);
    for place in 0..left.shape.len() {
        for step in 0..steps.count {
            cells.put(place * steps.count + step, left.get(place, step));
        }
    }
    for (place, &group) in groups.right.iter().enumerate() {
        for step in 0..steps.count {
            if !on_left[group as usize * steps.count + step] {
                cells.put(union.right[place] * steps.count + step, right.get(place, step));
            }
        }
    }
    Vector { shape: union.shape.clone(), steps: steps.count, cells }
}
