//! Binary operators between scalars, vectors, or both.

use crate::ast::{Binary, NodeId};
use crate::engine::arithmetic::{ScalarSide, apply};
use crate::engine::elementwise;
use crate::engine::evaluator::{Evaluated, Evaluator};
use crate::engine::steps::Steps;
use crate::engine::vector::{Held, Vector};
use crate::error::EvalError;

impl Evaluator<'_> {
    pub(super) fn binary(
        &self,
        id: NodeId,
        binary: &Binary,
        left: Evaluated,
        right: Evaluated,
        steps: Steps,
    ) -> Result<Evaluated, EvalError> {
        match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                let values = left.iter().zip(&right).map(|(&a, &b)| apply(binary.op, a, b));
                Ok(Evaluated::Scalar(values.collect()))
            }
            (Evaluated::Vector(vector), Evaluated::Scalar(values)) => {
                let side = ScalarSide { values, scalar_first: false };
                Ok(self.vector_and_scalar(id, binary, vector, &side, steps))
            }
            (Evaluated::Scalar(values), Evaluated::Vector(vector)) => {
                let side = ScalarSide { values, scalar_first: true };
                Ok(self.vector_and_scalar(id, binary, vector, &side, steps))
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) if binary.op.is_set() => {
                self.set_operation(id, binary, &left, &right, steps).map(Evaluated::own)
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                self.join(id, binary, &left, &right, steps).map(Evaluated::own)
            }
            _ => Err(EvalError::BadArgument("binary operator on a string".to_owned())),
        }
    }

    fn vector_and_scalar(
        &self,
        id: NodeId,
        binary: &Binary,
        vector: Held,
        side: &ScalarSide,
        steps: Steps,
    ) -> Evaluated {
        let Vector { shape, steps: count, mut cells } = vector.into_own();
        self.with_scalar(id, binary, side, &mut cells, steps);
        let shape = if elementwise::drops_name(binary) { shape.without_names() } else { shape };
        Evaluated::own(Vector { shape, steps: count, cells })
    }
}
