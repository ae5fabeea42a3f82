//! What is done to each value alone: signs, and operators between a vector and a number.

use std::sync::Arc;

use crate::ast::{Binary, NodeId};
use crate::engine::arithmetic::{Combined, ScalarSide, combine, combine_cells};
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Vector, is_absent};

/// Whether an operator between a vector and a number takes the metric's name away.
pub(super) fn drops_name(binary: &Binary) -> bool {
    binary.returns_bool || !(binary.op.is_comparison() || binary.op.is_trim())
}

/// The same vector with all signs changed.
pub(super) fn negated(mut vector: Vector) -> Vector {
    negate(&mut vector.cells);
    Vector { shape: vector.shape.without_names(), ..vector }
}

/// Changes the sign of everything.
pub(super) fn negate(cells: &mut Cells) {
    for value in cells.floats.iter_mut().filter(|value| !is_absent(**value)) {
        *value = -*value;
    }
    for histogram in cells.histograms.iter_mut().flatten() {
        Arc::make_mut(histogram).mul(-1.0);
    }
}

impl Evaluator<'_> {
    /// Applies an operator between each cell and the number of its step.
    pub(super) fn with_scalar(
        &self,
        id: NodeId,
        binary: &Binary,
        side: &ScalarSide,
        cells: &mut Cells,
        steps: Steps,
    ) {
        let (op, returns_bool) = (binary.op, binary.returns_bool);
        if cells.has_histograms() || op.is_trim() {
            return self.cells_with_scalar(id, binary, side, cells, steps);
        }
        let count = steps.count.max(1);
        if side.scalar_first {
            cells.map_floats(|at, value| combine(op, returns_bool, side.values[at % count], value, value));
        } else if let [scalar] = side.values[..] {
            cells.map_floats(|_, value| combine(op, returns_bool, value, scalar, value));
        } else {
            cells.map_floats(|at, value| combine(op, returns_bool, value, side.values[at % count], value));
        }
    }

    fn cells_with_scalar(
        &self,
        id: NodeId,
        binary: &Binary,
        side: &ScalarSide,
        cells: &mut Cells,
        steps: Steps,
    ) {
        let from = std::mem::take(cells);
        *cells = Cells::empty(from.len());
        for at in (0..from.len()).filter(|&at| from.is_present(at)) {
            let (vector, scalar) = (from.get(at), Cell::Float(side.values[at % steps.count.max(1)]));
            let (a, b) = if side.scalar_first { (scalar, vector) } else { (vector, scalar) };
            let outcome = match combine_cells(binary.op, a, b) {
                Ok(outcome) => outcome,
                Err(remark) => {
                    if let Some(remark) = remark {
                        self.remark(id, remark);
                    }
                    continue;
                }
            };
            if binary.returns_bool {
                cells.floats[at] =
                    if binary.op.is_comparison() { f64::from(u8::from(outcome.holds)) } else { f64::NAN };
            } else if binary.op.is_comparison() && outcome.holds {
                // A filter lets the element of the vector through, whichever side it is on.
                cells.put(at, vector);
            } else if outcome.holds {
                match outcome.value {
                    Combined::Float(value) => cells.floats[at] = value,
                    Combined::Histogram(histogram) => cells.put_histogram(at, histogram),
                }
            }
        }
    }
}
